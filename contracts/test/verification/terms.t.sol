// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IDisputeGame} from "../../src/work/IDisputeGame.sol";
import {IVerification, Parameters} from "../../src/work/IVerification.sol";
import {Verification} from "../../src/work/Verification.sol";
import {Order} from "../../src/work/WorkTypes.sol";
import {VerificationTest} from "./VerificationTest.sol";

/// @notice Which orders are refused, to the unit.
contract Verification_Terms_Test is VerificationTest {
    function test_RevertWhen_TheTokenIsNotTheStakes() external {
        Order memory order = verifiedTerms();
        order.token = address(token);
        expectBadTerms("token", uint160(address(token)), uint160(address(stakeToken)));
        open(order);
    }

    function test_RevertWhen_TheRateIsOutOfRange() external {
        Order memory order = verifiedTerms();
        order.policy.rate = 0;
        expectBadTerms("rate", 0, 10_000);
        open(order);
        order.policy.rate = 10_001;
        expectBadTerms("rate", 10_001, 10_000);
        open(order);
    }

    function test_RevertWhen_OneValidatorDecides() external {
        Order memory order = verifiedTerms();
        order.policy.validators = 1;
        expectBadTerms("validators", 1, 1);
        open(order);
    }

    function test_RevertWhen_ThereAreNoOrTooManyParties() external {
        Order memory order = verifiedTerms();
        order.policy.tasks = 0;
        expectBadTerms("tasks", 0, 64);
        open(order);
        order.policy.tasks = 22;
        expectBadTerms("tasks", 66, 64);
        open(order);
        order.policy.tasks = 21;
        open(order);
        (order.policy.tasks, order.policy.validators) = (16, 3);
        open(order);
    }

    function test_RevertWhen_TheFeeDoesNotCoverATaskAndItsGas() external {
        Order memory order = verifiedTerms();
        uint128 least = 1000 * 16 + 170_000;
        order.policy.fee = least - 1;
        expectBadTerms("fee", least - 1, least);
        open(order);
        order.policy.fee = least;
        open(order);
    }

    /// @dev A customer in league with the provider would have validators pay for data, or lose their seats.
    function test_RevertWhen_ADemandCostsMoreThanAValidatorEarns() external {
        Order memory order = verifiedTerms();
        order.demandFee = FEE + 1;
        expectBadTerms("demandFee", FEE, FEE + 1);
        open(order);
        order.demandFee = FEE;
        open(order);
    }

    /// @dev Settle and demand windows, twice sealing, revealing, two challenge windows and two games.
    function test_RevertWhen_AValidatorCouldLeaveBeforeTheEnd() external {
        Order memory order = verifiedTerms();
        uint256 rest = 5 minutes + 2 * 10 minutes + 10 minutes + 3 * 20 minutes + 2 * 1 hours;
        order.settleWindow = uint32(EXIT - rest + 1);
        expectBadTerms("settleWindow", EXIT, EXIT + 1);
        open(order);
        order.settleWindow -= 1;
        open(order);
    }

    /// @dev The dispute of a small batch: a quarter of the stake covers twice 2,000,000 gas.
    function test_RevertWhen_TheStakeDoesNotPayTheLoneChallenger() external {
        Order memory order = verifiedTerms();
        order.stakePerTask = 0;
        expectStakeOver(order, 16_000_000 - 1);
    }

    /// @dev p (1 - r) (R + bS) > R with p = 1, r = 20 %, b = 50 %: S > R / 2.
    function test_RevertWhen_TheStakeDoesNotDeterCheating() external {
        Order memory order = dear();
        (order.policy.tasks, order.policy.validators) = (2, 20);
        expectStakeOver(order, priceOf(order) / 2);
    }

    /// @dev The same with p = 8 %: S > R (1 - 0.064) / 0.032.
    function test_RevertWhen_TheStakeDoesNotDeterCheatingAtALowRate() external {
        Order memory order = dear();
        (order.policy.rate, order.policy.tasks, order.policy.validators) = (800, 2, 20);
        expectStakeOver(order, priceOf(order) * 936 / 32);
    }

    /// @dev p v (1 - r) c S > R with v = 2, r = 20 %, c = 25 %: S > 2.5 R.
    function test_RevertWhen_TheStakeDoesNotOutbidABribe() external {
        expectStakeOver(dear(), priceOf(dear()) * 5 / 2);
    }

    /// @dev A batch may be as small as one task, whatever its own stake does for large ones.
    function test_RevertWhen_ASmallBatchIsTooCheap() external {
        Order memory order = verifiedTerms();
        (order.stakePerBatch, order.stakePerTask) = (0, 15_999_999);
        expectBadTerms("stake", 15_999_999, 15_999_999);
        open(order);
        order.stakePerTask += 1;
        open(order);
    }

    /// @dev Between the ends the stake suffices when it does at both.
    function testFuzz_TheEndsDecide(uint128 unitPrice, uint128 perBatch, uint128 perTask, uint32 count, uint16 rate)
        external
        view
    {
        Order memory order = verifiedTerms();
        order.unitPrice = uint128(bound(unitPrice, 1, 1e12));
        order.policy.fee = type(uint64).max;
        (order.stakePerBatch, order.stakePerTask) = (perBatch % 1e16, perTask % 1e15);
        order.policy.rate = uint16(bound(rate, 1, 10_000));
        try verification.checkTerms(order) {
            count = uint32(bound(count, 1, order.count));
            uint256 stake = uint256(order.stakePerBatch) + uint256(order.stakePerTask) * count;
            assertGt(stake, verification.stakeNeeded(order, count));
        } catch {}
    }

    function test_RevertWhen_TooFewValidatorsHoldASeat() external {
        Order memory order = verifiedTerms();
        open(order);
        for (uint256 i; i < 3; ++i) {
            standUp(validators[i]);
        }
        take(order, 0, 2);
        standUp(validators[3]);
        // One seat of four would be a larger share than is assumed to collude.
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_TooFewValidators.selector, 4, 5));
        take(order, 2, 2);
    }

    function test_RevertWhen_TheDrawLeavesNobodyToChoose() external {
        Order memory order = verifiedTerms();
        (order.policy.validators, order.policy.tasks) = (7, 2);
        open(order);
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_TooFewValidators.selector, 8, 9));
        take(order, 0, 2);
        order.policy.validators = 6;
        open(order);
        take(order, 0, 2);
    }

    // One a test: where contracts are deployed from their artifacts, a revert that does not come is forgiven by the next.

    function test_RevertWhen_NoTimeToSeal() external {
        Parameters memory bad = chosen();
        bad.sealWindow = 0;
        expectBadTerms("sealWindow", 0, 1);
        deploy(bad);
    }

    function test_RevertWhen_NoTimeToReveal() external {
        Parameters memory bad = chosen();
        bad.revealWindow = 0;
        expectBadTerms("revealWindow", 0, 1);
        deploy(bad);
    }

    function test_RevertWhen_NoTimeToChallenge() external {
        Parameters memory bad = chosen();
        bad.challengeWindow = 0;
        expectBadTerms("challengeWindow", 0, 1);
        deploy(bad);
    }

    function test_RevertWhen_NobodyColludes() external {
        Parameters memory bad = chosen();
        bad.colluding = 0;
        expectBadTerms("colluding", 0, 10_000);
        deploy(bad);
    }

    function test_RevertWhen_EverybodyColludes() external {
        Parameters memory bad = chosen();
        bad.colluding = 10_000;
        expectBadTerms("colluding", 10_000, 10_000);
        deploy(bad);
    }

    function deploy(Parameters memory parameters) private {
        new Verification(escrow, seats, IDisputeGame(address(games)), beacon, parameters);
    }

    /// @dev An order so dear that the price decides.
    function dear() private view returns (Order memory order) {
        order = verifiedTerms();
        order.unitPrice = 1e9;
        order.policy.fee = 1e11;
        order.stakePerTask = 0;
    }

    function priceOf(Order memory order) private pure returns (uint256) {
        return uint256(order.unitPrice) * order.unitCap * order.count;
    }

    /// @dev The order is refused with a stake of `needed` and opened with one more.
    function expectStakeOver(Order memory order, uint256 needed) private {
        assertEq(verification.stakeNeeded(order, order.count), needed);
        order.stakePerBatch = uint128(needed);
        expectBadTerms("stake", needed, needed);
        open(order);
        order.stakePerBatch += 1;
        open(order);
    }

    function expectBadTerms(bytes32 what, uint256 have, uint256 need) private {
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_BadTerms.selector, what, have, need));
    }
}
