// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {DrandBeacon} from "../../../src/work/beacons/DrandBeacon.sol";

/// @notice A beacon for drand's quicknet, and rounds that it published.
abstract contract DrandBeaconTest is Test {
    struct Round {
        uint64 number;
        bytes32 randomness;
        /// @dev As drand publishes it: compressed.
        bytes signature;
        /// @dev As the beacon takes it: uncompressed.
        bytes point;
    }

    uint64 internal constant GENESIS = 1_692_803_367;
    uint32 internal constant PERIOD = 3;
    uint32 internal constant DRIFT = 24;
    uint256 internal constant ROUNDS = 12;

    DrandBeacon internal beacon;
    string internal vectors;
    address internal stranger = makeAddr("stranger");

    function setUp() public virtual {
        vectors = vm.readFile("test-fixtures/vectors/drand-quicknet.json");
        beacon = new DrandBeacon(GENESIS, PERIOD, DRIFT, publicKey());
    }

    function publicKey() internal view returns (bytes memory) {
        return vm.parseJsonBytes(vectors, ".publicKeyPoint");
    }

    function roundAt(uint256 index) internal view returns (Round memory round) {
        string memory key = string.concat(".rounds[", vm.toString(index), "]");
        round.number = uint64(vm.parseJsonUint(vectors, string.concat(key, ".round")));
        round.randomness = vm.parseJsonBytes32(vectors, string.concat(key, ".randomness"));
        round.signature = vm.parseJsonBytes(vectors, string.concat(key, ".signature"));
        round.point = vm.parseJsonBytes(vectors, string.concat(key, ".point"));
    }

    /// @dev Round 1,000.
    function aRound() internal view returns (Round memory round) {
        round = roundAt(5);
        assertEq(round.number, 1000);
    }

    function record(uint64 round, bytes memory signature) internal {
        vm.prank(stranger);
        beacon.record(round, signature);
    }
}
