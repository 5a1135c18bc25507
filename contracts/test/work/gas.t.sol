// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Batch, Order, Task} from "../../src/work/WorkTypes.sol";
import {WorkTest} from "./WorkTest.sol";

/// @notice Gas of whole flows. Every call is a transaction of its own (isolation), so each figure holds the 21,000 base, the
/// calldata and cold storage. "Warm payees": the ledger accounts of provider, pool, three royalties and customer exist, and
/// the escrow holds other money. An earlier order sees to that, as it would on any chain in use.
/// forge-config: default.isolate = true
contract JobEscrow_Gas_Test is WorkTest {
    string private constant GROUP = "JobEscrow";

    function setUp() public override {
        super.setUp();
        Order memory earlier = terms();
        earlier.salt = keccak256("earlier");
        open(earlier);
        Batch memory batch = commit(earlier, workOf(0, 2));
        escrow.accept(earlier, batch, sign(batch));
    }

    function test_Gas_Size() external {
        assertLt(address(escrow).code.length, 24_576);
        vm.snapshotValue(GROUP, "bytecode_size", address(escrow).code.length);
    }

    /// @dev What isolation measures is the transaction, not the call alone.
    function test_Gas_FiguresHoldTheBaseCost() external {
        vm.prank(customer);
        token.approve(stranger, 1);
        uint256 isolated = vm.lastCallGas().gasTotalUsed;
        assertGt(isolated, 21_000 + 22_100, "base, and a fresh slot");
        assertLt(isolated, 21_000 + 22_100 + 10_000);
    }

    /// @dev One task: `open`, `takeAndCommit`, `accept` by receipt.
    function test_Gas_SingleOrder() external {
        Order memory order = termsOf(1);
        Task[] memory tasks = workOf(0, 1);
        Batch memory batch = batchOf(order, tasks);
        bytes memory receipt = sign(batch);

        vm.prank(customer);
        escrow.open(order);
        uint256 gas = vm.snapshotGasLastCall(GROUP, "open");
        vm.prank(provider);
        escrow.takeAndCommit(order, 0, 1, batch.units, batch.root);
        gas += vm.snapshotGasLastCall(GROUP, "takeAndCommit");
        vm.prank(provider);
        escrow.accept(order, batch, receipt);
        gas += vm.snapshotGasLastCall(GROUP, "accept");

        vm.snapshotValue(GROUP, "single_order", gas);
        assertLe(gas, 350_000);
    }

    /// @dev `commitBatch` and `settle`; the order and the take are the same for any number of tasks.
    function test_Gas_PerTask() external {
        uint256 gas = commitAndSettle(1000);
        vm.snapshotValue(GROUP, "commit_and_settle_1000", gas);
        vm.snapshotValue(GROUP, "per_task_1000", (gas + 999) / 1000);
        assertLe(gas, 400_000);

        gas = commitAndSettle(10_000);
        vm.snapshotValue(GROUP, "commit_and_settle_10000", gas);
        vm.snapshotValue(GROUP, "per_task_10000", (gas + 9999) / 10_000);
        assertLe(gas, 400_000);
    }

    function test_Gas_DemandAndSupply() external {
        (Order memory order, Batch memory batch, Task[] memory tasks) = committed(COUNT);
        vm.prank(stranger);
        escrow.demand(order, batch, 3);
        vm.snapshotGasLastCall(GROUP, "demand");
        vm.prank(provider);
        escrow.supply(order, batch, tasks[3], inputRow(3), outputRow(3));
        vm.snapshotGasLastCall(GROUP, "supply");
        vm.prank(stranger);
        escrow.demand(order, batch, 4);
        skip(order.demandWindow + 1);
        escrow.forfeit(order, batch, 4);
        vm.snapshotGasLastCall(GROUP, "forfeit");
    }

    function test_Gas_Fault() external {
        Order memory order = terms();
        open(order);
        Task[] memory tasks = workOf(0, COUNT);
        tasks[4].unitsBefore += 1;
        Batch memory batch = commit(order, tasks);
        vm.prank(stranger);
        escrow.proveUnitsGap(order, batch, tasks[3], tasks[4]);
        vm.snapshotGasLastCall(GROUP, "proveUnitsGap");
    }

    function test_Gas_Exits() external {
        Order memory order = terms();
        open(order);
        vm.prank(provider);
        escrow.take(order, 0, 2);
        vm.snapshotGasLastCall(GROUP, "take");
        skip(order.takeWindow + 1);
        escrow.expire(order, 0);
        vm.snapshotGasLastCall(GROUP, "expire");
        vm.warp(order.deadline + 1);
        escrow.reclaim(order);
        vm.snapshotGasLastCall(GROUP, "reclaim");

        order = terms();
        open(order);
        vm.prank(customer);
        escrow.cancel(order);
        vm.snapshotGasLastCall(GROUP, "cancel");
    }

    function commitAndSettle(uint32 count) private returns (uint256 gas) {
        Order memory order = termsOf(count);
        order.salt = bytes32(uint256(count));
        bytes32 orderId = open(order);
        take(order, 0, count);
        Batch memory batch = Batch({
            orderId: orderId,
            provider: provider,
            first: 0,
            count: count,
            units: 7 * uint64(count),
            root: keccak256("any root costs the same"),
            stake: escrow.stakeFor(order, count),
            committedAt: uint40(block.timestamp)
        });
        vm.prank(provider);
        escrow.commitBatch(order, 0, count, batch.units, batch.root);
        gas = vm.snapshotGasLastCall(GROUP, "commitBatch");
        skip(order.settleWindow);
        vm.prank(provider);
        escrow.settle(order, batch);
        gas += vm.snapshotGasLastCall(GROUP, "settle");
    }

    /// @dev The batch that `provider` will commit in this block.
    function batchOf(Order memory order, Task[] memory tasks) private view returns (Batch memory) {
        bytes32 orderId = escrow.orderIdOf(order);
        return Batch({
            orderId: orderId,
            provider: provider,
            first: 0,
            count: uint32(tasks.length),
            units: unitsOf(tasks),
            root: prove(orderId, provider, tasks),
            stake: escrow.stakeFor(order, uint32(tasks.length)),
            committedAt: uint40(block.timestamp)
        });
    }
}
