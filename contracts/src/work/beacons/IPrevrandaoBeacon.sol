// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBeacon} from "../IBeacon.sol";

/// @title IPrevrandaoBeacon
/// @notice The RANDAO mix of a fixed future block (PREVRANDAO, EIP-4399), proved later by the block's header. A round is a block
/// number, so a round's value is the same whoever records it and whenever; the opcode alone shows the current block's only.
///
/// Hazards:
/// - Whoever makes the block before the round adds the last secret to the mix, so it sees the value first, and can drop that block
///   for another value. Each slot that somebody controls there gives one more try, so a draw of probability p against the proposer
///   of one such slot is missed with p². Price that, or take `DrandBeacon`.
/// - A sequencer that orders blocks alone may know or choose the mix. Whether a chain has one worth drawing from is decided where
///   the deployment names its beacons; this contract refuses what it can recognise: headers that are not of proof of stake
///   (difficulty zero), values below 2^64, which EIP-4399 itself tells from mixes, and a value that the recording block repeats.
interface IPrevrandaoBeacon is IBeacon {
    /// @notice A round must lie in the future.
    error PrevrandaoBeacon_NoDelay();
    /// @notice PREVRANDAO is `prevrandao` here, which is no RANDAO mix: this chain has no use for this beacon.
    error PrevrandaoBeacon_NoRandao(uint256 prevrandao);
    /// @notice The chain does not say, or does not say any more, which hash block `round` has.
    error PrevrandaoBeacon_NoHash(uint64 round);
    /// @notice This is not the header of block `round`, whose hash is `hash`.
    error PrevrandaoBeacon_WrongHeader(uint64 round, bytes32 hash);
    /// @notice `value` is no RANDAO mix, or one that does not change from block to block. Where blocks share a mix (as on a rollup
    /// that repeats the mix of the chain below), recording succeeds once it has changed.
    error PrevrandaoBeacon_NotRandom(uint64 round, bytes32 value);

    /// @notice Proves the value of the round that is the header's block number. Anyone may; does nothing if it is recorded.
    /// @dev Requirements: the block is one of the `window` before this one, and `header` is its RLP header.
    function record(bytes calldata header) external;

    /// @notice Blocks between a commitment and its round. On a proposer chain at least 132: four epochs, after which it is not known
    /// at the commitment who can bias the mix, and four slots (EIP-4399). A devnet may take fewer; the value is then known to those
    /// who make its blocks, with 1 even to the maker of the very block of the commitment.
    function delay() external view returns (uint32);

    /// @notice Blocks for which a round can be recorded: 8,191 where the chain kept block hashes in its state (EIP-2935) when this
    /// contract was deployed, else 256.
    function window() external view returns (uint32);
}
