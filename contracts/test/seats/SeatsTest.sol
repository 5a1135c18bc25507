// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {DevToken} from "../../src/devnet/DevToken.sol";
import {Ledger} from "../../src/ledger/Ledger.sol";
import {Staking} from "../../src/staking/Staking.sol";
import {IValidatorSeats, Seat} from "../../src/work/IValidatorSeats.sol";
import {ValidatorSeats} from "../../src/work/ValidatorSeats.sol";

/// @notice Seats of a service, and validators with stake for several of them.
abstract contract SeatsTest is Test {
    uint128 internal constant SEAT = 1_000_001;
    uint32 internal constant EXIT = 7 days;

    Ledger internal ledger;
    Staking internal staking;
    DevToken internal token;
    ValidatorSeats internal seats;
    address internal service = makeAddr("service");
    address internal other = makeAddr("other service");
    address internal accuser = makeAddr("accuser");
    address internal customer = makeAddr("customer");
    /// @dev One with little stake of its own, and who delegates to it.
    address internal small = makeAddr("small validator");
    address internal delegator = makeAddr("delegator");
    address[16] private _validators;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        ledger = new Ledger();
        token = new DevToken();
        staking = new Staking(ledger, address(token), 7 days);
        seats = new ValidatorSeats(staking, ledger, SEAT, EXIT);
        for (uint256 i; i < _validators.length; ++i) {
            _validators[i] = makeAddr(vm.toString(i));
            provision(_validators[i], 16 * SEAT);
        }
    }

    /// @dev Validator number `i`, with stake for sixteen seats.
    function validator(uint256 i) internal view returns (address) {
        return _validators[i];
    }

    function provision(address account, uint256 amount) internal {
        fund(address(this), amount);
        ledger.approve(address(staking), uint160(address(token)), amount);
        staking.stake(account, address(seats), amount);
    }

    function fund(address account, uint256 amount) internal {
        token.mint(address(this), amount);
        token.approve(address(ledger), amount);
        ledger.deposit(address(token), account, amount);
    }

    /// @dev A validator with just its own part of a seat, the rest delegated by `delegator`.
    function backed(address account, address from) internal returns (uint256 rest) {
        uint256 own = seats.ownMinimum();
        rest = SEAT - own;
        provision(account, own);
        delegate(from, account, rest);
    }

    function delegate(address from, address account, uint256 amount) internal {
        fund(from, amount);
        vm.startPrank(from);
        ledger.approve(address(staking), uint160(address(token)), amount);
        staking.delegate(account, address(seats), amount);
        vm.stopPrank();
    }

    /// @dev All of it, which has no other clock before.
    function undelegate(address from, address account) internal {
        uint256 shares = staking.delegationOf(account, address(seats), from).shares;
        vm.prank(from);
        staking.undelegate(account, address(seats), shares);
    }

    function withdraw(address from, address account) internal returns (uint256) {
        vm.prank(from);
        return staking.withdrawDelegated(account, address(seats));
    }

    function take(address account, address table) internal {
        vm.prank(account);
        seats.takeSeat(table);
    }

    function delegatedLock(address account) internal view returns (uint256) {
        return staking.poolOf(account, address(seats)).locked;
    }

    function ownLock(address account) internal view returns (uint256) {
        return staking.provisionOf(account, address(seats)).locked;
    }

    function sit(uint256 i) internal returns (address account) {
        account = validator(i);
        vm.prank(account);
        seats.takeSeat(service);
    }

    function sitDown(uint256 count) internal {
        for (uint256 i; i < count; ++i) {
            sit(i);
        }
    }

    function standUp(uint256 i) internal {
        vm.prank(validator(i));
        seats.leaveSeat(service);
    }

    function slash(uint256 i) internal returns (uint256) {
        address account = validator(i);
        vm.prank(service);
        return seats.slash(account, accuser, customer);
    }

    function numberOf(uint256 i) internal view returns (uint32) {
        return seats.seatOf(service, validator(i)).number;
    }

    function locked(uint256 i) internal view returns (uint256) {
        return staking.provisionOf(validator(i), address(seats)).locked;
    }

    function balance(address account) internal view returns (uint256) {
        return ledger.balanceOf(account, uint160(address(token)));
    }

    function assertSeat(uint256 i, uint32 number, uint40 releasableAt, uint128 stake) internal view {
        Seat memory seat = seats.seatOf(service, validator(i));
        assertEq(seat.number, number, "number");
        assertEq(seat.releasableAt, releasableAt, "releasable at");
        assertEq(seat.stake, stake, "stake");
    }

    function expectSeated(uint256 i, uint40 releasableAt) internal {
        address account = validator(i);
        vm.expectRevert(abi.encodeWithSelector(IValidatorSeats.ValidatorSeats_Seated.selector, account, releasableAt));
    }

    function expectNotSeated(uint256 i) internal {
        address account = validator(i);
        vm.expectRevert(abi.encodeWithSelector(IValidatorSeats.ValidatorSeats_NotSeated.selector, account));
    }
}
