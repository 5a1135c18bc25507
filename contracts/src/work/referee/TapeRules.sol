// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IProgramRegistry} from "../IProgramRegistry.sol";
import {Form, Opcode, Operator, Shape, Tape, WeightKind, WeightTensor} from "./Tape.sol";

/// @title TapeRules
/// @notice Which tapes are valid: `kernels/ARITHMETIC.md`, "Tape". The rules and their order are those of `kernels/src/tape`, so that both
/// refuse a tape at the same place for the same reason.
library TapeRules {
    using Tape for bytes;
    using Tape for Shape;
    using Tape for WeightTensor;

    /// @notice The most units: the sum of as many exponentials fits 16 bits.
    uint256 internal constant MAX_UNITS = 257;

    /// @notice The widest row, and the most rows of weights other than words.
    uint256 internal constant MAX_WIDTH = 2048;

    /// @notice The most rows of words.
    uint256 internal constant MAX_WORDS = 65_536;

    /// @notice The most rows of an operator's tensor.
    uint256 internal constant MAX_ROWS = 512;

    /// @notice The most bytes of a row, and of all rows that one element depends on.
    uint256 internal constant MAX_BYTES = 8192;

    /// @dev What begins every tape, with the version.
    bytes8 private constant MAGIC = "ASSAYTP\x01";

    /// @notice Reverts when the tape is not valid.
    function check(bytes calldata tape) internal pure {
        _checkFormat(tape);
        uint256 units = tape.maxUnits();
        require(units != 0 && units <= MAX_UNITS, IProgramRegistry.ProgramRegistry_BadFormat(8, "units not 1 to 257"));
        for (uint256 i = 0; i < tape.tensorCount(); ++i) {
            _checkTensor(tape.tensorAt(i), i);
        }
        uint256 operators = tape.operatorCount();
        require(operators != 0, IProgramRegistry.ProgramRegistry_BadFormat(12, "no operators"));
        uint256 free = _freeMemory();
        for (uint256 i = 0; i < operators; ++i) {
            _checkOperator(tape, i, operators);
            _release(free);
        }
    }

    /* FORMAT */

    /// @dev One program has one encoding: what a record does not use is zero.
    function _checkFormat(bytes calldata tape) private pure {
        _format(tape.length % Tape.RECORD == 0, tape.length, "length no multiple of 16");
        _format(tape.length != 0, 0, "no header");
        _format(bytes8(tape[:8]) == MAGIC, 0, "not ASSAYTP version 1");
        _format(bytes2(tape[14:16]) == 0, 14, "reserved byte not zero");
        uint256 tensors = tape.tensorCount();
        uint256 records = 1 + tensors + tape.operatorCount();
        _format(records == tape.recordCount(), 10, "wrong number of records");
        for (uint256 i = 1; i < records; ++i) {
            bytes16 record = tape.recordAt(i);
            uint8 code = uint8(record[0]);
            if (i <= tensors) {
                _format(code != 0 && code <= uint8(type(WeightKind).max), i * Tape.RECORD, "unknown kind of weights");
                _format(
                    record & ~bytes16(0xff000000ffffffffffffffff00000000) == 0,
                    i * Tape.RECORD,
                    "reserved byte not zero"
                );
            } else {
                _format(code != 0 && code <= uint8(type(Opcode).max), i * Tape.RECORD, "unknown opcode");
                _format(record & ~_fieldsOf(Opcode(code)) == 0, i * Tape.RECORD, "unused field not zero");
            }
        }
    }

    /// @dev The bits that an operator's record may use: opcode, shift, residual shift, 0; a, b; c, 0; x.
    function _fieldsOf(Opcode code) private pure returns (bytes16) {
        if (code == Opcode.Ids || code == Opcode.Prompt) return 0xff0000000000000000000000ffffffff;
        if (code == Opcode.Embed) return 0xffff0000ffffffffffff000000000000;
        if (code == Opcode.Norm || code == Opcode.Linear) return 0xffff0000ffffffff0000000000000001;
        if (code == Opcode.Residual) return 0xffffff00ffffffffffff000000000000;
        if (code == Opcode.Gelu || code == Opcode.Lookup || code == Opcode.Rms) {
            return 0xffff0000ffffffff0000000000000000;
        }
        if (code == Opcode.Exp || code == Opcode.Causal) return 0xffff0000ffffffffffff00000000ffff;
        if (code == Opcode.Context || code == Opcode.Blend) return 0xff000000ffffffff0000000000000000;
        if (code == Opcode.Pool || code == Opcode.Unit) return 0xff000000ffff00000000000000000000;
        // Rotary, gated, add, choose.
        return 0xffff0000ffffffffffff000000000000;
    }

    /* WEIGHTS */

    function _checkTensor(WeightTensor memory tensor, uint256 position) private pure {
        bool single = tensor.kind == WeightKind.Gains || tensor.kind == WeightKind.Scales;
        uint256 rows = tensor.kind == WeightKind.Words ? MAX_WORDS : MAX_WIDTH;
        bool holds = _within(tensor.rows, 1, rows);
        require(holds, IProgramRegistry.ProgramRegistry_BadTensor(position, "rows zero or too many"));
        holds = _within(tensor.width, 1, single ? 1 : MAX_WIDTH);
        require(holds, IProgramRegistry.ProgramRegistry_BadTensor(position, "width zero or too large"));
    }

    /* OPERATORS */

    /// @dev Operators before `position` are valid.
    function _checkOperator(bytes calldata tape, uint256 position, uint256 operators) private pure {
        Operator memory operator = tape.operatorAt(position);
        _checkOperands(tape, operator, position);
        Opcode code = operator.code;
        bool atEnds = (code == Opcode.Ids || code == Opcode.Prompt) == (position == 0)
            && (code == Opcode.Unit || code == Opcode.Choose) == (position == operators - 1);
        _rule(atEnds, position, "input first, output last");
        bool decodes = tape.operatorAt(0).code == Opcode.Prompt;
        _rule(code == Opcode.Linear || (code >= Opcode.Prompt) == decodes, position, "encoder and decoder mixed");

        uint64 units = tape.maxUnits();
        Shape memory shape = tape.shapeOf(operator);
        _rule(_within(shape.rowsOf(units), 1, MAX_ROWS), position, "more than 512 rows");
        _rule(_within(shape.rowLength(units), 1, MAX_BYTES), position, "row over 8,192 bytes");
        _rule(_opened(tape, operator, units) <= MAX_BYTES, position, "element opens over 8,192 bytes");
    }

    /// @dev Shapes and shifts.
    function _checkOperands(bytes calldata tape, Operator memory operator, uint256 position) private pure {
        Opcode code = operator.code;
        if (code == Opcode.Ids) {
            _rule(_within(operator.x, 1, MAX_WORDS), position, "vocabulary not 1 to 65,536");
        } else if (code == Opcode.Embed) {
            _checkEmbed(tape, operator, position);
        } else if (code == Opcode.Norm) {
            Shape memory sum = _input(tape, operator.a, position);
            _rule(sum.form == Form.Sum, position, "norm reads no sum");
            WeightTensor memory gains = _weights(tape, operator.b, WeightKind.Gains, position);
            _rule(gains.rows == sum.width, position, "not one gain a channel");
            _rule(_within(operator.shift, 16, 30), position, "norm shift not 16 to 30");
        } else if (code == Opcode.Exp) {
            _checkExp(tape, operator, position);
        } else if (code == Opcode.Context) {
            Shape memory exp = _input(tape, operator.a, position);
            _rule(exp.form == Form.Exp, position, "context reads no exponentials");
            Shape memory values = _input(tape, operator.b, position);
            _rule(values.form == Form.LinearT, position, "values not transposed product");
            _rule(values.width % exp.heads == 0, position, "heads do not divide values");
        } else if (code == Opcode.Pool) {
            Shape memory norm = _input(tape, operator.a, position);
            _rule(norm.form == Form.NormT, position, "pool reads no transposed norm");
        } else if (code == Opcode.Unit) {
            _rule(_input(tape, operator.a, position).form == Form.Pool, position, "unit reads no pool");
        } else if (code < Opcode.Prompt) {
            _checkProduct(tape, operator, position);
        } else {
            _checkDecoder(tape, operator, position);
        }
    }

    /// @dev The operators that only decoders have.
    function _checkDecoder(bytes calldata tape, Operator memory operator, uint256 position) private pure {
        Opcode code = operator.code;
        if (code == Opcode.Prompt) {
            // The id after the last is the blank.
            _rule(_within(operator.x, 1, 0xffff), position, "vocabulary not 1 to 65,535");
        } else if (code == Opcode.Lookup) {
            _checkWords(tape, operator.a, operator.b, position);
            _rule(_within(operator.shift, 1, 30), position, "lookup shift not 1 to 30");
        } else if (code == Opcode.Rms) {
            Shape memory stream = _input(tape, operator.a, position);
            _rule(stream.form == Form.Stream, position, "rms reads no stream");
            WeightTensor memory gains = _weights(tape, operator.b, WeightKind.Gains, position);
            _rule(gains.rows == stream.width, position, "not one gain a channel");
            _rule(_within(operator.shift, 16, 30), position, "norm shift not 16 to 30");
        } else if (code == Opcode.Rotary) {
            _checkProduct(tape, operator, position);
            WeightTensor memory angles = _weights(tape, operator.c, WeightKind.Positions, position);
            _rule(angles.width % 2 == 0, position, "angles not in pairs");
            _rule(tape.shapeOf(operator).width % angles.width == 0, position, "angles do not divide product");
            _rule(tape.maxUnits() <= angles.rows, position, "not angles for every unit");
        } else if (code == Opcode.Causal) {
            _checkCausal(tape, operator, position);
        } else if (code == Opcode.Blend) {
            _checkBlend(tape, operator, position);
        } else if (code == Opcode.Gated) {
            _checkProduct(tape, operator, position);
            uint64 width = tape.shapeOf(operator).width;
            operator.b = operator.c;
            _checkProduct(tape, operator, position);
            _rule(tape.shapeOf(operator).width == width, position, "gate and product differ");
        } else if (code == Opcode.Add) {
            _checkProduct(tape, operator, position);
            Shape memory stream = _input(tape, operator.c, position);
            _rule(stream.form == Form.Stream, position, "added to no stream");
            _rule(stream.width == tape.shapeOf(operator).width, position, "product and stream differ");
        } else {
            Shape memory input = _input(tape, operator.a, position);
            bool activations = input.form == Form.Norm || input.form == Form.Quantised;
            _rule(activations, position, "choice reads no activations");
            WeightTensor memory words = _checkWords(tape, operator.c, operator.b, position);
            _rule(words.width == input.width, position, "input and words differ");
            _rule(input.width % 4 == 0, position, "product width no multiple of 4");
            _rule(_within(operator.shift, 1, 61), position, "choice shift not 1 to 61");
        }
    }

    /// @dev Words for all ids of a prompt.
    function _checkWords(bytes calldata tape, uint16 prompt, uint16 weights, uint256 position)
        private
        pure
        returns (WeightTensor memory words)
    {
        _rule(_input(tape, prompt, position).form == Form.Prompt, position, "reads no prompt");
        words = _weights(tape, weights, WeightKind.Words, position);
        _rule(tape.operatorAt(prompt).x <= words.rows, position, "not a word for every id");
    }

    function _checkCausal(bytes calldata tape, Operator memory operator, uint256 position) private pure {
        Shape memory queries = _input(tape, operator.a, position);
        Shape memory keys = _input(tape, operator.b, position);
        bool products = queries.form == Form.Linear && keys.form == Form.Linear;
        _rule(products, position, "queries or keys no products");
        _checkHeads(tape, operator, queries.width, position);
        uint64 width = queries.width / operator.x;
        _rule(keys.width % width == 0, position, "heads do not divide keys");
        _rule(operator.x % (keys.width / width) == 0, position, "key heads do not divide heads");
    }

    function _checkBlend(bytes calldata tape, Operator memory operator, uint256 position) private pure {
        _rule(_input(tape, operator.a, position).form == Form.Causal, position, "blend reads no exponentials");
        Shape memory values = _input(tape, operator.b, position);
        _rule(values.form == Form.LinearT, position, "values not transposed product");
        Operator memory causal = tape.operatorAt(operator.a);
        uint64 share = tape.headsPerGroup(causal);
        _rule(values.width % (causal.x / share) == 0, position, "heads do not divide values");
        _rule(share * values.width <= MAX_WIDTH, position, "blend too wide");
    }

    function _checkEmbed(bytes calldata tape, Operator memory operator, uint256 position) private pure {
        _rule(_input(tape, operator.a, position).form == Form.Ids, position, "embedding reads no ids");
        WeightTensor memory words = _weights(tape, operator.b, WeightKind.Words, position);
        WeightTensor memory places = _weights(tape, operator.c, WeightKind.Positions, position);
        _rule(words.width == places.width, position, "words and positions differ");
        _rule(tape.maxUnits() <= places.rows, position, "not a position for every unit");
        _rule(_within(operator.shift, 1, 30), position, "embedding shift not 1 to 30");
        // Operator 0 is the ids.
        _rule(tape.operatorAt(operator.a).x <= words.rows, position, "not a word for every id");
    }

    /// @dev A product alone, with residual or with GELU.
    function _checkProduct(bytes calldata tape, Operator memory operator, uint256 position) private pure {
        Shape memory input = _input(tape, operator.a, position);
        bool activations = input.form == Form.Norm || input.form == Form.Quantised;
        _rule(activations, position, "product reads no activations");
        WeightTensor memory weights = _weights(tape, operator.b, WeightKind.Linear, position);
        _rule(weights.width == input.width, position, "input and weights differ");
        _rule(input.width % 4 == 0, position, "product width no multiple of 4");
        _rule(weights.rows % 4 == 0, position, "product rows no multiple of 4");
        _rule(_within(operator.shift, 1, 61), position, "product shift not 1 to 61");
        if (operator.code != Opcode.Residual) return;
        Shape memory residual = _input(tape, operator.c, position);
        _rule(residual.form == Form.Norm, position, "residual is no norm");
        _rule(residual.width == weights.rows, position, "product and residual differ");
        _rule(operator.residualShift <= 14, position, "residual shift not 0 to 14");
    }

    function _checkExp(bytes calldata tape, Operator memory operator, uint256 position) private pure {
        Shape memory queries = _input(tape, operator.a, position);
        Shape memory keys = _input(tape, operator.b, position);
        bool products = queries.form == Form.Linear && keys.form == Form.Linear;
        _rule(products, position, "queries or keys no products");
        _rule(queries.width == keys.width, position, "queries and keys differ");
        _checkHeads(tape, operator, queries.width, position);
    }

    /// @dev Heads of queries of `width`, and their scores.
    function _checkHeads(bytes calldata tape, Operator memory operator, uint64 width, uint256 position) private pure {
        uint256 heads = operator.x;
        _rule(_within(heads, 1, 64), position, "heads not 1 to 64");
        WeightTensor memory scales = _weights(tape, operator.c, WeightKind.Scales, position);
        _rule(scales.rows == heads, position, "not one scale a head");
        _rule(width % heads == 0, position, "heads do not divide queries");
        _rule(width / heads % 4 == 0, position, "head width no multiple of 4");
        _rule(_within(width / heads, 4, 256), position, "head width not 4 to 256");
        _rule(_within(operator.shift, 1, 30), position, "score shift not 1 to 30");
    }

    /// @dev Bytes of the rows that one element depends on.
    function _opened(bytes calldata tape, Operator memory operator, uint64 units)
        private
        pure
        returns (uint256 opened)
    {
        Opcode code = operator.code;
        if (code == Opcode.Ids || code == Opcode.Prompt) return 0;
        opened = tape.shapeAt(operator.a).rowLength(units);
        if (code == Opcode.Pool || code == Opcode.Unit) return opened;
        bool attends = code == Opcode.Exp || code == Opcode.Causal;
        if (attends || code == Opcode.Context || code == Opcode.Blend) {
            opened += tape.shapeAt(operator.b).rowLength(units);
        } else {
            opened += tape.tensorAt(operator.b).rowLength();
        }
        if (code == Opcode.Lookup) opened += Tape.CHOICE * units;
        if (code == Opcode.Rotary) opened += tape.tensorAt(operator.b).rowLength();
        if (code == Opcode.Residual || code == Opcode.Add || code == Opcode.Choose) {
            opened += tape.shapeAt(operator.c).rowLength(units);
        }
        if (attends || code == Opcode.Embed || code == Opcode.Rotary || code == Opcode.Gated) {
            opened += tape.tensorAt(operator.c).rowLength();
        }
    }

    /* INTERNAL */

    /// @dev What an operand's operator makes. It must stand before `position`.
    function _input(bytes calldata tape, uint16 operand, uint256 position) private pure returns (Shape memory) {
        _rule(operand < position, position, "reads no earlier operator");
        return tape.shapeAt(operand);
    }

    function _weights(bytes calldata tape, uint16 operand, WeightKind kind, uint256 position)
        private
        pure
        returns (WeightTensor memory tensor)
    {
        _rule(operand < tape.tensorCount(), position, "no such weight tensor");
        tensor = tape.tensorAt(operand);
        _rule(tensor.kind == kind, position, "wrong kind of weights");
    }

    function _freeMemory() private pure returns (uint256 free) {
        assembly ("memory-safe") {
            free := mload(0x40)
        }
    }

    /// @dev Gives back what was allocated since `free`, of which nothing is in use any more. Memory costs the square of its size.
    function _release(uint256 free) private pure {
        assembly ("memory-safe") {
            mstore(0x40, free)
        }
    }

    function _within(uint256 value, uint256 min, uint256 max) private pure returns (bool) {
        return value >= min && value <= max;
    }

    function _format(bool holds, uint256 offset, bytes32 reason) private pure {
        require(holds, IProgramRegistry.ProgramRegistry_BadFormat(offset, reason));
    }

    function _rule(bool holds, uint256 position, bytes32 reason) private pure {
        require(holds, IProgramRegistry.ProgramRegistry_BadOperator(position, reason));
    }
}
