// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BatchStatus, IJobEscrow} from "../../src/work/IJobEscrow.sol";
import {Binding, DrawStatus, IVerification, Revealed, Sealed} from "../../src/work/IVerification.sol";
import {Batch, Order, Task} from "../../src/work/WorkTypes.sol";
import {Play, VerificationTest} from "./VerificationTest.sol";

/// @notice What somebody who wants the money would try, one attack a test.
contract Verification_Attacks_Test is VerificationTest {
    /* SEALS */

    /// @dev A seal names its sender: whoever copies it has nothing that it could open it with.
    function test_ACopiedSealCannotBeRevealed() external {
        Play memory p = drawnPlay();
        sealProvider(p, "true");
        address copier = p.lot[0].validators[0];
        bytes32 copied = sealOf(p, 0, provider, rootOf(p, 0, "true"));
        sealValue(p, copier, 0, copied);
        sealAs(p, 0, 1, "true");
        sealAs(p, 1, 0, "true");
        sealAs(p, 1, 1, "true");
        revealProvider(p, "true");

        // The provider's own preimage, which is public now.
        Revealed[] memory roots = new Revealed[](1);
        roots[0] = Revealed(partyOf(p, 0, 0), p.lot[0].index, rootOf(p, 0, "true"), saltOf(provider, 0));
        bytes32 actual = sealOf(p, 0, copier, rootOf(p, 0, "true"));
        actual = keccak256(
            abi.encode(
                roots[0].traceRoot, roots[0].salt, block.chainid, address(verification), p.id, p.lot[0].index, copier
            )
        );
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_BadSeal.selector, copied, actual));
        vm.prank(copier);
        verification.reveal(p.id, roots);

        revealAs(p, 0, 1, "true");
        revealAs(p, 1, 0, "true");
        revealAs(p, 1, 1, "true");
        skip(10 minutes + 1);
        conclude(p);
        assertEq(seatStakeOf(copier), 0, "it counts as silent");
        assertStatus(p, DrawStatus.Agreed);
    }

    function test_NobodyRevealsWhileOthersMaySeal() external {
        Play memory p = drawnPlay();
        sealProvider(p, "true");
        uint40 end = verification.drawOf(p.id).phaseEnd;
        (Revealed[] memory roots, Binding[] memory bindings) = bound_(p, 0, "true");
        skip(10 minutes);
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_TooEarly.selector, end));
        vm.prank(provider);
        verification.revealBound(p.order, p.batch, roots, bindings);
        sealAs(p, 0, 0, "true");
        skip(1);
        revealPlace(p, 0, "true");
        vm.expectRevert(
            abi.encodeWithSelector(IVerification.Verification_WrongStatus.selector, p.id, DrawStatus.Revealing)
        );
        sealAs(p, 0, 1, "true");
    }

    function test_AnotherRootThanWasSealedIsRefused() external {
        Play memory p = sealedPlay("true", "true");
        address validator = p.lot[0].validators[0];
        Revealed[] memory roots = new Revealed[](1);
        roots[0] = Revealed(partyOf(p, 0, 0), p.lot[0].index, rootOf(p, 0, "other"), saltOf(validator, 0));
        bytes32 expected = sealOf(p, 0, validator, rootOf(p, 0, "true"));
        bytes32 actual = sealOf(p, 0, validator, rootOf(p, 0, "other"));
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_BadSeal.selector, expected, actual));
        vm.prank(validator);
        verification.reveal(p.id, roots);
    }

    /// @dev The seal of one draw opens nothing in another one: it names the batch.
    function test_ASealIsOfNoUseInAnotherDraw() external {
        Play memory p = drawnPlay();
        bytes32 old = sealOf(p, 0, provider, rootOf(p, 0, "true"));
        Order memory order = verifiedTerms();
        order.salt = keccak256("another");
        Play memory q = drawnPlay(order, COUNT, keccak256("value"));
        sealValue(q, provider, 0, old);
        skip(10 minutes + 1);
        (Revealed[] memory roots, Binding[] memory bindings) = bound_(q, 0, "true");
        vm.expectRevert();
        vm.prank(provider);
        verification.revealBound(q.order, q.batch, roots, bindings);
    }

    /* SILENCE */

    function test_AProviderThatDoesNotSealIsConvicted() external {
        Play memory p = drawnPlay();
        sealValidators(p, "true");
        skip(10 minutes + 1);
        revealValidators(p, "true");
        vm.warp(block.timestamp + 1);
        uint256 stake = p.batch.stake;
        uint256 before = stakeBalance(keeper);
        conclude(p);
        assertBatchStatus(p, BatchStatus.Forfeited);
        assertStatus(p, DrawStatus.Convicted);
        assertEq(stakeBalance(keeper), before + stake / 4, "who concludes is rewarded");
        assertEq(totalStake(provider), STAKE - stake);
        for (uint256 i; i < 2; ++i) {
            assertGe(stakeBalance(p.lot[0].validators[i]), FEE, "the validators are paid");
        }
        assertEq(stakeBalance(address(verification)), 0);
    }

    function test_AProviderThatSealsAndDoesNotRevealIsConvicted() external {
        Play memory p = sealedPlay("true", "true");
        revealValidators(p, "true");
        uint40 end = verification.drawOf(p.id).phaseEnd;
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_TooEarly.selector, end));
        conclude(p);
        vm.warp(end + 1);
        conclude(p);
        assertBatchStatus(p, BatchStatus.Forfeited);
        assertEq(stakeBalance(address(verification)), 0);
    }

    function test_NobodyMovesAndTheBatchIsForfeited() external {
        Play memory p = drawnPlay();
        skip(20 minutes);
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_TooEarly.selector, block.timestamp));
        conclude(p);
        skip(1);
        conclude(p);
        assertBatchStatus(p, BatchStatus.Forfeited);
        for (uint256 i; i < SEATS; ++i) {
            assertEq(seatStakeOf(validators[i]), SEAT, "data may have been withheld from them");
        }
        assertEq(stakeBalance(address(verification)), 0);
    }

    /// @dev A lie for one task and silence for another: the dissenter of the first gets no chance to play, so it must not lose.
    function test_AProviderSilentForOneTaskCostsNoDissenter() external {
        Play memory p = sealedPlay("lie", "true");
        revealPlace(p, 0, "lie");
        revealValidators(p, "true");
        skip(10 minutes + 1);
        conclude(p);
        assertBatchStatus(p, BatchStatus.Forfeited);
        for (uint256 place; place < 2; ++place) {
            for (uint256 i; i < 2; ++i) {
                address validator = p.lot[place].validators[i];
                assertEq(seatStakeOf(validator), SEAT, "an honest validator keeps its seat");
                assertGe(stakeBalance(validator), FEE, "and is paid");
            }
        }
    }

    function test_ASilentValidatorLosesItsSeat() external {
        Play memory p = drawnPlay();
        sealProvider(p, "true");
        sealAs(p, 0, 1, "true");
        sealAs(p, 1, 0, "true");
        sealAs(p, 1, 1, "true");
        skip(10 minutes + 1);
        revealProvider(p, "true");
        revealAs(p, 0, 1, "true");
        revealAs(p, 1, 0, "true");
        revealAs(p, 1, 1, "true");
        uint256 before = stakeBalance(provider);
        skip(1);
        conclude(p);
        assertStatus(p, DrawStatus.Agreed);
        assertEq(seatStakeOf(p.lot[0].validators[0]), 0);
        assertEq(stakeBalance(provider), before + SEAT / 4);
        assertEq(stakeBalance(address(verification)), 0);
    }

    function test_AValidatorThatSealsAndDoesNotRevealLosesItsSeat() external {
        Play memory p = sealedPlay("true", "true");
        revealProvider(p, "true");
        revealAs(p, 0, 1, "true");
        revealAs(p, 1, 0, "true");
        revealAs(p, 1, 1, "true");
        skip(10 minutes + 1);
        conclude(p);
        assertEq(seatStakeOf(p.lot[0].validators[0]), 0);
        assertEq(seatStakeOf(p.lot[0].validators[1]), p.lot[0].validators[1] == p.lot[0].validators[0] ? 0 : SEAT);
    }

    /// @dev There is no way out between misbehaviour and slash.
    function test_LeavingDoesNotSaveASilentValidator() external {
        Play memory p = committedPlay(verifiedTerms(), COUNT);
        for (uint256 i; i < SEATS; ++i) {
            standUp(validators[i]);
        }
        drawWith(p, keccak256("value"));
        assertEq(p.lot[0].validators.length, 2, "drawn from those who sat before the commit");
        sealProvider(p, "true");
        skip(10 minutes + 1);
        revealProvider(p, "true");
        skip(1);
        conclude(p);
        assertEq(seatStakeOf(p.lot[0].validators[0]), 0);
        assertEq(seatStakeOf(p.lot[1].validators[1]), 0);
    }

    /* LIES */

    /// @dev Also the ringer: a provider that hands a validator a false root and seals the true one gains the validator's seat.
    function test_ACopierOfARootThatWasHandedOverLoses() external {
        Play memory p = sealedPlay("true", "handed over, and false");
        revealAll(p, "true", "handed over, and false");
        address copier = p.lot[0].validators[0];
        conclude(p);
        assertStatus(p, DrawStatus.Disputed);
        assertEq(verification.challengeEnd(p.id), block.timestamp + 20 minutes, "no game is opened for ever");
        vm.expectRevert(
            abi.encodeWithSelector(IVerification.Verification_TooEarly.selector, block.timestamp + 20 minutes)
        );
        conclude(p);
        // It opens a game to gain time. The draw waits for it, and it cannot win.
        games.setOpenGames(p.id, 1);
        skip(20 minutes + 1);
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_GamesOpen.selector, 1));
        conclude(p);
        games.setOpenGames(p.id, 0);
        uint256 before = stakeBalance(provider);
        conclude(p);
        assertStatus(p, DrawStatus.Agreed);
        assertEq(seatStakeOf(copier), 0, "a false accuser loses its seat");
        assertEq(stakeBalance(provider), before + SEAT / 4, "a part of it to the provider");
        assertEq(stakeBalance(address(verification)), 0);
    }

    function test_ALieIsConvictedByADissenter() external {
        Play memory p = sealedPlay("lie", "true");
        // The second validator of the place is bribed and agrees.
        Play memory q = p;
        revealProvider(q, "lie");
        revealValidators(q, "true");
        conclude(p);
        assertStatus(p, DrawStatus.Disputed);
        address dissenter = p.lot[0].validators[0];
        win(p, 0, dissenter, 7);
        assertBatchStatus(p, BatchStatus.Forfeited);
        assertStatus(p, DrawStatus.Disputed);
        skip(20 minutes + 1);
        conclude(p);
        assertStatus(p, DrawStatus.Convicted);
        assertEq(seatStakeOf(dissenter), SEAT);
        skip(1 hours);
        uint256 before = stakeBalance(dissenter);
        verification.claimPot(p.id);
        assertEq(stakeBalance(dissenter), before + p.batch.stake / 4);
        assertEq(stakeBalance(address(verification)), 0);
    }

    function test_AgreeingWithALieIsSlashedAfterTheConclusion() external {
        Play memory p = agreedPlay();
        (address first, address second) = (p.lot[0].validators[0], p.lot[0].validators[1]);
        assertEq(seatStakeOf(first), SEAT);
        win(p, 0, stranger, 3);
        assertBatchStatus(p, BatchStatus.Forfeited);
        assertStatus(p, DrawStatus.Convicted);
        assertEq(verification.challengeEnd(p.id), 0, "no game need be waited for");
        uint256 before = stakeBalance(stranger);
        conclude(p);
        assertEq(seatStakeOf(first), 0);
        assertEq(seatStakeOf(second), 0);
        assertEq(stakeBalance(stranger), before + 2 * (SEAT / 4), "who won is rewarded, whoever says so");
        vm.warp(block.timestamp + 1 hours);
        verification.claimPot(p.id);
        assertEq(stakeBalance(address(verification)), 0);
    }

    /// @dev The lie is at the last place: those who agreed with it are slashed, and nobody who looked at another task.
    function test_AgreeingWithALieAtTheLastPlaceIsSlashed() external {
        Play memory p = agreedPlay();
        address[] memory liars = p.lot[1].validators;
        win(p, 1, stranger, 3);
        conclude(p);
        for (uint256 i; i < 2; ++i) {
            assertEq(seatStakeOf(liars[i]), 0);
            address other = p.lot[0].validators[i];
            if (other != liars[0] && other != liars[1]) assertEq(seatStakeOf(other), SEAT);
        }
    }

    /// @dev All others are bribed, and the last validator of a place is heard.
    function test_TheLastValidatorAloneDissents() external {
        Play memory p = drawnPlay();
        sealProvider(p, "lie");
        revealOrSealAs(p, "lie", "true", true);
        revealProvider(p, "lie");
        revealOrSealAs(p, "lie", "true", false);
        conclude(p);
        assertStatus(p, DrawStatus.Disputed);
    }

    /// @dev The validators of the first place, the last of which has another mid than the others, and those of the second.
    function revealOrSealAs(Play memory p, string memory mid, string memory lastMid, bool sealing) private {
        for (uint8 place; place < 2; ++place) {
            for (uint8 i; i < 2; ++i) {
                string memory own = place == 1 ? "true" : i == 0 ? mid : lastMid;
                if (sealing) sealAs(p, place, i, own);
                else revealAs(p, place, i, own);
            }
        }
    }

    /// @dev The provider lost before the reveals; those who agree with it all the same feed who won, not the provider.
    function test_AgreeingWithAProvenLieDoesNotFeedTheLiar() external {
        Play memory p = sealedPlay("lie", "lie");
        win(p, 0, stranger, 3);
        revealAll(p, "lie", "lie");
        address liar = p.lot[0].validators[0];
        uint256 before = stakeBalance(provider);
        uint256 earned = stakeBalance(stranger);
        conclude(p);
        if (statusOf(p) == DrawStatus.Disputed) {
            skip(20 minutes + 1);
            conclude(p);
        }
        assertEq(seatStakeOf(liar), 0);
        assertEq(stakeBalance(provider), before);
        assertEq(stakeBalance(stranger), earned + SEAT / 4);
        assertEq(seatStakeOf(p.lot[0].validators[1]), SEAT, "the dissenter was right");
    }

    /// @dev The provider lies, is dissented from, and gives its batch up before the dissenter can play: seats would be worth
    /// more to it than the batch's stake.
    function test_ForfeitingABatchCostsNoDissenter() external {
        Play memory p = sealedPlay("lie", "true");
        demand(p.order, p.batch, 0);
        revealProvider(p, "lie");
        revealValidators(p, "true");
        conclude(p);
        skip(5 minutes + 1);
        escrow.forfeit(p.order, p.batch, 0);
        skip(20 minutes);
        uint256 before = stakeBalance(provider);
        conclude(p);
        assertStatus(p, DrawStatus.Convicted);
        assertEq(stakeBalance(provider), before, "the provider gains nothing");
        for (uint256 place; place < 2; ++place) {
            for (uint256 i; i < 2; ++i) {
                assertEq(seatStakeOf(p.lot[place].validators[i]), SEAT);
                assertGe(stakeBalance(p.lot[place].validators[i]), FEE);
            }
        }
        assertEq(stakeBalance(address(verification)), 0);
    }

    /// @dev Customer and provider withhold the data from the validators and would share their seats.
    function test_WithholdingDataCostsNoValidator() external {
        Play memory p = drawnPlay();
        demand(p.order, p.batch, p.lot[0].index);
        skip(5 minutes + 1);
        escrow.forfeit(p.order, p.batch, p.lot[0].index);
        skip(20 minutes);
        conclude(p);
        assertStatus(p, DrawStatus.Convicted);
        for (uint256 i; i < SEATS; ++i) {
            assertEq(seatStakeOf(validators[i]), SEAT);
        }
        assertEq(stakeBalance(address(verification)), 0, "the whole reserve went back");
    }

    /// @dev With a settle window that is over before the draw, nobody could ask for the data without this.
    function test_ALateDrawLeavesTimeToDemand() external {
        Order memory order = verifiedTerms();
        order.settleWindow = 1;
        Play memory p = committedPlay(order, COUNT);
        skip(1 days);
        drawWith(p, keccak256("value"));
        uint32 index = p.lot[0].index;
        demand(p.order, p.batch, index);
        skip(9 minutes);
        // Past the demand's deadline the phase cannot be extended any more.
        address validator = p.lot[0].validators[0];
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_NotDemanded.selector, index));
        vm.prank(validator);
        verification.extend(p.order, p.batch, 0);
        vm.prank(keeper);
        escrow.forfeit(p.order, p.batch, index);
        assertBatchStatus(p, BatchStatus.Forfeited);
    }

    function test_ADemandExtendsSealing() external {
        Play memory p = drawnPlay();
        uint32 index = p.lot[0].index;
        skip(8 minutes);
        demand(p.order, p.batch, index);
        uint40 end = uint40(block.timestamp) + 15 minutes;
        vm.expectEmit(address(verification));
        emit IVerification.SealingExtended(p.id, end);
        vm.prank(p.lot[0].validators[1]);
        verification.extend(p.order, p.batch, 0);
        assertEq(verification.drawOf(p.id).phaseEnd, end);
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_NotDrawn.selector, 0, stranger));
        vm.prank(stranger);
        verification.extend(p.order, p.batch, 0);
        vm.warp(end);
        sealAll(p, "true", "true");
        assertStatus(p, DrawStatus.Revealing);
    }

    /* TRACES */

    function test_ATraceOfAnotherLeafIsRefused() external {
        Play memory p = sealedPlay("true", "true");
        (Revealed[] memory roots, Binding[] memory bindings) = bound_(p, 0, "true");
        Binding memory bad = bindings[0];
        bytes32[] memory kept = bad.outputProof;
        bytes memory unbound = abi.encodeWithSelector(IVerification.Verification_Unbound.selector, p.lot[0].index);
        vm.startPrank(provider);

        bad.outputProof = bad.inputProof;
        vm.expectRevert(unbound);
        verification.revealBound(p.order, p.batch, roots, bindings);

        (bad.outputProof, bad.inputProof) = (kept, kept);
        vm.expectRevert(unbound);
        verification.revealBound(p.order, p.batch, roots, bindings);

        (, bindings) = bound_(p, 0, "true");
        bindings[0].task.outputHash = keccak256("not in the batch");
        vm.expectRevert(unbound);
        verification.revealBound(p.order, p.batch, roots, bindings);

        bindings[0] = bindingOf(p, p.lot[1].index, "true");
        vm.expectRevert(unbound);
        verification.revealBound(p.order, p.batch, roots, bindings);
        vm.stopPrank();
    }

    /// @dev The output of the sealed trace is another one than the leaf's: it can never be revealed.
    function test_AnUnboundTraceCountsAsSilence() external {
        Play memory p = drawnPlay();
        uint32 index = p.lot[0].index;
        bytes32 honest = p.tasks[index].outputHash;
        p.tasks[index].outputHash = keccak256("cheaper");
        bytes32 root = rootOf(p, 0, "true");
        Binding memory binding = bindingOf(p, index, "true");
        p.tasks[index].outputHash = honest;
        sealValue(p, provider, 0, sealOf(p, 0, provider, root));
        sealValue(p, provider, 1, sealOf(p, 1, provider, rootOf(p, 1, "true")));
        sealValidators(p, "true");
        Revealed[] memory roots = new Revealed[](1);
        roots[0] = Revealed(0, index, root, saltOf(provider, 0));
        Binding[] memory bindings = new Binding[](1);
        bindings[0] = binding;
        bindings[0].task = p.tasks[index];
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_Unbound.selector, index));
        vm.prank(provider);
        verification.revealBound(p.order, p.batch, roots, bindings);
        revealPlace(p, 1, "true");
        revealValidators(p, "true");
        skip(10 minutes + 1);
        conclude(p);
        assertBatchStatus(p, BatchStatus.Forfeited);
    }

    /// @dev The provider seals, under the place of the drawn task, the true trace of another one. Whoever computed the drawn task
    /// would dissent and could not win, since the leaf is true; and a game over the other task could never be won.
    function test_TheTraceOfAnotherTaskIsRefused() external {
        Play memory p = drawnPlay();
        uint32 other;
        while (other == p.lot[0].index || other == p.lot[1].index) ++other;
        Play memory forged = drawnCopy(p, other);
        sealValue(p, provider, 0, sealOf(forged, 0, provider, rootOf(forged, 0, "true")));
        sealValue(p, provider, 1, sealOf(p, 1, provider, rootOf(p, 1, "true")));
        sealValidators(p, "true");
        (Revealed[] memory roots, Binding[] memory bindings) = bound_(forged, 0, "true");
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_Unbound.selector, other));
        vm.prank(provider);
        verification.revealBound(p.order, p.batch, roots, bindings);
        assertEq(verification.revealedRoot(p.id, other), 0);
    }

    function drawnCopy(Play memory p, uint32 other) private view returns (Play memory forged) {
        forged = Play(p.order, p.batch, p.tasks, p.id, verification.lotOf(p.order, p.batch));
        forged.lot[0].index = other;
    }

    /// @dev One root answered in a game and another one revealed would convict whoever agrees with the first.
    function test_AnswerAndRevealMustBeOneTrace() external {
        Play memory p = sealedPlay("true", "true");
        bytes32 answered = rootOf(p, 0, "another");
        games.answer(p.id, p.lot[0].index, answered);
        (Revealed[] memory roots, Binding[] memory bindings) = bound_(p, 0, "true");
        vm.expectRevert(
            abi.encodeWithSelector(IVerification.Verification_BadSeal.selector, answered, roots[0].traceRoot)
        );
        vm.prank(provider);
        verification.revealBound(p.order, p.batch, roots, bindings);
        games.answer(p.id, p.lot[0].index, roots[0].traceRoot);
        vm.prank(provider);
        verification.revealBound(p.order, p.batch, roots, bindings);
        assertEq(verification.revealedRoot(p.id, p.lot[0].index), roots[0].traceRoot);
    }

    /// @dev An accomplice's game over the drawn task ran out unanswered before the reveal, and is not ended. The provider reveals,
    /// to have those lose their seats who agree with it, a part of them to the accomplice. None of them could have answered before.
    function test_RevealWithAGameUnanswered() external {
        Play memory p = sealedPlay("true", "true");
        games.setGames(p.id, p.lot[0].index, 1);
        revealValidators(p, "true");
        (Revealed[] memory roots, Binding[] memory bindings) = bound_(p, 0, "true");
        vm.expectRevert(
            abi.encodeWithSelector(IVerification.Verification_BadSeal.selector, bytes32(0), roots[0].traceRoot)
        );
        vm.prank(provider);
        verification.revealBound(p.order, p.batch, roots, bindings);
        win(p, 0, stranger, 1);
        for (uint256 i; i < SEATS; ++i) {
            assertEq(seatStakeOf(validators[i]), SEAT);
        }
    }

    /// @dev Nor does a game keep a provider from revealing that answers it.
    function test_RevealWithAGameAnswered() external {
        Play memory p = sealedPlay("true", "true");
        games.setGames(p.id, p.lot[0].index, 1);
        games.answer(p.id, p.lot[0].index, rootOf(p, 0, "true"));
        games.setGames(p.id, p.lot[0].index, 1);
        revealAll(p, "true", "true");
        conclude(p);
        assertStatus(p, DrawStatus.Agreed);
    }

    /* THE LOT */

    /// @dev Sender, time and order of transactions change nothing.
    function testFuzz_TheLotIsTheSameWhoeverDrawsAndWhenever(address caller, uint32 wait, bytes32 value) external {
        vm.assume(caller != address(0) && value != 0);
        Play memory p = committedPlay(verifiedTerms(), COUNT);
        beacon.record(verification.drawOf(p.id).round, value);
        uint256 state = vm.snapshotState();
        vm.prank(keeper);
        verification.draw(p.order, p.batch);
        bytes32 lot = keccak256(abi.encode(verification.lotOf(p.order, p.batch)));
        vm.revertToState(state);
        skip(wait);
        standUp(validators[wait % SEATS]);
        address late = makeAddr("late");
        provisionSeat(late);
        sit(late);
        vm.prank(caller);
        verification.draw(p.order, p.batch);
        assertEq(keccak256(abi.encode(verification.lotOf(p.order, p.batch))), lot);
    }

    function test_ALostRoundIsDrawnWithCertainty() external {
        Order memory order = verifiedTerms();
        (order.policy.rate, order.stakePerBatch) = (1, 2e13);
        Play memory p = committedPlay(order, COUNT);
        uint64 round = verification.drawOf(p.id).round;
        bytes memory isOpen = abi.encodeWithSelector(IVerification.Verification_RoundOpen.selector, round);
        vm.expectRevert(isOpen);
        verification.postpone(p.order, p.batch);
        vm.expectRevert(isOpen);
        verification.draw(p.order, p.batch);
        beacon.lose(round);
        vm.expectEmit(address(verification));
        emit IVerification.DrawPostponed(p.id, round + 1);
        verification.postpone(p.order, p.batch);
        drawWith(p, bytes32(uint256(keccak256("value"))));
        assertStatus(p, DrawStatus.Sealing);
    }

    /// @dev Whoever would rather have another value cannot drop one that was recorded.
    function test_ARecordedRoundIsNotPostponed() external {
        Play memory p = committedPlay(verifiedTerms(), COUNT);
        uint64 round = verification.drawOf(p.id).round;
        beacon.record(round, keccak256("value"));
        beacon.lose(round);
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_RoundOpen.selector, round));
        verification.postpone(p.order, p.batch);
    }

    /* SETTLEMENT */

    function test_AReceiptBeforeTheDrawSettles() external {
        Play memory p = committedPlay(verifiedTerms(), COUNT);
        escrow.accept(p.order, p.batch, sign(p.batch));
        assertBatchStatus(p, BatchStatus.Settled);
        beacon.record(verification.drawOf(p.id).round, keccak256("value"));
        vm.expectRevert(
            abi.encodeWithSelector(IJobEscrow.JobEscrow_BatchNotCommitted.selector, p.id, BatchStatus.Settled)
        );
        verification.draw(p.order, p.batch);
        escrow.reclaim(p.order);
        assertEq(stakeBalance(address(escrow)), 0, "what was set aside for the draw came back");
    }

    function test_NothingSettlesWhileADrawRuns() external {
        Play memory p = committedPlay(verifiedTerms(), COUNT);
        bytes memory receipt = sign(p.batch);
        skip(2 hours);
        bytes memory no = abi.encodeWithSelector(IJobEscrow.JobEscrow_NotVerified.selector, p.id);
        vm.expectRevert(no);
        escrow.settle(p.order, p.batch);
        drawWith(p, keccak256("value"));
        refuse(p, receipt, no);
        sealAll(p, "true", "false");
        refuse(p, receipt, no);
        revealAll(p, "true", "false");
        refuse(p, receipt, no);
        conclude(p);
        assertStatus(p, DrawStatus.Disputed);
        refuse(p, receipt, no);
        skip(20 minutes + 1);
        conclude(p);
        // Agreed: the receipt need not wait for the challenge window, the clock does, and neither for a game.
        games.setOpenGames(p.id, 1);
        refuse(p, receipt, no);
        games.setOpenGames(p.id, 0);
        skip(20 minutes);
        vm.expectRevert(no);
        escrow.settle(p.order, p.batch);
        uint256 state = vm.snapshotState();
        escrow.accept(p.order, p.batch, receipt);
        vm.revertToState(state);
        skip(1);
        escrow.settle(p.order, p.batch);
        assertBatchStatus(p, BatchStatus.Settled);
    }

    function refuse(Play memory p, bytes memory receipt, bytes memory no) private {
        vm.expectRevert(no);
        escrow.settle(p.order, p.batch);
        vm.expectRevert(no);
        escrow.accept(p.order, p.batch, receipt);
    }

    function test_AForfeitedBatchIsNotDrawn() external {
        Play memory p = committedPlay(verifiedTerms(), COUNT);
        demand(p.order, p.batch, 0);
        skip(5 minutes + 1);
        escrow.forfeit(p.order, p.batch, 0);
        beacon.record(verification.drawOf(p.id).round, keccak256("value"));
        vm.expectRevert(
            abi.encodeWithSelector(IJobEscrow.JobEscrow_BatchNotCommitted.selector, p.id, BatchStatus.Forfeited)
        );
        verification.draw(p.order, p.batch);
        escrow.reclaim(p.order);
        assertEq(stakeBalance(address(escrow)), 0);
    }

    /// @dev The work of validators is paid whatever becomes of the batch.
    function test_AForfeitedBatchPaysItsValidators() external {
        Play memory p = sealedPlay("true", "true");
        demand(p.order, p.batch, 0);
        skip(5 minutes + 1);
        escrow.forfeit(p.order, p.batch, 0);
        revealAll(p, "true", "true");
        conclude(p);
        assertStatus(p, DrawStatus.Convicted);
        assertGe(stakeBalance(p.lot[0].validators[0]), FEE);
        assertEq(stakeBalance(address(verification)), 0);
    }

    function test_NothingIsConcludedOrSlashedTwice() external {
        Play memory p = agreedPlay();
        expectStatus(p, DrawStatus.Agreed);
        conclude(p);
        win(p, 0, stranger, 3);
        conclude(p);
        // A validator that came back is not slashed again for the same task.
        address validator = p.lot[0].validators[0];
        provisionSeat(validator);
        sit(validator);
        win(p, 0, stranger, 4);
        conclude(p);
        assertEq(seatStakeOf(validator), SEAT);
    }

    /* POTS */

    function test_ThePotGoesToTheEarliestSeal() external {
        Play memory p = agreedPlay();
        win(p, 0, stranger, 9);
        uint40 claimable = verification.potOf(p.id).claimableAt;
        assertEq(claimable, block.timestamp + 1 hours);
        win(p, 1, rival, 10);
        assertEq(verification.potOf(p.id).winner, stranger, "a later seal changes nothing");
        vm.warp(claimable - 1);
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_NoPot.selector, p.id, claimable));
        verification.claimPot(p.id);
        win(p, 1, keeper, 8);
        assertEq(verification.potOf(p.id).winner, keeper);
        vm.warp(claimable);
        win(p, 1, rival, 1);
        assertEq(verification.potOf(p.id).winner, keeper, "no longer once it can be claimed");
        uint256 before = stakeBalance(keeper);
        vm.prank(stranger);
        verification.claimPot(p.id);
        assertEq(stakeBalance(keeper), before + p.batch.stake / 4);
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_NoPot.selector, p.id, 0));
        verification.claimPot(p.id);
        assertEq(stakeBalance(address(verification)), 0);
    }

    function test_OnlyGamesConvict() external {
        Play memory p = drawnPlay();
        vm.expectRevert(
            abi.encodeWithSelector(IVerification.Verification_NotAllowed.selector, customer, address(games))
        );
        vm.prank(customer);
        verification.convict(p.order, p.batch, 0, customer, 1);
    }

    function test_AConvictionBeforeTheDrawEndsIt() external {
        Play memory p = committedPlay(verifiedTerms(), COUNT);
        games.win(verification, p.order, p.batch, 0, stranger, 1);
        assertStatus(p, DrawStatus.Convicted);
        beacon.record(verification.drawOf(p.id).round, keccak256("value"));
        expectStatus(p, DrawStatus.Convicted);
        verification.draw(p.order, p.batch);
        skip(1 hours);
        verification.claimPot(p.id);
        escrow.reclaim(p.order);
        assertEq(stakeBalance(address(escrow)) + stakeBalance(address(verification)), 0);
    }
}
