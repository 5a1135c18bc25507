// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStaking} from "../../src/staking/IStaking.sol";
import {BatchStatus, IJobEscrow, OrderStatus} from "../../src/work/IJobEscrow.sol";
import {Royalty} from "../../src/work/IModelRegistry.sol";
import {JobEscrow} from "../../src/work/JobEscrow.sol";
import {Batch, Order, Task} from "../../src/work/WorkTypes.sol";
import {MerkleBuilder} from "./utils/MerkleBuilder.sol";
import {WorkTest} from "./WorkTest.sol";

/// @notice People who want the money. Each test plays one attack and shows what it gains: nothing, or less than it costs.
/// Attacks on one verb's checks are in that verb's tests; inflated bills and wrong inputs are in `faults.t.sol`.
contract JobEscrow_Attacks_Test is WorkTest {
    /* PROVIDERS AGAINST CUSTOMERS */

    function test_BillAnIndexTwice_InTwoBatches() external {
        (Order memory order, Batch memory batch,) = committed(4);
        Task[] memory again = workOf(2, 2);
        bytes32 root = prove(batch.orderId, provider, again);
        vm.startPrank(provider);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_RangeNotFree.selector, batch.orderId, 2, 2));
        escrow.takeAndCommit(order, 2, 2, unitsOf(again), root);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_NotTaken.selector, batch.orderId, 0));
        escrow.commitBatch(order, 0, 4, batch.units, batch.root);
    }

    /// @dev The leaf of index 2 stands at two places. The one at place 3 cannot be shown, so a demand ends the batch.
    function test_BillAnIndexTwice_InOneBatch() external {
        Order memory order = terms();
        open(order);
        Task[] memory tasks = workOf(0, 4);
        tasks[3].index = 2;
        tasks[3].inputHash = tasks[2].inputHash;
        tasks[3].units = tasks[2].units;
        Batch memory batch = commit(order, tasks);
        demand(order, batch, 3);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_NotDemanded.selector, escrow.batchIdOf(batch), 2));
        supply(order, batch, tasks[2]);
        tasks[3].index = 3;
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_BadProof.selector, 3));
        supply(order, batch, tasks[3]);
        skip(order.demandWindow + 1);
        escrow.forfeit(order, batch, 3);
        assertBatch(batch, BatchStatus.Forfeited, 0);
    }

    /// @dev The rival saw the root in the mempool and was first. No leaf below it names the rival.
    function test_CopyAnothersRoot() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        Task[] memory tasks = workOf(0, COUNT);
        bytes32 root = prove(orderId, provider, tasks);
        uint64 units = unitsOf(tasks);
        vm.prank(rival);
        escrow.takeAndCommit(order, 0, COUNT, units, root);
        Batch memory copied =
            Batch(orderId, rival, 0, COUNT, units, root, escrow.stakeFor(order, COUNT), uint40(block.timestamp));
        demand(order, copied, 0);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_BadProof.selector, 0));
        vm.prank(rival);
        escrow.supply(order, copied, tasks[0], inputRow(0), outputRow(0));
        skip(order.demandWindow + 1);
        escrow.forfeit(order, copied, 0);
        assertEq(totalStake(rival), STAKE - copied.stake);
        assertEq(balance(rival), 0);
    }

    function test_FrontRunATake() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        vm.prank(rival);
        escrow.take(order, 0, 2);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_RangeNotFree.selector, orderId, 0, 2));
        take(order, 0, 2);
        assertEq(lockedStake(provider), 0, "the slower one lost gas alone");
        take(order, 2, 2);
    }

    function test_TakeAndStall() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        vm.prank(rival);
        escrow.take(order, 0, COUNT);
        uint256 stake = lockedStake(rival);
        skip(order.takeWindow + 1);
        take(order, 0, COUNT);
        Task[] memory tasks = workOf(0, COUNT);
        bytes32 root = prove(orderId, provider, tasks);
        vm.prank(provider);
        escrow.commitBatch(order, 0, COUNT, unitsOf(tasks), root);
        assertOrder(orderId, OrderStatus.Open, COUNT, COUNT);
        assertEq(totalStake(rival), STAKE - (stake + 9) / 10, "stalling costs a tenth of the stake each time");
    }

    function test_WithdrawTheStakeOfAnUnfinalBatch() external {
        (Order memory order, Batch memory batch,) = committed(COUNT);
        uint256 free = STAKE - batch.stake;
        vm.startPrank(provider);
        vm.expectRevert(
            abi.encodeWithSelector(
                IStaking.Staking_InsufficientStake.selector, provider, address(escrow), free, free + 1
            )
        );
        staking.thaw(address(escrow), free + 1);
        staking.thaw(address(escrow), free);
        vm.stopPrank();
        skip(30 days);
        vm.prank(provider);
        staking.withdraw(address(escrow));
        assertEq(lockedStake(provider), batch.stake);
        escrow.settle(order, batch);
        vm.prank(provider);
        staking.thaw(address(escrow), batch.stake);
    }

    /// @dev A fault that only the supplied rows show must be provable after they were shown.
    function test_SupplyAtTheLastSecondAndSettleAtOnce() external {
        Order memory order = terms();
        open(order);
        Task[] memory tasks = workOf(0, 2);
        tasks[1].inputHash = tasks[0].inputHash;
        tasks[1].units = tasks[0].units;
        Batch memory batch = commit(order, tasks);
        skip(order.settleWindow - 1);
        demand(order, batch, 1);
        skip(order.demandWindow);
        vm.startPrank(provider);
        escrow.supply(order, batch, tasks[1], inputRow(0), outputRow(1));
        uint256 until = block.timestamp + order.demandWindow;
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_TooEarly.selector, until));
        escrow.settle(order, batch);
        vm.stopPrank();
        skip(order.demandWindow - 1);
        (bytes32 inputHash, bytes32[] memory proof) = orderedProof(COUNT, 1);
        vm.prank(stranger);
        escrow.proveWrongInput(order, batch, tasks[1], inputHash, proof);
        assertBatch(batch, BatchStatus.Forfeited, 0);
    }

    /// @dev A caught provider hurries to accuse itself, with a friendly customer even.
    function test_AccuseOneself() external {
        Order memory order = terms();
        open(order);
        Task[] memory tasks = workOf(0, 4);
        tasks[0].unitsBefore = 1;
        Batch memory batch = commit(order, tasks);
        vm.prank(provider);
        escrow.proveUnitsBound(order, batch, tasks[0]);
        uint256 back = stakeBalance(provider) + stakeBalance(customer);
        assertLe(back, batch.stake / 2, "half is gone whoever accuses");
    }

    /* CUSTOMERS AND STRANGERS AGAINST PROVIDERS */

    function test_CancelAfterATake() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        take(order, 0, COUNT);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_AlreadyTaken.selector, orderId));
        vm.prank(customer);
        escrow.cancel(order);
    }

    /// @dev Demands that succeed cost nothing, so somebody demands everything at once. The clocks run one after another.
    function test_DemandEverythingAtOnce() external {
        Order memory order = termsOf(200);
        open(order);
        Task[] memory tasks = workOf(0, 200);
        Batch memory batch = commit(order, tasks);
        for (uint32 i = 0; i < 200; ++i) {
            demand(order, batch, i);
        }
        skip(order.demandWindow);
        for (uint32 i = 0; i < 200; ++i) {
            supply(order, batch, tasks[i]);
            skip(escrow.DEMAND_SPACING());
        }
        assertEq(balance(provider), 200 * uint256(order.demandFee));
        assertBatch(batch, BatchStatus.Committed, 0);
        vm.prank(customer);
        escrow.accept(order, batch, "");
    }

    function test_ReplayAReceipt_OnALikeOrder() external {
        (, Batch memory batch,) = committed(2);
        bytes memory receipt = sign(batch);
        Order memory order = terms();
        order.salt = keccak256("another");
        open(order);
        Batch memory other = commit(order, workOf(0, 2));
        vm.expectRevert(IJobEscrow.JobEscrow_BadReceipt.selector);
        escrow.accept(order, other, receipt);
    }

    function test_ReplayAReceipt_OnAnotherChain() external {
        (Order memory order, Batch memory batch, Task[] memory tasks) = committed(2);
        bytes memory receipt = sign(batch);
        vm.chainId(4217);
        vm.expectRevert(IJobEscrow.JobEscrow_BadReceipt.selector);
        escrow.accept(order, batch, receipt);
        // Yet nobody is locked in: ids and leaves do not change with the chain's id.
        demand(order, batch, 1);
        supply(order, batch, tasks[1]);
        skip(order.settleWindow);
        escrow.settle(order, batch);
    }

    function test_ReplayAReceipt_OnAnotherEscrow() external {
        (, Batch memory batch,) = committed(2);
        bytes memory receipt = sign(batch);
        JobEscrow original = escrow;
        escrow = new JobEscrow(ledger, staking, models, fees);
        provision(provider);
        vm.prank(customer);
        ledger.approve(address(escrow), idOf(token), FUNDS);
        Order memory order = terms();
        open(order);
        Batch memory other = commit(order, workOf(0, 2));
        assertNotEq(other.orderId, batch.orderId);
        vm.expectRevert(IJobEscrow.JobEscrow_BadReceipt.selector);
        escrow.accept(order, other, receipt);
        vm.expectRevert(
            abi.encodeWithSelector(IJobEscrow.JobEscrow_OrderMismatch.selector, other.orderId, batch.orderId)
        );
        escrow.accept(order, batch, receipt);
        assertNotEq(original.receiptHash(batch), escrow.receiptHash(batch));
    }

    /* TERMS */

    /// @dev Each altered field makes other terms, and those were never opened.
    function test_AlterTheTermsInALaterMove() external {
        (Order memory order, Batch memory batch,) = committed(2);
        skip(order.settleWindow);
        uint256 fields = 22;
        for (uint256 i = 0; i < fields; ++i) {
            Order memory altered = abi.decode(abi.encode(order), (Order));
            alter(altered, i);
            bytes32 orderId = escrow.orderIdOf(altered);
            assertNotEq(orderId, batch.orderId);
            vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_OrderMismatch.selector, orderId, batch.orderId));
            escrow.settle(altered, batch);
            vm.expectRevert(
                abi.encodeWithSelector(IJobEscrow.JobEscrow_OrderNotOpen.selector, orderId, OrderStatus.None)
            );
            escrow.reclaim(altered);
        }
    }

    function test_AlterTheBatchInALaterMove() external {
        (Order memory order, Batch memory batch,) = committed(2);
        skip(order.settleWindow);
        for (uint256 i = 0; i < 7; ++i) {
            Batch memory altered = abi.decode(abi.encode(batch), (Batch));
            if (i == 0) altered.provider = rival;
            if (i == 1) altered.first += 1;
            if (i == 2) altered.count += 1;
            if (i == 3) altered.units += 1;
            if (i == 4) altered.root = ~altered.root;
            if (i == 5) altered.stake += 1;
            if (i == 6) altered.committedAt -= 1;
            expectNotCommitted(altered, BatchStatus.None);
            escrow.settle(order, altered);
        }
    }

    /// @dev Model owner and admin change everything that they may; the open order pays as it was opened.
    function test_ChangeRoyaltiesAndFeesUnderAnOpenOrder() external {
        (Order memory order, Batch memory batch,) = committed(2);
        Royalty[] memory greedy = new Royalty[](1);
        greedy[0] = Royalty(rival, 5000);
        vm.startPrank(modelOwner);
        models.setRoyalties(modelId, greedy);
        models.setPriceFloor(modelId, address(token), false, 0);
        models.transferModel(modelId, rival);
        vm.stopPrank();
        vm.prank(admin);
        fees.setDefaultRate(1000);
        skip(order.settleWindow);
        escrow.settle(order, batch);
        uint256 gross = uint256(order.unitPrice) * batch.units;
        assertEq(balance(rival), 0);
        assertEq(balance(modelOwner), gross / 10);
        assertEq(balance(pool), (gross * FEE_RATE + 9999) / 10_000);
    }

    /// @dev A royalty to the escrow itself stays there as a surplus; it takes nothing from anybody else.
    function test_RoyaltyToTheEscrow() external {
        Royalty[] memory odd = new Royalty[](1);
        odd[0] = Royalty(address(escrow), 5000);
        vm.prank(modelOwner);
        models.setRoyalties(modelId, odd);
        Order memory order = terms();
        order.royalties = odd;
        open(order);
        Batch memory batch = commit(order, workOf(0, COUNT));
        skip(order.settleWindow);
        escrow.settle(order, batch);
        uint256 gross = uint256(order.unitPrice) * batch.units;
        assertEq(balance(address(escrow)), gross / 2);
        assertEq(balance(customer) + balance(provider) + balance(pool) + gross / 2, FUNDS);
    }

    /* CHAINS */

    /// @dev A reorganisation drops the opening; the same terms come again, later. Ids and receipts stay good.
    function test_ReorgAndTheSameTermsAgain() external {
        Order memory order = terms();
        uint256 fork = vm.snapshotState();
        bytes32 orderId = open(order);
        Batch memory batch = commit(order, workOf(0, 4));
        bytes memory receipt = sign(batch);
        vm.revertToState(fork);

        skip(24);
        // A move that was meant for the dropped chain finds nothing to act upon.
        expectNotCommitted(batch, BatchStatus.None);
        escrow.accept(order, batch, receipt);
        assertEq(open(order), orderId);
        Batch memory again = commit(order, workOf(0, 4));
        assertNotEq(escrow.batchIdOf(again), escrow.batchIdOf(batch));
        escrow.accept(order, again, receipt);
        assertBatch(again, BatchStatus.Settled, 0);
    }

    /* EDGES */

    function test_TheLargestForfeiture() external {
        uint256 most = uint256(type(uint128).max) * type(uint32).max * type(uint32).max;
        token.mint(customer, most);
        vm.startPrank(customer);
        token.approve(address(ledger), most);
        ledger.deposit(address(token), customer, most);
        vm.stopPrank();
        Order memory order = terms();
        order.unitPrice = type(uint128).max;
        (order.unitCap, order.count, order.minBatch) = (type(uint32).max, type(uint32).max, type(uint32).max);
        (order.stakePerBatch, order.stakePerTask) = (0, 0);
        bytes32 orderId = open(order);
        assertEq(balance(address(escrow)), most);
        uint64 units = uint64(uint256(order.unitCap) * order.count);
        vm.prank(provider);
        escrow.takeAndCommit(order, 0, order.count, units, keccak256("root"));
        Batch memory batch =
            Batch(orderId, provider, 0, order.count, units, keccak256("root"), 0, uint40(block.timestamp));
        uint32 last = order.count - 1;
        demand(order, batch, last);
        skip(order.demandWindow + 1);
        escrow.forfeit(order, batch, last);
        assertEq(balance(customer), FUNDS + most, "refunded whole");
    }

    function test_TheLargestSettlement() external {
        uint256 most = uint256(type(uint128).max) * type(uint32).max * type(uint32).max;
        token.mint(customer, most);
        vm.startPrank(customer);
        token.approve(address(ledger), most);
        ledger.deposit(address(token), customer, most);
        vm.stopPrank();
        Order memory order = terms();
        order.unitPrice = type(uint128).max;
        (order.unitCap, order.count) = (type(uint32).max, type(uint32).max);
        (order.stakePerBatch, order.stakePerTask) = (0, 0);
        bytes32 orderId = open(order);
        uint64 units = uint64(uint256(order.unitCap) * order.count);
        vm.prank(provider);
        escrow.takeAndCommit(order, 0, order.count, units, keccak256("root"));
        Batch memory batch =
            Batch(orderId, provider, 0, order.count, units, keccak256("root"), 0, uint40(block.timestamp));
        vm.prank(customer);
        escrow.accept(order, batch, "");
        assertEq(balance(address(escrow)), 0);
        uint256 royalty = balance(modelOwner) + balance(dataOwner) + balance(baseOwner);
        assertEq(balance(provider) + balance(pool) + royalty, most);
    }

    function test_ABatchOf10000Tasks() external {
        uint32 count = 10_000;
        Order memory order = termsOf(count);
        bytes32 orderId = open(order);
        Task[] memory tasks = workOf(0, count);
        bytes32[] memory leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            leaves[i] = leafOf(orderId, provider, tasks[i]);
        }
        bytes32 root = MerkleBuilder.rootOf(leaves);
        uint64 units = unitsOf(tasks);
        vm.prank(provider);
        escrow.takeAndCommit(order, 0, count, units, root);
        Batch memory batch =
            Batch(orderId, provider, 0, count, units, root, escrow.stakeFor(order, count), uint40(block.timestamp));
        for (uint256 i = 0; i < 3; ++i) {
            uint32 index = [uint32(0), 4999, 9999][i];
            demand(order, batch, index);
            tasks[index].proof = MerkleBuilder.proofOf(leaves, index);
            supply(order, batch, tasks[index]);
        }
        skip(order.settleWindow);
        escrow.settle(order, batch);
        assertEq(balance(address(escrow)), 0);
    }

    /* HELPERS */

    function alter(Order memory order, uint256 field) private view {
        if (field == 0) order.customer = stranger;
        if (field == 1) order.token = address(0);
        if (field == 2) order.modelId = ~order.modelId;
        if (field == 3) order.inputsRoot = ~order.inputsRoot;
        if (field == 4) order.count += 1;
        if (field == 5) order.unitCap += 1;
        if (field == 6) order.unitBytes += 1;
        if (field == 7) order.unitPrice += 1;
        if (field == 8) order.minBatch += 1;
        if (field == 9) order.deadline -= 1;
        if (field == 10) order.takeWindow += 1;
        if (field == 11) order.settleWindow = 1;
        if (field == 12) order.demandWindow += 1;
        if (field == 13) order.demandFee += 1;
        if (field == 14) order.stakePerBatch += 1;
        if (field == 15) order.stakePerTask += 1;
        if (field == 16) order.verification = address(escrow);
        if (field == 17) order.feeRecipient = provider;
        if (field == 18) order.feeRate = 0;
        if (field == 19) order.royalties[0].account = provider;
        if (field == 20) order.royalties = new Royalty[](0);
        if (field == 21) order.salt = 0;
    }
}
