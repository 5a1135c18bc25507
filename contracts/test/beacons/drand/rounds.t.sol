// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {DrandBeacon} from "../../../src/work/beacons/DrandBeacon.sol";
import {IDrandBeacon} from "../../../src/work/beacons/IDrandBeacon.sol";
import {HeaderBuilder} from "../utils/HeaderBuilder.sol";
import {DrandBeaconTest} from "./DrandBeaconTest.sol";

contract DrandBeacon_Rounds_Test is DrandBeaconTest {
    /// @dev A point of the twist outside the subgroup.
    bytes private constant OUTSIDE = hex"0000000000000000000000000000000000c85d5ad55709df9f7add6bbc1dab85"
        hex"37bca1f7a08dda2803047fb0ec79bc4fb114440efcc4459cb41400ed6d01d98c"
        hex"0000000000000000000000000000000000b383ec2171a4820ffb284d92c5c046"
        hex"080227eb5b60ed71db04d7d0e78fb20889f265ae5e061669811569a6a6c4918a"
        hex"00000000000000000000000000000000148b911d5344771d62d920b03cd0b46e"
        hex"1a1e58c02eea292d068c59b6a20e73726f24bb5323dbcf1322299d5bb8cca539"
        hex"00000000000000000000000000000000015973f0ea10e3a66091f305bf042d84"
        hex"688a13c9baefc6cef4d83bf1e34b66b205d53d208d0748fc3e6e09eb2e1ea694";

    /* CONSTRUCTOR */

    function test_RevertWhen_ThePeriodIsZero() external {
        vm.expectRevert(IDrandBeacon.DrandBeacon_NoPeriod.selector);
        new DrandBeacon(GENESIS, 0, DRIFT, publicKey());
    }

    /// @dev Infinity as a key would make infinity a signature of every round.
    function test_RevertWhen_TheKeyIsInfinity() external {
        expectBadKey(new bytes(256));
    }

    function test_RevertWhen_TheKeyIsNoPointOfG2() external {
        bytes memory key = publicKey();
        expectBadKey("");
        expectBadKey(HeaderBuilder.cut(key, 0, 255));
        expectBadKey(bytes.concat(key, hex"00"));
        expectBadKey(bytes.concat(key, key));
        expectBadKey(OUTSIDE);
        key[255] ^= 0x01;
        expectBadKey(key);
        key[255] ^= 0x01;
        key[0] = 0x01;
        expectBadKey(key);
    }

    function test_WhenTheKeyIsQuicknets() external view {
        assertEq(beacon.publicKey(), publicKey());
        assertEq(beacon.genesis(), GENESIS);
        assertEq(beacon.period(), PERIOD);
        assertEq(beacon.drift(), DRIFT);
        bytes memory compressed = vm.parseJsonBytes(vectors, ".publicKey");
        // Compressed: x₁ with the flags, then x₀.
        bytes memory key = beacon.publicKey();
        bytes memory x1 = HeaderBuilder.cut(key, 80, 128);
        x1[0] |= 0x80;
        assertEq(bytes.concat(x1, HeaderBuilder.cut(key, 16, 64)), compressed);
        bytes32 chainHash = sha256(
            abi.encodePacked(
                PERIOD,
                GENESIS,
                compressed,
                vm.parseJsonBytes32(vectors, ".groupHash"),
                vm.parseJsonString(vectors, ".beaconId")
            )
        );
        assertEq(chainHash, vm.parseJsonBytes32(vectors, ".chainHash"));
    }

    /* NEXT ROUND */

    function test_NextRoundBeforeTheFirst() external {
        vm.warp(GENESIS - DRIFT - 1);
        assertEq(beacon.nextRound(), 1);
        vm.warp(1);
        assertEq(beacon.nextRound(), 1);
    }

    /// @dev A round that is published in the very second of the block plus the drift may be known already.
    function test_NextRoundAtItsEdges() external {
        vm.warp(GENESIS - DRIFT);
        assertEq(beacon.nextRound(), 2);
        vm.warp(GENESIS - DRIFT + PERIOD - 1);
        assertEq(beacon.nextRound(), 2);
        vm.warp(GENESIS - DRIFT + PERIOD);
        assertEq(beacon.nextRound(), 3);
    }

    function testFuzz_NextRoundIsTheFirstAfterTheDrift(uint40 now_, uint40 genesis, uint32 period, uint32 drift)
        external
    {
        vm.assume(period != 0);
        DrandBeacon other = new DrandBeacon(genesis, period, drift, publicKey());
        vm.warp(now_);
        uint256 round = other.nextRound();
        uint256 latest = uint256(now_) + drift;
        assertGe(round, 1);
        assertGt(genesis + (round - 1) * period, latest, "not yet published");
        if (round > 1) assertLe(genesis + (round - 2) * period, latest, "the first such");
    }

    /* LOST ROUNDS */

    function testFuzz_NoRoundIsEverLost(uint64 round, uint64 time) external {
        vm.warp(time);
        assertFalse(beacon.isLost(round));
    }

    function expectBadKey(bytes memory key) private {
        vm.expectRevert(IDrandBeacon.DrandBeacon_BadKey.selector);
        new DrandBeacon(GENESIS, PERIOD, DRIFT, key);
    }
}
