// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {DotProduct} from "./DotProduct.sol";
import {FixedPoint} from "./FixedPoint.sol";
import {Rows} from "./Rows.sol";
import {Form, Opcode, Operator, Shape, Tape} from "./Tape.sol";

/// @notice A well-put question: an element of a row, and the rows that it depends on.
/// @param operator The operator that made the row.
/// @param shape What it makes.
/// @param input What its first operand makes (nothing for `ids`).
/// @param tokens Tokens of the task: the `n` of ARITHMETIC.md.
/// @param row Number of the row.
/// @param element Number of the element in the row.
/// @param data The row.
/// @param tensors The rows of earlier operators that the element depends on, in the order of the operands.
/// @param weights The rows of weights that it depends on, in the order of the operands.
struct Question {
    Operator operator;
    Shape shape;
    Shape input;
    uint64 tokens;
    uint64 row;
    uint64 element;
    bytes data;
    bytes[] tensors;
    bytes[] weights;
}

/// @title Elements
/// @notice Recomputes an element from the rows that it depends on: `kernels/ARITHMETIC.md`, "Operators".
/// @dev The provider chose every bit of the rows, and the model's registrant every bit of the weights. See `FixedPoint` for
/// what becomes of rows that no honest provider has.
library Elements {
    using Tape for Shape;

    /* PLACES */

    /// @notice The token that the element belongs to.
    function tokenOf(Question memory question) internal pure returns (uint64) {
        return question.shape.isByChannel() ? question.element : question.row;
    }

    /// @notice The channel that the element belongs to.
    function channelOf(Question memory question) internal pure returns (uint64) {
        return question.shape.isByChannel() ? question.row : question.element;
    }

    /* ELEMENTS PROPER */

    /// @notice `y` of an embedding. Rows: ids; word, position.
    function embed(Question memory question) internal pure returns (int256) {
        bytes memory word = question.weights[0];
        int256 weight = Rows.int8At(word, 4 + question.element);
        int256 position = Rows.int16At(question.weights[1], 2 * question.element);
        return FixedPoint.embed(weight, _unsigned32(word, 0), question.operator.shift, position);
    }

    /// @notice `x` of a norm. Rows: sum; gain.
    function norm(Question memory question) internal pure returns (int256) {
        bytes memory sum = question.tensors[0];
        bytes memory gain = question.weights[0];
        return FixedPoint.norm({
            d: Rows.int32At(sum, 8 + 4 * channelOf(question)) - Rows.int32At(sum, 0),
            deviation: Rows.uint32At(sum, 4),
            width: question.input.width,
            gain: Rows.int32At(gain, 0),
            bias: Rows.int32At(gain, 4),
            shift: question.operator.shift
        });
    }

    /// @notice `v` of a product with row `which` of the weights. Rows: activations; weights.
    function product(Question memory question, uint256 which) internal pure returns (int256) {
        bytes memory weights = question.weights[which];
        return _product(question, weights, 9, Rows.int32At(weights, 4));
    }

    /// @notice `v` of a product with a word. Rows: activations; word.
    function productWithWord(Question memory question) internal pure returns (int256) {
        return _product(question, question.weights[0], 4, 0);
    }

    /// @dev The weights proper begin at byte `from` of their row.
    function _product(Question memory question, bytes memory weights, uint256 from, int256 bias)
        private
        pure
        returns (int256)
    {
        bytes memory row = question.tensors[0];
        uint256 width = question.input.width;
        int256 max = _unsigned16(row, 0);
        int256 dot;
        if (question.input.form == Form.Norm) {
            bytes memory quantised = Rows.quantised(row, 2, width, FixedPoint.reciprocal(max));
            dot = DotProduct.signed(quantised, 0, weights, from, width);
        } else {
            dot = DotProduct.signed(row, 4, weights, from, width);
        }
        return FixedPoint.requantise(dot, max, _unsigned32(weights, 0), question.operator.shift, bias);
    }

    /// @notice `y` of a product with residual. Rows: activations, residual; weights.
    function residual(Question memory question) internal pure returns (int256) {
        int256 x = Rows.int16At(question.tensors[1], 2 + 2 * question.element);
        uint256 shift = uint256(question.operator.residualShift) + Rows.uint8At(question.weights[0], 8);
        return FixedPoint.addResidual(product(question, 0), x, shift);
    }

    /// @notice `wide` of a product with GELU. Rows: activations; weights.
    function gelu(Question memory question) internal pure returns (int256) {
        return FixedPoint.gelu(FixedPoint.clamp(product(question, 0), FixedPoint.MAX_16));
    }

    /// @notice The score that an exponential is made of. Rows: query, key; scale.
    function score(Question memory question) internal pure returns (int256) {
        uint256 width = question.shape.width / question.shape.heads;
        uint256 from = question.element / question.tokens * width;
        int256 dot = DotProduct.signed(question.tensors[0], from, question.tensors[1], from, width);
        return FixedPoint.score(dot, _unsigned32(question.weights[0], 0), question.operator.shift);
    }

    /// @notice `wide` of a context or a blend. Rows: exponentials, values.
    function context(Question memory question) internal pure returns (int256) {
        bytes memory exponentials = question.tensors[0];
        uint256 heads = question.input.heads;
        uint256 head = question.element / (question.shape.width / heads);
        uint256 from = 8 * heads + head * question.tokens;
        int256 dot = DotProduct.mixed(exponentials, from, question.tensors[1], 0, question.tokens);
        return FixedPoint.average(dot, _unsigned16(exponentials, 8 * head + 6));
    }

    /// @notice `p` of a pool. Rows: the channel.
    function pool(Question memory question) internal pure returns (int256 sum) {
        (sum,) = Rows.moments(question.tensors[0], 0, question.tokens, 2);
    }

    /// @notice An element of the unit vector. Rows: the pool.
    function unit(Question memory question) internal pure returns (int256) {
        bytes memory row = question.tensors[0];
        return FixedPoint.unit(Rows.int32At(row, 4 + 4 * question.element), _unsigned32(row, 0));
    }

    /* WHAT A ROW SAYS OF ITSELF */

    /// @notice Whether mean or deviation of a sum is false.
    function sumHeaderIsFalse(bytes memory row, uint64 width) internal pure returns (bool) {
        (int256 sum, uint256 squares) = Rows.moments(row, 8, width, 4);
        int256 channels = int256(uint256(width));
        int256 mean = FixedPoint.mean(sum, channels);
        // Σ(y - mean)², a sum of squares and so not negative.
        // forge-lint: disable-next-line(unsafe-typecast)
        uint256 variance = uint256(int256(squares) - 2 * mean * sum + mean * mean * channels);
        return Rows.int32At(row, 0) != mean || Rows.uint32At(row, 4) != FixedPoint.isqrt(variance);
    }

    /// @notice Whether the maximum of a norm is false.
    function maxIsFalse(bytes memory row, uint64 width) internal pure returns (bool) {
        return Rows.uint16At(row, 0) != Rows.largest(row, 2, width);
    }

    /// @notice Whether the root of a pool or of a stream is false.
    function rootIsFalse(bytes memory row, uint64 width) internal pure returns (bool) {
        (, uint256 squares) = Rows.moments(row, 4, width, 4);
        return Rows.uint32At(row, 0) != FixedPoint.isqrt(squares);
    }

    /// @notice Whether the sum of the exponentials of `head` is false, or its `argmax` beyond the row.
    function totalIsFalse(bytes memory row, uint64 heads, uint64 tokens, uint64 head) internal pure returns (bool) {
        if (Rows.uint16At(row, 8 * head + 4) >= tokens) return true;
        return Rows.uint16At(row, 8 * head + 6) != Rows.total(row, 8 * heads + head * tokens, tokens);
    }

    /// @notice Whether a quantised row is false at an element that is `wide` before it is quantised: itself, the row's maximum, or
    /// the first place of that.
    function quantisedIsFalse(bytes memory row, uint64 width, uint64 element, int256 wide)
        internal
        pure
        returns (bool)
    {
        int256 max = _unsigned16(row, 0);
        uint256 argmax = Rows.uint16At(row, 2);
        if (argmax >= width || maxIsFalse(max, argmax, element, FixedPoint.magnitude(wide))) return true;
        return Rows.int8At(row, 4 + element) != FixedPoint.quantise(wide, max);
    }

    /// @notice Whether a row of exponentials is false at an element of that `value` as score: itself, its head's maximum, or the
    /// first place of that.
    function exponentialIsFalse(bytes memory row, uint64 heads, uint64 tokens, uint64 element, int256 value)
        internal
        pure
        returns (bool)
    {
        uint64 head = element / tokens;
        int256 max = Rows.int32At(row, 8 * head);
        uint256 argmax = Rows.uint16At(row, 8 * head + 4);
        if (argmax >= tokens || maxIsFalse(max, argmax, element % tokens, value)) return true;
        // forge-lint: disable-next-line(unsafe-typecast)
        return Rows.uint8At(row, 8 * heads + element) != uint256(FixedPoint.exp2(max - value));
    }

    /// @notice Whether a maximum and its place are false, as the element at a place shows: being larger, or as large and earlier, or
    /// different at that very place.
    function maxIsFalse(int256 max, uint256 argmax, uint256 place, int256 value) internal pure returns (bool) {
        if (value > max || (value == max && place < argmax)) return true;
        return place == argmax && value != max;
    }

    function _unsigned16(bytes memory row, uint256 offset) private pure returns (int256) {
        return int256(uint256(Rows.uint16At(row, offset)));
    }

    function _unsigned32(bytes memory row, uint256 offset) private pure returns (int256) {
        return int256(uint256(Rows.uint32At(row, offset)));
    }
}
