// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice What an operator does. The numbers are those of ARITHMETIC.md.
enum Opcode {
    None,
    Ids,
    Embed,
    Norm,
    Linear,
    Residual,
    Gelu,
    Exp,
    Context,
    Pool,
    Unit,
    Prompt,
    Lookup,
    Rms,
    Rotary,
    Causal,
    Blend,
    Gated,
    Add,
    Choose
}

/// @notice How the rows of a weight tensor are encoded. The numbers are those of ARITHMETIC.md.
enum WeightKind {
    None,
    Words,
    Positions,
    Gains,
    Linear,
    Scales
}

/// @notice What an operator makes: how its rows are encoded, and how many there are. `T` is by channel, the others by token.
enum Form {
    Ids,
    Sum,
    Norm,
    NormT,
    Linear,
    LinearT,
    Exp,
    Quantised,
    Pool,
    Unit,
    Prompt,
    Stream,
    Causal,
    Choice
}

/// @notice A decoded operator.
/// @param code What it does.
/// @param shift Right shift of its result.
/// @param residualShift Left shift of the residual.
/// @param a Position of its first operand: an earlier operator.
/// @param b Position of its second operand.
/// @param c Position of its third operand.
/// @param x The vocabulary of `ids` and `prompt`, the heads of `exp` and `causal`, 1 for what is written by channel.
struct Operator {
    Opcode code;
    uint8 shift;
    uint8 residualShift;
    uint16 a;
    uint16 b;
    uint16 c;
    uint32 x;
}

/// @notice A decoded weight tensor.
/// @param kind Encoding of its rows.
/// @param rows Number of its rows.
/// @param width Elements of a row that depend on the kind.
struct WeightTensor {
    WeightKind kind;
    uint64 rows;
    uint64 width;
}

/// @notice The tensor that an operator makes, but for the number of units.
/// @param form Encoding of its rows.
/// @param width Channels (of the queries, for `Exp` and `Causal`; ids to choose from, for `Choice`; none for `Ids` and `Prompt`).
/// @param heads Heads of `Exp` and `Causal`.
struct Shape {
    Form form;
    uint64 width;
    uint64 heads;
}

/// @title Tape
/// @notice Reads the records of a program, and says what its operators make.
///
/// Records of 16 bytes: the header, the weight tensors, the operators. `kernels/ARITHMETIC.md` ("Tape") is the format.
/// @dev The tape must be valid up to and with the record that is read; `TapeRules` sees to that. Numbers of rows and bytes are
/// taken in 64 bits, where 32-bit units cannot overflow them.
library Tape {
    /// @notice Bytes of a record.
    uint256 internal constant RECORD = 16;

    /// @notice Bytes of a prompt's row before its ids: the seed and the focus.
    uint64 internal constant PROMPT_HEADER = 10;

    /// @notice Bytes that a choice takes in its row: the largest score and the id that has it.
    uint64 internal constant CHOICE = 6;

    /* RECORDS */

    /// @notice Number of records, the header included.
    function recordCount(bytes calldata tape) internal pure returns (uint256) {
        return tape.length / RECORD;
    }

    /// @notice The bytes of record `position`.
    function recordAt(bytes calldata tape, uint256 position) internal pure returns (bytes16 record) {
        require(position < recordCount(tape));
        assembly ("memory-safe") {
            record := calldataload(add(tape.offset, mul(position, RECORD)))
            // Nothing but the 16 bytes.
            record := shl(128, shr(128, record))
        }
    }

    /// @notice The tokens of a task of `units` units. A decoder's row has ten bytes before its ids, which are units too.
    function tokensOf(bytes calldata tape, uint64 units) internal pure returns (uint64) {
        if (operatorAt(tape, 0).code != Opcode.Prompt) return units;
        return units > PROMPT_HEADER / 2 ? units - PROMPT_HEADER / 2 : 0;
    }

    /// @notice The most tokens that an input may have.
    function maxUnits(bytes calldata tape) internal pure returns (uint16 units) {
        bytes16 header = recordAt(tape, 0);
        assembly ("memory-safe") {
            units := and(shr(176, header), 0xffff)
        }
    }

    /// @notice Number of weight tensors.
    function tensorCount(bytes calldata tape) internal pure returns (uint16 count) {
        bytes16 header = recordAt(tape, 0);
        assembly ("memory-safe") {
            count := and(shr(160, header), 0xffff)
        }
    }

    /// @notice Number of operators.
    function operatorCount(bytes calldata tape) internal pure returns (uint16 count) {
        bytes16 header = recordAt(tape, 0);
        assembly ("memory-safe") {
            count := and(shr(144, header), 0xffff)
        }
    }

    /// @notice Weight tensor `position`.
    function tensorAt(bytes calldata tape, uint256 position) internal pure returns (WeightTensor memory tensor) {
        bytes16 record = recordAt(tape, 1 + position);
        tensor.kind = WeightKind(uint8(record[0]));
        // The fields behind the kind: a struct has a word for each.
        assembly ("memory-safe") {
            mstore(add(tensor, 32), and(shr(192, record), 0xffffffff))
            mstore(add(tensor, 64), and(shr(160, record), 0xffffffff))
        }
    }

    /// @notice Operator `position`.
    function operatorAt(bytes calldata tape, uint256 position) internal pure returns (Operator memory operator) {
        bytes16 record = recordAt(tape, 1 + uint256(tensorCount(tape)) + position);
        operator.code = Opcode(uint8(record[0]));
        // The fields behind the opcode: a struct has a word for each.
        assembly ("memory-safe") {
            mstore(add(operator, 32), byte(1, record))
            mstore(add(operator, 64), byte(2, record))
            mstore(add(operator, 96), and(shr(208, record), 0xffff))
            mstore(add(operator, 128), and(shr(192, record), 0xffff))
            mstore(add(operator, 160), and(shr(176, record), 0xffff))
            mstore(add(operator, 192), and(shr(128, record), 0xffffffff))
        }
    }

    /* WEIGHTS */

    /// @notice Bytes of a row of a weight tensor.
    function rowLength(WeightTensor memory tensor) internal pure returns (uint64) {
        if (tensor.kind == WeightKind.Words) return 4 + tensor.width;
        if (tensor.kind == WeightKind.Positions) return 2 * tensor.width;
        if (tensor.kind == WeightKind.Gains) return 8;
        if (tensor.kind == WeightKind.Linear) return 9 + tensor.width;
        return 4;
    }

    /* SHAPES */

    /// @notice What operator `position` makes.
    function shapeAt(bytes calldata tape, uint256 position) internal pure returns (Shape memory) {
        return shapeOf(tape, operatorAt(tape, position));
    }

    /// @notice What `operator` makes. Widths follow from the weights, so that this looks back three operators at most (from the
    /// unit vector over the pool to the norm).
    function shapeOf(bytes calldata tape, Operator memory operator) internal pure returns (Shape memory) {
        Opcode code = operator.code;
        bool byChannel = operator.x == 1;
        if (code == Opcode.Ids) return Shape(Form.Ids, 0, 0);
        if (code == Opcode.Embed) return Shape(Form.Sum, tensorAt(tape, operator.b).width, 0);
        if (code == Opcode.Exp) return Shape(Form.Exp, shapeAt(tape, operator.a).width, operator.x);
        if (code == Opcode.Context) return Shape(Form.Quantised, shapeAt(tape, operator.b).width, 0);
        if (code == Opcode.Pool) return Shape(Form.Pool, shapeAt(tape, operator.a).width, 0);
        if (code == Opcode.Unit) return Shape(Form.Unit, shapeAt(tape, operator.a).width, 0);
        if (code == Opcode.Prompt) return Shape(Form.Prompt, 0, 0);
        if (code == Opcode.Lookup) return Shape(Form.Stream, tensorAt(tape, operator.b).width, 0);
        if (code == Opcode.Causal) return Shape(Form.Causal, shapeAt(tape, operator.a).width, operator.x);
        if (code == Opcode.Blend) {
            uint64 share = headsPerGroup(tape, operatorAt(tape, operator.a));
            return Shape(Form.Quantised, share * shapeAt(tape, operator.b).width, 0);
        }
        if (code == Opcode.Choose) return Shape(Form.Choice, operatorAt(tape, operator.c).x, 0);
        // What remains has a channel for each row of its weights.
        uint64 width = tensorAt(tape, operator.b).rows;
        if (code == Opcode.Norm) return Shape(byChannel ? Form.NormT : Form.Norm, width, 0);
        if (code == Opcode.Rms) return Shape(Form.Norm, width, 0);
        if (code == Opcode.Rotary) return Shape(Form.Linear, width, 0);
        if (code == Opcode.Add) return Shape(Form.Stream, width, 0);
        if (code == Opcode.Linear) return Shape(byChannel ? Form.LinearT : Form.Linear, width, 0);
        return Shape(code == Opcode.Residual ? Form.Sum : Form.Quantised, width, 0);
    }

    /// @notice Heads of queries that share a head of keys, of causal exponentials: as many as the queries are wider.
    function headsPerGroup(bytes calldata tape, Operator memory causal) internal pure returns (uint64) {
        return shapeAt(tape, causal.a).width / shapeAt(tape, causal.b).width;
    }

    /// @notice Rows of the tensor of `tokens` tokens.
    function rowsOf(Shape memory shape, uint64 tokens) internal pure returns (uint64) {
        Form form = shape.form;
        if (form == Form.Ids || form == Form.Pool || form == Form.Unit) return 1;
        if (form == Form.Prompt || form == Form.Choice) return 1;
        return isByChannel(shape) ? shape.width : tokens;
    }

    /// @notice Bytes of a row of the tensor of `tokens` tokens.
    function rowLength(Shape memory shape, uint64 tokens) internal pure returns (uint64) {
        Form form = shape.form;
        uint64 width = shape.width;
        if (form == Form.Ids || form == Form.NormT) return 2 * tokens;
        if (form == Form.Sum) return 8 + 4 * width;
        if (form == Form.Norm) return 2 + 2 * width;
        if (form == Form.Linear) return width;
        if (form == Form.LinearT) return tokens;
        if (form == Form.Exp || form == Form.Causal) return shape.heads * (8 + tokens);
        if (form == Form.Quantised) return 4 + width;
        if (form == Form.Pool || form == Form.Stream) return 4 + 4 * width;
        if (form == Form.Prompt) return PROMPT_HEADER + 2 * tokens;
        if (form == Form.Choice) return CHOICE * tokens;
        return 2 * width;
    }

    /// @notice Elements proper of a row of the tensor of `tokens` tokens.
    function elementsOf(Shape memory shape, uint64 tokens) internal pure returns (uint64) {
        if (shape.form == Form.Ids || shape.form == Form.Prompt || isByChannel(shape)) return tokens;
        if (shape.form == Form.Exp || shape.form == Form.Causal) return shape.heads * tokens;
        if (shape.form == Form.Choice) return shape.width * tokens;
        return shape.width;
    }

    /// @notice Elements that a row carries of itself as a whole: mean and deviation, the `max` of a norm, a root, the sums of heads.
    function headersOf(Shape memory shape) internal pure returns (uint64) {
        Form form = shape.form;
        if (form == Form.Exp || form == Form.Causal) return shape.heads;
        return form == Form.Sum || form == Form.Norm || form == Form.Pool || form == Form.Stream ? 1 : 0;
    }

    /// @notice Whether the rows are channels and their elements tokens.
    function isByChannel(Shape memory shape) internal pure returns (bool) {
        return shape.form == Form.NormT || shape.form == Form.LinearT;
    }
}
