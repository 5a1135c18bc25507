// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {DrandBeacon} from "../../src/work/beacons/DrandBeacon.sol";
import {DrandBeaconTest} from "./drand/DrandBeaconTest.sol";
import {PrevrandaoBeaconTest} from "./prevrandao/PrevrandaoBeaconTest.sol";

/// @notice Gas of recording a round: whole transactions, 21,000 base and calldata included, with cold storage (isolation).
/// forge-config: default.isolate = true
contract PrevrandaoBeacon_Gas_Test is PrevrandaoBeaconTest {
    /// @dev By the opcode, by the system contract, and once more.
    function test_Gas_RecordHeader() external {
        // A block of Ethereum, whose bloom filter is full.
        string memory vectors = vm.readFile("test-fixtures/vectors/headers.json");
        bytes memory header = vm.parseJsonBytes(vectors, ".headers[1].header");
        uint64 round = uint64(vm.parseJsonUint(vectors, ".headers[1].number"));
        mined(round, header);
        uint256 snapshot = vm.snapshotState();
        beacon.record(header);
        uint256 gas = vm.snapshotGasLastCall("Beacons", "prevrandao_record");
        assertLe(gas, 80_000);
        beacon.record(header);
        vm.snapshotGasLastCall("Beacons", "prevrandao_record_again");

        vm.revertToState(snapshot);
        head(round + 8191);
        beacon.record(header);
        gas = vm.snapshotGasLastCall("Beacons", "prevrandao_record_by_history");
        assertLe(gas, 80_000);
    }
}

/// forge-config: default.isolate = true
contract DrandBeacon_Gas_Test is DrandBeaconTest {
    function test_Gas_RecordSignature() external {
        Round memory round = aRound();
        beacon.record(round.number, round.point);
        uint256 gas = vm.snapshotGasLastCall("Beacons", "drand_record");
        assertLe(gas, 180_000);
        beacon.record(round.number, round.point);
        vm.snapshotGasLastCall("Beacons", "drand_record_again");
    }
}
