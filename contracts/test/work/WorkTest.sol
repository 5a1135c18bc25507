// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {DevToken} from "../../src/devnet/DevToken.sol";
import {FeeSchedule} from "../../src/ledger/FeeSchedule.sol";
import {Ledger} from "../../src/ledger/Ledger.sol";
import {Staking} from "../../src/staking/Staking.sol";
import {BatchStatus, IJobEscrow, OrderStatus} from "../../src/work/IJobEscrow.sol";
import {PriceFloor, Royalty} from "../../src/work/IModelRegistry.sol";
import {JobEscrow} from "../../src/work/JobEscrow.sol";
import {IProgramRegistry} from "../../src/work/IProgramRegistry.sol";
import {ModelRegistry} from "../../src/work/ModelRegistry.sol";
import {Batch, Order, Task} from "../../src/work/WorkTypes.sol";
import {MerkleTree} from "../../src/work/libraries/MerkleTree.sol";
import {ProgramsMock} from "../mocks/ProgramsMock.sol";
import {MerkleBuilder} from "./utils/MerkleBuilder.sol";

/// @notice The whole suite deployed, a model with three royalties, a customer with money and two providers with stake.
/// Task `i` of an order has the input row `inputRow(i)`; honest work is what `workOf` makes of it.
abstract contract WorkTest is Test {
    uint256 internal constant FUNDS = 1e30;
    uint256 internal constant STAKE = 1e24;
    uint16 internal constant FEE_RATE = 250;
    uint32 internal constant COUNT = 8;

    Ledger internal ledger;
    Staking internal staking;
    FeeSchedule internal fees;
    ModelRegistry internal models;
    JobEscrow internal escrow;
    DevToken internal token;
    DevToken internal stakeToken;
    bytes32 internal modelId;

    address internal customer;
    uint256 internal customerKey;
    address internal provider = makeAddr("provider");
    address internal rival = makeAddr("rival");
    address internal stranger = makeAddr("stranger");
    address internal pool = makeAddr("pool");
    address internal admin = makeAddr("admin");
    address internal modelOwner = makeAddr("model owner");
    address internal dataOwner = makeAddr("data owner");
    address internal baseOwner = makeAddr("base owner");

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        (customer, customerKey) = makeAddrAndKey("customer");
        ledger = new Ledger();
        token = new DevToken();
        stakeToken = new DevToken();
        staking = new Staking(ledger, address(stakeToken), 7 days);
        fees = new FeeSchedule(address(new AccessManager(admin)), pool, FEE_RATE);
        ProgramsMock programs = new ProgramsMock();
        programs.add(keccak256("program"));
        models = new ModelRegistry(IProgramRegistry(address(programs)));
        escrow = new JobEscrow(ledger, staking, models, fees);
        modelId = registerModel();
        fund(customer, token);
        fund(stranger, token);
        provision(provider);
        provision(rival);
    }

    /* ACCOUNTS */

    /// @dev Gives `account` a ledger balance, the escrow's to pull.
    function fund(address account, DevToken currency) internal {
        currency.mint(address(this), FUNDS);
        currency.approve(address(ledger), FUNDS);
        ledger.deposit(address(currency), account, FUNDS);
        vm.prank(account);
        ledger.approve(address(escrow), idOf(currency), type(uint256).max);
    }

    /// @dev Gives `operator` stake for the escrow.
    function provision(address operator) internal {
        stakeToken.mint(address(this), STAKE);
        stakeToken.approve(address(ledger), STAKE);
        ledger.deposit(address(stakeToken), address(this), STAKE);
        ledger.approve(address(staking), idOf(stakeToken), STAKE);
        staking.stake(operator, address(escrow), STAKE);
    }

    function registerModel() internal returns (bytes32) {
        PriceFloor[] memory floors = new PriceFloor[](2);
        floors[0] = PriceFloor(address(token), 10);
        floors[1] = PriceFloor(address(0), 1);
        vm.prank(modelOwner);
        return models.register(keccak256("program"), keccak256("weights"), 2, "ipfs://model", royalties(), floors);
    }

    function royalties() internal view returns (Royalty[] memory list) {
        list = new Royalty[](3);
        list[0] = Royalty(modelOwner, 1000);
        list[1] = Royalty(dataOwner, 333);
        list[2] = Royalty(baseOwner, 77);
    }

    function idOf(DevToken currency) internal pure returns (uint256) {
        return uint256(uint160(address(currency)));
    }

    /// @dev Ledger balance in the payment token.
    function balance(address account) internal view returns (uint256) {
        return ledger.balanceOf(account, idOf(token));
    }

    /// @dev Ledger balance in the stake token.
    function stakeBalance(address account) internal view returns (uint256) {
        return ledger.balanceOf(account, idOf(stakeToken));
    }

    function lockedStake(address operator) internal view returns (uint256) {
        return staking.provisionOf(operator, address(escrow)).locked;
    }

    function totalStake(address operator) internal view returns (uint256) {
        return staking.provisionOf(operator, address(escrow)).stake;
    }

    /* TERMS AND WORK */

    /// @dev An order of `COUNT` tasks without a verification contract.
    function terms() internal view returns (Order memory) {
        return termsOf(COUNT);
    }

    function termsOf(uint32 count) internal view returns (Order memory order) {
        order.customer = customer;
        order.token = address(token);
        order.modelId = modelId;
        order.inputsRoot = MerkleBuilder.rootOf(orderedLeaves(count));
        order.count = count;
        order.unitCap = 16;
        order.unitBytes = 2;
        order.unitPrice = 1000;
        order.minBatch = count < 2 ? 1 : 2;
        order.deadline = uint40(block.timestamp + 1 days);
        order.takeWindow = 10 minutes;
        order.settleWindow = 1 hours;
        order.demandWindow = 5 minutes;
        order.demandFee = 50_000;
        order.stakePerBatch = 1_000_001;
        order.stakePerTask = 100_003;
        order.feeRecipient = pool;
        order.feeRate = FEE_RATE;
        order.royalties = royalties();
        order.salt = keccak256("salt");
    }

    /// @dev Between one and five units.
    function inputRow(uint256 index) internal pure returns (bytes memory row) {
        row = new bytes(2 * (1 + index % 5));
        for (uint256 i = 0; i < row.length; ++i) {
            row[i] = bytes1(uint8(index + i));
        }
    }

    function outputRow(uint256 index) internal pure returns (bytes memory) {
        return abi.encode("output", index);
    }

    function orderedLeaves(uint256 count) internal pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            leaves[i] = MerkleTree.leafHash(abi.encodePacked(MerkleTree.rowRoot(inputRow(i))));
        }
    }

    /// @dev Proof that `inputRow(index)` was ordered.
    function orderedProof(uint256 count, uint256 index)
        internal
        pure
        returns (bytes32 inputHash, bytes32[] memory proof)
    {
        return (MerkleTree.rowRoot(inputRow(index)), MerkleBuilder.proofOf(orderedLeaves(count), index));
    }

    /// @dev Honest tasks of `[first, first + count)`, without proofs.
    function workOf(uint32 first, uint32 count) internal pure returns (Task[] memory tasks) {
        tasks = new Task[](count);
        uint64 units = 0;
        for (uint32 i = 0; i < count; ++i) {
            Task memory task = tasks[i];
            task.index = first + i;
            task.inputHash = MerkleTree.rowRoot(inputRow(task.index));
            task.outputHash = MerkleTree.rowRoot(outputRow(task.index));
            task.unitsBefore = units;
            task.units = uint32(inputRow(task.index).length / 2);
            units += task.units;
        }
    }

    function unitsOf(Task[] memory tasks) internal pure returns (uint64) {
        Task memory last = tasks[tasks.length - 1];
        return last.unitsBefore + last.units;
    }

    /// @dev The batch root over `tasks` as `owner` would bind them; fills in the proofs.
    function prove(bytes32 orderId, address owner, Task[] memory tasks) internal view returns (bytes32 root) {
        bytes32[] memory leaves = new bytes32[](tasks.length);
        for (uint256 i = 0; i < tasks.length; ++i) {
            leaves[i] = leafOf(orderId, owner, tasks[i]);
        }
        for (uint256 i = 0; i < tasks.length; ++i) {
            tasks[i].proof = MerkleBuilder.proofOf(leaves, i);
        }
        return MerkleBuilder.rootOf(leaves);
    }

    /// @dev Written out once more, so that the test does not trust the library.
    function leafOf(bytes32 orderId, address owner, Task memory task) internal view returns (bytes32) {
        return keccak256(
            bytes.concat(
                hex"00",
                bytes32(block.chainid),
                orderId,
                bytes20(owner),
                bytes4(task.index),
                task.inputHash,
                task.outputHash,
                bytes8(task.unitsBefore),
                bytes4(task.units)
            )
        );
    }

    /* MOVES */

    function open(Order memory order) internal returns (bytes32) {
        vm.prank(order.customer);
        return escrow.open(order);
    }

    function take(Order memory order, uint32 first, uint32 count) internal {
        vm.prank(provider);
        escrow.take(order, first, count);
    }

    /// @dev `provider` takes and commits `tasks` at the order's frontier.
    function commit(Order memory order, Task[] memory tasks) internal returns (Batch memory) {
        return commitAs(provider, order, tasks, unitsOf(tasks));
    }

    function commitAs(address who, Order memory order, Task[] memory tasks, uint64 units)
        internal
        returns (Batch memory batch)
    {
        bytes32 orderId = escrow.orderIdOf(order);
        batch = Batch({
            orderId: orderId,
            provider: who,
            first: tasks[0].index,
            count: uint32(tasks.length),
            units: units,
            root: prove(orderId, who, tasks),
            stake: escrow.stakeFor(order, uint32(tasks.length)),
            committedAt: uint40(block.timestamp)
        });
        vm.prank(who);
        bytes32 batchId = escrow.takeAndCommit(order, batch.first, batch.count, units, batch.root);
        assertEq(batchId, keccak256(abi.encode(batch)), "batch id");
    }

    /// @dev An open order with an honest batch over its first `count` tasks.
    function committed(uint32 count) internal returns (Order memory order, Batch memory batch, Task[] memory tasks) {
        order = terms();
        open(order);
        tasks = workOf(0, count);
        batch = commit(order, tasks);
    }

    function demand(Order memory order, Batch memory batch, uint32 index) internal {
        vm.prank(stranger);
        escrow.demand(order, batch, index);
    }

    function supply(Order memory order, Batch memory batch, Task memory task) internal {
        vm.prank(provider);
        escrow.supply(order, batch, task, inputRow(task.index), outputRow(task.index));
    }

    /// @dev The customer's receipt for `batch`.
    function sign(Batch memory batch) internal view returns (bytes memory) {
        return signWith(customerKey, escrow.receiptHash(batch));
    }

    function signWith(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /* ASSERTIONS */

    function assertOrder(bytes32 orderId, OrderStatus status, uint32 next, uint32 committed_) internal view {
        assertEq(uint8(escrow.orderState(orderId).status), uint8(status), "order status");
        assertEq(escrow.orderState(orderId).next, next, "frontier");
        assertEq(escrow.orderState(orderId).committed, committed_, "committed");
    }

    function assertBatch(Batch memory batch, BatchStatus status, uint32 demands) internal view {
        bytes32 batchId = escrow.batchIdOf(batch);
        assertEq(uint8(escrow.batchState(batchId).status), uint8(status), "batch status");
        assertEq(escrow.batchState(batchId).demands, demands, "demands");
    }

    function expectNotCommitted(Batch memory batch, BatchStatus status) internal {
        bytes32 batchId = keccak256(abi.encode(batch));
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_BatchNotCommitted.selector, batchId, status));
    }
}
