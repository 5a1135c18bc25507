// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {
    BatchState,
    BatchStatus,
    Demand,
    IJobEscrow,
    OrderState,
    OrderStatus,
    Take
} from "../../src/work/IJobEscrow.sol";
import {Batch, Order} from "../../src/work/WorkTypes.sol";
import {JobEscrowHandler} from "./handlers/JobEscrowHandler.sol";
import {BatchModel, DemandModel, EscrowStore, OrderModel, RangeModel} from "./stores/EscrowStore.sol";

/// @notice The escrow's invariants; README.md states each in prose.
contract JobEscrow_Invariants_Test is Test {
    uint32 private constant TASKS = 6;

    EscrowStore private store;
    JobEscrowHandler private handler;
    IJobEscrow private escrow;

    function setUp() external {
        store = new EscrowStore();
        handler = new JobEscrowHandler(store);
        escrow = handler.suite();
        targetSelector(FuzzSelector(address(handler), acts()));
        targetContract(address(handler));
    }

    /// @dev E1 and E2.
    function invariant_ReservationsAreHeld() external view {
        (uint256 orders,, uint256 batches, uint256 demands) = store.counts();
        uint256 owed = 0;
        for (uint256 i = 0; i < orders; ++i) {
            OrderModel memory order = store.orderAt(i);
            uint256 open = order.open ? order.reserve * (TASKS - order.committed) : 0;
            for (uint256 j = 0; j < batches; ++j) {
                BatchModel memory batch = store.batchAt(j);
                if (batch.order == i && batch.status == BatchStatus.Committed) {
                    open += order.reserve * abi.decode(batch.batch, (Batch)).count;
                }
            }
            assertEq(order.paidOut + open, order.reserve * TASKS, "E2: what came in is paid out once or still there");
            owed += open;
        }
        for (uint256 i = 0; i < demands; ++i) {
            DemandModel memory demanded = store.demandAt(i);
            if (demanded.demander != address(0)) owed += feeOf(demanded.batch);
        }
        assertEq(handler.paymentBalance(address(escrow)), owed, "E1: reservations and fees are held");
    }

    /// @dev E3.
    function invariant_StakeIsLocked() external view {
        (, uint256 ranges, uint256 batches,) = store.counts();
        for (uint256 p = 0; p < 2; ++p) {
            address provider = handler.providers()[p];
            uint256 locked = 0;
            for (uint256 i = 0; i < ranges; ++i) {
                RangeModel memory range = store.rangeAt(i);
                if (range.holder == provider && !range.committed) {
                    locked += handler.stakeOf(termsOf(range.order), range.count);
                }
            }
            for (uint256 i = 0; i < batches; ++i) {
                BatchModel memory model = store.batchAt(i);
                Batch memory batch = abi.decode(model.batch, (Batch));
                if (batch.provider == provider && model.status == BatchStatus.Committed) locked += batch.stake;
            }
            assertEq(handler.lockedOf(provider), locked, "E3: takes and unfinal batches are locked");
            assertEq(handler.stakeOf(provider), store.staked(provider), "E4: stake");
        }
    }

    /// @dev E4.
    function invariant_NobodyIsMovedWithoutItsAct() external view {
        address[9] memory accounts = handler.accounts();
        for (uint256 i = 0; i < accounts.length; ++i) {
            assertEq(handler.paymentBalance(accounts[i]), store.balanceOf(accounts[i]), "E4: balance");
            assertEq(handler.stakeTokenBalance(accounts[i]), store.stakeBalanceOf(accounts[i]), "E4: slashed stake");
        }
        address burn = handler.burnAccount();
        assertEq(handler.stakeTokenBalance(burn), store.stakeBalanceOf(burn), "E4: burned");
    }

    /// @dev E5: orders and ranges.
    function invariant_OrdersAreWhatTheStoreSays() external view {
        (uint256 orders, uint256 ranges,,) = store.counts();
        for (uint256 i = 0; i < orders; ++i) {
            OrderModel memory model = store.orderAt(i);
            OrderState memory state = escrow.orderState(model.id);
            assertEq(uint8(state.status), uint8(model.open ? OrderStatus.Open : OrderStatus.Closed), "E5: order");
            assertEq(state.next, model.next, "E5: frontier");
            assertEq(state.committed, model.committed, "E5: committed");
        }
        for (uint256 i = 0; i < ranges; ++i) {
            RangeModel memory model = store.rangeAt(i);
            Take memory held = escrow.takeOf(store.orderAt(model.order).id, model.first);
            assertEq(held.count, model.committed ? 0 : model.count, "E5: range");
            assertEq(held.provider, model.committed ? address(0) : model.holder, "E5: holder");
        }
    }

    /// @dev E5: batches and demands.
    function invariant_BatchesAreWhatTheStoreSays() external view {
        (,, uint256 batches, uint256 demands) = store.counts();
        for (uint256 i = 0; i < batches; ++i) {
            BatchModel memory model = store.batchAt(i);
            BatchState memory state = escrow.batchState(model.id);
            assertEq(uint8(state.status), uint8(model.status), "E5: batch");
            assertEq(state.demands, model.demands, "E5: demands");
            assertEq(state.settlesAt, model.settlesAt, "E5: window");
            if (model.status == BatchStatus.Settled) assertEq(model.demands, 0, "E5: settled under a demand");
        }
        for (uint256 i = 0; i < demands; ++i) {
            DemandModel memory model = store.demandAt(i);
            Demand memory slot = escrow.demandOf(store.batchAt(model.batch).id, model.index);
            assertEq(slot.demander, model.demander, "E5: demander");
        }
    }

    /// @dev E6.
    function invariant_NoIndexIsCommittedTwice() external view {
        (uint256 orders,, uint256 batches,) = store.counts();
        uint256[] memory seen = new uint256[](orders);
        for (uint256 i = 0; i < batches; ++i) {
            BatchModel memory model = store.batchAt(i);
            Batch memory batch = abi.decode(model.batch, (Batch));
            uint256 range = ((uint256(1) << batch.count) - 1) << batch.first;
            assertEq(seen[model.order] & range, 0, "E6: ranges are disjoint");
            assertLe(batch.first + batch.count, TASKS, "E6: and within the order");
            seen[model.order] |= range;
        }
    }

    /// @dev E7: at the end of each run time passes, and somebody without any part in it empties the escrow.
    function afterInvariant() external {
        (uint256 orders, uint256 ranges, uint256 batches, uint256 demands) = store.counts();
        handler.sway(true, true);
        vm.warp(1_800_000_000 + 365 days);
        vm.startPrank(makeAddr("anyone"));
        for (uint256 i = 0; i < ranges; ++i) {
            RangeModel memory range = store.rangeAt(i);
            if (range.holder != address(0) && !range.committed) escrow.expire(termsOf(range.order), range.first);
        }
        for (uint256 i = 0; i < orders; ++i) {
            if (store.orderAt(i).open) escrow.reclaim(termsOf(i));
        }
        for (uint256 i = 0; i < demands; ++i) {
            DemandModel memory demanded = store.demandAt(i);
            BatchModel memory model = store.batchAt(demanded.batch);
            if (demanded.demander == address(0)) continue;
            escrow.forfeit(termsOf(model.order), abi.decode(model.batch, (Batch)), demanded.index);
        }
        for (uint256 i = 0; i < batches; ++i) {
            BatchModel memory model = store.batchAt(i);
            if (escrow.batchState(model.id).status != BatchStatus.Committed) continue;
            escrow.settle(termsOf(model.order), abi.decode(model.batch, (Batch)));
        }
        assertEq(handler.paymentBalance(address(escrow)), 0, "E7: money is left behind");
        assertEq(handler.lockedOf(handler.providers()[0]), 0, "E7: stake is left behind");
        assertEq(handler.lockedOf(handler.providers()[1]), 0, "E7: stake is left behind");
    }

    /// @dev The invariants say something only if the acts get anywhere: each is let through somewhere and refused elsewhere.
    function test_EveryActPassesAndIsRefused() external {
        vm.pauseGasMetering();
        string[15] memory names = [
            "open",
            "cancel",
            "reclaim",
            "take",
            "retake",
            "expire",
            "commitBatch",
            "takeAndCommit",
            "accept",
            "settle",
            "demand",
            "supply",
            "forfeit",
            "prove",
            "convict"
        ];
        uint256[15] memory passed;
        uint256[15] memory refused;
        bytes4[] memory selectors = acts();
        for (uint256 round = 0; round < 24; ++round) {
            vm.warp(1_800_000_000);
            handler = new JobEscrowHandler(store = new EscrowStore());
            for (uint256 i = 0; i < 96; ++i) {
                uint256 random = uint256(keccak256(abi.encode(round, i)));
                bytes4 selector = selectors[random % selectors.length];
                (bool ok,) = address(handler).call(bytes.concat(selector, seedsFor(selector, random >> 8)));
                assertTrue(ok, "an act differs from the store");
            }
            for (uint256 i = 0; i < names.length; ++i) {
                passed[i] += handler.passed(names[i]);
                refused[i] += handler.refused(names[i]);
            }
        }
        for (uint256 i = 0; i < names.length; ++i) {
            assertGt(passed[i], 0, string.concat("never passed: ", names[i]));
            assertGt(refused[i], 0, string.concat("never refused: ", names[i]));
        }
    }

    /// @dev Arguments within the ranges of an act's parameters.
    function seedsFor(bytes4 act, uint256 random) private pure returns (bytes memory) {
        bool third = random & 4 != 0;
        if (act == JobEscrowHandler.sway.selector) return abi.encode(random & 1 != 0, random & 2 != 0);
        if (act == JobEscrowHandler.takeAndCommit.selector) {
            return abi.encode(random >> 32, uint32(random >> 16) % 8, uint8(random >> 3), third);
        }
        if (act == JobEscrowHandler.takeAtFrontier.selector || act == JobEscrowHandler.demandTask.selector) {
            return abi.encode(random >> 32, uint32(random >> 16) % 8, third);
        }
        if (act == JobEscrowHandler.commitTake.selector) return abi.encode(random >> 32, uint8(random >> 8), third);
        if (act == JobEscrowHandler.acceptBatch.selector || act == JobEscrowHandler.proveFault.selector) {
            return abi.encode(random >> 32, uint8(random >> 8));
        }
        return abi.encode(random >> 32, random & 2 != 0, third);
    }

    function acts() private pure returns (bytes4[] memory list) {
        bytes4[19] memory all = [
            // Time passes often enough to end windows and deadlines.
            JobEscrowHandler.wait.selector,
            JobEscrowHandler.wait.selector,
            JobEscrowHandler.wait.selector,
            JobEscrowHandler.sway.selector,
            JobEscrowHandler.openOrder.selector,
            JobEscrowHandler.cancelOrder.selector,
            JobEscrowHandler.reclaimOrder.selector,
            JobEscrowHandler.takeAtFrontier.selector,
            JobEscrowHandler.takeAgain.selector,
            JobEscrowHandler.expireTake.selector,
            JobEscrowHandler.commitTake.selector,
            JobEscrowHandler.takeAndCommit.selector,
            JobEscrowHandler.acceptBatch.selector,
            JobEscrowHandler.settleBatch.selector,
            JobEscrowHandler.demandTask.selector,
            JobEscrowHandler.supplyTask.selector,
            JobEscrowHandler.forfeitBatch.selector,
            JobEscrowHandler.proveFault.selector,
            JobEscrowHandler.convictBatch.selector
        ];
        list = new bytes4[](all.length);
        for (uint256 i = 0; i < all.length; ++i) {
            list[i] = all[i];
        }
    }

    function termsOf(uint256 order) private view returns (Order memory) {
        return abi.decode(store.orderAt(order).terms, (Order));
    }

    function feeOf(uint256 batch) private view returns (uint256) {
        return termsOf(store.batchAt(batch).order).demandFee;
    }
}
