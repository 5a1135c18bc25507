// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Batch, Order, Task} from "../WorkTypes.sol";

/// @title Faults
/// @notice What is wrong with a batch on its face. Each function takes tasks that were proved to lie in the batch.
///
/// Together they pin the bill: the first task starts at 0, each next one starts where the last ended, the last ends at
/// the batch's units, and every task bills exactly what its ordered input holds.
/// @dev A provider chooses the numbers in its leaves, the largest ones too. Sums are therefore taken in 256 bits: in 64 they
/// could overflow and revert, and the fault could never be proved.
library Faults {
    /// @notice `right` follows `left` in the batch and does not start where `left` ends.
    function unitsGap(Task calldata left, Task calldata right) internal pure returns (bool) {
        bool neighbours = uint256(left.index) + 1 == right.index;
        return neighbours && uint256(left.unitsBefore) + left.units != right.unitsBefore;
    }

    /// @notice The task bills nothing or beyond the cap, or it is the first and does not start at 0, or the last and does not end
    /// at the batch's units.
    function unitsBound(Order calldata order, Batch calldata batch, Task calldata task) internal pure returns (bool) {
        if (task.units == 0 || task.units > order.unitCap) return true;
        if (task.index == batch.first && task.unitsBefore != 0) return true;
        bool last = uint256(task.index) + 1 == uint256(batch.first) + batch.count;
        return last && uint256(task.unitsBefore) + task.units != batch.units;
    }

    /// @notice The task bills other units than its input row holds.
    function wrongUnits(Order calldata order, Task calldata task, bytes calldata input) internal pure returns (bool) {
        return input.length / order.unitBytes != task.units;
    }

    /// @notice The task's input differs from `ordered`, which was proved to stand at the task's index in the order.
    function wrongInput(Task calldata task, bytes32 ordered) internal pure returns (bool) {
        return ordered != task.inputHash;
    }
}
