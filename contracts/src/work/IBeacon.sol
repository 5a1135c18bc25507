// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title IBeacon
/// @notice Public randomness in numbered rounds. A round's value is fixed by nobody who takes part in a draw, is proved when it
/// is recorded, and is the same whoever records it and whenever.
interface IBeacon {
    /// @notice The value of `round` was proved and recorded.
    event RoundRecorded(uint64 indexed round, bytes32 value, address recorder);

    /// @notice The first round whose value nobody can know or choose yet. What is committed in this transaction is drawn by it.
    function nextRound() external view returns (uint64 round);

    /// @notice The recorded value of `round`; zero while none was recorded.
    function valueOf(uint64 round) external view returns (bytes32 value);

    /// @notice Whether `round` has passed unrecorded and can never be recorded any more. A round that is only late is not lost.
    function isLost(uint64 round) external view returns (bool);
}
