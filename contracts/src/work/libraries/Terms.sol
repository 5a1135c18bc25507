// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IJobEscrow} from "../IJobEscrow.sol";
import {Order} from "../WorkTypes.sol";
import {MerkleTree} from "./MerkleTree.sol";

/// @title Terms
/// @notice What follows from an order's terms alone: its id, its range checks, its amounts and times.
library Terms {
    /// @notice The order's id on one escrow of one chain.
    function id(Order calldata order, uint256 chainId, address escrow) internal pure returns (bytes32) {
        return keccak256(abi.encode(chainId, escrow, order));
    }

    /// @notice Reverts when a field is out of range. What the fee schedule and the model registry know is not checked here.
    function check(Order calldata order, uint256 maxWindow) internal view {
        _require(order.count != 0, "count", order.count);
        _require(order.unitCap != 0, "unitCap", order.unitCap);
        _require(order.unitPrice != 0, "unitPrice", order.unitPrice);
        _require(order.inputsRoot != 0, "inputsRoot", 0);
        _require(order.minBatch != 0 && order.minBatch <= order.count, "minBatch", order.minBatch);
        _require(order.deadline > block.timestamp, "deadline", order.deadline);
        _requireWindow("takeWindow", order.takeWindow, maxWindow);
        _requireWindow("settleWindow", order.settleWindow, maxWindow);
        _requireWindow("demandWindow", order.demandWindow, maxWindow);
        // A batch may be as large as the order, and its stake is stored in 128 bits.
        uint256 largest = _stake(order, order.count);
        _require(largest <= type(uint128).max, "stakePerTask", order.stakePerTask);
        // Without code at this address, every commit would revert and burn the provider's stake.
        address verification = order.verification;
        _require(verification == address(0) || verification.code.length != 0, "verification", uint160(verification));
        bool policy = order.policy.rate != 0 || order.policy.tasks != 0 || order.policy.validators != 0;
        _require(verification != address(0) || (!policy && order.policy.fee == 0), "policy", order.policy.fee);
    }

    /// @notice Everything that the order escrows at opening.
    function escrowed(Order calldata order) internal pure returns (uint256) {
        return reserve(order, order.count) + drawReserve(order, mostBatches(order));
    }

    /// @notice The most batches that the order can have.
    function mostBatches(Order calldata order) internal pure returns (uint256) {
        return (uint256(order.count) + order.minBatch - 1) / order.minBatch;
    }

    /// @notice What `batches` batches set aside for their draws: a fee for each re-execution and one for who draws.
    function drawReserve(Order calldata order, uint256 batches) internal pure returns (uint256) {
        uint256 fees = uint256(order.policy.tasks) * order.policy.validators + 1;
        return uint256(order.policy.fee) * fees * batches;
    }

    /// @notice What `count` tasks reserve: each may bill the whole cap.
    function reserve(Order calldata order, uint256 count) internal pure returns (uint256) {
        return uint256(order.unitPrice) * order.unitCap * count;
    }

    /// @notice Stake that a batch of `count` tasks locks. An open order's lies within 128 bits.
    function stakeFor(Order calldata order, uint32 count) internal pure returns (uint128) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint128(_stake(order, count));
    }

    /// @notice Last second to commit a range that is taken now.
    function takeExpiry(Order calldata order) internal view returns (uint40) {
        uint256 expiry = block.timestamp + order.takeWindow;
        // forge-lint: disable-next-line(unsafe-typecast)
        return expiry < order.deadline ? uint40(expiry) : order.deadline;
    }

    /// @notice Whether `inputHash` is the input that was ordered at `index`.
    function holdsInput(Order calldata order, uint32 index, bytes32 inputHash, bytes32[] calldata proof)
        internal
        pure
        returns (bool)
    {
        bytes32 leaf = MerkleTree.leafHash(abi.encodePacked(inputHash));
        return MerkleTree.verify(order.inputsRoot, order.count, index, leaf, proof);
    }

    function _stake(Order calldata order, uint32 count) private pure returns (uint256) {
        return uint256(order.stakePerBatch) + uint256(order.stakePerTask) * count;
    }

    function _requireWindow(bytes32 field, uint32 window, uint256 maxWindow) private pure {
        _require(window != 0 && window <= maxWindow, field, window);
    }

    function _require(bool holds, bytes32 field, uint256 value) private pure {
        require(holds, IJobEscrow.JobEscrow_BadTerms(field, value));
    }
}
