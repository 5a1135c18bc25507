// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";
import {BatchStatus, IJobEscrow} from "../../src/work/IJobEscrow.sol";
import {Game, IDisputeGame, Step} from "../../src/work/IDisputeGame.sol";
import {Task} from "../../src/work/WorkTypes.sol";
import {DisputeTest, Play} from "./DisputeTest.sol";
import {VerificationStub} from "./mocks/VerificationStub.sol";
import {Inference} from "./utils/Inference.sol";
import {Tensors} from "./utils/Tensors.sol";

/// @notice A provider whose transactions show nothing.
contract SecretiveProvider {
    address private _target;
    bytes private _call;

    function keep(address target, bytes calldata call) external {
        (_target, _call) = (target, call);
    }

    function supply() external {
        (bool ok,) = _target.call(_call);
        require(ok);
    }
}

/// @notice People who want the money, or somebody else's loss. Each test plays one attack and shows what it gains.
contract DisputeGame_Attacks_Test is DisputeTest {
    using Tensors for bytes[][];

    function expectBadSeal(bytes32 sealHash, uint256 openEnd) private {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_BadSeal.selector, sealHash, openEnd));
    }

    function expectNoVerdict(Play memory play) private {
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGame.DisputeGame_NoVerdict.selector, play.batchId, play.task.index)
        );
    }

    function expectNotVerified(Play memory play) private {
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_NotVerified.selector, play.batchId));
    }

    /* SEALS */

    /// @dev The rival reads the fault in the challenger's `open` and is first with the block builder. It has no ripe seal, and the
    /// one that it makes is later, which is what the pot goes by.
    function test_StealAFaultFromTheMempool() external {
        Play memory play = committed(wrongAt(Inference.UNIT, 0, 5), WRONG);
        seal(play);
        skip(12);
        Play memory thief = copyFor(play, rival, "thief");
        seal(thief);
        expectBadSeal(thief.gameId, block.timestamp + OPEN_WINDOW);
        doOpen(thief);
        doOpen(play);
        play.game = newGame(play);
        skip(12);
        doOpen(thief);
        thief.game = newGame(thief);

        answer(play);
        uint256 answeredAt = block.timestamp;
        finish(play, answeredAt);
        joinVerdict(thief);
        VerificationStub.Verdict[] memory verdicts = verification.verdicts();
        assertEq(verdicts[0].winner, challenger);
        assertEq(verdicts[1].winner, rival);
        assertLt(verdicts[0].sealNumber, verdicts[1].sealNumber);
    }

    function test_OpenAnothersSeal() external {
        Play memory play = committed(wrongAt(Inference.UNIT, 0, 5), WRONG);
        seal(play);
        skip(12);
        Play memory thief = copyFor(play, rival, play.salt);
        expectBadSeal(sealHashOf(thief), OPEN_WINDOW);
        doOpen(thief);
    }

    /// @dev The rival copies the hash and is first. It cannot open it; whose it is can, and plays with the rival's bond.
    function test_CopyAnothersSeal() external {
        Play memory play = committed(wrongAt(Inference.UNIT, 0, 5), WRONG);
        play.bond = disputes.bondNow();
        play.gameId = sealHashOf(play);
        vm.prank(rival);
        play.sealNumber = disputes.seal(play.gameId);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_SealExists.selector, play.gameId));
        vm.prank(challenger);
        disputes.seal(play.gameId);
        skip(12);
        doOpen(play);
        play.game = newGame(play);
        skip(TIME + 1);
        uint256 before = balance(challenger);
        timeout(play);
        assertEq(balance(challenger), before + play.bond);
    }

    /// @dev Each game costs a seal and each seal a bond.
    function test_ReplayASeal() external {
        Play memory play = playedTo(Step.Answered);
        skip(TIME + 1);
        timeout(play);
        expectBadSeal(play.gameId, OPEN_WINDOW);
        doOpen(play);
    }

    function test_SealAndNeverOpen() external {
        Play memory play = committed(honest(WRONG), WRONG);
        seal(play);
        // It does not hold the batch up.
        vm.warp(escrow.batchState(play.batchId).settlesAt);
        escrow.settle(play.order, play.batch);
        disputes.expireSeal(play.gameId);
        assertEq(balance(ledger.BURN()), play.bond);
        assertEq(balance(challenger), 100 ether - play.bond);
    }

    /* SEALS OF A LOST BATCH */

    /// @dev The rival seals both tasks blindly before the challenger's seal arrives, opens the one that the challenger opens, even
    /// wins before it, and wants the other bond back: it is to burn, or being first would cost nothing.
    function test_SealBlindlyAndTakeTheRestBack() external {
        Play memory play = committed(wrongAt(Inference.UNIT, 0, 5), WRONG);
        (Play memory right, Play memory blind) = (copyFor(play, rival, "blind"), copyFor(play, rival, "blind"));
        blind.task = taskOf(0, honest(0), 0, UNITS);
        seal(right);
        seal(blind);
        seal(play);
        skip(12);
        doOpen(play);
        play.game = newGame(play);
        doOpen(right);
        right.game = newGame(right);
        answer(right);
        finish(right, block.timestamp);
        assertForfeited(play);
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGame.DisputeGame_Overtaken.selector, blind.gameId, play.sealNumber)
        );
        withdrawSeal(blind);
        joinVerdict(play);
        skip(OPEN_WINDOW);
        disputes.expireSeal(blind.gameId);
        assertEq(balance(rival), 100 ether - blind.bond);
        assertEq(balance(challenger), 100 ether);
    }

    /// @dev What can be taken back is of no use: the batch is lost, and no game can be opened under it.
    function test_SealAfterTheConviction() external {
        Play memory play = playedTo(Step.RowShown);
        doProve(play, 2);
        Play memory late = copyFor(play, rival, "late");
        seal(late);
        skip(12);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDisputeGame.DisputeGame_NotChallengeable.selector, play.batchId, play.batch.committedAt + 6 hours
            )
        );
        doOpen(late);
        withdrawSeal(late);
        assertEq(balance(rival), 100 ether);
        assertEq(verification.verdicts().length, 1);
    }

    /// @dev The provider seals its own batch before it commits to it, and forfeits it to have the bond back: it has the bond back.
    /// A game that opened meanwhile has its place, and the seal is lost.
    function test_SealABatchBeforeItIs() external {
        uint256 start = vm.snapshotState();
        Play memory play = committed(wrongAt(Inference.UNIT, 0, 5), WRONG);
        Play memory early = copyFor(play, rival, "early");
        vm.revertToState(start);
        seal(early);
        play = committed(wrongAt(Inference.UNIT, 0, 5), WRONG);
        assertEq(play.batchId, early.batchId);
        start = vm.snapshotState();
        vm.prank(address(verification));
        escrow.convict(play.order, play.batch, stranger);
        withdrawSeal(early);
        assertEq(balance(rival), 100 ether);

        vm.revertToState(start);
        open(play);
        vm.prank(address(verification));
        escrow.convict(play.order, play.batch, stranger);
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGame.DisputeGame_Overtaken.selector, early.gameId, play.sealNumber)
        );
        withdrawSeal(early);
    }

    /// @dev A seal that came back can be made again, with another bond and another number, and nothing more.
    function test_WithdrawTheSameSealAgain() external {
        Play memory play = committed(honest(WRONG), WRONG);
        seal(play);
        vm.prank(address(verification));
        escrow.convict(play.order, play.batch, stranger);
        Play memory other = copyFor(play, rival, "other");
        seal(other);
        withdrawSeal(play);
        expectBadSeal(play.gameId, OPEN_WINDOW);
        withdrawSeal(play);
        seal(play);
        assertEq(play.sealNumber, 3);
        withdrawSeal(play);
        assertEq(balance(challenger), 100 ether);
        assertEq(balance(address(disputes)), other.bond);
    }

    /// @dev A seal of one batch does not come back with another, nor one task's with another's.
    function test_WithdrawTheSealOfAnotherBatch() external {
        Play memory play = committed(honest(WRONG), WRONG);
        seal(play);
        Play memory lost = committedAs(honest(WRONG), WRONG, "lost", UNITS);
        vm.prank(address(verification));
        escrow.convict(lost.order, lost.batch, stranger);
        (lost.challenger, lost.salt) = (challenger, play.salt);
        expectBadSeal(sealHashOf(lost), OPEN_WINDOW);
        withdrawSeal(lost);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_NotForfeited.selector, play.batchId));
        withdrawSeal(play);
    }

    /* LEAVES THAT NOBODY SEES */

    /// @dev The provider is a contract and publishes nothing. What it supplies on demand it supplies within a call of which calldata show
    /// nothing, from rows that it keeps. The event alone is enough to open the game that convicts it.
    function test_HideTheLeafInANestedCall() external {
        SecretiveProvider hidden = new SecretiveProvider();
        vm.etch(provider, address(hidden).code);
        Play memory play = committed(wrongAt(Inference.UNIT, 0, 5), WRONG);
        vm.prank(challenger);
        escrow.demand(play.order, play.batch, WRONG);
        bytes[][] memory trace = play.trace;
        bytes memory call = abi.encodeCall(
            IJobEscrow.supply, (play.order, play.batch, play.task, trace[0][0], trace[Inference.OPERATORS - 1][0])
        );
        SecretiveProvider(provider).keep(address(escrow), call);
        delete play.task;

        vm.recordLogs();
        SecretiveProvider(provider).supply();
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs[0].topics[0], IJobEscrow.Supplied.selector);
        (play.task,,) = abi.decode(logs[0].data, (Task, bytes, bytes));
        playTo(play, Step.RowShown);
        doProve(play, 2);
        assertForfeited(play);
    }

    /* LAUNDERING */

    /// @dev The provider accuses itself from a second address, first, and loses on purpose. The leaf is as open to others as before.
    function test_LoseAgainstOneselfOnPurpose() external {
        Play memory play = committed(wrongAt(Inference.UNIT, 0, 5), WRONG);
        Play memory puppet = copyFor(play, rival, "puppet");
        open(puppet);
        answer(puppet);
        skip(TIME + 1);
        timeout(puppet);
        assertEq(balance(rival), 100 ether - puppet.bond);

        playToAnswered(play);
        assertEq(disputes.openGames(play.batchId), 1);
        finish(play, disputes.answerOf(play.batchId, WRONG).answeredAt);
        assertForfeited(play);
    }

    /// @dev No game settles a batch while another is open, however it ended and whoever signs a receipt.
    function test_SettleWhileAGameIsOpen() external {
        Play memory play = playedTo(Step.Opened);
        Play memory puppet = copyFor(play, rival, "puppet");
        open(puppet);
        answer(puppet);
        uint256 answeredAt = block.timestamp;
        skip(TIME + 1);
        timeout(puppet);
        vm.warp(escrow.batchState(play.batchId).settlesAt + 1);
        assertEq(disputes.openGames(play.batchId), 1);
        expectNotVerified(play);
        escrow.settle(play.order, play.batch);
        expectNotVerified(play);
        vm.prank(customer);
        escrow.accept(play.order, play.batch, "");
        // Its challenger had lost interest meanwhile.
        assertGt(block.timestamp, answeredAt + TIME);
        timeout(play);
        escrow.settle(play.order, play.batch);
        assertEq(uint8(escrow.batchState(play.batchId).status), uint8(BatchStatus.Settled));
    }

    /// @dev A verdict over one task says nothing about another of the batch.
    function test_JoinTheVerdictOfAnotherTask() external {
        Play memory play = playedTo(Step.RowShown);
        Play memory other = play;
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = leafOf(play.batch.orderId, play.task);
        other = copyFor(play, rival, "other");
        other.trace = honest(0);
        other.task = taskOf(0, other.trace, 0, UNITS);
        other.task.proof = proof;
        open(other);
        doProve(play, 2);
        expectNoVerdict(other);
        joinVerdict(other);
    }

    /* SEVERAL CHALLENGERS */

    /// @dev One answer serves three games; one challenger is silent and loses, one proves, one joins.
    function test_SeveralChallengersOfOneTask() external {
        Play memory first = committed(wrongAt(Inference.UNIT, 0, 5), WRONG);
        Play memory second = copyFor(first, rival, "second");
        Play memory third = copyFor(first, stranger, "third");
        fundNative(stranger);
        open(first);
        open(second);
        answer(first);
        uint256 answeredAt = block.timestamp;
        open(third);
        assertEq(disputes.openGames(first.batchId), 3);
        assertEq(balance(address(disputes)), uint256(first.bond) + second.bond + third.bond);

        skip(TIME - 12);
        finish(second, answeredAt);
        skip(13);
        timeout(first);
        assertEq(balance(challenger), 100 ether - first.bond, "silence loses, whatever others proved");
        assertEq(balance(provider), first.bond);
        // Its clock, which began when it was opened, still runs by twelve seconds less.
        joinVerdict(third);
        assertEq(balance(rival), 100 ether);
        assertEq(balance(stranger), 100 ether);
        assertEq(balance(address(disputes)), 0);
        assertEq(disputes.openGames(first.batchId), 0);
    }

    /* ANSWERS */

    /// @dev Having seen what the first challenger names, the provider has another trace for the second.
    function test_AnswerAnotherGameOtherwise() external {
        Play memory play = playedTo(Step.OperatorNamed);
        Play memory second = copyFor(play, rival, "second");
        open(second);
        second.trace = honest(WRONG);
        second.trace[Inference.UNIT] = play.trace[Inference.UNIT];
        second.trace[Inference.POOL][0][7] ^= 0x01;
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_AlreadyAnswered.selector, play.batchId, WRONG));
        doAnswer(second, provider);
    }

    /// @dev A false trace in the provider's name would convict it.
    function test_PlantAnAnswer() external {
        Play memory play = playTo(committed(honest(WRONG), WRONG), Step.Opened);
        bytes32 root = play.trace.rootOf();
        play.trace[Inference.POOL][0][7] ^= 0x01;
        expectNotAllowed(challenger, provider);
        doAnswer(play, challenger);
        // Nor where anybody may answer.
        verification.reveal(play.batchId, WRONG, root);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDisputeGame.DisputeGame_BadAnswer.selector, bytes32("trace"), play.trace.rootOf(), root
            )
        );
        doAnswer(play, challenger);
    }

    /// @dev The draw revealed one trace; in the game the provider has another, better one.
    function test_AnswerWithAnotherTraceThanInTheDraw() external {
        Play memory play = playedTo(Step.Opened);
        bytes32 root = play.trace.rootOf();
        verification.reveal(play.batchId, WRONG, root);
        bytes[][] memory better = honest(WRONG);
        better[Inference.UNIT] = play.trace[Inference.UNIT];
        better[Inference.NORM][0][0] ^= 0x01;
        play.trace = better;
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGame.DisputeGame_BadAnswer.selector, bytes32("trace"), better.rootOf(), root)
        );
        doAnswer(play, provider);
    }

    /* AN HONEST PROVIDER */

    /// @dev Whatever operator, row and element a false challenger names: the honest answer stands, and its bond is gone.
    function test_AccuseAnHonestProvider() external {
        Play memory play = playTo(committed(honest(WRONG), WRONG), Step.Answered);
        uint256 answeredAt = block.timestamp;
        uint256 start = vm.snapshotState();
        for (uint16 operator; operator < Inference.OPERATORS; ++operator) {
            for (uint32 row; row < play.trace[operator].length; ++row) {
                Play memory game = copyFor(play, challenger, play.salt);
                nameOperator(game, operator, answeredAt);
                showRows(game);
                nameRow(game, row);
                showRow(game);
                for (uint32 element; element < Inference.elementsOf(operator, UNITS); ++element) {
                    vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_ElementTrue.selector, element));
                    doProve(game, element);
                }
                skip(TIME + 1);
                timeout(game);
                assertEq(balance(provider), play.bond);
                assertCommitted(play);
                vm.revertToState(start);
            }
        }
    }

    /// @dev The challenger loses, and hopes to lose to itself: a second address overtakes each of the provider's moves.
    function test_TakeOnesBondBackByDefendingTheProvider() external {
        Play memory play = playTo(committed(honest(WRONG), WRONG), Step.OperatorNamed);
        Game memory next = rowsShown(play);
        doShowRows(play, stranger);
        play.game = next;
        nameRow(play, 0);
        next = rowShown(play);
        doShowRow(play, stranger);
        play.game = next;
        skip(TIME + 1);
        timeout(play);
        assertEq(balance(stranger), 0);
        assertEq(balance(provider), play.bond, "the provider answered, and is paid for it");
    }

    /// @dev The provider is silent to have those slashed who agreed with it. They defend it, and are paid.
    function test_BetrayWhoAgreed() external {
        Play memory play = committed(honest(WRONG), WRONG);
        verification.reveal(play.batchId, WRONG, play.trace.rootOf());
        open(play);
        skip(TIME / 2 + 1);
        doAnswer(play, stranger);
        nameOperator(play, Inference.UNIT, block.timestamp);
        uint256 half = (disputes.deadlineOf(play.game) - block.timestamp) / 2;
        skip(half + 1);
        Game memory next = rowsShown(play);
        next.defender = stranger;
        doShowRows(play, stranger);
        play.game = next;
        nameRow(play, 0);
        next = rowShown(play);
        doShowRow(play, stranger);
        play.game = next;
        skip(TIME + 1);
        timeout(play);
        assertEq(balance(stranger), play.bond);
        assertCommitted(play);
    }

    /* A LYING PROVIDER */

    /// @dev What it committed to has a row one byte too long: it cannot be shown, and neither can any other.
    function test_CommitToARowOfAnotherLength() external {
        bytes[][] memory trace = honest(WRONG);
        trace[Inference.POOL][0] = abi.encodePacked(trace[Inference.POOL][0], uint8(0));
        Play memory play = playTo(committed(trace, WRONG), Step.RowNamed, Inference.POOL, 0);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_OutOfRange.selector, 21, 20));
        doShowRow(play, provider);
        skip(TIME);
        timeout(play);
        assertForfeited(play);
    }

    /// @dev More rows than the tape makes: they cannot be shown.
    function test_CommitToAnotherNumberOfRows() external {
        bytes[][] memory trace = honest(WRONG);
        bytes memory row = trace[Inference.UNIT][0];
        trace[Inference.POOL] = new bytes[](2);
        (trace[Inference.POOL][0], trace[Inference.POOL][1]) = (row, row);
        Play memory play = playTo(committed(trace, WRONG), Step.OperatorNamed, Inference.POOL, 0);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_OutOfRange.selector, 2, 1));
        doShowRows(play, provider);
        skip(TIME);
        timeout(play);
        assertForfeited(play);
    }

    /// @dev A bill for more units than the model takes: every row that can be shown at all is false.
    function test_BillUnitsBeyondTheModel() external {
        Play memory play = committedAs(honest(WRONG), WRONG, "salt", 200);
        playTo(play, Step.RowShown);
        doProve(play, 0);
        assertForfeited(play);
    }

    /* THE CHAIN */

    /// @dev A reorganisation took back the naming of one operator and put another in its place: the provider's move, signed before,
    /// answers a state that is not there.
    function test_RetargetAMoveByAReorganisation() external {
        Play memory play = playedTo(Step.Answered);
        uint256 answeredAt = block.timestamp;
        uint256 start = vm.snapshotState();
        Play memory before = copyFor(play, challenger, play.salt);
        nameOperator(before, Inference.POOL, answeredAt);
        vm.revertToState(start);
        nameOperator(play, Inference.UNIT, answeredAt);
        expectWrongState(before, disputes.gameHash(play.gameId));
        doShowRows(before, provider);
        assertGame(play);
    }

    function test_EndAGameTwice() external {
        Play memory play = playedTo(Step.RowShown);
        doProve(play, 2);
        expectWrongState(play, 0);
        doProve(play, 2);
        expectWrongState(play, 0);
        joinVerdict(play);
        skip(TIME + 1);
        expectWrongState(play, 0);
        timeout(play);
        assertEq(balance(challenger), 100 ether);
    }

    /* THE VERIFICATION CONTRACT */

    /// @dev It does not listen. The games on its own batches cannot end; others do, with their bonds.
    function test_VerificationThatRefusesVerdicts() external {
        Play memory play = playedTo(Step.RowShown);
        VerificationStub deaf = verification;
        deaf.setDeaf(true);
        vm.expectRevert(VerificationStub.Deaf.selector);
        doProve(play, 2);
        assertGame(play);

        verification = new VerificationStub(escrow, disputes);
        Play memory other = committedAs(wrongAt(Inference.UNIT, 0, 5), WRONG, "other", UNITS);
        playTo(other, Step.RowShown);
        doProve(other, 2);
        assertEq(balance(challenger), 100 ether - play.bond);
        assertEq(balance(address(disputes)), play.bond);

        deaf.setDeaf(false);
        doProve(play, 2);
        assertEq(balance(challenger), 100 ether);
    }

    /// @dev It comes back while it is told: into every end of the game that it hears of, of another one, and of a seal.
    function test_VerificationThatReenters() external {
        Play memory play = playedTo(Step.RowShown);
        Play memory second = copyFor(play, rival, "second");
        open(second);
        bytes32 sealHash = keccak256("sealed");
        vm.prank(rival);
        disputes.seal(sealHash);
        again(endCall(disputes.timeout.selector, play));
        again(endCall(disputes.joinVerdict.selector, play));
        again(endCall(disputes.timeout.selector, second));
        again(abi.encodeCall(disputes.expireSeal, (sealHash)));
        again(abi.encodeCall(disputes.withdrawSeal, (play.batchId, WRONG, "second")));
        uint256 held = balance(address(disputes));
        doProve(play, 2);
        assertEq(verification.succeeded(), 0);
        assertEq(balance(address(disputes)), held - play.bond);

        // What may be done at that moment may be done by it: the second game joins the verdict, inside of it.
        verification = VerificationStub(play.order.verification);
        joinVerdict(second);
        assertEq(balance(address(disputes)), disputes.sealOf(sealHash).bond);
    }

    /// @dev The batch was forfeited for something else meanwhile: the game ends as it would, and the bond is free.
    function test_ForfeitTheBatchUnderAGame() external {
        Play memory play = playedTo(Step.RowShown);
        vm.prank(address(verification));
        escrow.convict(play.order, play.batch, stranger);
        doProve(play, 2);
        assertOver(play);
        assertEq(balance(challenger), 100 ether);
    }

    /* INTERNAL */

    function again(bytes memory data) private {
        verification.reenter(address(disputes), data);
    }

    function playToAnswered(Play memory play) private {
        open(play);
        bytes32 stored = disputes.answerOf(play.batchId, WRONG).traceRoot;
        assertEq(stored, play.trace.rootOf(), "one answer serves all");
    }
}
