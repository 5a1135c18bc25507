// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {DotProduct} from "../../src/work/referee/DotProduct.sol";

/// @notice Eight terms a multiplication against one term at a time.
contract DotProduct_Test is Test {
    function plain(bytes memory a, uint256 aFrom, bytes memory b, uint256 bFrom, uint256 length, bool mixed)
        private
        pure
        returns (int256 sum)
    {
        for (uint256 i = 0; i < length; ++i) {
            uint8 x = uint8(a[aFrom + i]);
            int256 left = mixed ? int256(uint256(x)) : int256(int8(x));
            sum += left * int8(uint8(b[bFrom + i]));
        }
    }

    function assertDots(bytes memory a, uint256 aFrom, bytes memory b, uint256 bFrom, uint256 length) private pure {
        assertEq(DotProduct.signed(a, aFrom, b, bFrom, length), plain(a, aFrom, b, bFrom, length, false));
        assertEq(DotProduct.mixed(a, aFrom, b, bFrom, length), plain(a, aFrom, b, bFrom, length, true));
    }

    function random(uint256 seed, uint256 length) private pure returns (bytes memory data) {
        data = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            data[i] = bytes1(keccak256(abi.encode(seed, i / 3)));
        }
    }

    function test_Fuzz_Lengths(uint256 seed, uint256 length, uint256 aFrom, uint256 bFrom) external pure {
        length = bound(length, 0, 300);
        aFrom = bound(aFrom, 0, 40);
        bFrom = bound(bFrom, 0, 40);
        // Elements beyond the end, and before the start, do not count.
        bytes memory a = random(seed, aFrom + length + 32);
        bytes memory b = random(seed ^ 1, bFrom + length + 32);
        assertDots(a, aFrom, b, bFrom, length);
    }

    /// @dev Every pair of bytes, in every lane.
    function test_Bytes() external pure {
        bytes memory a = new bytes(256);
        bytes memory b = new bytes(256);
        for (uint256 shift = 0; shift < 256; ++shift) {
            for (uint256 i = 0; i < 256; ++i) {
                a[i] = bytes1(uint8(i));
                b[i] = bytes1(uint8(i + shift));
            }
            assertDots(a, 0, b, 0, 256);
        }
    }

    /// @dev The largest and the smallest that any lane can reach, in rows of the greatest length.
    function test_ExtremesDoNotOverflow() external pure {
        bytes4 extremes = 0x80ff7f00;
        bytes memory a = new bytes(2048);
        bytes memory b = new bytes(2048);
        for (uint256 left = 0; left < 4; ++left) {
            for (uint256 right = 0; right < 4; ++right) {
                for (uint256 i = 0; i < 2048; ++i) {
                    a[i] = extremes[left];
                    b[i] = extremes[right];
                }
                assertEq(DotProduct.signed(a, 0, b, 0, 2048), 2048 * int256(int8(uint8(a[0]))) * int8(uint8(b[0])));
                assertEq(DotProduct.mixed(a, 0, b, 0, 2048), int256(2048 * uint256(uint8(a[0]))) * int8(uint8(b[0])));
            }
        }
    }

    /// @dev One lane at its extreme and its neighbours at the other: what one would lend to the next shows.
    function test_NeighboursKeepApart() external pure {
        bytes memory a = new bytes(2048);
        bytes memory b = new bytes(2048);
        for (uint256 step = 2; step <= 9; ++step) {
            for (uint256 i = 0; i < 2048; ++i) {
                a[i] = i % step == 0 ? bytes1(0x80) : bytes1(0x7f);
                b[i] = i % step == 1 ? bytes1(0x7f) : bytes1(0x80);
            }
            assertDots(a, 0, b, 0, 2048);
        }
    }

    function test_NoTerms() external pure {
        assertEq(DotProduct.signed("", 0, "", 0, 0), 0);
    }
}
