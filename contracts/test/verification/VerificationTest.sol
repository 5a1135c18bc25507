// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BatchStatus} from "../../src/work/IJobEscrow.sol";
import {IDisputeGame} from "../../src/work/IDisputeGame.sol";
import {PriceFloor} from "../../src/work/IModelRegistry.sol";
import {
    Binding,
    DrawStatus,
    DrawnTask,
    IVerification,
    Parameters,
    Revealed,
    Sealed
} from "../../src/work/IVerification.sol";
import {ValidatorSeats} from "../../src/work/ValidatorSeats.sol";
import {Verification} from "../../src/work/Verification.sol";
import {Batch, Order, Policy, Task} from "../../src/work/WorkTypes.sol";
import {MerkleTree} from "../../src/work/libraries/MerkleTree.sol";
import {WorkTest} from "../work/WorkTest.sol";
import {MerkleBuilder} from "../work/utils/MerkleBuilder.sol";
import {BeaconMock} from "./mocks/BeaconMock.sol";
import {GamesMock} from "./mocks/GamesMock.sol";

/// @notice A batch with all that its draw needs.
struct Play {
    Order order;
    Batch batch;
    Task[] tasks;
    bytes32 id;
    DrawnTask[] lot;
}

/// @notice The escrow with a verification contract, eight validators, a beacon and games that tests decide. Everything is paid in
/// the stake token.
abstract contract VerificationTest is WorkTest {
    uint128 internal constant SEAT = 1e12;
    uint32 internal constant EXIT = 7 days;
    uint128 internal constant FEE = 200_000;
    uint256 internal constant SEATS = 8;

    ValidatorSeats internal seats;
    Verification internal verification;
    BeaconMock internal beacon;
    GamesMock internal games;
    address[] internal validators;
    address internal keeper = makeAddr("keeper");

    function setUp() public virtual override {
        super.setUp();
        beacon = new BeaconMock();
        games = new GamesMock();
        seats = new ValidatorSeats(staking, ledger, SEAT, EXIT);
        verification = new Verification(escrow, seats, IDisputeGame(address(games)), beacon, chosen());
        PriceFloor[] memory floors = new PriceFloor[](2);
        (floors[0], floors[1]) = (PriceFloor(address(stakeToken), 1), PriceFloor(address(token), 1));
        vm.prank(modelOwner);
        modelId = models.register(keccak256("program"), keccak256("verified"), 2, "ipfs://model", royalties(), floors);
        fund(customer, stakeToken);
        fund(stranger, stakeToken);
        for (uint256 i; i < SEATS; ++i) {
            validators.push(makeAddr(string.concat("validator ", vm.toString(i))));
            provisionSeat(validators[i]);
            sit(validators[i]);
        }
        skip(1);
    }

    function chosen() internal pure returns (Parameters memory) {
        return Parameters({
            sealWindow: 10 minutes, revealWindow: 10 minutes, challengeWindow: 20 minutes, colluding: 2000, gasPrice: 1
        });
    }

    /* VALIDATORS */

    function provisionSeat(address validator) internal {
        stakeToken.mint(address(this), SEAT);
        stakeToken.approve(address(ledger), SEAT);
        ledger.deposit(address(stakeToken), address(this), SEAT);
        ledger.approve(address(staking), idOf(stakeToken), SEAT);
        staking.stake(validator, address(seats), SEAT);
    }

    function sit(address validator) internal {
        vm.prank(validator);
        seats.takeSeat(address(verification));
    }

    function standUp(address validator) internal {
        vm.prank(validator);
        seats.leaveSeat(address(verification));
    }

    function seatStakeOf(address validator) internal view returns (uint256) {
        return seats.seatOf(address(verification), validator).stake;
    }

    /* TERMS */

    function verifiedTerms() internal view returns (Order memory order) {
        order = terms();
        order.token = address(stakeToken);
        order.verification = address(verification);
        order.policy = Policy({rate: 10_000, tasks: 2, validators: 2, fee: FEE});
        order.stakePerBatch = 20_000_001;
    }

    function drawReserve(Order memory order) internal pure returns (uint256) {
        return uint256(order.policy.fee) * (uint256(order.policy.tasks) * order.policy.validators + 1);
    }

    /* THE COURSE OF A DRAW */

    function committedPlay(Order memory order, uint32 count) internal returns (Play memory p) {
        p.order = order;
        open(order);
        p.tasks = workOf(0, count);
        p.batch = commit(order, p.tasks);
        p.id = keccak256(abi.encode(p.batch));
    }

    function drawnPlay() internal returns (Play memory p) {
        return drawnPlay(verifiedTerms(), COUNT, keccak256("value"));
    }

    function drawnPlay(Order memory order, uint32 count, bytes32 value) internal returns (Play memory p) {
        p = committedPlay(order, count);
        drawWith(p, value);
    }

    /// @dev Records the batch's round and draws.
    function drawWith(Play memory p, bytes32 value) internal {
        beacon.record(verification.drawOf(p.id).round, value);
        vm.prank(keeper);
        verification.draw(p.order, p.batch);
        if (statusOf(p) == DrawStatus.Sealing) p.lot = verification.lotOf(p.order, p.batch);
    }

    /// @dev A draw in which everybody sealed what is true, but `provider` seals `mid` for the first place and its first
    /// validator seals `otherMid` there.
    function sealedPlay(string memory mid, string memory otherMid) internal returns (Play memory p) {
        p = drawnPlay();
        sealAll(p, mid, otherMid);
    }

    function sealAll(Play memory p, string memory mid, string memory otherMid) internal {
        sealProvider(p, mid);
        sealValidators(p, otherMid);
    }

    function sealProvider(Play memory p, string memory mid) internal {
        Sealed[] memory roots = new Sealed[](p.lot.length);
        for (uint8 place; place < p.lot.length; ++place) {
            roots[place] = Sealed(place, sealOf(p, place, provider, rootOf(p, place, place == 0 ? mid : "true")));
        }
        vm.prank(provider);
        verification.seal(p.order, p.batch, roots);
    }

    function sealValidators(Play memory p, string memory otherMid) internal {
        for (uint8 place; place < p.lot.length; ++place) {
            for (uint8 i; i < p.lot[place].validators.length; ++i) {
                sealAs(p, place, i, place == 0 && i == 0 ? otherMid : "true");
            }
        }
    }

    function sealAs(Play memory p, uint8 place, uint8 number, string memory mid) internal {
        address who = p.lot[place].validators[number];
        sealValue(p, who, place, sealOf(p, place, who, rootOf(p, place, mid)));
    }

    function sealValue(Play memory p, address who, uint8 place, bytes32 value) internal {
        Sealed[] memory roots = new Sealed[](1);
        roots[0] = Sealed(place, value);
        vm.prank(who);
        verification.seal(p.order, p.batch, roots);
    }

    function revealAll(Play memory p, string memory mid, string memory otherMid) internal {
        revealProvider(p, mid);
        revealValidators(p, otherMid);
    }

    function revealProvider(Play memory p, string memory mid) internal {
        for (uint8 place; place < p.lot.length; ++place) {
            revealPlace(p, place, place == 0 ? mid : "true");
        }
    }

    function revealPlace(Play memory p, uint8 place, string memory mid) internal {
        (Revealed[] memory roots, Binding[] memory bindings) = bound_(p, place, mid);
        vm.prank(provider);
        verification.revealBound(p.order, p.batch, roots, bindings);
    }

    function revealValidators(Play memory p, string memory otherMid) internal {
        for (uint8 place; place < p.lot.length; ++place) {
            for (uint8 i; i < p.lot[place].validators.length; ++i) {
                revealAs(p, place, i, place == 0 && i == 0 ? otherMid : "true");
            }
        }
    }

    function revealAs(Play memory p, uint8 place, uint8 number, string memory mid) internal {
        address who = p.lot[place].validators[number];
        Revealed[] memory roots = new Revealed[](1);
        roots[0] = Revealed(partyOf(p, place, number), p.lot[place].index, rootOf(p, place, mid), saltOf(who, place));
        vm.prank(who);
        verification.reveal(p.id, roots);
    }

    function conclude(Play memory p) internal {
        vm.prank(keeper);
        verification.conclude(p.order, p.batch);
    }

    /// @dev Everybody agreed and was paid.
    function agreedPlay() internal returns (Play memory p) {
        p = sealedPlay("true", "true");
        revealAll(p, "true", "true");
        conclude(p);
    }

    function win(Play memory p, uint8 place, address winner, uint64 number) internal {
        games.win(verification, p.order, p.batch, p.lot[place].index, winner, number);
    }

    /* TRACES */

    /// @dev The provider's move for one place, with what binds it.
    function bound_(Play memory p, uint8 place, string memory mid)
        internal
        view
        returns (Revealed[] memory roots, Binding[] memory bindings)
    {
        roots = new Revealed[](1);
        bindings = new Binding[](1);
        uint8 width = p.order.policy.validators + 1;
        roots[0] = Revealed(place * width, p.lot[place].index, rootOf(p, place, mid), saltOf(provider, place));
        bindings[0] = bindingOf(p, p.lot[place].index, mid);
    }

    function bindingOf(Play memory p, uint32 index, string memory mid) internal pure returns (Binding memory) {
        bytes32[] memory leaves = traceOf(p, index, mid);
        Task memory task = p.tasks[index - p.batch.first];
        return Binding(task, MerkleBuilder.proofOf(leaves, 0), MerkleBuilder.proofOf(leaves, 2));
    }

    /// @dev Leaves of a trace: the task's input, what `mid` says, the task's output.
    function traceOf(Play memory p, uint32 index, string memory mid) internal pure returns (bytes32[] memory leaves) {
        Task memory task = p.tasks[index - p.batch.first];
        leaves = new bytes32[](3);
        leaves[0] = MerkleTree.leafHash(abi.encodePacked(task.inputHash));
        leaves[1] = MerkleTree.leafHash(abi.encodePacked(keccak256(abi.encode(index, mid))));
        leaves[2] = MerkleTree.leafHash(abi.encodePacked(task.outputHash));
    }

    function rootOf(Play memory p, uint8 place, string memory mid) internal pure returns (bytes32) {
        return MerkleBuilder.rootOf(traceOf(p, p.lot[place].index, mid));
    }

    function saltOf(address who, uint8 place) internal pure returns (bytes32) {
        return keccak256(abi.encode(who, place));
    }

    function sealOf(Play memory p, uint8 place, address who, bytes32 root) internal view returns (bytes32) {
        bytes32 salt = saltOf(who, place);
        return keccak256(abi.encode(root, salt, block.chainid, address(verification), p.id, p.lot[place].index, who));
    }

    function partyOf(Play memory p, uint8 place, uint8 number) internal pure returns (uint8) {
        return place * (p.order.policy.validators + 1) + number + 1;
    }

    /* ASSERTIONS */

    function statusOf(Play memory p) internal view returns (DrawStatus) {
        return verification.drawOf(p.id).status;
    }

    function assertStatus(Play memory p, DrawStatus status) internal view {
        assertEq(uint8(statusOf(p)), uint8(status), "status of the draw");
    }

    function assertBatchStatus(Play memory p, BatchStatus status) internal view {
        assertEq(uint8(escrow.batchState(p.id).status), uint8(status), "status of the batch");
    }

    function expectStatus(Play memory p, DrawStatus status) internal {
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_WrongStatus.selector, p.id, status));
    }
}
