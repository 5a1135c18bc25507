// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC20} from "@openzeppelin/contracts/interfaces/IERC20.sol";
import {IERC6909, IERC6909TokenSupply} from "@openzeppelin/contracts/interfaces/IERC6909.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Credit, ILedger} from "./ILedger.sol";

/// @title Ledger
/// @notice The one custodian of the suite. No admin, no pause, no upgrade.
/// @dev OpenZeppelin's ERC-6909 supplies approvals and transfers; balances and supplies are kept here, so that `pay` debits
/// the payer once instead of once a credit. Every path that tokens or native currency take in or out shares one lock:
/// without it a token that calls back could nest a deposit in another and have its balance difference counted twice.
contract Ledger is ILedger, ERC6909, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @inheritdoc ILedger
    address public constant BURN = 0x000000000000000000000000000000000000dEaD;

    /* STORAGE */

    /// @dev Balance by id, then account: one hash serves all credits of a payment.
    mapping(uint256 id => mapping(address account => uint256)) private _balancesOf;

    /// @dev Sum of all balances of an id.
    mapping(uint256 id => uint256) private _supplies;

    /* DEPOSITS */

    /// @inheritdoc ILedger
    function deposit(address token, address to, uint256 amount) external nonReentrant {
        _requireToken(token);
        _deposit(token, to, amount);
    }

    /// @inheritdoc ILedger
    function depositNative(address to) external payable nonReentrant {
        require(msg.value != 0, Ledger_ZeroAmount());
        _mint(to, _idOf(address(0)), msg.value);
    }

    /// @inheritdoc ILedger
    function depositWithPermit(
        address token,
        address to,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant {
        _requireToken(token);
        // Anyone may have spent the permit first, which leaves the allowance that was wanted. If the allowance is missing
        // for another reason, the transfer says so.
        try IERC20Permit(token).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _deposit(token, to, amount);
    }

    /* WITHDRAWALS */

    /// @inheritdoc ILedger
    function withdraw(address token, address to, uint256 amount) external nonReentrant {
        require(amount != 0, Ledger_ZeroAmount());
        require(to != address(0), ERC6909InvalidReceiver(address(0)));
        _burn(msg.sender, _idOf(token), amount);

        if (token == address(0)) {
            (bool sent,) = to.call{value: amount}("");
            require(sent, Ledger_NativeTransferFailed(to, amount));
        } else {
            uint256 held = IERC20(token).balanceOf(address(this));
            IERC20(token).safeTransfer(to, amount);
            _requireExact(token, amount, IERC20(token).balanceOf(address(this)), held);
        }
    }

    /* PAYMENTS */

    /// @inheritdoc ILedger
    function pay(address token, Credit[] calldata credits) external {
        uint256 id = _idOf(token);
        uint256 sum;
        for (uint256 i; i < credits.length; ++i) {
            sum += credits[i].amount;
        }

        mapping(address account => uint256) storage balances = _balancesOf[id];
        _debit(balances, msg.sender, id, sum);
        for (uint256 i; i < credits.length; ++i) {
            Credit calldata credit = credits[i];
            (address to, uint256 amount) = (credit.to, credit.amount);
            if (amount == 0) continue;
            require(to != address(0), ERC6909InvalidReceiver(address(0)));
            _credit(balances, to, amount);
            emit Transfer(msg.sender, msg.sender, to, id, amount);
        }
    }

    /* VIEWS */

    /// @inheritdoc IERC6909
    function balanceOf(address owner, uint256 id) public view override(ERC6909, IERC6909) returns (uint256) {
        return _balancesOf[id][owner];
    }

    /// @inheritdoc IERC6909TokenSupply
    function totalSupply(uint256 id) external view returns (uint256) {
        return _supplies[id];
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) public view override(ERC6909, IERC165) returns (bool) {
        return interfaceId == type(IERC6909TokenSupply).interfaceId || super.supportsInterface(interfaceId);
    }

    /* INTERNAL */

    /// @dev What every mint, burn and transfer of ERC-6909 goes through. Replaces the parent's, whose balances stay unused.
    function _update(address from, address to, uint256 id, uint256 amount) internal override {
        mapping(address account => uint256) storage balances = _balancesOf[id];
        if (from == address(0)) _supplies[id] += amount;
        else _debit(balances, from, id, amount);

        if (to != address(0)) {
            _credit(balances, to, amount);
        } else {
            unchecked {
                // INVARIANT: a balance is at most the supply.
                _supplies[id] -= amount;
            }
        }
        emit Transfer(msg.sender, from, to, id, amount);
    }

    /// @dev Lowers a balance, or reverts as ERC-6909 does.
    function _debit(mapping(address account => uint256) storage balances, address account, uint256 id, uint256 amount)
        private
    {
        uint256 balance = balances[account];
        require(balance >= amount, ERC6909InsufficientBalance(account, balance, amount, id));
        unchecked {
            balances[account] = balance - amount;
        }
    }

    /// @dev Raises a balance by what the supply or another balance has already accounted for.
    function _credit(mapping(address account => uint256) storage balances, address account, uint256 amount) private {
        unchecked {
            // INVARIANT: the sum of all balances is the supply, whose own addition is checked.
            balances[account] += amount;
        }
    }

    /// @dev Takes `amount` in and credits it. The lock must be held.
    function _deposit(address token, address to, uint256 amount) private {
        require(amount != 0, Ledger_ZeroAmount());
        uint256 held = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        _requireExact(token, amount, held, IERC20(token).balanceOf(address(this)));
        _mint(to, _idOf(token), amount);
    }

    /// @dev Reverts unless the balance rose from `low` to `high` by exactly `expected`.
    function _requireExact(address token, uint256 expected, uint256 low, uint256 high) private pure {
        uint256 actual = high > low ? high - low : 0;
        require(actual == expected, Ledger_InexactTransfer(token, expected, actual));
    }

    /// @dev Reverts on the native currency and on accounts without code, whose calls would succeed and move nothing.
    function _requireToken(address token) private view {
        require(token.code.length != 0, Ledger_NotAToken(token));
    }

    /// @dev A token's ERC-6909 id.
    function _idOf(address token) private pure returns (uint256) {
        return uint256(uint160(token));
    }
}
