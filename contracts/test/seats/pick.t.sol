// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {SeatsTest} from "./SeatsTest.sol";

contract ValidatorSeats_Pick_Test is SeatsTest {
    function pick(bytes32 seed, uint256 wanted, uint256 time) private view returns (address[] memory) {
        return seats.pick(service, seed, wanted, uint40(time), address(0));
    }

    function test_WhenNobodySat() external {
        sitDown(2);
        assertEq(pick(0, 2, block.timestamp - 1).length, 0);
        assertEq(seats.pick(other, 0, 2, uint40(block.timestamp), address(0)).length, 0);
        assertEq(pick(0, 0, block.timestamp).length, 0);
    }

    function test_WhenFewerSatThanAreWanted() external {
        sitDown(3);
        assertEq(pick("seed", 5, block.timestamp).length, 3);
        address excluded = validator(1);
        address[] memory drawn = seats.pick(service, "seed", 3, uint40(block.timestamp), excluded);
        assertEq(drawn.length, 2, "the excluded is not made up for");
        assertTrue(drawn[0] != excluded && drawn[1] != excluded);
    }

    function testFuzz_DistinctAndNeverTheExcluded(bytes32 seed, uint8 held, uint8 wanted, uint8 without) external {
        uint256 count = bound(held, 1, 12);
        sitDown(count);
        uint256 asked = bound(wanted, 0, 14);
        address excluded = validator(without % 16);
        bool sits = without % 16 < count;
        address[] memory drawn = seats.pick(service, seed, asked, uint40(block.timestamp), excluded);
        uint256 most = sits ? count - 1 : count;
        assertEq(drawn.length, asked < most ? asked : most);
        for (uint256 i; i < drawn.length; ++i) {
            assertNotEq(drawn[i], excluded);
            assertNotEq(seats.seatOf(service, drawn[i]).number, 0);
            for (uint256 j; j < i; ++j) {
                assertNotEq(drawn[i], drawn[j]);
            }
        }
    }

    /// @dev Whatever happens from a second on, what was drawn at its end before stays.
    function test_ThePastIsNotChanged() external {
        sitDown(6);
        uint256 time = block.timestamp;
        bytes32 before = keccak256(abi.encode(pick("seed", 4, time)));
        skip(1);
        standUp(1);
        slash(0);
        sit(6);
        assertEq(keccak256(abi.encode(pick("seed", 4, time))), before);
        skip(30 days);
        sit(7);
        assertEq(keccak256(abi.encode(pick("seed", 4, time))), before);
    }

    /// @dev All that happens in one second counts at its end.
    function test_JoiningAndLeavingInOneSecond() external {
        sitDown(3);
        skip(1);
        standUp(0);
        sit(3);
        standUp(2);
        address[] memory drawn = pick("seed", 5, block.timestamp);
        assertEq(drawn.length, 2);
        (address one, address three) = (validator(1), validator(3));
        assertTrue((drawn[0] == one && drawn[1] == three) || (drawn[0] == three && drawn[1] == one));
        assertEq(pick("seed", 5, block.timestamp - 1).length, 3);
    }

    /// @dev The same as a plain list would say, at every second of a random history.
    function testFuzz_TheTableIsAtEverySecondWhatItWas(uint256 random) external {
        bytes32[] memory sets = new bytes32[](24);
        uint256 start = block.timestamp;
        for (uint256 t; t < 24; ++t) {
            uint256 i = random >> (t * 8) & 7;
            if (numberOf(i) == 0 && seats.seatOf(service, validator(i)).stake == 0) sit(i);
            else if (numberOf(i) != 0 && random >> (t * 8 + 7) & 1 == 1) slash(i);
            else if (numberOf(i) != 0) standUp(i);
            sets[t] = seated();
            skip(1);
        }
        for (uint256 t; t < 24; ++t) {
            assertEq(setOf(pick(bytes32(random), 8, start + t)), sets[t]);
        }
    }

    /// @dev 4,000 draws of two of five, one excluded: each of the other four about 2,000 times (nine deviations are 285), and each as
    /// often first as second.
    function test_EveryoneIsAsLikely() external {
        sitDown(5);
        address excluded = validator(4);
        uint256[4] memory first;
        uint256[4] memory second;
        for (uint256 n; n < 4000; ++n) {
            address[] memory drawn = seats.pick(service, keccak256(abi.encode(n)), 2, uint40(block.timestamp), excluded);
            ++first[seats.seatOf(service, drawn[0]).number - 1];
            ++second[seats.seatOf(service, drawn[1]).number - 1];
        }
        for (uint256 i; i < 4; ++i) {
            assertApproxEqAbs(first[i], 1000, 150);
            assertApproxEqAbs(second[i], 1000, 150);
        }
    }

    /// @dev A hash of who sits now, by what each seat says of itself.
    function seated() private view returns (bytes32) {
        uint256 mask;
        for (uint256 i; i < 8; ++i) {
            if (numberOf(i) != 0) mask |= 1 << i;
        }
        return bytes32(mask);
    }

    function setOf(address[] memory drawn) private view returns (bytes32) {
        uint256 mask;
        for (uint256 k; k < drawn.length; ++k) {
            for (uint256 i; i < 8; ++i) {
                if (validator(i) == drawn[k]) mask |= 1 << i;
            }
        }
        return bytes32(mask);
    }
}
