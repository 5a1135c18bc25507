// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {DrawnTask, Binding, Parameters, Revealed, Sealed} from "../../src/work/IVerification.sol";
import {ValidatorSeats} from "../../src/work/ValidatorSeats.sol";
import {Verification} from "../../src/work/Verification.sol";
import {Order, Policy} from "../../src/work/WorkTypes.sol";
import {BeaconMock} from "../verification/mocks/BeaconMock.sol";
import {MerkleBuilder} from "../work/utils/MerkleBuilder.sol";
import {DisputeTest, Play} from "./DisputeTest.sol";
import {Inference} from "./utils/Inference.sol";
import {Tensors} from "./utils/Tensors.sol";
import {VerificationStub} from "./mocks/VerificationStub.sol";

/// @notice The suite with the real verification contract, eight validators, and orders of which one task is drawn for two of them.
/// Everything is paid in the stake token.
abstract contract DrawnDisputeTest is DisputeTest {
    uint128 internal constant SEAT = 1e12;
    uint256 internal constant SEATS = 8;

    Verification internal draws;
    ValidatorSeats internal seats;
    BeaconMock internal beacon;

    function setUp() public virtual override {
        super.setUp();
        token = stakeToken;
        fund(customer, token, address(escrow));
        modelId = register(Inference.tape(), keccak256("weights paid in the stake token"));
        beacon = new BeaconMock();
        seats = new ValidatorSeats(staking, ledger, SEAT, 7 days);
        draws =
            new Verification(escrow, seats, disputes, beacon, Parameters(10 minutes, 10 minutes, 20 minutes, 2000, 1));
        verification = VerificationStub(address(draws));
        for (uint256 i; i < SEATS; ++i) {
            address validator = makeAddr(string.concat("validator ", vm.toString(i)));
            staking.stake(validator, address(seats), SEAT);
            vm.prank(validator);
            seats.takeSeat(address(draws));
        }
        // As on any chain in use, whoever is paid in a dispute was paid before.
        address[3] memory paid = [ledger.BURN(), challenger, address(draws)];
        for (uint256 i; i < paid.length; ++i) {
            fund(paid[i], token, address(escrow));
        }
        skip(1);
    }

    function terms(bytes32 salt) internal view override returns (Order memory order) {
        order = super.terms(salt);
        order.policy = Policy({rate: 10_000, tasks: 1, validators: 2, fee: 500_000});
        order.stakePerBatch = 20_000_001;
    }

    /// @dev The task is drawn, and everybody agrees on the trace with `roots`.
    function agree(Play memory play, bytes32[] memory roots) internal returns (DrawnTask memory drawn) {
        drawn = drawn_(play);
        bytes32[] memory leaves = Tensors.leavesOf(roots);
        bytes32 root = MerkleBuilder.rootOf(leaves);
        sealAs(play, provider, root);
        for (uint256 i; i < drawn.validators.length; ++i) {
            sealAs(play, drawn.validators[i], root);
        }
        Binding[] memory bindings = new Binding[](1);
        bindings[0] =
            Binding(play.task, MerkleBuilder.proofOf(leaves, 0), MerkleBuilder.proofOf(leaves, leaves.length - 1));
        vm.prank(provider);
        draws.revealBound(play.order, play.batch, revealed(play, provider, 0, root), bindings);
        for (uint8 i; i < drawn.validators.length; ++i) {
            vm.prank(drawn.validators[i]);
            draws.reveal(play.batchId, revealed(play, drawn.validators[i], i + 1, root));
        }
        draws.conclude(play.order, play.batch);
        assertEq(draws.revealedRoot(play.batchId, play.task.index), root, "agreed");
    }

    /// @dev Draws with one value after another, until the task is drawn.
    function drawn_(Play memory play) private returns (DrawnTask memory) {
        uint64 round = draws.drawOf(play.batchId).round;
        for (uint256 value = 1;; ++value) {
            uint256 before = vm.snapshotState();
            beacon.record(round, keccak256(abi.encode(value)));
            draws.draw(play.order, play.batch);
            DrawnTask[] memory lot = draws.lotOf(play.order, play.batch);
            if (lot[0].index == play.task.index) return lot[0];
            vm.revertToState(before);
        }
    }

    function sealAs(Play memory play, address who, bytes32 root) private {
        Sealed[] memory roots = new Sealed[](1);
        bytes memory sealed_ = abi.encode(root, who, block.chainid, address(draws), play.batchId, play.task.index, who);
        roots[0] = Sealed(0, keccak256(sealed_));
        vm.prank(who);
        draws.seal(play.order, play.batch, roots);
    }

    function revealed(Play memory play, address who, uint8 party, bytes32 root)
        private
        pure
        returns (Revealed[] memory roots)
    {
        roots = new Revealed[](1);
        roots[0] = Revealed(party, play.task.index, root, bytes32(uint256(uint160(who))));
    }
}
