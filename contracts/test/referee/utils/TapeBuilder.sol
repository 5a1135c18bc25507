// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Opcode, WeightKind} from "../../../src/work/referee/Tape.sol";

/// @notice Records of tapes, and two whole ones.
library TapeBuilder {
    function header(uint16 units, uint16 tensors, uint16 operators) internal pure returns (bytes memory) {
        return abi.encodePacked("ASSAYTP\x01", units, tensors, operators, uint16(0));
    }

    function weights(WeightKind kind, uint32 rows, uint32 width) internal pure returns (bytes memory) {
        return abi.encodePacked(uint8(kind), uint24(0), rows, width, uint32(0));
    }

    function operator(Opcode code, uint8 shift, uint16 a, uint16 b, uint16 c, uint32 x)
        internal
        pure
        returns (bytes memory)
    {
        return operator(code, shift, 0, a, b, c, x);
    }

    function operator(Opcode code, uint8 shift, uint8 residualShift, uint16 a, uint16 b, uint16 c, uint32 x)
        internal
        pure
        returns (bytes memory)
    {
        bytes memory head = abi.encodePacked(uint8(code), shift, residualShift, uint8(0));
        return abi.encodePacked(head, a, b, c, uint16(0), x);
    }

    /// @dev Every operator once, in both layouts where it has two. 8 channels, 2 heads, 5 units at most, 300 words.
    function small() internal pure returns (bytes memory) {
        return bytes.concat(header(5, 6, 14), smallWeights(), smallOperators());
    }

    function smallWeights() private pure returns (bytes memory records) {
        records = weights(WeightKind.Words, 300, 8); // 0
        records = bytes.concat(records, weights(WeightKind.Positions, 5, 8)); // 1
        records = bytes.concat(records, weights(WeightKind.Gains, 8, 1)); // 2
        records = bytes.concat(records, weights(WeightKind.Linear, 8, 8)); // 3
        records = bytes.concat(records, weights(WeightKind.Scales, 2, 1)); // 4
        records = bytes.concat(records, weights(WeightKind.Linear, 12, 8)); // 5
    }

    function smallOperators() private pure returns (bytes memory records) {
        records = operator(Opcode.Ids, 0, 0, 0, 0, 300); // 0
        records = bytes.concat(records, operator(Opcode.Embed, 4, 0, 0, 1, 0)); // 1
        records = bytes.concat(records, operator(Opcode.Norm, 16, 1, 2, 0, 0)); // 2
        records = bytes.concat(records, operator(Opcode.Linear, 1, 2, 3, 0, 0)); // 3: queries
        records = bytes.concat(records, operator(Opcode.Linear, 1, 2, 3, 0, 0)); // 4: keys
        records = bytes.concat(records, operator(Opcode.Linear, 1, 2, 3, 0, 1)); // 5: values
        records = bytes.concat(records, operator(Opcode.Exp, 1, 3, 4, 4, 2)); // 6
        records = bytes.concat(records, operator(Opcode.Context, 0, 6, 5, 0, 0)); // 7
        records = bytes.concat(records, operator(Opcode.Residual, 1, 2, 7, 3, 2, 0)); // 8
        records = bytes.concat(records, operator(Opcode.Norm, 16, 8, 2, 0, 0)); // 9
        records = bytes.concat(records, operator(Opcode.Gelu, 1, 9, 5, 0, 0)); // 10
        records = bytes.concat(records, operator(Opcode.Norm, 16, 8, 2, 0, 1)); // 11
        records = bytes.concat(records, operator(Opcode.Pool, 0, 11, 0, 0, 0)); // 12
        records = bytes.concat(records, operator(Opcode.Unit, 0, 12, 0, 0, 0)); // 13
    }

    /// @dev all-MiniLM-L6-v2: 6 layers, 384 channels, 12 heads, 1,536 channels inside, 256 units at most, 30,522 words.
    function miniLM() internal pure returns (bytes memory tape) {
        tape = bytes.concat(
            header(256, 57, 65),
            weights(WeightKind.Words, 30_522, 384),
            weights(WeightKind.Positions, 256, 384),
            weights(WeightKind.Gains, 384, 1)
        );
        bytes memory gains = weights(WeightKind.Gains, 384, 1);
        bytes memory square = weights(WeightKind.Linear, 384, 384);
        bytes memory attention = bytes.concat(square, square, square, weights(WeightKind.Scales, 12, 1));
        bytes memory inner = bytes.concat(weights(WeightKind.Linear, 1536, 384), weights(WeightKind.Linear, 384, 1536));
        for (uint256 layer = 0; layer < 6; ++layer) {
            tape = bytes.concat(tape, attention, bytes.concat(square, gains, inner, gains));
        }
        tape = bytes.concat(tape, operator(Opcode.Ids, 0, 0, 0, 0, 30_522));
        tape = bytes.concat(tape, operator(Opcode.Embed, 15, 0, 0, 1, 0));
        tape = bytes.concat(tape, operator(Opcode.Norm, 17, 1, 2, 0, 0));
        for (uint16 layer = 0; layer < 6; ++layer) {
            tape = bytes.concat(tape, miniLMLayer(2 + 10 * layer, 3 + 9 * layer, layer == 5));
        }
        tape = bytes.concat(tape, operator(Opcode.Pool, 0, 62, 0, 0, 0), operator(Opcode.Unit, 0, 63, 0, 0, 0));
    }

    /// @dev A layer that reads operator `x`, with weights from `w` on.
    function miniLMLayer(uint16 x, uint16 w, bool last) private pure returns (bytes memory records) {
        records = operator(Opcode.Linear, 42, x, w, 0, 0);
        records = bytes.concat(records, operator(Opcode.Linear, 42, x, w + 1, 0, 0));
        records = bytes.concat(records, operator(Opcode.Linear, 42, x, w + 2, 0, 1));
        records = bytes.concat(records, operator(Opcode.Exp, 11, x + 1, x + 2, w + 3, 12));
        records = bytes.concat(records, operator(Opcode.Context, 0, x + 4, x + 3, 0, 0));
        records = bytes.concat(records, operator(Opcode.Residual, 34, 1, x + 5, w + 4, x, 0));
        records = bytes.concat(records, operator(Opcode.Norm, 18, x + 6, w + 5, 0, 0));
        records = bytes.concat(records, operator(Opcode.Gelu, 34, x + 7, w + 6, 0, 0));
        records = bytes.concat(records, operator(Opcode.Residual, 27, 2, x + 8, w + 7, x + 7, 0));
        records = bytes.concat(records, operator(Opcode.Norm, 18, x + 9, w + 8, 0, last ? 1 : 0));
    }
}
