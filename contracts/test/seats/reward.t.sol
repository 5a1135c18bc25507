// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {Credit} from "../../src/ledger/ILedger.sol";
import {SeatsTest} from "./SeatsTest.sol";

contract ValidatorSeats_Reward_Test is SeatsTest {
    uint256 private constant FEE = 1_000_001;
    uint256 private id;

    function setUp() public override {
        super.setUp();
        id = uint160(address(token));
        fund(service, 10 * FEE);
        vm.prank(service);
        ledger.approve(address(seats), id, type(uint256).max);
    }

    function reward(address account, uint256 amount) private {
        Credit[] memory credits = new Credit[](1);
        credits[0] = Credit(account, amount);
        vm.prank(service);
        seats.reward(credits);
    }

    function rewards(address account) private view returns (uint256) {
        return staking.rewardsOf(account, address(seats), delegator);
    }

    function test_RevertGiven_TheCallerApprovedLessThanTheSum() external {
        vm.prank(service);
        ledger.approve(address(seats), id, FEE - 1);
        vm.expectRevert(
            abi.encodeWithSelector(ERC6909.ERC6909InsufficientAllowance.selector, address(seats), FEE - 1, FEE, id)
        );
        reward(validator(0), FEE);
    }

    function test_RevertGiven_TheCallerHoldsLessThanTheSum() external {
        Credit[] memory credits = new Credit[](1);
        credits[0] = Credit(validator(0), 1);
        vm.prank(other);
        ledger.approve(address(seats), id, 1);
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InsufficientBalance.selector, other, 0, 1, id));
        vm.prank(other);
        seats.reward(credits);
    }

    function test_WhenAllCreditsAreZero() external {
        vm.recordLogs();
        reward(validator(0), 0);
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_WhenTheSeatIsAllTheValidatorsOwn() external {
        sit(0);
        delegate(delegator, validator(0), SEAT);
        reward(validator(0), FEE);
        assertEq(balance(validator(0)), FEE);
        assertEq(rewards(validator(0)), 0, "what is not locked earns nothing");
    }

    function test_WhenDelegatedStakeIsInTheSeat() external {
        uint256 rest = backed(small, delegator);
        vm.prank(small);
        staking.setCommission(address(seats), 1000);
        skip(7 days);
        take(small, service);
        reward(small, FEE);
        // 400,000 of 1,000,001 is delegated; a tenth of its part is the validator's.
        uint256 pooled = FEE * rest * 9 / (10 * uint256(SEAT));
        assertEq(balance(small), FEE - pooled);
        assertApproxEqAbs(rewards(small), pooled, 1);
        vm.prank(delegator);
        staking.claimRewards(small, address(seats));
        assertApproxEqAbs(balance(delegator), pooled, 1);
    }

    function test_WhenTheValidatorHoldsNoSeat() external {
        backed(small, delegator);
        take(small, service);
        vm.prank(service);
        seats.slash(small, accuser, customer);
        reward(small, FEE);
        assertEq(balance(small), FEE);
    }

    function test_WhenThereAreSeveralCredits() external {
        Credit[] memory credits = new Credit[](4);
        (credits[0], credits[1]) = (Credit(validator(0), 5), Credit(validator(1), 7));
        credits[3] = Credit(validator(0), 11);
        vm.prank(service);
        seats.reward(credits);
        assertEq(balance(validator(0)), 16);
        assertEq(balance(validator(1)), 7);
        assertEq(balance(address(seats)), 0);
        assertEq(balance(service), 10 * FEE - 23);
    }
}
