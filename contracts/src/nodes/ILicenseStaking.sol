// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {INodeLicense} from "./INodeLicense.sol";

/// @notice Someone who runs nodes for licences, its own or others'.
/// @param account Who registered and earns the commission. Never changes.
/// @param rate What it keeps of a licence's rewards, in basis points. A delegation keeps the rate that it was made with.
/// @param cap Licences that it takes on at most.
/// @param delegated Licences that count against the cap.
struct Operator {
    address account;
    uint16 rate;
    uint32 cap;
    uint32 delegated;
}

/// @notice Who runs a licence's node.
/// @param operator The operator's number; zero for nobody.
/// @param rate What it keeps, in basis points.
struct Run {
    uint32 operator;
    uint16 rate;
}

/// @notice A licence's delegation as it was made last.
/// @param owner Who made it. It holds for this owner; anybody may end it once the licence has another.
/// @param operator The operator's number; zero once it was ended.
/// @param freeAt The first epoch for which the same owner may delegate anew after it ended one.
struct LicenseDelegation {
    address owner;
    uint32 operator;
    uint32 freeAt;
}

/// @title LicenseStaking
/// @notice Who runs the node of which licence in which epoch, and at what commission. Licences are not held here: they are delegated
/// where they lie, so that it works while transfers are locked, and neither this contract nor an operator can take one.
///
/// Everything that is said in an epoch holds from the next one on, and what held in an epoch never changes afterwards: that is what
/// rewards are computed from. Operators are numbered after the licences: the first is `licenses + 1`.
///
/// ```
/// nobody ─ delegate ─► run by the operator from the next epoch on ─┬─ undelegate (owner) ─► nobody, thawing until freeAt
///                                                                  ├─ release (anyone, after a sale) ─► nobody
///                                                                  └─ delegate (the new owner) ─► the new operator
/// ```
///
/// A licence that thaws earns nothing. Thawing binds who delegated, not who buys the licence.
/// @dev INVARIANT: an operator's `delegated` is the number of licences whose delegation names it.
/// INVARIANT: delegating never takes an operator beyond its cap. No admin.
///
/// Hazards:
/// - A delegation survives a sale until somebody ends it; it takes at most its commission from the new owner. A buyer delegates at once,
///   which needs no thaw.
/// - A key that was stolen attests falsely until the epoch ends. It can do nothing else.
interface ILicenseStaking {
    /// @notice `account` became operator `number`.
    event Registered(uint32 indexed number, address indexed account);
    /// @notice The operator takes on licences at `rate`, up to `cap` of them.
    event OfferSet(uint32 indexed number, uint16 rate, uint32 cap);
    /// @notice The operator attests with `key` from `epoch` on.
    event KeySet(uint32 indexed number, address indexed key, uint32 epoch);
    /// @notice The licence is run by `operator` from `epoch` on.
    event LicenseDelegated(
        uint256 indexed id, uint32 indexed operator, address indexed owner, uint16 rate, uint32 epoch
    );
    /// @notice Nobody runs the licence from `epoch` on. Its owner may delegate it for `freeAt` or later.
    event LicenseUndelegated(uint256 indexed id, uint32 indexed operator, uint32 epoch, uint32 freeAt);

    /// @notice The deployment's terms do not hold together.
    error LicenseStaking_BadTerms(bytes32 what);
    /// @notice The account is an operator already.
    error LicenseStaking_Registered(address account);
    /// @notice The caller, or the number, is no operator.
    error LicenseStaking_NoOperator();
    /// @notice A rate above the whole, or not the operator's at the time.
    error LicenseStaking_BadRate(uint16 rate);
    /// @notice The operator takes on no more than `cap` licences.
    error LicenseStaking_OverCap(uint32 operator, uint32 cap);
    /// @notice The caller does not own the licence.
    error LicenseStaking_NotTheOwner(uint256 id, address caller);
    /// @notice The licence is delegated: end that first.
    error LicenseStaking_Delegated(uint256 id, uint32 operator);
    /// @notice The licence is not delegated.
    error LicenseStaking_NotDelegated(uint256 id);
    /// @notice The licence thaws: it can be delegated for `freeAt` or later.
    error LicenseStaking_Thawing(uint256 id, uint32 freeAt);
    /// @notice Whoever delegated the licence owns it still.
    error LicenseStaking_StillOwned(uint256 id);
    /// @notice What is asked of an epoch is not known before it begins.
    error LicenseStaking_Future(uint32 epoch);

    /// @notice The collection.
    function license() external view returns (INodeLicense);
    /// @notice The highest id that the collection can have.
    function licenses() external view returns (uint32);
    /// @notice When epoch 0 begins (Unix seconds).
    function genesis() external view returns (uint40);
    /// @notice Seconds of an epoch.
    function epochLength() external view returns (uint32);
    /// @notice Epochs that a licence rests when its owner ended a delegation.
    function thawEpochs() external view returns (uint32);
    /// @notice The epoch now; 0 before the first.
    function currentEpoch() external view returns (uint32);

    /// @notice An operator by its number.
    function operatorAt(uint32 number) external view returns (Operator memory);
    /// @notice An account's number; zero for none.
    function numberOf(address account) external view returns (uint32);
    /// @notice How many operators stood in the epoch, which has begun.
    function operatorsIn(uint32 epoch) external view returns (uint32);
    /// @notice The key that the operator attested with in the epoch, which has begun; zero for none.
    function keyIn(uint32 number, uint32 epoch) external view returns (address);
    /// @notice Who ran the licence in the epoch, which has begun.
    function runIn(uint256 id, uint32 epoch) external view returns (Run memory);
    /// @notice How many licences the operator ran in the epoch, which has begun: as many as `runIn` names it for.
    function delegatedIn(uint32 number, uint32 epoch) external view returns (uint32);
    /// @notice The licence's delegation as it was made last.
    function delegationOf(uint256 id) external view returns (LicenseDelegation memory);

    /// @notice Makes the caller an operator. It counts from the next epoch on.
    function register(address key, uint16 rate, uint32 cap) external returns (uint32 number);
    /// @notice Sets what the caller keeps of licences that are delegated from now on, and how many it takes on in all.
    function setOffer(uint16 rate, uint32 cap) external;
    /// @notice Sets the key that attests for the caller from the next epoch on. It can attest and nothing else.
    function setKey(address key) external;
    /// @notice Delegates licences of the caller to an operator from the next epoch on. A delegation that a former owner left ends.
    /// @dev Requirements: the caller owns them; `rate` is the operator's; none thaws for the caller.
    function delegate(uint256[] calldata ids, uint32 operator, uint16 rate) external;
    /// @notice Ends delegations of the caller's licences with this epoch. Nobody can pause this.
    function undelegate(uint256[] calldata ids) external;
    /// @notice Ends delegations of licences that have another owner since, or none. Anyone.
    function release(uint256[] calldata ids) external;
}
