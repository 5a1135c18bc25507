// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Batch, Order} from "./WorkTypes.sol";

/// @title IVerification
/// @notice What an order's verification contract answers to the escrow. It convicts through `IJobEscrow.convict`.
interface IVerification {
    /// @notice A batch was committed. Only its snapshot counts from here on.
    function onCommit(bytes32 batchId, Order calldata order, Batch calldata batch) external;

    /// @notice Whether the batch may settle now.
    /// @param accepted The customer's receipt is at hand, so the window need not pass.
    function agrees(bytes32 batchId, bool accepted) external view returns (bool);
}
