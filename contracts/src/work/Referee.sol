// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Claim, IReferee, Opening} from "./IReferee.sol";
import {DecoderElements} from "./referee/DecoderElements.sol";
import {Elements, Question} from "./referee/Elements.sol";
import {FixedPoint} from "./referee/FixedPoint.sol";
import {Openings, Place} from "./referee/Openings.sol";
import {Rows} from "./referee/Rows.sol";
import {Form, Opcode, Operator, Shape, Tape} from "./referee/Tape.sol";

/// @title Referee
/// @notice Recomputes one number of an inference.
///
/// An element is recomputed from what the provider itself committed to, and that may be false as well. Such inputs may lie outside the
/// bounds for which ARITHMETIC.md defines an element (a norm whose maximum is below its elements, exponentials that add up to
/// zero). Then the answer means nothing, but there is one: the operator to name is the first false one, whose inputs are true, and
/// on true inputs the answer is exact. It follows that nobody can convict a true row, for all that it depends on is true.
///
/// No honest provider takes a task whose units the model does not take, so each row that a provider made for one is false.
contract Referee is IReferee {
    using Tape for bytes;
    using Tape for Shape;
    using Elements for Question;
    using DecoderElements for Question;

    /* VIEWS */

    /// @inheritdoc IReferee
    function operatorCount(bytes calldata tape) external pure returns (uint16) {
        return tape.operatorCount();
    }

    /// @inheritdoc IReferee
    function shapeOf(bytes calldata tape, uint16 operator, uint32 units)
        external
        pure
        returns (uint32 rows, uint32 rowLength)
    {
        _requireBelow("operator", operator, tape.operatorCount());
        Shape memory shape = tape.shapeAt(operator);
        uint64 tokens = tape.tokensOf(units);
        return (_limit(shape.rowsOf(tokens)), _limit(shape.rowLength(tokens)));
    }

    /// @inheritdoc IReferee
    function isFalse(
        bytes calldata tape,
        bytes32 weightsRoot,
        bytes32 traceRoot,
        Claim calldata claim,
        uint32 element,
        Opening[] calldata tensors,
        Opening[] calldata weights
    ) external pure returns (bool) {
        Question memory question = _ask(tape, claim, element);
        if (question.tokens == 0 || question.tokens > tape.maxUnits()) return true;
        _requireBelow("element", element, _elementsOf(question) + question.shape.headersOf());

        Place[] memory places = _tensorsFor(tape, question);
        _requireEqual("tensors", tensors.length, places.length);
        question.tensors = Openings.open(tensors, traceRoot, places, 0);
        places = _weightsFor(tape, question);
        _requireEqual("weights", weights.length, places.length);
        question.weights = Openings.open(weights, weightsRoot, places, tensors.length);
        return _asksForHeader(question) ? _headerIsFalse(question) : _elementIsFalse(question);
    }

    /* THE QUESTION */

    /// @dev The question without its openings, if there is such a row.
    function _ask(bytes calldata tape, Claim calldata claim, uint32 element)
        private
        pure
        returns (Question memory question)
    {
        _requireBelow("operator", claim.operator, tape.operatorCount());
        question.operator = tape.operatorAt(claim.operator);
        question.shape = tape.shapeOf(question.operator);
        if (!_isInput(question.operator.code)) question.input = tape.shapeAt(question.operator.a);
        (question.tokens, question.row, question.element) = (tape.tokensOf(claim.units), claim.row, element);
        question.data = claim.data;

        _requireBelow("row", claim.row, question.shape.rowsOf(question.tokens));
        _requireEqual("length", claim.data.length, question.shape.rowLength(question.tokens));
    }

    function _elementsOf(Question memory question) private pure returns (uint64) {
        return question.shape.elementsOf(question.tokens);
    }

    function _asksForHeader(Question memory question) private pure returns (bool) {
        return question.element >= _elementsOf(question);
    }

    /// @dev The rows of other operators that the element depends on. A header depends on its row alone.
    function _tensorsFor(bytes calldata tape, Question memory question) private pure returns (Place[] memory places) {
        Operator memory operator = question.operator;
        Opcode code = operator.code;
        if (_isInput(code) || _asksForHeader(question)) return places;
        bool two = code == Opcode.Residual || code == Opcode.Exp || code == Opcode.Context || code == Opcode.Lookup
            || code == Opcode.Causal || code == Opcode.Blend || code == Opcode.Add || code == Opcode.Choose;
        places = new Place[](two ? 2 : 1);
        uint64 tokens = question.tokens;
        uint64 first = question.tokenOf();
        if (code == Opcode.Embed || code == Opcode.Unit || code == Opcode.Lookup) first = 0;
        if (code == Opcode.Pool) first = question.element;
        if (code == Opcode.Choose) first = question.element / question.shape.width;
        places[0] = Openings.made(tape, operator.a, tokens, first);
        if (code == Opcode.Residual || code == Opcode.Add) {
            places[1] = Openings.made(tape, operator.c, tokens, question.row);
        }
        if (code == Opcode.Exp || code == Opcode.Causal) {
            places[1] = Openings.made(tape, operator.b, tokens, question.element % tokens);
        }
        if (code == Opcode.Context) places[1] = Openings.made(tape, operator.b, tokens, question.element);
        if (code == Opcode.Blend) places[1] = Openings.made(tape, operator.b, tokens, _valueChannel(tape, question));
        // What is read for blanks stands at the end of the tape.
        if (code == Opcode.Lookup) places[1] = Openings.made(tape, tape.operatorCount() - 1, tokens, 0);
        if (code == Opcode.Choose) places[1] = Openings.made(tape, operator.c, tokens, 0);
    }

    /// @dev The channel of the values that channel `element` of a blend is made of.
    function _valueChannel(bytes calldata tape, Question memory question) private pure returns (uint64) {
        uint64 width = question.shape.width / question.input.heads;
        uint64 head = question.element / width;
        uint64 share = tape.headsPerGroup(tape.operatorAt(question.operator.a));
        return head / share * width + question.element % width;
    }

    /// @dev The rows of weights that the element depends on.
    function _weightsFor(bytes calldata tape, Question memory question) private pure returns (Place[] memory places) {
        Operator memory operator = question.operator;
        Opcode code = operator.code;
        bool none = _isInput(code) || code == Opcode.Context || code == Opcode.Blend || code == Opcode.Pool
            || code == Opcode.Unit;
        if (none || _asksForHeader(question)) return places;
        if (code == Opcode.Embed) {
            places = new Place[](2);
            places[0] = Openings.weight(tape, operator.b, Rows.uint16At(question.tensors[0], 2 * question.row));
            places[1] = Openings.weight(tape, operator.c, question.row);
            return places;
        }
        uint64 channel = question.channelOf();
        if (code == Opcode.Rotary) {
            places = new Place[](3);
            places[0] = Openings.weight(tape, operator.b, channel);
            places[1] = Openings.weight(tape, operator.b, channel ^ 1);
            places[2] = Openings.weight(tape, operator.c, question.row);
            return places;
        }
        if (code == Opcode.Gated) {
            places = new Place[](2);
            places[0] = Openings.weight(tape, operator.b, channel);
            places[1] = Openings.weight(tape, operator.c, channel);
            return places;
        }
        places = new Place[](1);
        if (code == Opcode.Exp || code == Opcode.Causal) {
            places[0] = Openings.weight(tape, operator.c, question.element / question.tokens);
        } else if (code == Opcode.Lookup) {
            uint64 vocabulary = tape.operatorAt(operator.a).x;
            uint64 id = DecoderElements.idAt(question.tensors[0], question.tensors[1], question.row, vocabulary);
            places[0] = Openings.weight(tape, operator.b, id);
        } else if (code == Opcode.Choose) {
            places[0] = Openings.weight(tape, operator.b, question.element % question.shape.width);
        } else {
            places[0] = Openings.weight(tape, operator.b, channel);
        }
    }

    /// @dev Whether the operator is a task's input, which is not made of anything.
    function _isInput(Opcode code) private pure returns (bool) {
        return code == Opcode.Ids || code == Opcode.Prompt;
    }

    /* THE ANSWER */

    function _headerIsFalse(Question memory question) private pure returns (bool) {
        Shape memory shape = question.shape;
        if (shape.form == Form.Sum) return Elements.sumHeaderIsFalse(question.data, shape.width);
        if (shape.form == Form.Norm) return Elements.maxIsFalse(question.data, shape.width);
        if (shape.form == Form.Pool || shape.form == Form.Stream) {
            return Elements.rootIsFalse(question.data, shape.width);
        }
        uint64 head = question.element - _elementsOf(question);
        return Elements.totalIsFalse(question.data, shape.heads, question.tokens, head);
    }

    function _elementIsFalse(Question memory question) private pure returns (bool) {
        Shape memory shape = question.shape;
        bytes memory data = question.data;
        uint64 element = question.element;
        Opcode code = question.operator.code;
        if (code == Opcode.Ids) return Rows.uint16At(data, 2 * element) >= question.operator.x;
        if (code == Opcode.Embed) return Rows.int32At(data, 8 + 4 * element) != question.embed();
        if (code == Opcode.Norm) {
            uint256 header = shape.form == Form.Norm ? 2 : 0;
            return Rows.int16At(data, header + 2 * element) != question.norm();
        }
        if (code == Opcode.Linear) {
            return Rows.int8At(data, element) != FixedPoint.clamp(question.product(0), FixedPoint.MAX_8);
        }
        if (code == Opcode.Residual) return Rows.int32At(data, 8 + 4 * element) != question.residual();
        if (code == Opcode.Gelu) return Elements.quantisedIsFalse(data, shape.width, element, question.gelu());
        if (code == Opcode.Context) return Elements.quantisedIsFalse(data, shape.width, element, question.context());
        if (code == Opcode.Exp) {
            return Elements.exponentialIsFalse(data, shape.heads, question.tokens, element, question.score());
        }
        if (code == Opcode.Pool) return Rows.int32At(data, 4 + 4 * element) != question.pool();
        if (code == Opcode.Unit) return Rows.int16At(data, 2 * element) != question.unit();
        return _decoderElementIsFalse(question);
    }

    function _decoderElementIsFalse(Question memory question) private pure returns (bool) {
        bytes memory data = question.data;
        uint64 element = question.element;
        uint64 width = question.shape.width;
        Opcode code = question.operator.code;
        if (code == Opcode.Prompt) return DecoderElements.idIsFalse(data, element, question.operator.x);
        if (code == Opcode.Lookup) return Rows.int32At(data, 4 + 4 * element) != question.lookup();
        if (code == Opcode.Rms) return Rows.int16At(data, 2 + 2 * element) != question.rms();
        if (code == Opcode.Rotary) return Rows.int8At(data, element) != question.rotary();
        if (code == Opcode.Causal) return question.exponentialIsFalse();
        if (code == Opcode.Blend) return Elements.quantisedIsFalse(data, width, element, question.context());
        if (code == Opcode.Gated) return Elements.quantisedIsFalse(data, width, element, question.gated());
        if (code == Opcode.Add) return Rows.int32At(data, 4 + 4 * element) != question.add();
        return question.choiceIsFalse();
    }

    /* INTERNAL */

    /// @dev A row of more than 2^32 - 1 bytes, which units beyond any model's can ask for, is as impossible to reveal as one of these.
    function _limit(uint64 value) private pure returns (uint32) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return value > type(uint32).max ? type(uint32).max : uint32(value);
    }

    function _requireEqual(bytes32 what, uint256 value, uint256 expected) private pure {
        require(value == expected, Referee_BadQuestion(what, value, expected));
    }

    function _requireBelow(bytes32 what, uint256 value, uint256 count) private pure {
        require(value < count, Referee_BadQuestion(what, value, count));
    }
}
