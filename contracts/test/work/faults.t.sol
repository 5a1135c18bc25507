// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BatchStatus, Fault, IJobEscrow} from "../../src/work/IJobEscrow.sol";
import {Batch, Order, Task} from "../../src/work/WorkTypes.sol";
import {MerkleTree} from "../../src/work/libraries/MerkleTree.sol";
import {WorkTest} from "./WorkTest.sol";

/// @notice The one-move faults: proveUnitsGap, proveUnitsBound, proveWrongUnits, proveWrongInput.
contract JobEscrow_Faults_Test is WorkTest {
    function setUp() public override {
        super.setUp();
        open(order());
    }

    /// @dev The order of these tests; no time passes in them, so that it is always the same.
    function order() private view returns (Order memory) {
        return terms();
    }

    /// @dev Commits `tasks` and claims that they bill `units`.
    function commitUnits(Task[] memory tasks, uint64 units) private returns (Batch memory) {
        return commitAs(provider, order(), tasks, units);
    }

    function expectNoFault() private {
        vm.expectRevert(IJobEscrow.JobEscrow_NoFault.selector);
    }

    function expectBadProof(uint32 index) private {
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_BadProof.selector, index));
    }

    function expectForfeit(Batch memory batch, Fault fault) private {
        uint256 refund = uint256(order().unitPrice) * order().unitCap * batch.count;
        uint256 burned = (uint256(batch.stake) + 1) / 2;
        vm.expectEmit(address(escrow));
        emit IJobEscrow.BatchForfeited(
            batch.orderId, keccak256(abi.encode(batch)), fault, stranger, refund, batch.stake, burned
        );
        vm.prank(stranger);
    }

    function assertForfeited(Batch memory batch) private view {
        assertBatch(batch, BatchStatus.Forfeited, 0);
        assertEq(stakeBalance(stranger), uint256(batch.stake) / 4, "reward");
        assertEq(lockedStake(provider), 0);
        assertEq(balance(customer) + balance(address(escrow)), FUNDS, "nobody was paid");
    }

    /* GIVEN HONEST WORK */

    function test_RevertGiven_TheWorkIsHonest() external {
        Task[] memory tasks = workOf(0, COUNT);
        Batch memory batch = commit(order(), tasks);
        for (uint32 i = 0; i < COUNT; ++i) {
            if (i > 0) {
                expectNoFault();
                escrow.proveUnitsGap(order(), batch, tasks[i - 1], tasks[i]);
            }
            expectNoFault();
            escrow.proveUnitsBound(order(), batch, tasks[i]);
            expectNoFault();
            escrow.proveWrongUnits(order(), batch, tasks[i], inputRow(i));
            (bytes32 inputHash, bytes32[] memory proof) = orderedProof(COUNT, i);
            expectNoFault();
            escrow.proveWrongInput(order(), batch, tasks[i], inputHash, proof);
        }
    }

    function test_RevertWhen_TheTasksAreNotNeighbours() external {
        Task[] memory tasks = workOf(0, COUNT);
        Batch memory batch = commit(order(), tasks);
        expectNoFault();
        escrow.proveUnitsGap(order(), batch, tasks[0], tasks[2]);
        expectNoFault();
        escrow.proveUnitsGap(order(), batch, tasks[2], tasks[1]);
        expectNoFault();
        escrow.proveUnitsGap(order(), batch, tasks[2], tasks[2]);
    }

    function test_RevertWhen_ATaskIsNotInTheBatch() external {
        Task[] memory tasks = workOf(0, COUNT);
        Batch memory batch = commit(order(), tasks);
        Task memory forged = tasks[3];
        forged.units += 1;
        expectBadProof(3);
        escrow.proveUnitsGap(order(), batch, forged, tasks[4]);
        expectBadProof(3);
        escrow.proveUnitsGap(order(), batch, tasks[2], forged);
        expectBadProof(3);
        escrow.proveUnitsBound(order(), batch, forged);
        expectBadProof(3);
        escrow.proveWrongUnits(order(), batch, forged, inputRow(3));
        expectBadProof(3);
        escrow.proveWrongInput(order(), batch, forged, 0, new bytes32[](0));
    }

    function test_RevertWhen_TheRowIsNotTheTasks() external {
        Task[] memory tasks = workOf(0, COUNT);
        Batch memory batch = commit(order(), tasks);
        bytes32 other = MerkleTree.rowRoot(inputRow(3));
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_BadRow.selector, tasks[2].inputHash, other));
        escrow.proveWrongUnits(order(), batch, tasks[2], inputRow(3));
    }

    function test_RevertWhen_TheOrderedInputIsProvedElsewhere() external {
        Task[] memory tasks = workOf(0, COUNT);
        Batch memory batch = commit(order(), tasks);
        // A true input of the order(), of another index: it differs from the task's, and proves nothing.
        (bytes32 inputHash, bytes32[] memory proof) = orderedProof(COUNT, 3);
        expectBadProof(2);
        escrow.proveWrongInput(order(), batch, tasks[2], inputHash, proof);
    }

    function test_RevertGiven_TheBatchIsFinal() external {
        Task[] memory tasks = workOf(0, 2);
        Batch memory batch = commitUnits(tasks, unitsOf(tasks) + 1);
        vm.prank(customer);
        escrow.accept(order(), batch, "");
        expectNotCommitted(batch, BatchStatus.Settled);
        escrow.proveUnitsBound(order(), batch, tasks[1]);
    }

    /* UNITS GAP */

    function test_UnitsGap_WhenATaskStartsTooLate() external {
        Task[] memory tasks = workOf(0, COUNT);
        for (uint32 i = 4; i < COUNT; ++i) {
            tasks[i].unitsBefore += 1;
        }
        Batch memory batch = commit(order(), tasks);
        expectForfeit(batch, Fault.UnitsGap);
        escrow.proveUnitsGap(order(), batch, tasks[3], tasks[4]);
        assertForfeited(batch);
    }

    function test_UnitsGap_WhenATaskStartsTooEarly() external {
        Task[] memory tasks = workOf(0, COUNT);
        tasks[4].unitsBefore -= 1;
        Batch memory batch = commit(order(), tasks);
        expectForfeit(batch, Fault.UnitsGap);
        escrow.proveUnitsGap(order(), batch, tasks[3], tasks[4]);
        assertForfeited(batch);
    }

    function test_UnitsGap_WhenTheSumOverflows64Bits() external {
        Task[] memory tasks = workOf(0, COUNT);
        tasks[3].unitsBefore = type(uint64).max;
        tasks[4].unitsBefore = tasks[3].units - 1;
        Batch memory batch = commit(order(), tasks);
        expectForfeit(batch, Fault.UnitsGap);
        escrow.proveUnitsGap(order(), batch, tasks[3], tasks[4]);
        assertForfeited(batch);
    }

    /* UNITS BOUND */

    function test_UnitsBound_WhenTheFirstTaskDoesNotStartAtZero() external {
        Task[] memory tasks = workOf(0, COUNT);
        for (uint32 i = 0; i < COUNT; ++i) {
            tasks[i].unitsBefore += 5;
        }
        Batch memory batch = commit(order(), tasks);
        expectForfeit(batch, Fault.UnitsBound);
        escrow.proveUnitsBound(order(), batch, tasks[0]);
        assertForfeited(batch);
    }

    function test_UnitsBound_WhenTheLastTaskDoesNotEndAtTheBatchsUnits() external {
        Task[] memory tasks = workOf(0, COUNT);
        Batch memory batch = commitUnits(tasks, unitsOf(tasks) + 1);
        expectNoFault();
        escrow.proveUnitsBound(order(), batch, tasks[0]);
        expectForfeit(batch, Fault.UnitsBound);
        escrow.proveUnitsBound(order(), batch, tasks[COUNT - 1]);
        assertForfeited(batch);
    }

    function test_UnitsBound_WhenTheLastSumOverflows64Bits() external {
        Task[] memory tasks = workOf(0, 2);
        tasks[1].unitsBefore = type(uint64).max;
        Batch memory batch = commitUnits(tasks, 2);
        expectForfeit(batch, Fault.UnitsBound);
        escrow.proveUnitsBound(order(), batch, tasks[1]);
        assertForfeited(batch);
    }

    function test_UnitsBound_WhenATaskBillsNothing() external {
        Task[] memory tasks = workOf(0, COUNT);
        uint64 units = unitsOf(tasks);
        tasks[3].units = 0;
        Batch memory batch = commitUnits(tasks, units);
        expectForfeit(batch, Fault.UnitsBound);
        escrow.proveUnitsBound(order(), batch, tasks[3]);
        assertForfeited(batch);
    }

    function test_UnitsBound_WhenATaskBillsBeyondTheCap() external {
        Task[] memory tasks = workOf(0, COUNT);
        tasks[3].units = order().unitCap + 1;
        Batch memory batch = commit(order(), tasks);
        expectForfeit(batch, Fault.UnitsBound);
        escrow.proveUnitsBound(order(), batch, tasks[3]);
        assertForfeited(batch);
    }

    function test_UnitsBound_InABatchThatDoesNotStartTheOrder() external {
        commit(order(), workOf(0, 3));
        Task[] memory tasks = workOf(3, 3);
        tasks[0].unitsBefore = 1;
        Batch memory batch = commit(order(), tasks);
        vm.prank(stranger);
        escrow.proveUnitsBound(order(), batch, tasks[0]);
        assertBatch(batch, BatchStatus.Forfeited, 0);
    }

    /* WRONG UNITS */

    function test_WrongUnits_WhenATaskBillsOtherUnitsThanItsRowHolds() external {
        for (uint256 i = 0; i < 2; ++i) {
            uint256 state = vm.snapshotState();
            Task[] memory tasks = workOf(0, COUNT);
            tasks[2].units = i == 0 ? tasks[2].units + 1 : tasks[2].units - 1;
            for (uint32 j = 3; j < COUNT; ++j) {
                tasks[j].unitsBefore = tasks[j - 1].unitsBefore + tasks[j - 1].units;
            }
            Batch memory batch = commit(order(), tasks);
            expectForfeit(batch, Fault.WrongUnits);
            escrow.proveWrongUnits(order(), batch, tasks[2], inputRow(2));
            assertForfeited(batch);
            vm.revertToState(state);
        }
    }

    /* WRONG INPUT */

    function test_WrongInput_WhenATaskRanOnAnotherInput() external {
        Task[] memory tasks = workOf(0, COUNT);
        tasks[5].inputHash = MerkleTree.rowRoot(inputRow(0));
        Batch memory batch = commit(order(), tasks);
        (bytes32 inputHash, bytes32[] memory proof) = orderedProof(COUNT, 5);
        expectForfeit(batch, Fault.WrongInput);
        escrow.proveWrongInput(order(), batch, tasks[5], inputHash, proof);
        assertForfeited(batch);
    }

    /* FUZZ */

    /// @dev Whatever the numbers in the leaves: if the bill is not what the inputs hold, one of the faults is provable; if it is,
    /// none is.
    function testFuzz_AFalseBillHasAProvableFault(uint64[4] memory starts, uint32[4] memory units, uint64 total)
        external
    {
        Task[] memory tasks = workOf(0, 4);
        for (uint256 i = 0; i < 4; ++i) {
            // Mostly the truth or close to it, where faults are hard to see.
            uint64 start = tasks[i].unitsBefore;
            tasks[i].unitsBefore = starts[i] % 16 == 0 ? starts[i] : starts[i] % 16 == 1 ? start + 1 : start;
            uint32 held = tasks[i].units;
            tasks[i].units = units[i] % 16 == 0 ? units[i] : units[i] % 16 == 1 ? held + 1 : held;
        }
        uint64 claimed = total % 2 == 0 ? unitsOf(workOf(0, 4)) : uint64(bound(total, 4, 64));
        Batch memory batch = commitUnits(tasks, claimed);
        Task[] memory honest = workOf(0, 4);
        bool truth = claimed == unitsOf(honest);
        for (uint256 i = 0; i < 4; ++i) {
            truth = truth && tasks[i].units == honest[i].units && tasks[i].unitsBefore == honest[i].unitsBefore;
        }
        assertEq(findFault(batch, tasks), !truth);
        assertBatch(batch, truth ? BatchStatus.Committed : BatchStatus.Forfeited, 0);
    }

    function findFault(Batch memory batch, Task[] memory tasks) private returns (bool) {
        for (uint32 i = 0; i < tasks.length; ++i) {
            try escrow.proveUnitsBound(order(), batch, tasks[i]) {
                return true;
            } catch {}
            try escrow.proveWrongUnits(order(), batch, tasks[i], inputRow(i)) {
                return true;
            } catch {}
            if (i == 0) continue;
            try escrow.proveUnitsGap(order(), batch, tasks[i - 1], tasks[i]) {
                return true;
            } catch {}
        }
        return false;
    }
}
