// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice What the ledger must hold, kept by the rules of its interface and by nothing that the ledger says.
contract LedgerStore {
    mapping(address account => mapping(uint256 id => uint256)) public balanceOf;
    mapping(address owner => mapping(address spender => mapping(uint256 id => uint256))) public allowance;
    mapping(address owner => mapping(address spender => bool)) public isOperator;
    /// @notice Sent to the ledger without a deposit.
    mapping(uint256 id => uint256) public donated;

    function credit(address account, uint256 id, uint256 amount) external {
        balanceOf[account][id] += amount;
    }

    function debit(address account, uint256 id, uint256 amount) external {
        balanceOf[account][id] -= amount;
    }

    function approve(address owner, address spender, uint256 id, uint256 amount) external {
        allowance[owner][spender][id] = amount;
    }

    function setOperator(address owner, address spender, bool approved) external {
        isOperator[owner][spender] = approved;
    }

    function donate(uint256 id, uint256 amount) external {
        donated[id] += amount;
    }

    /// @notice What `spender` may move of `owner`'s, its balance apart.
    function spendable(address owner, address spender, uint256 id) external view returns (uint256) {
        if (owner == spender || isOperator[owner][spender]) return type(uint256).max;
        return allowance[owner][spender][id];
    }

    /// @notice Moves a balance by `spender`, as `transferFrom` must.
    function spend(address owner, address spender, address to, uint256 id, uint256 amount) external {
        bool byAllowance = owner != spender && !isOperator[owner][spender];
        if (byAllowance && allowance[owner][spender][id] != type(uint256).max) allowance[owner][spender][id] -= amount;
        balanceOf[owner][id] -= amount;
        balanceOf[to][id] += amount;
    }
}
