// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {DevToken} from "../../../src/devnet/DevToken.sol";
import {FeeSchedule} from "../../../src/ledger/FeeSchedule.sol";
import {Ledger} from "../../../src/ledger/Ledger.sol";
import {Staking} from "../../../src/staking/Staking.sol";
import {DisputeGame} from "../../../src/work/DisputeGame.sol";
import {BatchStatus, IJobEscrow} from "../../../src/work/IJobEscrow.sol";
import {DrawStatus, Parameters} from "../../../src/work/IVerification.sol";
import {JobEscrow} from "../../../src/work/JobEscrow.sol";
import {ModelRegistry} from "../../../src/work/ModelRegistry.sol";
import {ProgramRegistry} from "../../../src/work/ProgramRegistry.sol";
import {Referee} from "../../../src/work/Referee.sol";
import {ValidatorSeats} from "../../../src/work/ValidatorSeats.sol";
import {Verification} from "../../../src/work/Verification.sol";
import {Batch, Order, Policy, Task} from "../../../src/work/WorkTypes.sol";
import {DisputeTest} from "../../dispute/DisputeTest.sol";
import {Inference} from "../../dispute/utils/Inference.sol";
import {Tensors} from "../../dispute/utils/Tensors.sol";
import {BeaconMock} from "../../verification/mocks/BeaconMock.sol";
import {MerkleBuilder} from "../../work/utils/MerkleBuilder.sol";

/// @notice What is false in a trace. Output: its last tensor, which is the task's output. Trace: the tensor before it, under a true
/// output.
enum Lie {
    None,
    Output,
    Trace
}

/// @notice A batch of two tasks, of which the second may be false.
struct Case {
    bytes order;
    Batch batch;
    bytes[2] tasks;
    bytes32 id;
    Lie lie;
    /// Which trace of a task was answered in a game, and when.
    Lie[2] answer;
    uint40[2] answeredAt;
}

/// @notice The whole suite with real games, an honest provider and a liar, seven validators of whom two are honest and three have stake
/// delegated to them, and a beacon that is told. Everything is paid and staked in one token.
abstract contract CourtStage is DisputeTest {
    using Tensors for bytes[][];

    uint128 internal constant SEAT = 1_000_001;
    uint128 internal constant DRAW_FEE = 200_000;
    uint128 internal constant DEMAND_FEE = 50_000;
    uint32 internal constant EXIT = 7 days;
    uint256 internal constant VALIDATORS = 7;
    /// @dev Validators below this number are honest.
    uint256 internal constant HONEST = 2;
    /// @dev No window and no clock is shorter: who looks this often acts in time.
    uint32 internal constant ATTENTION = 8 minutes;

    Verification internal court;
    ValidatorSeats internal seats;
    BeaconMock internal beacon;

    address internal good = makeAddr("honest provider");
    address internal liar = makeAddr("lying provider");
    address internal watcher = makeAddr("honest challenger");
    address internal delegator = makeAddr("delegator");
    address[] internal validators;
    Case[] internal cases;
    /// @dev Traces are computed once.
    mapping(uint32 index => mapping(Lie lie => bytes)) private _traces;
    mapping(uint32 index => mapping(Lie lie => bytes32)) internal traceRoot;

    /// @dev As `DisputeTest`, with one token and the real verification contract.
    function setUp() public virtual override {
        vm.warp(1_800_000_000);
        vm.fee(1 gwei);
        ledger = new Ledger();
        token = new DevToken();
        stakeToken = token;
        staking = new Staking(ledger, address(token), 7 days);
        FeeSchedule fees = new FeeSchedule(address(new AccessManager(address(this))), pool, 250);
        programs = new ProgramRegistry();
        models = new ModelRegistry(programs);
        escrow = new JobEscrow(ledger, staking, models, fees);
        referee = new Referee();
        disputes = new DisputeGame(escrow, programs, referee, clocks());
        seats = new ValidatorSeats(staking, ledger, SEAT, EXIT);
        beacon = new BeaconMock();
        court = new Verification(
            escrow,
            seats,
            disputes,
            beacon,
            Parameters({
                sealWindow: 10 minutes,
                revealWindow: 10 minutes,
                challengeWindow: 20 minutes,
                colluding: 2000,
                gasPrice: 1
            })
        );
        modelId = register(Inference.tape(), Tensors.rootOf(Inference.weights()));
        fund(customer, token, address(escrow));
        fund(stranger, token, address(escrow));
        stakeFor(good, address(escrow), 1e24);
        stakeFor(liar, address(escrow), 1e24);
        fundNative(watcher);
        fundNative(challenger);
        fundNative(rival);
        for (uint256 i; i < VALIDATORS; ++i) {
            validators.push(makeAddr(string.concat("validator ", vm.toString(i))));
            equip(i);
            vm.prank(validators[i]);
            seats.takeSeat(address(court));
        }
        for (uint32 index; index < 2; ++index) {
            _compute(index, Lie.None);
            _compute(index, Lie.Output);
            _compute(index, Lie.Trace);
        }
        skip(1);
    }

    /// @dev Stake for a seat; validators from number 4 on have the lesser part of it delegated.
    function equip(uint256 i) internal {
        uint256 own = i < 4 ? SEAT : seats.ownMinimum();
        stakeFor(validators[i], address(seats), own);
        if (own == SEAT) return;
        token.mint(address(this), SEAT - own);
        token.approve(address(ledger), SEAT - own);
        ledger.deposit(address(token), delegator, SEAT - own);
        vm.startPrank(delegator);
        ledger.approve(address(staking), tokenId(), SEAT - own);
        staking.delegate(validators[i], address(seats), SEAT - own);
        vm.stopPrank();
    }

    function stakeFor(address operator, address service, uint256 amount) internal {
        token.mint(address(this), amount);
        token.approve(address(ledger), amount);
        ledger.deposit(address(token), address(this), amount);
        ledger.approve(address(staking), tokenId(), amount);
        staking.stake(operator, service, amount);
    }

    function tokenId() internal view returns (uint256) {
        return uint160(address(token));
    }

    /* WORK */

    function courtTerms(uint256 number) internal view returns (Order memory order) {
        order = terms(bytes32(number));
        (order.unitCap, order.minBatch, order.demandFee) = (16, 1, DEMAND_FEE);
        (order.settleWindow, order.demandWindow) = (1 hours, 10 minutes);
        order.deadline = uint40(block.timestamp + 90 minutes);
        (order.stakePerBatch, order.stakePerTask) = (20_000_001, 1);
        order.verification = address(court);
        // Every second order is drawn for one batch in two, and every third for one task.
        order.policy = Policy(number % 2 == 0 ? 10_000 : 5000, number % 3 == 0 ? 1 : 2, 2, DRAW_FEE);
    }

    function traceOf(uint32 index, Lie lie) internal view returns (bytes[][] memory) {
        return abi.decode(_traces[index][lie], (bytes[][]));
    }

    /// @dev A trace of a task.
    function _compute(uint32 index, Lie lie) private {
        bytes[][] memory trace = honest(index);
        // The second bytes of the third element.
        if (lie == Lie.Output) trace[Inference.UNIT][0][5] ^= 0x01;
        if (lie == Lie.Trace) trace[Inference.POOL][0][15] ^= 0x01;
        (_traces[index][lie], traceRoot[index][lie]) = (abi.encode(trace), trace.rootOf());
    }

    /// @dev What the batch's provider commits to.
    function lieOf(Case storage c, uint32 index) internal view returns (Lie) {
        return index == 1 ? c.lie : Lie.None;
    }

    /// @dev The customer opens an order, and `who` commits to all of it.
    function commitCase(address who, Lie lie) internal {
        Order memory order = courtTerms(cases.length);
        vm.prank(customer);
        bytes32 orderId = escrow.open(order);
        provider = who;
        Task[2] memory tasks;
        bytes32[] memory leaves = new bytes32[](2);
        // A forged trace has the true output.
        tasks[0] = taskOf(0, traceOf(0, Lie.None), 0, UNITS);
        tasks[1] = taskOf(1, traceOf(1, lie == Lie.Output ? lie : Lie.None), UNITS, UNITS);
        (leaves[0], leaves[1]) = (leafOf(orderId, tasks[0]), leafOf(orderId, tasks[1]));
        Case storage c = cases.push();
        for (uint256 i; i < 2; ++i) {
            tasks[i].proof = MerkleBuilder.proofOf(leaves, i);
            c.tasks[i] = abi.encode(tasks[i]);
        }
        uint128 stake = escrow.stakeFor(order, 2);
        c.batch = Batch(orderId, who, 0, 2, 2 * UNITS, MerkleBuilder.rootOf(leaves), stake, uint40(block.timestamp));
        (c.order, c.lie) = (abi.encode(order), lie);
        vm.prank(who);
        c.id = escrow.takeAndCommit(order, 0, 2, 2 * UNITS, c.batch.root);
    }

    function orderOf(Case storage c) internal view returns (Order memory) {
        return abi.decode(c.order, (Order));
    }

    function taskAt(Case storage c, uint256 index) internal view returns (Task memory) {
        return abi.decode(c.tasks[index], (Task));
    }

    function statusOf(Case storage c) internal view returns (BatchStatus) {
        return escrow.batchState(c.id).status;
    }

    function drawStatus(Case storage c) internal view returns (DrawStatus) {
        return court.drawOf(c.id).status;
    }

    function isHonest(address who) internal view returns (bool) {
        bool is_ = who == good;
        for (uint256 i; i < HONEST; ++i) {
            is_ = is_ || who == validators[i];
        }
        return is_;
    }
}
