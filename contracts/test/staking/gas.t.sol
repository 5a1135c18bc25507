// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Credit} from "../../src/ledger/ILedger.sol";
import {DelegationTest} from "./DelegationTest.sol";

/// @notice Gas of each verb as a transaction of its own, and the size of the bytecode.
/// forge-config: default.isolate = true
contract Staking_Gas_Test is DelegationTest {
    string private constant GROUP = "Staking";

    function test_Gas_Size() external {
        assertLt(address(staking).code.length, 24_576);
        vm.snapshotValue(GROUP, "bytecode size", address(staking).code.length);
    }

    function test_Gas_Stake() external {
        stake(1000);
        vm.snapshotGasLastCall(GROUP, "stake, first of the provision");
        stake(1000);
        vm.snapshotGasLastCall(GROUP, "stake");
        thaw(100);
        vm.snapshotGasLastCall(GROUP, "thaw");
        skip(THAW);
        vm.prank(operator);
        staking.withdraw(service);
        vm.snapshotGasLastCall(GROUP, "withdraw");
    }

    function test_Gas_Lock() external {
        stake(1000);
        lock(100);
        vm.snapshotGasLastCall(GROUP, "lock");
        vm.prank(service);
        staking.unlock(operator, 50);
        vm.snapshotGasLastCall(GROUP, "unlock");

        Credit[] memory list = new Credit[](2);
        list[0] = Credit(ledger.BURN(), 20);
        list[1] = Credit(other, 10);
        vm.prank(service);
        staking.slash(operator, 30, list);
        vm.snapshotGasLastCall(GROUP, "slash, 2 credits");
    }

    function test_Gas_Delegate() external {
        delegate(alice, 1000);
        vm.snapshotGasLastCall(GROUP, "delegate, first of the pool");
        delegate(bob, 1000);
        vm.snapshotGasLastCall(GROUP, "delegate");
        lockWith(2000, 0);
        reward(100);
        undelegate(alice, 500);
        vm.snapshotGasLastCall(GROUP, "undelegate, with rewards");
        reward(100);
        claimRewards(alice);
        vm.snapshotGasLastCall(GROUP, "claimRewards");
        unlockWith(2000);
        skip(THAW);
        withdrawDelegated(alice);
        vm.snapshotGasLastCall(GROUP, "withdrawDelegated");
        setCommission(1000);
        vm.snapshotGasLastCall(GROUP, "setCommission");
    }

    function test_Gas_LockWith() external {
        stake(1000);
        delegate(alice, 1000);
        lockWith(1500, 1000);
        vm.snapshotGasLastCall(GROUP, "lockWith, own and delegated");
        reward(100);
        reward(100);
        vm.snapshotGasLastCall(GROUP, "reward, own and delegated");
        unlockWith(100);
        vm.snapshotGasLastCall(GROUP, "unlockWith, delegated");

        Credit[] memory list = new Credit[](2);
        list[0] = Credit(ledger.BURN(), 600);
        list[1] = Credit(other, 600);
        vm.prank(service);
        staking.slashWith(operator, 1200, list);
        vm.snapshotGasLastCall(GROUP, "slashWith, own and delegated, 2 credits");
    }
}
