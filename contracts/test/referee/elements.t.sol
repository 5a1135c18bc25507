// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Given, RefereeTest} from "./RefereeTest.sol";

/// @notice Elements of every operator against numbers worked out by hand from ARITHMETIC.md. The operators are those of the small
/// tape.
contract Referee_Elements_Test is RefereeTest {
    uint16 private constant IDS = 0;
    uint16 private constant EMBED = 1;
    uint16 private constant NORM = 2;
    uint16 private constant QUERIES = 3;
    uint16 private constant KEYS = 4;
    uint16 private constant VALUES = 5;
    uint16 private constant EXP = 6;
    uint16 private constant CONTEXT = 7;
    uint16 private constant RESIDUAL = 8;
    uint16 private constant NORM_2 = 9;
    uint16 private constant GELU = 10;
    uint16 private constant NORM_T = 11;
    uint16 private constant POOL = 12;
    uint16 private constant UNIT = 13;

    uint16 private constant WORDS = 0;
    uint16 private constant POSITIONS = 1;
    uint16 private constant GAINS = 2;
    uint16 private constant SQUARE = 3;
    uint16 private constant SCALES = 4;
    uint16 private constant WIDE = 5;

    /* IDS */

    function test_Ids() external view {
        bytes memory row = abi.encodePacked(uint16(299), uint16(300), uint16(65_535));
        assertFalse(isFalse(IDS, 0, row, 0, none(), none()), "the last word");
        assertTrue(isFalse(IDS, 0, row, 1, none(), none()), "the vocabulary");
        assertTrue(isFalse(IDS, 0, row, 2, none(), none()), "beyond");
    }

    /* EMBED */

    /// @dev Token 1 of ids (7, 290, 9) reads word 290 and position 1; the shift is 4.
    function embedIsFalse(uint32 mul, int8[8] memory word, int16[8] memory position, int32[8] memory y, uint32 c)
        private
        view
        returns (bool)
    {
        bytes memory ids = abi.encodePacked(uint16(7), uint16(290), uint16(9));
        bytes memory words = abi.encodePacked(mul, int8s(word));
        Given[] memory weights = given(WORDS, 290, words, POSITIONS, 1, int16s(position));
        return isFalse(EMBED, 1, abi.encodePacked(uint64(0), int32s(y)), c, given(IDS, 0, ids), weights);
    }

    function test_Embed() external view {
        // Products -384, 381, 0, 3, -3, 15, 24, -24 in sixteenths; 24 / 16 and -24 / 16 are ties.
        int8[8] memory word = [int8(-128), 127, 0, 1, -1, 5, 8, -8];
        int16[8] memory position = [int16(0), 0, -5, 0, 0, 32_767, 0, -32_768];
        int32[8] memory y = [int32(-24), 24, -5, 0, 0, 32_768, 2, -32_769];
        for (uint32 c = 0; c < 8; ++c) {
            assertFalse(embedIsFalse(3, word, position, y, c), "right");
            y[c] += 1;
            assertTrue(embedIsFalse(3, word, position, y, c), "one more");
            y[c] -= 2;
            assertTrue(embedIsFalse(3, word, position, y, c), "one less");
        }
    }

    function test_Embed_Saturates() external view {
        int8[8] memory word = [int8(127), -127, 0, 0, 0, 0, 0, 0];
        int16[8] memory position;
        int32[8] memory y = [int32(2 ** 24 - 1), -(2 ** 24 - 1), 0, 0, 0, 0, 0, 0];
        assertFalse(embedIsFalse(2 ** 23, word, position, y, 0));
        assertFalse(embedIsFalse(2 ** 23, word, position, y, 1));
        y[1] -= 1;
        assertTrue(embedIsFalse(2 ** 23, word, position, y, 1));
    }

    /* NORM */

    /// @dev Row 2 of `y`, of which channel 3 has the gain; the shift is 16.
    function normIsFalse(int32 y, int32 mean, uint32 deviation, int32 gain, int32 bias, int16 x)
        private
        view
        returns (bool)
    {
        bytes memory sum = abi.encodePacked(mean, deviation, int32s([int32(9), 9, 9, y, 9, 9, 9, 9]));
        return normIsFalseOf(sum, given(GAINS, 3, abi.encodePacked(gain, bias)), x);
    }

    function normIsFalseOf(bytes memory sum, Given[] memory gains, int16 x) private view returns (bool isFalse_) {
        bytes memory data = abi.encodePacked(uint16(0), int16s([int16(1), 1, 1, x, 1, 1, 1, 1]));
        isFalse_ = isFalse(NORM, 2, data, 3, given(EMBED, 2, sum), gains);
        data = abi.encodePacked(int16(1), int16(1), x);
        bool isFalseT = isFalse(NORM_T, 3, data, 2, given(RESIDUAL, 2, sum), gains);
        assertEq(isFalse_, isFalseT, "both layouts");
    }

    function test_Norm() external view {
        // ⌊√8 · 2^32⌋ / 100 = 121480019; times ±50 over 2^16: ±92682; times 1000 over 2^16: ±1414; plus 7.
        assertFalse(normIsFalse(60, 10, 100, 1000, 7, 1421));
        assertFalse(normIsFalse(-40, 10, 100, 1000, 7, -1407));
        assertTrue(normIsFalse(60, 10, 100, 1000, 7, 1420));
        assertTrue(normIsFalse(-40, 10, 100, 1000, 7, -1408));
    }

    function test_Norm_Saturates() external view {
        assertFalse(normIsFalse(60, 10, 100, 65_536, 0, 32_767));
        assertFalse(normIsFalse(-40, 10, 100, 65_536, 0, -32_767));
        assertTrue(normIsFalse(-40, 10, 100, 65_536, 0, -32_768));
    }

    function test_Norm_OfALevelRow() external view {
        // No deviation: the factor is 2^31 - 1, and every distance 0.
        assertFalse(normIsFalse(5, 5, 0, 2 ** 22, -3, -3));
        // A deviation of 5 limits it just so: ⌊C / 5⌋ > 2^31 - 1. One step over 2^16 is 32768, times 2^6 saturates.
        assertFalse(normIsFalse(6, 5, 5, 1, 0, 1), "32768 / 65536 is a tie");
        assertFalse(normIsFalse(4, 5, 5, 1, 0, 0), "-32768 / 65536 is a tie");
    }

    /* PRODUCTS */

    function normRow(uint16 max) private pure returns (bytes memory) {
        return abi.encodePacked(max, int16s([int16(1000), -1000, 500, -250, 4, -4, 0, 3]));
    }

    /// @dev A product of row 1 with channel 2, in both layouts; the shift is 1.
    function linearIsFalse(uint32 mul, int32 bias, int8 v) private view returns (bool) {
        // At M = 1000 the row is 127, -127, 63, -32, 1, -1, 0, 0: with these weights 32154.
        bytes memory w = linear(mul, bias, 0, int8s([int8(127), -127, 1, 2, -3, 100, 50, -128]));
        Given[] memory row = given(NORM, 1, normRow(1000));
        bytes memory byToken = abi.encodePacked(int8(9), int8(9), v, int8(9), int32(0));
        bool isFalse_ = isFalse(QUERIES, 1, byToken, 2, row, given(SQUARE, 2, w));
        bytes memory byChannel = abi.encodePacked(int8(9), v, int8(9));
        assertEq(isFalse_, isFalse(VALUES, 2, byChannel, 1, row, given(SQUARE, 2, w)), "both layouts");
        return isFalse_;
    }

    function test_Linear() external view {
        // 32154 · 1000 over 2^9 is 62801; times 3 over 2 is 94201.5, a tie: 94202.
        assertFalse(linearIsFalse(3, -94_202, 0));
        assertFalse(linearIsFalse(3, -94_201, 1));
        assertTrue(linearIsFalse(3, -94_201, 0));
        assertTrue(linearIsFalse(3, -94_201, 2));
    }

    function test_Linear_Saturates() external view {
        assertFalse(linearIsFalse(3, 0, 127));
        assertFalse(linearIsFalse(3, -200_000, -127));
        assertTrue(linearIsFalse(3, -200_000, -128));
    }

    function test_Linear_OfARowOfZeros() external view {
        bytes memory w = linear(2 ** 31 - 1, -5, 0, int8s([int8(127), 127, 127, 127, 127, 127, 127, 127]));
        Given[] memory row = given(NORM, 0, new bytes(18));
        assertFalse(isFalse(QUERIES, 0, hex"fb00000000000000", 0, row, given(SQUARE, 0, w)));
        assertTrue(isFalse(QUERIES, 0, hex"0000000000000000", 0, row, given(SQUARE, 0, w)));
    }

    /// @dev The quantised row (M = 512) 1, 2, …, 8 times ones is 36; times `mul` over 2.
    function residualIsFalse(uint32 mul, int32 bias, uint8 shift, int16 x, int32 y) private view returns (bool) {
        bytes memory w = linear(mul, bias, shift, int8s([int8(1), 1, 1, 1, 1, 1, 1, 1]));
        bytes memory data = abi.encodePacked(uint64(0), int32s([int32(0), 0, 0, 0, 0, 0, 0, y]));
        return isFalse(RESIDUAL, 2, data, 7, activationsAndResidual(x), given(SQUARE, 7, w));
    }

    function activationsAndResidual(int16 x) private pure returns (Given[] memory) {
        bytes memory row = abi.encodePacked(uint16(512), uint16(0), int8s([int8(1), 2, 3, 4, 5, 6, 7, 8]));
        bytes memory residual = abi.encodePacked(uint16(0), int16s([int16(0), 0, 0, 0, 0, 0, 0, x]));
        return given(CONTEXT, 2, row, NORM, 2, residual);
    }

    function test_Residual() external view {
        // 36 · 5 / 2 + 10 = 100, and x shifted left by 2, the operator's, plus the row's.
        assertFalse(residualIsFalse(5, 10, 0, 0, 100));
        assertFalse(residualIsFalse(5, 10, 0, 3, 112));
        assertFalse(residualIsFalse(5, 10, 3, -3, 4));
        assertTrue(residualIsFalse(5, 10, 3, -3, 5));
        assertTrue(residualIsFalse(5, 10, 0, 3, 111));
    }

    function test_Residual_Saturates() external view {
        assertFalse(residualIsFalse(5, 10, 12, 32_767, 2 ** 24 - 1));
        assertFalse(residualIsFalse(5, 10, 12, -32_767, -(2 ** 24 - 1)));
        assertTrue(residualIsFalse(5, 10, 12, -32_767, -(2 ** 24)));
    }

    /* QUANTISED */

    /// @dev GELU of `v` in channel 4 of 12, of a row of zeros: the product is the bias.
    function geluIsFalse(int32 v, uint16 max, uint16 argmax, int8 x) private view returns (bool) {
        bytes memory w = linear(1, v, 0, new bytes(8));
        bytes memory data = abi.encodePacked(max, argmax, int32(0), x, int56(0));
        return isFalse(GELU, 0, data, 4, given(NORM_2, 0, new bytes(18)), given(WIDE, 4, w));
    }

    function test_Gelu() external view {
        // Segment 0 at 10: 10 - ((13 + (1946 · 10 >> 6) + 32) >> 6) = 5; at -10 it is -5.
        assertFalse(geluIsFalse(10, 5, 4, 127));
        assertFalse(geluIsFalse(-10, 5, 4, -127));
        // Saturated to ±32767, where the tail is gone.
        assertFalse(geluIsFalse(2 ** 29, 32_767, 4, 127));
        assertFalse(geluIsFalse(-(2 ** 29), 0, 0, 0), "all zero");
        // 1000 of 2000 lies halfway, between 63 and 64: (127·2^24 / 2000) · 840 rounded.
        assertFalse(geluIsFalse(1000, 2000, 0, 53));
        assertTrue(geluIsFalse(1000, 2000, 0, 54));
        assertTrue(geluIsFalse(1000, 2000, 0, 52));
    }

    function test_Quantised_AFalseMaximum() external view {
        assertTrue(geluIsFalse(10, 4, 0, 127), "the element is larger");
        assertTrue(geluIsFalse(10, 5, 5, 127), "as large, and earlier");
        assertFalse(geluIsFalse(10, 5, 3, 127), "as large, and later");
        assertTrue(geluIsFalse(10, 6, 4, 106), "smaller at the place of the maximum");
        assertTrue(geluIsFalse(-10, 6, 4, -106), "smaller in magnitude at the place of the maximum");
        assertTrue(geluIsFalse(-10, 0, 0, 0), "a maximum of 0, and an element that is not");
        assertTrue(geluIsFalse(0, 0, 5, 0), "the first 0 is earlier");
        assertTrue(geluIsFalse(2 ** 29, 40_000, 4, 104), "a maximum that no element reaches");
    }

    function test_Quantised_APlaceBeyondTheRow() external view {
        assertFalse(geluIsFalse(10, 2000, 11, 0), "the last place");
        assertTrue(geluIsFalse(10, 2000, 12, 0), "the one after");
        assertTrue(geluIsFalse(10, 2000, 65_535, 0), "the largest");
    }

    /* EXP */

    /// @dev Token 1's exponential of head 1 for token `j`, of three tokens. The score is `dot · 1024`: a whole power of two for each
    /// unit of the dot product.
    function expIsFalse(int8 query_, int8 key, uint32 j, int32 max, uint16 argmax, uint8 e)
        private
        view
        returns (bool)
    {
        Given[] memory scale = given(SCALES, 1, abi.encodePacked(uint32(2048)));
        return isFalse(EXP, 1, expRow(max, argmax, j, e), 3 + j, queryAndKey(query_, key, j), scale);
    }

    function expRow(int32 max, uint16 argmax, uint32 j, uint8 e) private pure returns (bytes memory) {
        bytes memory exponentials = new bytes(3);
        exponentials[j] = bytes1(e);
        return abi.encodePacked(new bytes(8), max, argmax, new bytes(5), exponentials);
    }

    /// @dev The channels of head 0 would change the score.
    function queryAndKey(int8 query_, int8 key, uint32 j) private pure returns (Given[] memory) {
        bytes memory queries = int8s([int8(99), 99, 99, 99, query_, 0, 0, 0]);
        bytes memory keys = int8s([int8(99), 99, 99, 99, key, 7, 7, 7]);
        return given(QUERIES, 1, queries, KEYS, j, keys);
    }

    function test_Exp() external view {
        assertFalse(expIsFalse(2, 3, 0, 6144, 0, 255), "2^0");
        assertFalse(expIsFalse(2, 3, 0, 7168, 1, 128), "127.5 rounds up");
        assertFalse(expIsFalse(2, 3, 1, 8192, 0, 64));
        assertFalse(expIsFalse(-2, 3, 2, -6144 + 8192, 0, 1), "255 / 256");
        assertFalse(expIsFalse(-2, 3, 2, -6144 + 9216, 0, 0), "255 / 512 rounds down");
        assertFalse(expIsFalse(-128, 127, 2, 2 ** 31 - 1, 0, 0));
        assertTrue(expIsFalse(2, 3, 1, 8192, 0, 63));
        assertTrue(expIsFalse(2, 3, 1, 8192, 0, 65));
        // Half a power: 32768 - (512·(22668 - (512·(7590 - 654) >> 10)) >> 10) = 23168, and 255·23168 / 2^15 = 180.3.
        assertFalse(expIsFalse(2, 3, 1, 6144 + 512, 0, 180));
    }

    function test_Exp_AFalseMaximum() external view {
        assertTrue(expIsFalse(2, 3, 0, 6143, 1, 255), "the score is larger");
        assertTrue(expIsFalse(2, 3, 0, 6144, 1, 255), "as large, and earlier");
        assertFalse(expIsFalse(2, 3, 1, 6144, 0, 255), "as large, and later");
        assertTrue(expIsFalse(2, 3, 1, 7168, 1, 128), "smaller at the place of the maximum");
        assertTrue(expIsFalse(2, 3, 1, -(2 ** 31), 0, 0), "the least maximum");
        assertTrue(expIsFalse(2, 3, 1, 8192, 3, 64), "a place beyond the row");
        assertTrue(expIsFalse(2, 3, 1, 8192, 65_535, 64), "a place far beyond");
    }

    /* CONTEXT */

    /// @dev Channel 5 (head 1) of token 0, of three tokens with values 100, -100, 50.
    function contextIsFalse(uint8[3] memory e, uint16 sum, uint16 max, uint16 argmax, int8 x)
        private
        view
        returns (bool)
    {
        bytes memory data = abi.encodePacked(max, argmax, uint40(0), x, uint16(0));
        return isFalse(CONTEXT, 0, data, 5, exponentialsAndValues(e, sum), none());
    }

    function exponentialsAndValues(uint8[3] memory e, uint16 sum) private pure returns (Given[] memory) {
        bytes memory exponentials = abi.encodePacked(new bytes(14), sum, uint24(0), e[0], e[1], e[2]);
        return given(EXP, 0, exponentials, VALUES, 5, abi.encodePacked(int8(100), int8(-100), int8(50)));
    }

    function test_Context() external view {
        // 255·100 / 255 with 8 fraction bits is 25600, less what rounding the inverse down takes: 25599.9.
        assertFalse(contextIsFalse([255, 0, 0], 255, 25_600, 5, 127));
        assertFalse(contextIsFalse([0, 255, 0], 255, 25_600, 5, -127));
        // (100 - 50·255 + 50·255) / 511 · 256 = 50.1
        assertFalse(contextIsFalse([1, 0, 0], 511, 50, 5, 127));
        // 25600 of 30000
        assertFalse(contextIsFalse([255, 0, 0], 255, 30_000, 0, 108));
        assertTrue(contextIsFalse([255, 0, 0], 255, 30_000, 0, 109));
        assertTrue(contextIsFalse([255, 0, 0], 255, 25_599, 0, 127), "larger than the maximum");
        assertTrue(contextIsFalse([255, 0, 0], 255, 30_000, 8, 108), "a place beyond the row");
    }

    /* POOL AND UNIT */

    function test_Pool() external view {
        bytes memory channel = abi.encodePacked(int16(-32_768), int16(32_767), int16(-3));
        bytes memory data = abi.encodePacked(uint32(0), int32s([int32(0), 0, 0, 0, 0, 0, -4, 0]));
        assertFalse(isFalse(POOL, 0, data, 6, given(NORM_T, 6, channel), none()));
        data[31] = 0xfb;
        assertTrue(isFalse(POOL, 0, data, 6, given(NORM_T, 6, channel), none()));
    }

    function unitIsFalse(int32 p, uint32 root, int16 x) private view returns (bool) {
        bytes memory pool = abi.encodePacked(root, int32s([p, 0, 0, 0, 0, 0, 0, 0]));
        bytes memory data = int16s([x, 0, 0, 0, 0, 0, 0, 0]);
        return isFalse(UNIT, 0, data, 0, given(POOL, 0, pool), none());
    }

    function test_Unit() external view {
        assertFalse(unitIsFalse(5, 5, 32_767));
        assertFalse(unitIsFalse(-5, 5, -32_767));
        assertFalse(unitIsFalse(1, 2, 16_384), "16383.5 rounds up");
        assertFalse(unitIsFalse(-1, 2, -16_383), "-16383.5 rounds up");
        assertFalse(unitIsFalse(1, 3, 10_922), "10922.3");
        assertFalse(unitIsFalse(-1, 3, -10_922), "-10922.3");
        assertFalse(unitIsFalse(0, 0, 0), "a vector of zeros");
        assertTrue(unitIsFalse(0, 0, 1));
        assertTrue(unitIsFalse(1, 2, 16_383));
    }
}
