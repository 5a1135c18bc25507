// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {RefereeTest} from "./RefereeTest.sol";

/// @notice What a row carries of itself as a whole, which needs no opening.
contract Referee_Headers_Test is RefereeTest {
    uint16 private constant EMBED = 1;
    uint16 private constant NORM = 2;
    uint16 private constant EXP = 6;
    uint16 private constant RESIDUAL = 8;
    uint16 private constant POOL = 12;

    /* SUM */

    function sumIsFalse(int32[8] memory y, int32 mean, uint32 deviation) private view returns (bool isFalse_) {
        bytes memory data = abi.encodePacked(mean, deviation, int32s(y));
        isFalse_ = isFalse(EMBED, 1, data, 8, none(), none());
        assertEq(isFalse(RESIDUAL, 1, data, 8, none(), none()), isFalse_, "both operators that make sums");
    }

    function test_Sum() external view {
        // Σ = 1, Σy² = 69, between 8² and 9².
        int32[8] memory y = [int32(3), -3, 5, -5, 1, 0, 0, 0];
        assertFalse(sumIsFalse(y, 0, 8));
        assertTrue(sumIsFalse(y, 0, 7));
        assertTrue(sumIsFalse(y, 0, 9));
        assertTrue(sumIsFalse(y, 1, 8));
        assertTrue(sumIsFalse(y, -1, 8));
    }

    function test_Sum_RoundsTheMeanToTheNearest() external view {
        // 4 / 8 and -4 / 8 are ties: 1 and 0. The squares of the distances are 1+1+1+1+1+1+1+9 and 16.
        assertFalse(sumIsFalse([int32(4), 0, 0, 0, 0, 0, 0, 0], 1, 4));
        assertFalse(sumIsFalse([int32(-4), 0, 0, 0, 0, 0, 0, 0], 0, 4));
        assertFalse(sumIsFalse([int32(-5), 0, 0, 0, 0, 0, 0, 0], -1, 4));
    }

    function test_Sum_OfALevelRow() external view {
        assertFalse(sumIsFalse([int32(-7), -7, -7, -7, -7, -7, -7, -7], -7, 0));
        int32 least = type(int32).min;
        assertFalse(sumIsFalse([least, least, least, least, least, least, least, least], least, 0));
    }

    /// @dev The root of 8·2^62 and of 8·(2^31)² does not fit 32 bits: no header makes such a row true.
    function test_Sum_BeyondAnyDeviation() external view {
        int32 least = type(int32).min;
        int32 most = type(int32).max;
        int32[8] memory y = [least, most, least, most, least, most, least, most];
        assertTrue(sumIsFalse(y, 0, type(uint32).max));
        assertTrue(sumIsFalse(y, -1, 0));
    }

    /* NORM */

    function maxIsFalse(int16[8] memory x, uint16 max) private view returns (bool) {
        return isFalse(NORM, 2, abi.encodePacked(max, int16s(x)), 8, none(), none());
    }

    function test_Max() external view {
        int16[8] memory x = [int16(3), -300, 5, 299, 0, 0, 0, 7];
        assertFalse(maxIsFalse(x, 300));
        assertTrue(maxIsFalse(x, 299));
        assertTrue(maxIsFalse(x, 301));
        x[7] = 32_767;
        assertFalse(maxIsFalse(x, 32_767));
        x[7] = -32_768;
        assertFalse(maxIsFalse(x, 32_768), "the element is false itself, and convicts the row");
        assertTrue(maxIsFalse(x, 32_767));
        int16[8] memory zeros;
        assertFalse(maxIsFalse(zeros, 0));
        assertTrue(maxIsFalse(zeros, 1));
    }

    /* EXP */

    function totalIsFalse(uint16 argmax0, uint16 sum0, uint16 argmax1, uint16 sum1, uint32 head)
        private
        view
        returns (bool)
    {
        bytes memory headers = abi.encodePacked(int32(9), argmax0, sum0, int32(9), argmax1, sum1);
        return isFalse(EXP, 0, abi.encodePacked(headers, hex"ff0102", hex"ffffff"), 6 + head, none(), none());
    }

    function test_Total() external view {
        assertFalse(totalIsFalse(0, 258, 2, 765, 0));
        assertFalse(totalIsFalse(0, 258, 2, 765, 1));
        assertTrue(totalIsFalse(0, 257, 2, 765, 0));
        assertTrue(totalIsFalse(0, 258, 2, 766, 1));
        assertFalse(totalIsFalse(0, 257, 2, 765, 1), "another head's");
    }

    function test_Total_APlaceBeyondTheRow() external view {
        assertTrue(totalIsFalse(3, 258, 2, 765, 0));
        assertTrue(totalIsFalse(0, 258, 65_535, 765, 1));
    }

    /* POOL */

    function rootIsFalse(int32[8] memory p, uint32 root) private view returns (bool) {
        return isFalse(POOL, 0, abi.encodePacked(root, int32s(p)), 8, none(), none());
    }

    function test_Root() external view {
        int32[8] memory p = [int32(3), -4, 0, 0, 0, 0, 0, 0];
        assertFalse(rootIsFalse(p, 5));
        assertTrue(rootIsFalse(p, 4));
        assertTrue(rootIsFalse(p, 6));
        p[2] = 3;
        assertFalse(rootIsFalse(p, 5), "the root of 34");
        int32 least = type(int32).min;
        assertTrue(rootIsFalse([least, least, least, least, least, least, least, least], type(uint32).max));
    }
}
