// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Chance} from "./Chance.sol";
import {DotProduct} from "./DotProduct.sol";
import {Elements, Question} from "./Elements.sol";
import {FixedPoint} from "./FixedPoint.sol";
import {Rows} from "./Rows.sol";
import {Tape} from "./Tape.sol";

/// @title DecoderElements
/// @notice Recomputes an element of an operator that only decoders have: `kernels/ARITHMETIC.md`, "Operators".
/// @dev As in `Elements`, any bytes may stand in the rows.
library DecoderElements {
    using Elements for Question;

    /* THE TEXT */

    /// @notice The id of the token at `place`, of the rows of a prompt and of an output: a blank has the id that was chosen before it. One
    /// outside the vocabulary, which only a false row has, reads as 0.
    function idAt(bytes memory prompt, bytes memory output, uint64 place, uint64 vocabulary)
        internal
        pure
        returns (uint64 id)
    {
        id = _given(prompt, place);
        if (id == Chance.BLANK && place != 0) id = Rows.uint16At(output, Tape.CHOICE * (place - 1) + 4);
        if (id >= vocabulary) id = 0;
    }

    /// @notice Whether a prompt is false at `place`: outside the vocabulary and no blank, or a blank in front.
    function idIsFalse(bytes memory prompt, uint64 place, uint64 vocabulary) internal pure returns (bool) {
        uint64 id = _given(prompt, place);
        return id >= vocabulary && (id != Chance.BLANK || place == 0);
    }

    function _given(bytes memory prompt, uint64 place) private pure returns (uint64) {
        return Rows.uint16At(prompt, Tape.PROMPT_HEADER + 2 * place);
    }

    /* ELEMENTS PROPER */

    /// @notice `y` of a lookup. Rows: prompt, output; word.
    function lookup(Question memory question) internal pure returns (int256) {
        bytes memory word = question.weights[0];
        int256 mul = int256(uint256(Rows.uint32At(word, 0)));
        int256 weight = Rows.int8At(word, 4 + question.element);
        return FixedPoint.embed(weight, mul, question.operator.shift, 0);
    }

    /// @notice `x` of a root-mean-square norm. Rows: stream; gain.
    function rms(Question memory question) internal pure returns (int256) {
        bytes memory stream = question.tensors[0];
        bytes memory gain = question.weights[0];
        return FixedPoint.norm({
            d: Rows.int32At(stream, 4 + 4 * question.element),
            deviation: Rows.uint32At(stream, 0),
            width: question.input.width,
            gain: Rows.int32At(gain, 0),
            bias: Rows.int32At(gain, 4),
            shift: question.operator.shift
        });
    }

    /// @notice A product that was turned. Rows: activations; weights of the channel, of the other of its pair, angles of the token.
    function rotary(Question memory question) internal pure returns (int256) {
        bytes memory angles = question.weights[2];
        uint256 pair = question.element % (angles.length / 2) & ~uint256(1);
        return FixedPoint.turn({
            x: question.product(0),
            y: question.product(1),
            cosine: Rows.int16At(angles, 2 * pair),
            sine: Rows.int16At(angles, 2 * pair + 2),
            odd: question.element & 1 == 1
        });
    }

    /// @notice `wide` of gated products. Rows: activations; weights of the gate, of the other product.
    function gated(Question memory question) internal pure returns (int256) {
        return FixedPoint.gated(question.product(0), question.product(1));
    }

    /// @notice `y` of a product added to a stream. Rows: activations, stream; weights.
    function add(Question memory question) internal pure returns (int256) {
        int256 before = Rows.int32At(question.tensors[1], 4 + 4 * question.element);
        return FixedPoint.clamp(question.product(0) + before, FixedPoint.STREAM_MAX);
    }

    /* WHAT IS CHOSEN */

    /// @notice Whether causal exponentials are false at an element. Rows: query, key; scale.
    /// @dev Tokens after the row's own have none, and cannot hold the largest score.
    function exponentialIsFalse(Question memory question) internal pure returns (bool) {
        bytes memory data = question.data;
        (uint64 heads, uint64 tokens) = (question.shape.heads, question.tokens);
        (uint64 head, uint64 place) = (question.element / tokens, question.element % tokens);
        if (Rows.uint16At(data, 8 * head + 4) > question.row) return true;
        if (place > question.row) return Rows.uint8At(data, 8 * heads + question.element) != 0;

        return Elements.exponentialIsFalse(data, heads, tokens, question.element, _score(question, head));
    }

    /// @dev The score of a head. Heads of queries share the keys that their width is a multiple of.
    function _score(Question memory question, uint64 head) private pure returns (int256) {
        bytes memory key = question.tensors[1];
        uint256 width = question.shape.width / question.shape.heads;
        // The head of keys, in whole numbers.
        // forge-lint: disable-next-line(divide-before-multiply)
        uint256 from = head / (question.shape.width / key.length) * width;
        int256 dot = DotProduct.signed(question.tensors[0], head * width, key, from, width);
        int256 scale = int256(uint256(Rows.uint32At(question.weights[0], 0)));
        return FixedPoint.score(dot, scale, question.operator.shift);
    }

    /// @notice Whether the choice after a place is false, as the score of one id shows. Rows: activations, prompt; word.
    function choiceIsFalse(Question memory question) internal pure returns (bool) {
        uint64 vocabulary = question.shape.width;
        (uint64 place, uint64 id) = (question.element / vocabulary, question.element % vocabulary);
        bytes memory prompt = question.tensors[1];
        int256 max = Rows.int32At(question.data, Tape.CHOICE * place);
        uint256 chosen = Rows.uint16At(question.data, Tape.CHOICE * place + 4);
        bool isGiven = place + 1 < question.tokens && _given(prompt, place + 1) != Chance.BLANK;
        if (isGiven) return max != 0 || chosen != 0;

        int256 product = question.productWithWord();
        // The seed, the first eight bytes.
        // forge-lint: disable-next-line(unsafe-typecast)
        bytes8 seed = bytes8(prompt);
        int256 score = Chance.score(product, Rows.uint16At(prompt, 8), seed, place, id);
        return chosen >= vocabulary || Elements.maxIsFalse(max, chosen, id, score);
    }
}
