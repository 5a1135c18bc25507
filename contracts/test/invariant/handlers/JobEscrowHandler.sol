// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BatchStatus, IJobEscrow} from "../../../src/work/IJobEscrow.sol";
import {Batch, Order, Task} from "../../../src/work/WorkTypes.sol";
import {MerkleTree} from "../../../src/work/libraries/MerkleTree.sol";
import {WorkTest} from "../../work/WorkTest.sol";
import {VerificationMock} from "../../work/mocks/VerificationMock.sol";
import {BatchModel, DemandModel, EscrowStore, Flaw, OrderModel, RangeModel} from "../stores/EscrowStore.sol";

/// @dev A batch that was chosen, with all that belongs to it.
struct BatchPick {
    bool any;
    uint256 i;
    BatchModel model;
    Order order;
    Batch batch;
}

/// @dev A demand that was chosen, with all that belongs to it.
struct DemandPick {
    bool any;
    uint256 i;
    DemandModel demanded;
    BatchModel model;
    Order order;
    Batch batch;
}

/// @notice Acts as customers, providers and strangers, due or not. Before each act the store says whether the escrow must let it
/// through.
contract JobEscrowHandler is WorkTest {
    uint32 private constant TASKS = 6;
    uint256 private constant MAX_ORDERS = 6;
    uint256 private constant MAX_BATCHES = 24;
    uint256 private constant MAX_DEMANDS = 40;

    EscrowStore public immutable store;
    VerificationMock public immutable verification;

    /// @notice Acts that the escrow let through, by name.
    mapping(string act => uint256) public passed;
    /// @notice Acts that the escrow refused, by name.
    mapping(string act => uint256) public refused;

    constructor(EscrowStore store_) {
        setUp();
        store = store_;
        verification = new VerificationMock();
        verification.set(true, true);
        store.give(customer, FUNDS);
        store.give(stranger, FUNDS);
        store.addStake(provider, STAKE);
        store.addStake(rival, STAKE);
    }

    /* WHAT THE TEST READS */

    function suite() external view returns (IJobEscrow) {
        return escrow;
    }

    function accounts() public view returns (address[9] memory) {
        return [address(escrow), customer, stranger, provider, rival, pool, modelOwner, dataOwner, baseOwner];
    }

    function providers() external view returns (address[2] memory) {
        return [provider, rival];
    }

    function paymentBalance(address account) external view returns (uint256) {
        return balance(account);
    }

    function stakeTokenBalance(address account) external view returns (uint256) {
        return stakeBalance(account);
    }

    function burnAccount() external view returns (address) {
        return ledger.BURN();
    }

    function lockedOf(address operator) external view returns (uint256) {
        return lockedStake(operator);
    }

    function stakeOf(address operator) external view returns (uint256) {
        return totalStake(operator);
    }

    /* TIME AND VERIFICATION */

    function wait(uint256 time) external {
        skip(bound(time, 1, 20 minutes));
    }

    function sway(bool receipts, bool windows) external {
        verification.set(receipts, windows);
    }

    /* ORDERS */

    function openOrder(uint256 salt, bool verified, bool asAnother) external {
        (uint256 orders,,,) = store.counts();
        if (orders == MAX_ORDERS) return;
        Order memory order = termsOf(TASKS);
        // Few salts, so that the same terms come again.
        order.salt = bytes32(salt % 8);
        order.deadline = 1_800_000_000 + uint40(1 + salt % 3) * 1 hours;
        order.settleWindow = 15 minutes;
        if (verified) order.verification = address(verification);
        bytes32 id = escrow.orderIdOf(order);
        bool fresh = block.timestamp < order.deadline;
        for (uint256 i = 0; i < orders; ++i) {
            fresh = fresh && store.orderAt(i).id != id;
        }
        if (!act(asAnother ? rival : customer, abi.encodeCall(IJobEscrow.open, (order)), fresh && !asAnother, "open")) {
            return;
        }
        uint256 reserve = uint256(order.unitPrice) * order.unitCap;
        store.addOrder(OrderModel(abi.encode(order), id, true, 0, 0, reserve, 0));
        store.move(customer, address(escrow), reserve * TASKS);
    }

    function cancelOrder(uint256 seed, bool asAnother) external {
        (bool any, uint256 i, OrderModel memory model, Order memory order) = pickOrder(seed);
        if (!any) return;
        bool due = model.open && model.next == 0 && !asAnother;
        if (act(asAnother ? stranger : customer, abi.encodeCall(IJobEscrow.cancel, (order)), due, "cancel")) {
            close(i, model);
        }
    }

    function reclaimOrder(uint256 seed) external {
        (bool any, uint256 i, OrderModel memory model, Order memory order) = pickOrder(seed);
        if (!any) return;
        bool due = model.open && (block.timestamp > order.deadline || model.committed == TASKS);
        if (act(stranger, abi.encodeCall(IJobEscrow.reclaim, (order)), due, "reclaim")) close(i, model);
    }

    /* TAKES AND COMMITS */

    function takeAtFrontier(uint256 seed, uint32 count, bool asRival) external {
        (bool any, uint256 i, OrderModel memory model, Order memory order) = pickOrder(seed);
        if (!any) return;
        count = uint32(bound(count, 0, TASKS + 1));
        address who = asRival ? rival : provider;
        bytes memory data = abi.encodeCall(IJobEscrow.take, (order, model.next, count));
        if (!act(who, data, atFrontier(model, order, count), "take")) return;
        store.addRange(RangeModel(i, model.next, count, who, order.deadline, false));
        (, uint256 range) = store.findRange(i, model.next);
        hold(range, who, order);
        model.next += count;
        store.setOrder(i, model);
    }

    function takeAgain(uint256 seed, bool otherCount, bool asRival) external {
        (bool any, uint256 i, RangeModel memory range) = pickRange(seed);
        if (!any) return;
        OrderModel memory model = store.orderAt(range.order);
        Order memory order = abi.decode(model.terms, (Order));
        bool ranOut = range.holder != address(0) && block.timestamp > range.expiresAt;
        bool free = !range.committed && (range.holder == address(0) || ranOut);
        bool due = model.open && block.timestamp <= order.deadline && free && !otherCount;
        address who = asRival ? rival : provider;
        uint32 count = otherCount ? range.count + 1 : range.count;
        if (!act(who, abi.encodeCall(IJobEscrow.take, (order, range.first, count)), due, "retake")) return;
        if (ranOut) burnPart(range, order);
        hold(i, who, order);
    }

    function expireTake(uint256 seed) external {
        (bool any, uint256 i, RangeModel memory range) = pickRange(seed);
        if (!any) return;
        Order memory order = abi.decode(store.orderAt(range.order).terms, (Order));
        bool due = !range.committed && range.holder != address(0) && block.timestamp > range.expiresAt;
        if (!act(stranger, abi.encodeCall(IJobEscrow.expire, (order, range.first)), due, "expire")) return;
        burnPart(range, order);
        range.holder = address(0);
        store.setRange(i, range);
    }

    function commitTake(uint256 seed, uint8 flaw, bool asRival) external {
        (bool any, uint256 i,) = pickRange(seed);
        (,, uint256 batches,) = store.counts();
        if (!any || batches == MAX_BATCHES) return;
        commitTakeAs(asRival ? rival : provider, i, flaw);
    }

    function commitTakeAs(address who, uint256 i, uint8 flaw) private {
        RangeModel memory range = store.rangeAt(i);
        OrderModel memory model = store.orderAt(range.order);
        Order memory order = abi.decode(model.terms, (Order));
        (Batch memory batch, Flaw kind) = makeBatch(model.id, order, range.first, range.count, who, flaw);
        bytes memory data =
            abi.encodeCall(IJobEscrow.commitBatch, (order, batch.first, batch.count, batch.units, batch.root));
        bool due = !range.committed && range.holder == who && block.timestamp <= range.expiresAt;
        if (!act(who, data, due, "commitBatch")) return;
        range.committed = true;
        store.setRange(i, range);
        record(range.order, model, order, batch, kind);
    }

    function takeAndCommit(uint256 seed, uint32 count, uint8 flaw, bool asRival) external {
        (bool any, uint256 i,,) = pickOrder(seed);
        (,, uint256 batches,) = store.counts();
        if (!any || batches == MAX_BATCHES) return;
        takeAndCommitAs(asRival ? rival : provider, i, uint32(bound(count, 1, TASKS)), flaw);
    }

    function takeAndCommitAs(address who, uint256 i, uint32 count, uint8 flaw) private {
        OrderModel memory model = store.orderAt(i);
        Order memory order = abi.decode(model.terms, (Order));
        (Batch memory batch, Flaw kind) = makeBatch(model.id, order, model.next, count, who, flaw);
        bytes memory data =
            abi.encodeCall(IJobEscrow.takeAndCommit, (order, batch.first, count, batch.units, batch.root));
        if (!act(who, data, atFrontier(model, order, count), "takeAndCommit")) return;
        store.addRange(RangeModel(i, batch.first, count, who, 0, true));
        model.next += count;
        record(i, model, order, batch, kind);
    }

    /* SETTLEMENT */

    function acceptBatch(uint256 seed, uint8 manner) external {
        BatchPick memory p = pickBatch(seed);
        if (!p.any) return;
        manner %= 4;
        bytes memory receipt = "";
        if (manner == 1) receipt = sign(p.batch);
        if (manner == 2) receipt = signWith(customerKey + 1, escrow.receiptHash(p.batch));
        bool agreed = p.order.verification == address(0) || verification.agreesToReceipts();
        bool due = p.model.status == BatchStatus.Committed && p.model.demands == 0 && agreed && manner < 2;
        address who = manner == 0 ? customer : provider;
        if (act(who, abi.encodeCall(IJobEscrow.accept, (p.order, p.batch, receipt)), due, "accept")) {
            payOut(p.i, p.model, p.order, p.batch);
        }
    }

    function settleBatch(uint256 seed) external {
        BatchPick memory p = pickBatch(seed);
        if (!p.any) return;
        bool agreed = p.order.verification == address(0) || verification.agreesToWindows();
        bool due = p.model.status == BatchStatus.Committed && p.model.demands == 0 && agreed
            && block.timestamp >= p.model.settlesAt;
        if (act(stranger, abi.encodeCall(IJobEscrow.settle, (p.order, p.batch)), due, "settle")) {
            payOut(p.i, p.model, p.order, p.batch);
        }
    }

    /* DEMANDS */

    function demandTask(uint256 seed, uint32 index, bool asCustomer) external {
        BatchPick memory p = pickBatch(seed);
        (,,, uint256 demands) = store.counts();
        if (!p.any || demands == MAX_DEMANDS) return;
        index = uint32(bound(index, 0, TASKS));
        bool within = index >= p.batch.first && index < p.batch.first + p.batch.count;
        bool due = p.model.status == BatchStatus.Committed && within && !store.wasDemanded(p.i, index)
            && block.timestamp < p.batch.committedAt + p.order.settleWindow;
        address who = asCustomer ? customer : stranger;
        if (!act(who, abi.encodeCall(IJobEscrow.demand, (p.order, p.batch, index)), due, "demand")) return;
        uint40 deadline = uint40(block.timestamp + p.order.demandWindow + 4 * p.model.demands);
        store.addDemand(DemandModel(p.i, index, who, deadline));
        ++p.model.demands;
        store.setBatch(p.i, p.model);
        store.move(who, address(escrow), p.order.demandFee);
    }

    function supplyTask(uint256 seed, bool asRival) external {
        DemandPick memory p = pickDemand(seed);
        if (!p.any) return;
        address who = asRival ? rival : provider;
        bool due = p.model.status == BatchStatus.Committed && p.demanded.demander != address(0)
            && block.timestamp <= p.demanded.deadline && who == p.batch.provider && p.model.flaw != Flaw.Garbage;
        uint256 place = p.demanded.index - p.batch.first;
        Task memory task = tasksOf(p.batch, p.model.flaw)[place];
        bytes memory input = inputRow(inputOf(p.batch, p.model.flaw, place));
        bytes memory data =
            abi.encodeCall(IJobEscrow.supply, (p.order, p.batch, task, input, outputRow(p.demanded.index)));
        if (!act(who, data, due, "supply")) return;
        p.demanded.demander = address(0);
        store.setDemand(p.i, p.demanded);
        --p.model.demands;
        uint40 readUntil = uint40(block.timestamp + p.order.demandWindow);
        if (readUntil > p.model.settlesAt) p.model.settlesAt = readUntil;
        store.setBatch(p.demanded.batch, p.model);
        store.move(address(escrow), who, p.order.demandFee);
    }

    function forfeitBatch(uint256 seed) external {
        DemandPick memory p = pickDemand(seed);
        if (!p.any) return;
        bool already = p.model.status == BatchStatus.Forfeited;
        bool due = p.demanded.demander != address(0) && (already || block.timestamp > p.demanded.deadline);
        bytes memory data = abi.encodeCall(IJobEscrow.forfeit, (p.order, p.batch, p.demanded.index));
        if (!act(rival, data, due, "forfeit")) return;
        --p.model.demands;
        store.setBatch(p.demanded.batch, p.model);
        if (!already) lose(p.demanded.batch, p.model, p.order, p.batch, p.demanded.demander);
        store.move(address(escrow), p.demanded.demander, p.order.demandFee);
        p.demanded.demander = address(0);
        store.setDemand(p.i, p.demanded);
    }

    /* FAULTS */

    function proveFault(uint256 seed, uint8 kind) external {
        BatchPick memory p = pickBatch(seed);
        if (!p.any) return;
        Flaw claimed = Flaw(1 + kind % 4);
        bool truly = kind >= 128 && p.model.flaw != Flaw.None && p.model.flaw != Flaw.Garbage;
        if (truly) claimed = p.model.flaw;
        if (claimed == Flaw.Gap && p.batch.count == 1) return;
        bool due = p.model.status == BatchStatus.Committed && p.model.flaw == claimed;
        if (act(stranger, proofOf(p.order, p.batch, p.model.flaw, claimed), due, "prove")) {
            lose(p.i, p.model, p.order, p.batch, stranger);
        }
    }

    function convictBatch(uint256 seed, bool asAnother) external {
        BatchPick memory p = pickBatch(seed);
        if (!p.any) return;
        bool due = p.model.status == BatchStatus.Committed && p.order.verification != address(0) && !asAnother;
        address who = asAnother ? customer : address(verification);
        if (act(who, abi.encodeCall(IJobEscrow.convict, (p.order, p.batch, rival)), due, "convict")) {
            lose(p.i, p.model, p.order, p.batch, rival);
        }
    }

    /* THE RULES */

    /// @dev One act. It must pass exactly when it is due.
    function act(address who, bytes memory data, bool due, string memory name) private returns (bool ok) {
        vm.prank(who);
        (ok,) = address(escrow).call(data);
        assertEq(ok, due, name);
        if (ok) ++passed[name];
        else ++refused[name];
    }

    function atFrontier(OrderModel memory model, Order memory order, uint32 count) private view returns (bool) {
        uint32 remaining = TASKS - model.next;
        uint32 least = remaining < order.minBatch ? remaining : order.minBatch;
        bool live = model.open && block.timestamp <= order.deadline;
        return live && remaining != 0 && count <= remaining && count >= least;
    }

    function hold(uint256 i, address who, Order memory order) private {
        RangeModel memory range = store.rangeAt(i);
        uint256 expiry = block.timestamp + order.takeWindow;
        range.holder = who;
        range.expiresAt = expiry < order.deadline ? uint40(expiry) : order.deadline;
        store.setRange(i, range);
    }

    function burnPart(RangeModel memory range, Order memory order) private {
        store.slash(range.holder, ledger.BURN(), (stakeOf(order, range.count) + 9) / 10);
    }

    function close(uint256 i, OrderModel memory model) private {
        uint256 refund = model.reserve * (TASKS - model.committed);
        model.open = false;
        model.paidOut += refund;
        store.setOrder(i, model);
        store.move(address(escrow), customer, refund);
    }

    function record(uint256 i, OrderModel memory model, Order memory order, Batch memory batch, Flaw flaw) private {
        model.committed += batch.count;
        store.setOrder(i, model);
        uint40 end = uint40(block.timestamp + order.settleWindow);
        bytes memory encoded = abi.encode(batch);
        store.addBatch(BatchModel(i, encoded, keccak256(encoded), flaw, BatchStatus.Committed, 0, end));
    }

    function payOut(uint256 i, BatchModel memory model, Order memory order, Batch memory batch) private {
        uint256 gross = uint256(order.unitPrice) * batch.units;
        uint256 rest = gross;
        for (uint256 j = 0; j < order.royalties.length; ++j) {
            uint256 royalty = gross * order.royalties[j].share / 10_000;
            store.move(address(escrow), order.royalties[j].account, royalty);
            rest -= royalty;
        }
        uint256 fee = (gross * FEE_RATE + 9999) / 10_000;
        store.move(address(escrow), pool, fee);
        store.move(address(escrow), batch.provider, rest - fee);
        model.settlesAt = uint40(block.timestamp);
        finish(i, model, BatchStatus.Settled, batch.count, gross);
    }

    function lose(uint256 i, BatchModel memory model, Order memory order, Batch memory batch, address to) private {
        uint256 stake = stakeOf(order, batch.count);
        uint256 burned = (stake + 1) / 2;
        uint256 reward = stake / 4;
        store.slash(batch.provider, ledger.BURN(), burned);
        store.slash(batch.provider, to, reward);
        store.slash(batch.provider, customer, stake - burned - reward);
        finish(i, model, BatchStatus.Forfeited, batch.count, 0);
    }

    /// @dev Ends a batch of which `gross` was paid; the rest of its reservation goes back.
    function finish(uint256 i, BatchModel memory model, BatchStatus status, uint32 count, uint256 gross) private {
        OrderModel memory owner = store.orderAt(model.order);
        store.move(address(escrow), customer, owner.reserve * count - gross);
        owner.paidOut += owner.reserve * count;
        store.setOrder(model.order, owner);
        model.status = status;
        store.setBatch(i, model);
    }

    function stakeOf(Order memory order, uint32 count) public pure returns (uint256) {
        return uint256(order.stakePerBatch) + uint256(order.stakePerTask) * count;
    }

    /* WORK, TRUE AND FALSE */

    function makeBatch(bytes32 orderId, Order memory order, uint32 first, uint32 count, address who, uint8 seed)
        private
        view
        returns (Batch memory batch, Flaw flaw)
    {
        // Half of the work is honest.
        flaw = seed < 128 ? Flaw.None : Flaw(1 + seed % 5);
        if (flaw == Flaw.Gap && count == 1) flaw = Flaw.Bound;
        uint128 stake = uint128(stakeOf(order, count));
        batch = Batch(orderId, who, first, count, 0, keccak256("garbage"), stake, uint40(block.timestamp));
        Task[] memory tasks = tasksOf(batch, flaw);
        batch.units = unitsOf(tasks) + (flaw == Flaw.Bound ? 1 : 0);
        if (flaw != Flaw.Garbage) batch.root = prove(orderId, who, tasks);
    }

    function tasksOf(Batch memory batch, Flaw flaw) private view returns (Task[] memory tasks) {
        tasks = workOf(batch.first, batch.count);
        if (flaw == Flaw.WrongUnits) tasks[0].units += 1;
        if (flaw == Flaw.WrongInput) {
            bytes memory row = inputRow(inputOf(batch, flaw, 0));
            tasks[0].inputHash = MerkleTree.rowRoot(row);
            tasks[0].units = uint32(row.length / 2);
        }
        for (uint256 i = 1; i < tasks.length; ++i) {
            tasks[i].unitsBefore = tasks[i - 1].unitsBefore + tasks[i - 1].units;
            if (flaw == Flaw.Gap && i == 1) tasks[i].unitsBefore += 1;
        }
        prove(batch.orderId, batch.provider, tasks);
    }

    /// @dev The input row that stands behind a task of the batch.
    function inputOf(Batch memory batch, Flaw flaw, uint256 place) private pure returns (uint256) {
        return batch.first + place + (flaw == Flaw.WrongInput && place == 0 ? 1 : 0);
    }

    /// @dev The move that proves `claimed`, where it would be.
    function proofOf(Order memory order, Batch memory batch, Flaw flaw, Flaw claimed)
        private
        view
        returns (bytes memory)
    {
        Task[] memory tasks = tasksOf(batch, flaw);
        if (claimed == Flaw.Gap) {
            return abi.encodeCall(IJobEscrow.proveUnitsGap, (order, batch, tasks[0], tasks[1]));
        }
        if (claimed == Flaw.Bound) {
            return abi.encodeCall(IJobEscrow.proveUnitsBound, (order, batch, tasks[tasks.length - 1]));
        }
        if (claimed == Flaw.WrongUnits) {
            bytes memory input = inputRow(inputOf(batch, flaw, 0));
            return abi.encodeCall(IJobEscrow.proveWrongUnits, (order, batch, tasks[0], input));
        }
        (bytes32 ordered, bytes32[] memory proof) = orderedProof(TASKS, batch.first);
        return abi.encodeCall(IJobEscrow.proveWrongInput, (order, batch, tasks[0], ordered, proof));
    }

    /* CHOICE */

    function pickOrder(uint256 seed)
        private
        view
        returns (bool any, uint256 i, OrderModel memory model, Order memory order)
    {
        (uint256 length,,,) = store.counts();
        if (length == 0) return (any, i, model, order);
        i = seed % length;
        model = store.orderAt(i);
        return (true, i, model, abi.decode(model.terms, (Order)));
    }

    function pickRange(uint256 seed) private view returns (bool any, uint256 i, RangeModel memory range) {
        (, uint256 length,,) = store.counts();
        if (length == 0) return (any, i, range);
        i = seed % length;
        return (true, i, store.rangeAt(i));
    }

    function pickBatch(uint256 seed) private view returns (BatchPick memory p) {
        (,, uint256 length,) = store.counts();
        if (length == 0) return p;
        return BatchPick({
            any: true,
            i: seed % length,
            model: store.batchAt(seed % length),
            order: termsOfBatch(seed % length),
            batch: abi.decode(store.batchAt(seed % length).batch, (Batch))
        });
    }

    function termsOfBatch(uint256 i) private view returns (Order memory) {
        return abi.decode(store.orderAt(store.batchAt(i).order).terms, (Order));
    }

    function pickDemand(uint256 seed) private view returns (DemandPick memory p) {
        (,,, uint256 length) = store.counts();
        if (length == 0) return p;
        p.any = true;
        p.i = seed % length;
        p.demanded = store.demandAt(p.i);
        p.model = store.batchAt(p.demanded.batch);
        p.order = termsOfBatch(p.demanded.batch);
        p.batch = abi.decode(p.model.batch, (Batch));
    }
}
