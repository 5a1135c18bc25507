// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {DevToken} from "../../../src/devnet/DevToken.sol";
import {Credit} from "../../../src/ledger/ILedger.sol";
import {Ledger} from "../../../src/ledger/Ledger.sol";
import {IStaking} from "../../../src/staking/IStaking.sol";
import {Staking} from "../../../src/staking/Staking.sol";
import {StakingStore} from "../stores/StakingStore.sol";

/// @notice Acts as operators, as strangers who stake for them, as services, and as time. Amounts reach beyond what each may
/// take; each act says beforehand, from the store alone, whether the contract must refuse it and why.
contract StakingHandler is Test {
    uint256 private constant MOST = 1e27;

    Ledger public immutable ledger;
    DevToken public immutable token;
    Staking public immutable staking;
    StakingStore public immutable store;

    /// @notice Three operators, of whom the last provisions to itself as well.
    address[3] public operators;
    /// @notice Two services and one operator in that role.
    address[3] public services;
    address public immutable burn;

    constructor(Ledger ledger_, DevToken token_, Staking staking_, StakingStore store_) {
        (ledger, token, staking, store) = (ledger_, token_, staking_, store_);
        operators = [makeAddr("first"), makeAddr("second"), makeAddr("third")];
        services = [makeAddr("escrow"), makeAddr("uptime"), operators[2]];
        burn = ledger.BURN();
    }

    /* OPERATORS */

    function stake(uint256 fromSeed, uint256 operatorSeed, uint256 serviceSeed, uint256 amount) external {
        address from = operators[fromSeed % 3];
        (address operator, address service) = _pair(operatorSeed, serviceSeed);
        amount = bound(amount, 1, MOST);
        _fund(from, amount);
        vm.startPrank(from);
        ledger.approve(address(staking), _id(), amount);
        staking.stake(operator, service, amount);
        vm.stopPrank();
        store.stake(from, operator, service, amount);
    }

    function thaw(uint256 operatorSeed, uint256 serviceSeed, uint256 amount) external {
        (address operator, address service) = _pair(operatorSeed, serviceSeed);
        uint256 free = store.provisionOf(operator, service).free;
        amount = bound(amount, 0, free + free / 4 + 1);
        if (amount == 0) vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_BadAmount.selector, 0));
        else if (amount > free) vm.expectRevert(_insufficient(operator, service, free, amount));
        else store.thaw(operator, service, amount, block.timestamp + staking.thawPeriod());
        vm.prank(operator);
        staking.thaw(service, amount);
    }

    function withdraw(uint256 operatorSeed, uint256 serviceSeed) external {
        (address operator, address service) = _pair(operatorSeed, serviceSeed);
        uint256 thawedAt = store.provisionOf(operator, service).thawedAt;
        if (thawedAt == 0 || block.timestamp < thawedAt) {
            vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotThawed.selector, thawedAt));
        } else {
            store.withdraw(operator, service);
        }
        vm.prank(operator);
        staking.withdraw(service);
    }

    /* SERVICES */

    function lock(uint256 operatorSeed, uint256 serviceSeed, uint256 amount) external {
        (address operator, address service) = _pair(operatorSeed, serviceSeed);
        uint256 free = store.provisionOf(operator, service).free;
        amount = bound(amount, 0, free + free / 4 + 1);
        if (amount > free) vm.expectRevert(_insufficient(operator, service, free, amount));
        else store.lock(operator, service, amount);
        vm.prank(service);
        staking.lock(operator, amount);
    }

    function unlock(uint256 operatorSeed, uint256 serviceSeed, uint256 amount) external {
        (address operator, address service) = _pair(operatorSeed, serviceSeed);
        uint256 locked = store.provisionOf(operator, service).locked;
        amount = bound(amount, 0, locked + locked / 4 + 1);
        if (amount > locked) vm.expectRevert(_notLocked(operator, service, locked, amount));
        else store.unlock(operator, service, amount);
        vm.prank(service);
        staking.unlock(operator, amount);
    }

    /// @dev Credits the operator's rivals, itself or nobody; now and then credits that do not add up.
    function slash(uint256 operatorSeed, uint256 serviceSeed, uint256 amount, uint256 burned, uint256 toSeed) external {
        (address operator, address service) = _pair(operatorSeed, serviceSeed);
        address to = operators[toSeed % 3];
        uint256 locked = store.provisionOf(operator, service).locked;
        amount = bound(amount, 0, locked + locked / 4 + 1);
        burned = bound(burned, 0, amount);
        Credit[] memory credits = new Credit[](2);
        credits[0] = Credit(burn, burned);
        credits[1] = Credit(to, amount - burned);

        if (toSeed % 7 == 0) {
            ++credits[0].amount;
            vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_CreditsMismatch.selector, amount, amount + 1));
        } else if (amount > locked) {
            vm.expectRevert(_notLocked(operator, service, locked, amount));
        } else {
            store.slash(operator, service, amount);
            store.credit(burn, burned);
            store.credit(to, amount - burned);
        }
        vm.prank(service);
        staking.slash(operator, amount, credits);
    }

    /* THE WORLD */

    /// @dev Sends ledger balance to the staking contract without staking it.
    function donate(uint256 fromSeed, uint256 amount) external {
        address from = operators[fromSeed % 3];
        amount = bound(amount, 1, MOST);
        _fund(from, amount);
        uint256 id = _id();
        vm.prank(from);
        ledger.transfer(address(staking), id, amount);
        store.donate(from, amount);
    }

    function wait(uint256 time) external {
        skip(bound(time, 1, staking.thawPeriod()));
    }

    /// @dev To the second at which a thaw ends, or the one before.
    function waitForTheClock(uint256 operatorSeed, uint256 serviceSeed, bool early) external {
        (address operator, address service) = _pair(operatorSeed, serviceSeed);
        uint256 until = store.provisionOf(operator, service).thawedAt;
        if (early && until != 0) --until;
        if (until > block.timestamp) vm.warp(until);
    }

    /* HELPERS */

    function _pair(uint256 operatorSeed, uint256 serviceSeed) private view returns (address, address) {
        return (operators[operatorSeed % 3], services[serviceSeed % 3]);
    }

    function _fund(address account, uint256 amount) private {
        token.mint(address(this), amount);
        token.approve(address(ledger), amount);
        ledger.deposit(address(token), account, amount);
        store.credit(account, amount);
    }

    function _insufficient(address operator, address service, uint256 free, uint256 amount)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(IStaking.Staking_InsufficientStake.selector, operator, service, free, amount);
    }

    function _notLocked(address operator, address service, uint256 locked, uint256 amount)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(IStaking.Staking_NotLocked.selector, operator, service, locked, amount);
    }

    function _id() private view returns (uint256) {
        return uint256(uint160(address(token)));
    }
}
