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
        if (code == Opcode.Ids) return 0xff0000000000000000000000ffffffff;
        if (code == Opcode.Embed) return 0xffff0000ffffffffffff000000000000;
        if (code == Opcode.Norm || code == Opcode.Linear) return 0xffff0000ffffffff0000000000000001;
        if (code == Opcode.Residual) return 0xffffff00ffffffffffff000000000000;
        if (code == Opcode.Gelu) return 0xffff0000ffffffff0000000000000000;
        if (code == Opcode.Exp) return 0xffff0000ffffffffffff00000000ffff;
        if (code == Opcode.Context) return 0xff000000ffffffff0000000000000000;
        return 0xff000000ffff00000000000000000000;
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
        bool atEnds = (operator.code == Opcode.Ids) == (position == 0)
            && (operator.code == Opcode.Unit) == (position == operators - 1);
        _rule(atEnds, position, "ids first, unit last, only there");

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
        } else {
            _checkProduct(tape, operator, position);
        }
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
        uint256 heads = operator.x;
        _rule(_within(heads, 1, 64), position, "heads not 1 to 64");
        WeightTensor memory scales = _weights(tape, operator.c, WeightKind.Scales, position);
        _rule(scales.rows == heads, position, "not one scale a head");
        _rule(queries.width % heads == 0, position, "heads do not divide queries");
        _rule(queries.width / heads % 4 == 0, position, "head width no multiple of 4");
        _rule(_within(queries.width / heads, 4, 256), position, "head width not 4 to 256");
        _rule(_within(operator.shift, 1, 30), position, "score shift not 1 to 30");
    }

    /// @dev Bytes of the rows that one element depends on.
    function _opened(bytes calldata tape, Operator memory operator, uint64 units)
        private
        pure
        returns (uint256 opened)
    {
        Opcode code = operator.code;
        if (code == Opcode.Ids) return 0;
        opened = tape.shapeAt(operator.a).rowLength(units);
        if (code == Opcode.Pool || code == Opcode.Unit) return opened;
        if (code == Opcode.Exp || code == Opcode.Context) opened += tape.shapeAt(operator.b).rowLength(units);
        else opened += tape.tensorAt(operator.b).rowLength();
        if (code == Opcode.Residual) opened += tape.shapeAt(operator.c).rowLength(units);
        if (code == Opcode.Embed || code == Opcode.Exp) opened += tape.tensorAt(operator.c).rowLength();
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
