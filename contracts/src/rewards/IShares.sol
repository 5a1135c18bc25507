// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {INodeLicense} from "../nodes/INodeLicense.sol";

/// @notice What divides an epoch.
/// @param root Of the position-bound tree of `Share` leaves: beneficiary number n at place n - 1.
/// @param count Beneficiaries. Never falls from one epoch to the next.
/// @param total At least the sum of all shares, as far as anyone could prove.
struct Shares {
    bytes32 root;
    uint32 count;
    uint64 total;
}

/// @notice One beneficiary's leaf: `MerkleTree.leafHash(abi.encodePacked(number, shares, detail))`.
/// @param number The beneficiary: a licence, or an operator beyond the licences.
/// @param shares Of the epoch.
/// @param detail Hash of what the shares follow from; whoever pays by them need not know it.
struct Share {
    uint32 number;
    uint64 shares;
    bytes32 detail;
}

/// @title IShares
/// @notice Who earned how much of an epoch. Beneficiaries are numbered: first the licences of one collection by their ids, from 1 to
/// `licenses`, then operators.
interface IShares {
    /// @notice The collection.
    function license() external view returns (INodeLicense);
    /// @notice The highest id that the collection can have.
    function licenses() external view returns (uint32);
    /// @notice Who is behind a number beyond the licences. Never changes; zero where nobody is.
    function operatorOf(uint32 number) external view returns (address);
    /// @notice What divides the epoch, for ever the same. Reverts while it is not final.
    function sharesOf(uint32 epoch) external view returns (Shares memory);
}
