// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Credit} from "../../src/ledger/ILedger.sol";
import {SeatsTest} from "./SeatsTest.sol";

/// @notice Gas of each verb as a transaction of its own.
/// forge-config: default.isolate = true
contract ValidatorSeats_Gas_Test is SeatsTest {
    string private constant GROUP = "ValidatorSeats";

    function test_Gas_Seats() external {
        sit(0);
        backed(small, delegator);
        skip(12);
        take(small, service);
        vm.snapshotGasLastCall(GROUP, "takeSeat, with delegated stake");
        skip(12);
        sit(1);
        vm.snapshotGasLastCall(GROUP, "takeSeat");
        undelegate(delegator, small);
        skip(7 days);
        seats.evict(service, small, delegator);
        vm.snapshotGasLastCall(GROUP, "evict");
        skip(12);
        standUp(0);
        vm.snapshotGasLastCall(GROUP, "leaveSeat");
        skip(EXIT);
        seats.releaseSeat(service, small);
        vm.snapshotGasLastCall(GROUP, "releaseSeat, with delegated stake");
        seats.releaseSeat(service, validator(0));
        vm.snapshotGasLastCall(GROUP, "releaseSeat");
        slash(1);
        vm.snapshotGasLastCall(GROUP, "slash");
    }

    function test_Gas_Reward() external {
        backed(small, delegator);
        take(small, service);
        sit(0);
        fund(service, 1e6);
        vm.prank(service);
        ledger.approve(address(seats), uint160(address(token)), type(uint256).max);
        pay(small);
        pay(small);
        vm.snapshotGasLastCall(GROUP, "reward, one validator with delegated stake");
        pay(validator(0));
        pay(validator(0));
        vm.snapshotGasLastCall(GROUP, "reward, one validator");
    }

    function pay(address account) private {
        Credit[] memory credits = new Credit[](1);
        credits[0] = Credit(account, 1000);
        vm.prank(service);
        seats.reward(credits);
    }
}
