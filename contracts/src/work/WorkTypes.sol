// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Royalty} from "./IModelRegistry.sol";

/// @notice How an order's batches are verified. Each batch sets `fee * (tasks * validators + 1)` aside; what a draw does not use
/// comes back.
/// @param rate Batches that are drawn, in basis points.
/// @param tasks Tasks of a drawn batch that are re-executed (all, if it has fewer).
/// @param validators Validators that re-execute each.
/// @param fee What each of them earns a task, and who draws a batch, in the order's token.
struct Policy {
    uint16 rate;
    uint8 tasks;
    uint8 validators;
    uint128 fee;
}

/// @notice The terms of an order, fixed at opening. They live off chain (event `OrderOpened` states them); the chain keeps
/// their hash, which is the order's id: `keccak256(abi.encode(chainid, escrow, order))`.
/// @param customer Who pays, receives refunds and signs receipts.
/// @param token Payment token (zero: native currency), held in the ledger.
/// @param modelId Model in the registry.
/// @param inputsRoot Position-bound Merkle root over the tasks' input hashes.
/// @param count Tasks.
/// @param unitCap Units that one task may bill at most. The order escrows `unitPrice * unitCap * count`, and what its draws may
/// cost: see `Policy`.
/// @param unitBytes Bytes of an input row that make one unit (the model's).
/// @param unitPrice Price of a unit in the token's smallest part.
/// @param minBatch Smallest number of tasks a provider may take (the last range may be smaller). It bounds the number of batches.
/// @param deadline Nothing is taken or committed after it (Unix seconds).
/// @param takeWindow Seconds between a take and its commit.
/// @param settleWindow Seconds between a commit and settlement without a receipt.
/// @param demandWindow Seconds a provider has to supply demanded data.
/// @param demandFee What a demander prepays to the provider, in `token`.
/// @param stakePerBatch Stake that a batch locks, plus `stakePerTask` for each of its tasks.
/// @param verification Contract that draws and judges batches; zero: settled by receipt or window alone.
/// @param policy How batches are drawn; all zero without a verification contract.
/// @param feeRecipient The community pool at opening.
/// @param feeRate The protocol's take rate at opening, basis points of the gross amount.
/// @param royalties The model's royalty split at opening.
/// @param salt Chosen by the customer; makes two like orders differ.
struct Order {
    address customer;
    address token;
    bytes32 modelId;
    bytes32 inputsRoot;
    uint32 count;
    uint32 unitCap;
    uint8 unitBytes;
    uint128 unitPrice;
    uint32 minBatch;
    uint40 deadline;
    uint32 takeWindow;
    uint32 settleWindow;
    uint32 demandWindow;
    uint128 demandFee;
    uint128 stakePerBatch;
    uint128 stakePerTask;
    address verification;
    Policy policy;
    address feeRecipient;
    uint16 feeRate;
    Royalty[] royalties;
    bytes32 salt;
}

/// @notice A committed batch. Its hash, `keccak256(abi.encode(batch))`, is its id.
/// @param orderId The order.
/// @param provider Who computed it and is paid for it.
/// @param first Index in the order of its first task.
/// @param count Tasks: it covers `[first, first + count)`.
/// @param units Units billed in all.
/// @param root Position-bound Merkle root over its task leaves; the count is inside.
/// @param stake Stake locked for it.
/// @param committedAt Block time of the commit.
struct Batch {
    bytes32 orderId;
    address provider;
    uint32 first;
    uint32 count;
    uint64 units;
    bytes32 root;
    uint128 stake;
    uint40 committedAt;
}

/// @notice One task of a batch with its Merkle proof. Its leaf is
/// `keccak256(0x00 ‖ chainid ‖ orderId ‖ provider ‖ uint32 index ‖ inputHash ‖ outputHash ‖ uint64 unitsBefore ‖ uint32 units)`.
/// @param index Index in the order (its position in the batch is `index - first`).
/// @param inputHash Root of the input tensor.
/// @param outputHash Root of the output tensor.
/// @param unitsBefore Units of the batch's tasks before this one.
/// @param units Units of this task.
/// @param proof Siblings from the leaf up.
struct Task {
    uint32 index;
    bytes32 inputHash;
    bytes32 outputHash;
    uint64 unitsBefore;
    uint32 units;
    bytes32[] proof;
}
