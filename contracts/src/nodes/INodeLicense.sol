// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";

/// @notice How licences were bought. Never changes: what a licence cost its first owner follows from it for ever.
/// @param buyer Who bought.
/// @param boughtAt When (Unix seconds).
/// @param discount On the tier's price, in basis points.
/// @param tier They were bought in.
/// @param token They were paid in: its place in the sale's list.
/// @param count Licences with consecutive ids that this record is of.
/// @param buyback Whether the seller takes them back while its offer stands.
struct Purchase {
    address buyer;
    uint40 boughtAt;
    uint16 discount;
    uint8 tier;
    uint8 token;
    uint8 count;
    bool buyback;
}

/// @title NodeLicense
/// @notice Licences to run a node, sold by one `NodeSale`: ERC-721 with metadata and picture on chain (refreshed by ERC-4906),
/// ERC-2981 royalties, and a user with an expiry (the interface of ERC-4907): the operator to whom a licence is delegated. The
/// user may run the node and nothing else: it cannot transfer, sell or return the licence.
///
/// What moves with a transfer: the licence, whatever it has earned that was not claimed yet, and the seller's buyback offer. What ends:
/// approval and delegation. Transfers are locked until `transferableAt`, which no one can move and which lies at or after the
/// end of the sale; so while it is not known whether the sale succeeds, whoever paid is who gets the money back.
/// @dev INVARIANT: a licence is minted at most once and never comes back after it was burned.
/// Only the sale mints and burns. No admin.
interface INodeLicense is IERC4906, IERC2981 {
    /// @notice `user` may run the licence's node until `expires` (Unix seconds). ERC-4907.
    event UpdateUser(uint256 indexed tokenId, address indexed user, uint64 expires);

    /// @notice Licences do not change hands before `transferableAt`.
    error NodeLicense_Locked(uint40 transferableAt);
    /// @notice The caller is not the sale.
    error NodeLicense_NotTheSale(address caller);
    /// @notice A name or symbol is 1 to 32 letters, digits, spaces, dots and dashes: it stands in JSON and SVG as it is.
    error NodeLicense_BadName(string name);
    /// @notice A royalty is at most 10 %.
    error NodeLicense_BadRoyalty(uint16 rate);
    /// @notice More of a tier for one buyer than can be counted.
    error NodeLicense_TooMany(address buyer, uint8 tier);

    /// @notice The sale that these licences come from.
    function sale() external view returns (address);
    /// @notice From when on licences change hands (Unix seconds).
    function transferableAt() external view returns (uint40);
    /// @notice How the licence was bought. Stands after it was burned.
    function purchaseOf(uint256 id) external view returns (Purchase memory);
    /// @notice How many licences of a tier the account has bought, burned ones included.
    function boughtIn(address buyer, uint8 tier) external view returns (uint256);

    /// @notice Delegates a licence to `user` until `expires`. The zero address ends a delegation.
    /// @dev Requirements: the caller owns the licence or was approved for it.
    function setUser(uint256 id, address user, uint64 expires) external;
    /// @notice Who runs the licence's node now; zero when nobody was named or the time is over.
    function userOf(uint256 id) external view returns (address);
    /// @notice Until when the user was named.
    function userExpires(uint256 id) external view returns (uint256);

    /// @notice Mints `count` licences from `first` on. Only the sale; no callback, so that nobody acts in the middle of a purchase.
    /// @return bought How many of the tier the buyer has bought now.
    function mint(uint256 first, uint256 count, Purchase calldata purchase) external returns (uint256 bought);
    /// @notice Burns a licence that was returned. Only the sale.
    function burn(uint256 id) external;
}
