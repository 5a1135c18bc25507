// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {DrawStatus, DrawnTask, IVerification} from "../../src/work/IVerification.sol";
import {Batch, Order} from "../../src/work/WorkTypes.sol";
import {Play, VerificationTest} from "./VerificationTest.sol";

contract Verification_Draw_Test is VerificationTest {
    function test_RevertWhen_AnybodyButTheEscrowReportsACommit() external {
        Play memory p = committedPlay(verifiedTerms(), COUNT);
        vm.expectRevert(
            abi.encodeWithSelector(IVerification.Verification_NotAllowed.selector, provider, address(escrow))
        );
        vm.prank(provider);
        verification.onCommit(p.id, p.order, p.batch);
    }

    function test_RevertWhen_TheBatchIsAnothersOrUnknown() external {
        Play memory p = committedPlay(verifiedTerms(), COUNT);
        Order memory other = verifiedTerms();
        other.salt = keccak256("other");
        vm.expectRevert(
            abi.encodeWithSelector(
                IVerification.Verification_Mismatch.selector, escrow.orderIdOf(other), p.batch.orderId
            )
        );
        verification.draw(other, p.batch);
        p.batch.committedAt += 1;
        p.id = keccak256(abi.encode(p.batch));
        expectStatus(p, DrawStatus.None);
        verification.draw(p.order, p.batch);
    }

    /// @dev Terms that name another contract hash to the batch's order there, and do not matter here.
    function test_RevertWhen_TheOrderNamesAnotherContract() external {
        (Order memory order, Batch memory batch,) = committed(4);
        vm.expectRevert(
            abi.encodeWithSelector(IVerification.Verification_Mismatch.selector, batch.orderId, batch.orderId)
        );
        verification.draw(order, batch);
    }

    function test_RevertWhen_TheRoundIsOpen() external {
        Play memory p = committedPlay(verifiedTerms(), COUNT);
        vm.expectRevert(
            abi.encodeWithSelector(IVerification.Verification_RoundOpen.selector, verification.drawOf(p.id).round)
        );
        verification.draw(p.order, p.batch);
        expectStatus(p, DrawStatus.Waiting);
        verification.lotOf(p.order, p.batch);
    }

    function test_RevertGiven_ItWasDrawn() external {
        Play memory p = drawnPlay();
        expectStatus(p, DrawStatus.Sealing);
        verification.draw(p.order, p.batch);
        expectStatus(p, DrawStatus.Sealing);
        verification.postpone(p.order, p.batch);
    }

    function test_WhenTheLotPassesTheBatchBy() external {
        Order memory order = verifiedTerms();
        (order.policy.rate, order.stakePerBatch) = (1, 1e13);
        Play memory p = committedPlay(order, COUNT);
        uint256 before = stakeBalance(customer);
        drawWith(p, keccak256("value"));
        assertStatus(p, DrawStatus.Undrawn);
        assertEq(stakeBalance(keeper), FEE, "who draws earns a fee");
        assertEq(stakeBalance(customer), before + drawReserve(order) - FEE, "the rest goes back");
        assertEq(stakeBalance(address(verification)), 0);
        assertEq(verification.challengeEnd(p.id), 0);
        skip(1 hours);
        escrow.settle(p.order, p.batch);
        escrow.reclaim(p.order);
        assertEq(stakeBalance(address(escrow)), 0);
    }

    function test_WhenTheBatchIsDrawn() external {
        Play memory p = drawnPlay();
        assertStatus(p, DrawStatus.Sealing);
        assertEq(verification.drawOf(p.id).width, 3);
        assertEq(verification.drawOf(p.id).phaseEnd, block.timestamp + 10 minutes);
        assertEq(verification.challengeEnd(p.id), type(uint40).max);
        assertEq(stakeBalance(keeper), FEE);
        assertEq(stakeBalance(address(verification)), drawReserve(p.order) - FEE);
        assertEq(p.lot.length, 2);
        assertNotEq(p.lot[0].index, p.lot[1].index);
        for (uint256 place; place < 2; ++place) {
            assertEq(p.lot[place].validators.length, 2);
            assertNotEq(p.lot[place].validators[0], p.lot[place].validators[1]);
            assertLt(p.lot[place].index, COUNT);
        }
    }

    /// @dev All tasks of a small batch are drawn, each once.
    function test_WhenTheBatchIsSmallerThanTheDraw() external {
        Order memory order = verifiedTerms();
        order.policy.tasks = 5;
        Play memory p = drawnPlay(order, 3, keccak256("value"));
        assertEq(p.lot.length, 3);
        uint256 seen;
        for (uint256 place; place < 3; ++place) {
            seen |= 1 << p.lot[place].index;
        }
        assertEq(seen, 7);
        sealAll(p, "true", "true");
        revealAll(p, "true", "true");
        uint256 before = stakeBalance(customer);
        conclude(p);
        assertEq(stakeBalance(customer), before + 4 * FEE, "two tasks that there were not");
        assertEq(stakeBalance(address(verification)), 0);
    }

    /// @dev Everybody but one left between take and commit.
    function test_WhenFewerHoldASeatThanAreDrawn() external {
        Order memory order = verifiedTerms();
        open(order);
        take(order, 0, COUNT);
        for (uint256 i = 1; i < SEATS; ++i) {
            standUp(validators[i]);
        }
        skip(1);
        Play memory p;
        (p.order, p.tasks) = (order, workOf(0, COUNT));
        p.batch = Batch({
            orderId: escrow.orderIdOf(order),
            provider: provider,
            first: 0,
            count: COUNT,
            units: unitsOf(p.tasks),
            root: prove(escrow.orderIdOf(order), provider, p.tasks),
            stake: escrow.stakeFor(order, COUNT),
            committedAt: uint40(block.timestamp)
        });
        vm.prank(provider);
        p.id = escrow.commitBatch(order, 0, COUNT, p.batch.units, p.batch.root);
        drawWith(p, keccak256("value"));
        for (uint256 place; place < 2; ++place) {
            assertEq(p.lot[place].validators.length, 1);
            assertEq(p.lot[place].validators[0], validators[0]);
        }
        sealAll(p, "true", "true");
        assertStatus(p, DrawStatus.Revealing);
        revealAll(p, "true", "true");
        conclude(p);
        assertStatus(p, DrawStatus.Agreed);
        assertEq(stakeBalance(address(verification)), 0);
    }

    function test_TheProviderIsNeverDrawn() external {
        provisionSeat(provider);
        sit(provider);
        skip(1);
        Order memory order = verifiedTerms();
        order.policy.validators = 6;
        for (uint256 i; i < 16; ++i) {
            order.salt = bytes32(i);
            Play memory p = drawnPlay(order, COUNT, keccak256(abi.encode(i)));
            for (uint256 place; place < 2; ++place) {
                DrawnTask memory drawn = p.lot[place];
                assertEq(drawn.validators.length, 6);
                for (uint256 k; k < 6; ++k) {
                    assertNotEq(drawn.validators[k], provider);
                }
            }
        }
    }

    /// @dev Rates are kept: of 200 batches at 25 %, between 30 and 70 are drawn (more than three deviations either way).
    function test_TheRateIsKept() external {
        Order memory order = verifiedTerms();
        (order.policy.rate, order.stakePerBatch) = (2500, 1e13);
        uint256 drawn;
        for (uint256 i; i < 200; ++i) {
            order.salt = bytes32(i);
            Play memory p = drawnPlay(order, 2, keccak256(abi.encode(i)));
            if (statusOf(p) == DrawStatus.Sealing) ++drawn;
        }
        assertGt(drawn, 30);
        assertLt(drawn, 70);
    }

    /// @dev Whoever sits down in the very second of the commit is not drawn, nor does leaving in it help.
    function test_TheSnapshotIsTheSecondBeforeTheCommit() external {
        Order memory order = verifiedTerms();
        open(order);
        for (uint256 i; i < 3; ++i) {
            standUp(validators[i]);
        }
        address late = makeAddr("late");
        provisionSeat(late);
        sit(late);
        order.salt = keccak256("again");
        Play memory p = drawnPlay(order, COUNT, keccak256("value"));
        uint256 left;
        for (uint256 i; i < 64; ++i) {
            address[] memory found = seats.pick(address(verification), bytes32(i), 2, p.batch.committedAt - 1, provider);
            for (uint256 k; k < found.length; ++k) {
                assertNotEq(found[k], late);
                if (found[k] == validators[0]) ++left;
            }
        }
        assertGt(left, 0);
    }
}
