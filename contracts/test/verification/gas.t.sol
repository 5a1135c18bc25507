// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Revealed, Sealed} from "../../src/work/IVerification.sol";
import {Order} from "../../src/work/WorkTypes.sol";
import {Play, VerificationTest} from "./VerificationTest.sol";

/// @notice Gas of transactions: execution, the 21,000 base and calldata (isolation).
/// forge-config: default.isolate = true
contract Verification_Gas_Test is VerificationTest {
    string private constant GROUP = "Verification";

    function test_Gas_Size() external {
        assertLt(address(verification).code.length, 24_576);
        vm.snapshotValue(GROUP, "bytecode_size", address(verification).code.length);
    }

    /// @dev One task, two validators, everybody agrees.
    function test_Gas_AgreedDraw() external {
        Order memory order = verifiedTerms();
        order.policy.tasks = 1;
        // Accounts of an order before this one exist, as they would on any chain in use.
        Order memory earlier = verifiedTerms();
        (earlier.salt, earlier.policy.tasks) = (keccak256("earlier"), 4);
        Play memory p = drawnPlay(earlier, COUNT, keccak256("earlier"));
        sealAll(p, "true", "true");
        revealAll(p, "true", "true");
        conclude(p);

        p = committedPlay(order, COUNT);
        beacon.record(verification.drawOf(p.id).round, keccak256("value"));
        vm.prank(keeper);
        verification.draw(p.order, p.batch);
        vm.snapshotGasLastCall(GROUP, "draw");
        p.lot = verification.lotOf(p.order, p.batch);

        sealProvider(p, "true");
        vm.snapshotGasLastCall(GROUP, "provider_seal");
        // Cold as every transaction is; the second one ends the phase besides.
        uint256 gas = sealMeasured(p, 0);
        uint256 last = sealMeasured(p, 1);
        revealPlace(p, 0, "true");
        vm.snapshotGasLastCall(GROUP, "provider_reveal");
        gas += revealMeasured(p, 0);
        last += revealMeasured(p, 1);
        uint256 most = gas > last ? gas : last;
        vm.snapshotValue(GROUP, "validator_seal_and_reveal", most);
        assertLe(most, 170_000);

        vm.prank(keeper);
        verification.conclude(p.order, p.batch);
        vm.snapshotGasLastCall(GROUP, "conclude");
    }

    function sealMeasured(Play memory p, uint8 number) private returns (uint256) {
        sealAs(p, 0, number, "true");
        return vm.lastCallGas().gasTotalUsed;
    }

    function revealMeasured(Play memory p, uint8 number) private returns (uint256) {
        revealAs(p, 0, number, "true");
        return vm.lastCallGas().gasTotalUsed;
    }
}
