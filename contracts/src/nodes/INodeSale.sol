// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ILedger} from "../ledger/ILedger.sol";
import {INodeLicense} from "./INodeLicense.sol";

/// @notice One tier as it is sold.
/// @param supply Licences of the tier.
/// @param cap Most that one buyer may buy of it; 0: no cap.
/// @param prices Of one licence, by token, in its smallest unit; 0: not sold for that token.
struct TierTerms {
    uint32 supply;
    uint16 cap;
    uint128[] prices;
}

/// @notice What a sale promises. Fixed at deployment; nobody can change any of it.
/// @param seller The ledger account that receives the proceeds.
/// @param allowlistAt When the allow-list phase begins (Unix seconds).
/// @param publicAt When anyone may buy. Equal to `allowlistAt`: there is no allow-list.
/// @param endsAt When the sale ends, sold out or not.
/// @param sequential Whether tiers are sold one after another, each when the one before is sold out.
/// @param softCap Licences that must be sold for the sale to succeed. Below it everyone gets everything back.
/// @param allowlistRoot Of an OpenZeppelin standard Merkle tree of (address account, uint256 allocation).
/// @param promoRoot Of an OpenZeppelin standard Merkle tree of (bytes32 code, uint256 discount, uint256 total).
/// @param referralDiscount What a referred buyer saves, in basis points of the price.
/// @param referralCommission What its referrer earns, in basis points of what is paid.
/// @param buybackFee What the seller keeps of the price of a licence that it takes back, in basis points. At least the referrer's
/// commission where there is a buyback, so that what owners may return for and what referrers earned are always there together.
/// @param buybackUntil Until when licences are taken back (Unix seconds); 0: there is no buyback.
/// @param releasedAtOnce Part of the proceeds that is free when the sale has succeeded, in basis points.
/// @param releasePeriod Seconds from the end over which the rest comes free, evenly.
struct SaleTerms {
    address seller;
    uint40 allowlistAt;
    uint40 publicAt;
    uint40 endsAt;
    bool sequential;
    uint32 softCap;
    bytes32 allowlistRoot;
    bytes32 promoRoot;
    uint16 referralDiscount;
    uint16 referralCommission;
    uint16 buybackFee;
    uint40 buybackUntil;
    uint16 releasedAtOnce;
    uint32 releasePeriod;
}

/// @notice The collection that a sale sells.
struct CollectionTerms {
    string name;
    string symbol;
    uint40 transferableAt;
    address royaltyReceiver;
    uint16 royaltyRate;
}

/// @notice A tier as it stands.
/// @param first Id of its first licence; ids follow one another within a tier, and tier after tier.
/// @param supply Licences of the tier.
/// @param sold Of them. Never falls: what is returned is not sold again.
/// @param cap Most that one buyer may buy of it; 0: no cap.
struct Tier {
    uint32 first;
    uint32 supply;
    uint32 sold;
    uint16 cap;
}

/// @notice What a buyer wants.
/// @param token Its place in the sale's list.
/// @param tier To buy from. In a sequential sale the tier where buying begins; it goes on with the next when that is sold out.
/// @param quantity Licences.
/// @param maxCost The most that all may cost together.
/// @param buyback Whether the seller shall take them back on its terms.
/// @param referrer Who sent the buyer; zero: nobody.
/// @param promo A promo code: `code` zero for none. Not together with a referrer.
/// @param allocation From the allow-list; 0 in the public phase.
/// @param allowlistProof From the allow-list; empty in the public phase.
struct PurchaseTerms {
    uint8 token;
    uint8 tier;
    uint16 quantity;
    uint256 maxCost;
    bool buyback;
    address referrer;
    Promo promo;
    uint256 allocation;
    bytes32[] allowlistProof;
}

/// @notice A promo code with its proof.
/// @param code keccak256 of the code's text.
/// @param discount On the price, in basis points.
/// @param total Licences that may be bought with the code.
/// @param proof Under the sale's root.
struct Promo {
    bytes32 code;
    uint256 discount;
    uint256 total;
    bytes32[] proof;
}

/// @notice A payer's signature with its time window.
/// @param validAfter ERC-3009: not valid at or before it. Not used by a permit.
/// @param deadline Not valid after it (ERC-3009: at or after it).
struct Signed {
    uint256 validAfter;
    uint256 deadline;
    uint8 v;
    bytes32 r;
    bytes32 s;
}

/// @notice How a sale stands.
enum Outcome {
    /// It can still sell.
    Open,
    /// The soft cap was reached and the sale is over.
    Succeeded,
    /// It ended below the soft cap: everyone gets everything back.
    Failed
}

/// @title NodeSale
/// @notice Sells the licences of one collection, for prices fixed by tier and token. The money lies in the ledger on the account of
/// this contract until the sale is over. There is no admin, no pause, and nothing that the seller could do but receive.
/// @dev INVARIANT: for each token, what lies here is what was paid less what was refunded, bought back, released and claimed as
/// commission. INVARIANT: a tier never sells more than its supply, and nobody more than its cap of it.
/// Rounding: a discount and a commission are rounded down, so is what a buyback pays; what comes free of the proceeds too.
///
/// Hazards for buyers:
/// - A seller can buy of its own sale to reach the soft cap. It pays the fees of gas, no more: weigh a soft cap accordingly.
/// - A promo code is public with its first use. Its total bounds what others can take of it.
/// - Anyone can refer itself from a second address; what that costs is the seller's, who sets the rates.
interface INodeSale {
    /// @notice `buyer` bought `quantity` licences from `first` on for `paid` each. `code` is the promo code, or the referrer.
    event Bought(
        address indexed buyer,
        uint8 indexed tier,
        uint256 first,
        uint256 quantity,
        address token,
        uint256 paid,
        bytes32 code,
        bool buyback
    );
    /// @notice The referrer will earn `amount` if the sale succeeds.
    event CommissionEarned(address indexed referrer, address indexed token, uint256 amount);
    /// @notice A commission went to the referrer's ledger account.
    event CommissionClaimed(address indexed referrer, address indexed token, uint256 amount);
    /// @notice What a licence of a failed sale had cost went to its owner's ledger account.
    event Refunded(uint256 indexed id, address indexed owner, address token, uint256 amount);
    /// @notice A licence was taken back, and `amount` went to its owner's ledger account.
    event BoughtBack(uint256 indexed id, address indexed owner, address token, uint256 amount);
    /// @notice `amount` of the proceeds went to the seller's ledger account.
    event Released(address indexed token, uint256 amount);

    /// @notice A parameter of the sale is out of its range.
    error NodeSale_BadTerms(bytes32 what);
    /// @notice Nothing is sold now.
    error NodeSale_Closed(uint256 time);
    /// @notice There is no such tier, or the one before it is not sold out.
    error NodeSale_TierNotOnSale(uint8 tier);
    /// @notice Fewer are left than were wanted.
    error NodeSale_SoldOut(uint256 left, uint256 wanted);
    /// @notice The buyer would have more of the tier than its cap.
    error NodeSale_OverCap(uint8 tier, uint256 cap, uint256 bought);
    /// @notice The tier is not sold for that token, or there is no such token.
    error NodeSale_NotForToken(uint8 tier, uint8 token);
    /// @notice A quantity of zero.
    error NodeSale_NoQuantity();
    /// @notice The authorisation moved nothing, or not what it is for: there is no sign that the buyer wants this.
    error NodeSale_NotAuthorized(address buyer);
    /// @notice The licences cost more than the buyer wanted to pay.
    error NodeSale_TooDear(uint256 cost, uint256 maxCost);
    /// @notice The native currency sent is not `expected`: what the purchase may cost, or nothing for another token.
    error NodeSale_WrongValue(uint256 value, uint256 expected);
    /// @notice The proof does not lead to the allow-list's root.
    error NodeSale_NotAllowed(address buyer, uint256 allocation);
    /// @notice The buyer would have more than the allow-list gives.
    error NodeSale_OverAllocation(uint256 allocation, uint256 bought);
    /// @notice The proof does not lead to the promo codes' root, or a code came with a referrer.
    error NodeSale_BadPromo(bytes32 code);
    /// @notice The code's total is used up.
    error NodeSale_PromoUsedUp(bytes32 code, uint256 left, uint256 wanted);
    /// @notice Nobody refers itself, and neither the seller nor the sale refers.
    error NodeSale_BadReferrer(address referrer);
    /// @notice The sale stands otherwise.
    error NodeSale_WrongOutcome(Outcome actual, Outcome needed);
    /// @notice The caller does not own the licence.
    error NodeSale_NotTheOwner(uint256 id, address caller);
    /// @notice The sale offers no buyback, the licence was bought without, or the time for it is over.
    error NodeSale_NoBuyback();
    /// @notice Nothing can be paid out now.
    error NodeSale_NothingDue();
    /// @notice The surplus could not be sent back to the buyer.
    error NodeSale_SurplusRefused(address buyer, uint256 amount);

    /// @notice Where the money lies.
    function ledger() external view returns (ILedger);
    /// @notice What is sold.
    function license() external view returns (INodeLicense);
    /// @notice What the sale promises.
    function terms() external view returns (SaleTerms memory);
    /// @notice The tokens that are taken (zero: native currency).
    function tokens() external view returns (address[] memory);
    /// @notice All tiers as they stand.
    function tiers() external view returns (Tier[] memory);
    /// @notice Price of one licence of a tier, before discounts; 0: not sold for that token.
    function priceOf(uint8 tier, uint8 token) external view returns (uint128);
    /// @notice How the sale stands now.
    function outcome() external view returns (Outcome);
    /// @notice Licences bought with a promo code.
    function promoUsed(bytes32 code) external view returns (uint256);
    /// @notice What a referrer has earned and not claimed.
    function commissionOf(address referrer, address token) external view returns (uint256);
    /// @notice What of the proceeds could be released now.
    function releasable(address token) external view returns (uint256);
    /// @notice What a licence cost its buyer: the price less the discount. What a refund pays.
    function paidFor(uint256 id) external view returns (address token, uint256 amount);
    /// @notice Buys licences for the caller. In native currency: send `maxCost`, the surplus comes back. In a token: the caller has
    /// approved this contract on the token for what they cost.
    function buy(PurchaseTerms calldata wanted) external payable;
    /// @notice `buy` preceded by an ERC-2612 permit of the caller for `maxCost`. One that fails is not fatal: somebody may have
    /// used it already, and then the allowance stands.
    function buyWithPermit(PurchaseTerms calldata wanted, Signed calldata permit) external;
    /// @notice Buys licences for `buyer` with its ERC-3009 authorisation of `maxCost` to this contract, whose nonce is
    /// `authorizationNonce(wanted)`. Anyone may send it; the surplus goes to the buyer's ledger account.
    /// @dev Requirements: `maxCost` is not zero and arrives. What costs nothing is bought by `buy`, or with a `maxCost` of one unit, which
    /// comes back.
    function buyWithAuthorization(address buyer, PurchaseTerms calldata wanted, Signed calldata authorization) external;
    /// @notice The nonce that binds an authorisation to one purchase from this sale on this chain.
    function authorizationNonce(PurchaseTerms calldata wanted) external view returns (bytes32);

    /// @notice Returns licences of a failed sale; each owner's ledger account receives what they cost. Anyone may call it.
    function refund(uint256[] calldata ids) external;
    /// @notice Returns licences that the caller owns to the seller, for what they cost less the fee.
    /// @dev Requirements: the sale succeeded, they were bought with buyback, and the offer stands.
    function buyBack(uint256[] calldata ids) external;
    /// @notice Pays the referrer's commission to its ledger account. Anyone may call it once the sale has succeeded.
    function claimCommission(address referrer, address token) external returns (uint256 amount);
    /// @notice Pays what is free of the proceeds to the seller's ledger account. Anyone may call it once the sale has succeeded.
    function release(address token) external returns (uint256 amount);
}
