// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice What each provision and each ledger account must be, kept by the rules of the interface and by nothing that the
/// contract says.
contract StakingStore {
    struct Provided {
        uint256 free;
        uint256 locked;
        uint256 thawing;
        uint256 thawedAt;
        uint256 staked;
        uint256 withdrawn;
        uint256 slashed;
    }

    mapping(address operator => mapping(address service => Provided)) private _provisions;
    mapping(address account => uint256) public balanceOf;
    /// @notice Sent to the staking contract's ledger account without staking.
    uint256 public donated;

    function provisionOf(address operator, address service) external view returns (Provided memory) {
        return _provisions[operator][service];
    }

    function credit(address account, uint256 amount) public {
        balanceOf[account] += amount;
    }

    function donate(address from, uint256 amount) external {
        balanceOf[from] -= amount;
        donated += amount;
    }

    function stake(address from, address operator, address service, uint256 amount) external {
        Provided storage provision = _provisions[operator][service];
        provision.free += amount;
        provision.staked += amount;
        balanceOf[from] -= amount;
    }

    function thaw(address operator, address service, uint256 amount, uint256 thawedAt) external {
        Provided storage provision = _provisions[operator][service];
        provision.free -= amount;
        provision.thawing += amount;
        provision.thawedAt = thawedAt;
    }

    function withdraw(address operator, address service) external {
        Provided storage provision = _provisions[operator][service];
        provision.withdrawn += provision.thawing;
        balanceOf[operator] += provision.thawing;
        (provision.thawing, provision.thawedAt) = (0, 0);
    }

    function lock(address operator, address service, uint256 amount) external {
        Provided storage provision = _provisions[operator][service];
        provision.free -= amount;
        provision.locked += amount;
    }

    function unlock(address operator, address service, uint256 amount) external {
        Provided storage provision = _provisions[operator][service];
        provision.locked -= amount;
        provision.free += amount;
    }

    function slash(address operator, address service, uint256 amount) external {
        Provided storage provision = _provisions[operator][service];
        provision.locked -= amount;
        provision.slashed += amount;
    }
}
