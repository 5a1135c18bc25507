// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Credit} from "../ledger/ILedger.sol";

/// @notice What an operator has put behind one service.
/// @param stake Everything provisioned, locked and thawing parts included.
/// @param locked Part that open obligations hold; it can be slashed and cannot leave.
/// @param thawing Part on its way out; it backs no new obligation.
/// @param thawedAt When the thawing part may be withdrawn (Unix seconds); 0 when nothing thaws.
struct Provision {
    uint128 stake;
    uint128 locked;
    uint128 thawing;
    uint40 thawedAt;
}

/// @notice What delegators have put behind one operator for one service.
/// @param stake Everything delegated, locked and thawing parts included.
/// @param locked Part that open obligations hold.
/// @param shares Of the stake, each as much as any other. A share begins as one unit; slashes lower what it is worth.
/// @param thawing Those of the shares that are on their way out: they back no new obligation and earn nothing.
/// @param rewardIndex Rewards of one share that never thawed, times 2^128, modulo 2^256.
struct Pool {
    uint128 stake;
    uint128 locked;
    uint128 shares;
    uint128 thawing;
    uint256 rewardIndex;
}

/// @notice What one delegator has in one pool.
/// @param shares That back the operator and earn.
/// @param thawing Shares on their way out, beside those.
/// @param rewardIndex The pool's when the rewards were last paid.
/// @param thawedAt When the thawing shares may be withdrawn (Unix seconds); 0 when none thaws.
struct Delegation {
    uint128 shares;
    uint128 thawing;
    uint256 rewardIndex;
    uint40 thawedAt;
}

/// @notice What an operator keeps of its delegators' rewards, in basis points.
/// @param rate In force now.
/// @param nextRate In force from `nextAt` on.
/// @param nextAt When the next rate takes over (Unix seconds).
struct Commission {
    uint16 rate;
    uint16 nextRate;
    uint40 nextAt;
}

/// @title Staking
/// @notice Provisions of one stake token per (operator, service), and a pool of delegated stake beside each. A service is a
/// contract; by provisioning to it an operator names it as the only account that may lock and slash that provision, and so
/// do delegators with their pool. No list of services exists that anybody could change, and a stake serves one service only.
/// @dev INVARIANT: stake >= locked + thawing for every provision. INVARIANT: locked <= stake <= shares for every pool.
/// INVARIANT: this contract's ledger balance >= all stakes of provisions and pools and all rewards not yet claimed.
/// Exits are always open: nobody can pause `thaw`, `withdraw`, `undelegate`, `withdrawDelegated` or `claimRewards`, and what is
/// locked is freed by the service's own rules.
///
/// Own and delegated stake never mix. `lock`, `unlock` and `slash` reach the operator's provision alone; `lockWith`, `unlockWith`
/// and `slashWith` reach the pool as well: own stake is locked first, released last and slashed first.
///
/// What a service must do that locks with delegated stake:
/// - Use one of the two families for an operator, not both: `slashWith` takes own stake that a `lock` counts on.
/// - Release every lock in the end. One that has no end by itself (a seat) must end when anyone shows that `overdueOf` a
///   delegator is not zero: let `unlockWith` free that much once open obligations are done. Whoever lacks stake then leaves.
/// - Pay with `reward` while the lock stands: shares of a reward go by what is locked.
///
/// Hazards for delegators:
/// - The service can lock and slash all that is delegated for it. Delegate for contracts that you have read.
/// - Whoever is in the pool, thawing or not, shares in a slash, whenever the fault behind it was committed. Locked stake leaves
///   when the service releases it, be the clock out or not.
/// - Rewards are divided when they are paid, by the shares of that moment, however short they have been there.
/// - A pool that lost everything takes no delegation until all its shares have been withdrawn, and one that lost nearly
///   everything may have no room for shares. The operator can start anew from another account.
interface IStaking {
    /// @notice `from` added `amount` to the provision of `operator` for `service`.
    event Staked(address indexed operator, address indexed service, address from, uint256 amount);
    /// @notice `amount` more thaws; the whole thawing part is free at `thawedAt`.
    event ThawStarted(address indexed operator, address indexed service, uint256 amount, uint40 thawedAt);
    /// @notice The thawed part went back to the operator's ledger account.
    event Withdrawn(address indexed operator, address indexed service, uint256 amount);
    /// @notice The service locked `amount`.
    event Locked(address indexed operator, address indexed service, uint256 amount);
    /// @notice The service released `amount`.
    event Unlocked(address indexed operator, address indexed service, uint256 amount);
    /// @notice The service took `amount` of the locked stake away.
    event Slashed(address indexed operator, address indexed service, uint256 amount);

    /// @notice `delegator` added `amount` to the pool of `operator` for `service` and received `shares` of it.
    event Delegated(
        address indexed operator, address indexed service, address indexed delegator, uint256 amount, uint256 shares
    );
    /// @notice `shares` more of the delegator's thaw; all its thawing shares are free at `thawedAt`.
    event Undelegated(
        address indexed operator, address indexed service, address indexed delegator, uint256 shares, uint40 thawedAt
    );
    /// @notice Thawed `shares` ended, and `amount` went to the delegator's ledger account.
    event DelegationWithdrawn(
        address indexed operator, address indexed service, address indexed delegator, uint256 shares, uint256 amount
    );
    /// @notice The service locked `amount` of the pool.
    event DelegationLocked(address indexed operator, address indexed service, uint256 amount);
    /// @notice The service released `amount` of the pool.
    event DelegationUnlocked(address indexed operator, address indexed service, uint256 amount);
    /// @notice The service took `amount` of the pool's locked stake away: every share lost alike.
    event DelegationSlashed(address indexed operator, address indexed service, uint256 amount);
    /// @notice The service paid: `kept` to the operator's ledger account, `pooled` to the shares that do not thaw.
    event Rewarded(address indexed operator, address indexed service, uint256 kept, uint256 pooled);
    /// @notice A delegator's rewards went to its ledger account.
    event RewardsClaimed(address indexed operator, address indexed service, address indexed delegator, uint256 amount);
    /// @notice The operator keeps `rate` basis points of its delegators' rewards from `effectiveAt` on.
    event CommissionSet(address indexed operator, address indexed service, uint16 rate, uint40 effectiveAt);

    /// @notice The free stake (own, neither locked nor thawing) does not cover `wanted`.
    error Staking_InsufficientStake(address operator, address service, uint256 free, uint256 wanted);
    /// @notice More than what is locked was to be released or slashed.
    error Staking_NotLocked(address operator, address service, uint256 locked, uint256 wanted);
    /// @notice Nothing can be withdrawn before `thawedAt` (0: nothing thaws).
    error Staking_NotThawed(uint40 thawedAt);
    /// @notice The free part of the pool does not cover `wanted`, the part of a lock that own stake does not.
    error Staking_InsufficientDelegation(address operator, address service, uint256 free, uint256 wanted);
    /// @notice The delegator has only `held` shares that do not thaw already.
    error Staking_InsufficientShares(uint256 held, uint256 wanted);
    /// @notice The pool lost everything, and whoever lost it still holds its shares.
    error Staking_PoolWiped(address operator, address service);
    /// @notice All of the pool is locked; what has thawed leaves when the service releases it.
    error Staking_PoolLocked(uint256 locked);
    /// @notice More than the whole.
    error Staking_BadCommission(uint16 rate);
    /// @notice An amount of zero, or one that takes the provision or the pool beyond 128 bits.
    error Staking_BadAmount(uint256 amount);
    /// @notice The credits of a slash must add up to the amount slashed.
    error Staking_CreditsMismatch(uint256 amount, uint256 credits);

    /// @notice The token that is staked (zero: native currency).
    function token() external view returns (address);
    /// @notice Seconds between `thaw` and `withdraw`.
    function thawPeriod() external view returns (uint32);
    /// @notice The provision of `operator` for `service`.
    function provisionOf(address operator, address service) external view returns (Provision memory);
    /// @notice What `service` could lock of the provision now: stake - locked - thawing.
    function freeStake(address operator, address service) external view returns (uint256);
    /// @notice What is delegated to `operator` for `service`.
    function poolOf(address operator, address service) external view returns (Pool memory);
    /// @notice What `service` could lock of the pool now: what the shares that do not thaw are worth, less what is locked.
    function freeDelegation(address operator, address service) external view returns (uint256);
    /// @notice What `delegator` has in the pool. A share is worth stake / shares of `poolOf`.
    function delegationOf(address operator, address service, address delegator)
        external
        view
        returns (Delegation memory);
    /// @notice Rewards that `delegator` can claim.
    function rewardsOf(address operator, address service, address delegator) external view returns (uint256);
    /// @notice How much of what has thawed for `delegator` cannot be withdrawn because `service` holds it locked. Releasing this
    /// much with `unlockWith` makes it zero.
    function overdueOf(address operator, address service, address delegator) external view returns (uint256);
    /// @notice What `operator` keeps of its delegators' rewards from `service`.
    function commissionOf(address operator, address service) external view returns (Commission memory);

    /// @notice Moves `amount` from the caller's ledger balance into the provision of `operator` for `service`.
    /// @dev Requirements: the caller approved this contract for `amount` of the stake token on the ledger.
    function stake(address operator, address service, uint256 amount) external;
    /// @notice Starts the exit of `amount` of the caller's free stake. One clock a provision: a later call restarts it for
    /// the whole thawing part, so there is no list that could grow.
    function thaw(address service, uint256 amount) external;
    /// @notice Credits the caller's ledger account with the whole thawed part.
    function withdraw(address service) external returns (uint256 amount);
    /// @notice Sets what the caller keeps of its delegators' rewards, in basis points. A lower rate holds at once; a higher one
    /// after the thaw period, so that delegators can go first. A later call replaces a rate that does not hold yet.
    function setCommission(address service, uint16 rate) external;

    /// @notice Moves `amount` from the caller's ledger balance into the pool of `operator` for `service`. Claims rewards first.
    /// @dev Requirements: the caller approved this contract for `amount` of the stake token on the ledger.
    /// Rounding: shares are rounded down; what is lost is worth less than one unit.
    function delegate(address operator, address service, uint256 amount) external returns (uint256 shares);
    /// @notice Starts the exit of `shares`, locked or not. From now on they earn nothing and back no new lock, and they share in
    /// slashes until they are withdrawn. One clock a delegator and pool: a later call restarts it for all that thaws. Claims
    /// rewards first.
    function undelegate(address operator, address service, uint256 shares) external;
    /// @notice Credits the caller's ledger account with what its thawed shares are worth, as far as the pool is not locked; the
    /// rest stays thawed, to be withdrawn by a later call.
    /// @dev Rounding: amounts are rounded down, shares that end are rounded up.
    function withdrawDelegated(address operator, address service) external returns (uint256 amount);
    /// @notice Credits the caller's ledger account with its rewards, if there are any. No slash reaches them.
    function claimRewards(address operator, address service) external returns (uint256 amount);

    /// @notice Locks `amount` of `operator`'s free stake. The caller is the service. Zero does nothing.
    function lock(address operator, uint256 amount) external;
    /// @notice Releases `amount`. The caller is the service. Zero does nothing.
    function unlock(address operator, uint256 amount) external;
    /// @notice Takes `amount` of the locked stake and credits it. The caller is the service. Zero does nothing.
    /// @dev Requirements: `amount` is locked; the credits add up to it.
    function slash(address operator, uint256 amount, Credit[] calldata credits) external;

    /// @notice Locks `amount`: of `operator`'s own free stake first, the rest of the free part of its pool. The caller is the
    /// service. Zero does nothing.
    /// @dev Requirements: at least `ownMinimum` of the amount is own stake.
    function lockWith(address operator, uint256 amount, uint256 ownMinimum) external;
    /// @notice Releases `amount`: delegated stake first, so that own stake falls below a lock's minimum no sooner than the lock.
    /// The caller is the service. Zero does nothing.
    function unlockWith(address operator, uint256 amount) external;
    /// @notice Takes `amount` of what is locked, own stake first, and credits it. The caller is the service. Zero does nothing.
    /// @dev Requirements: `amount` is locked; the credits add up to it.
    function slashWith(address operator, uint256 amount, Credit[] calldata credits) external;
    /// @notice Pays `amount` of the stake token for what `operator` did, out of the ledger balance of the caller, which is the
    /// service. Own and delegated stake share in it as they are locked; of the delegators' part the operator keeps its commission.
    /// All is the operator's while nothing delegated is locked or all of it thaws. Zero does nothing.
    /// @dev Requirements: the caller approved this contract for `amount` of the stake token on the ledger.
    /// Rounding: the delegators' part is rounded down.
    function reward(address operator, uint256 amount) external;
}
