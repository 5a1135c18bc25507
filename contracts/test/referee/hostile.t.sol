// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Opcode, Operator, Tape, WeightTensor} from "../../src/work/referee/Tape.sol";
import {Given, RefereeTest} from "./RefereeTest.sol";

/// @notice Providers choose every bit of their rows, registrants every bit of their weights. Whatever they choose, a question about a
/// row of the right length has an answer.
contract Referee_Hostile_Test is RefereeTest {
    uint16 private constant OPERATORS = 14;

    /// @dev What hostile bytes are made of: a row is all of one of the first, or random.
    function row(uint256 seed, uint256 length) private pure returns (bytes memory data) {
        bytes5 extremes = 0x00ff807f01;
        data = new bytes(length);
        uint256 kind = seed % 8;
        for (uint256 i = 0; i < length; ++i) {
            data[i] = kind < 5 ? extremes[kind] : bytes1(keccak256(abi.encode(seed, i)));
        }
    }

    function rowOf(uint256 seed, uint16 operator, uint256 salt) private view returns (bytes memory) {
        (, uint32 length) = referee.shapeOf(tape, operator, units);
        return row(uint256(keccak256(abi.encode(seed, operator, salt))), length);
    }

    function weightsOf(uint256 seed, uint16 tensor) private view returns (bytes memory) {
        WeightTensor memory weights = this.tensorAt(tape, tensor);
        return row(uint256(keccak256(abi.encode(seed, tensor, "weights"))), Tape.rowLength(weights));
    }

    function tensorAt(bytes calldata program, uint16 tensor) external pure returns (WeightTensor memory) {
        return Tape.tensorAt(program, tensor);
    }

    function operatorAt(bytes calldata program, uint16 operator) external pure returns (Operator memory) {
        return Tape.operatorAt(program, operator);
    }

    /// @dev The rows of earlier operators that the element depends on, hostile ones.
    function tensorsOf(uint256 seed, Operator memory o, uint32 claimed, uint32 element)
        private
        view
        returns (Given[] memory)
    {
        bytes memory a = rowOf(seed, o.a, 0);
        if (o.code == Opcode.Embed) return given(o.a, 0, idsOf(seed));
        if (o.code == Opcode.Unit) return given(o.a, 0, a);
        if (o.code == Opcode.Pool) return given(o.a, element, a);
        if (o.code == Opcode.Context) return given(o.a, claimed, a, o.b, element, rowOf(seed, o.b, 1));
        if (o.code == Opcode.Exp) return given(o.a, claimed, a, o.b, element % units, rowOf(seed, o.b, 1));
        if (o.code == Opcode.Residual) return given(o.a, claimed, a, o.c, claimed, rowOf(seed, o.c, 1));
        return given(o.a, o.x == 1 ? element : claimed, a);
    }

    /// @dev The rows of weights that the element depends on, hostile ones.
    function weightsFor(uint256 seed, Operator memory o, uint32 claimed, uint32 element)
        private
        view
        returns (Given[] memory)
    {
        if (o.code == Opcode.Embed) {
            uint64 id = uint8(idsOf(seed)[2 * claimed + 1]);
            Given[] memory position = given(o.c, claimed, weightsOf(seed, o.c));
            return given(o.b, id, weightsOf(seed, o.b), o.c, position[0].row, position[0].data);
        }
        if (o.code == Opcode.Exp) return given(o.c, element / units, weightsOf(seed, o.c));
        bool none_ = o.code == Opcode.Unit || o.code == Opcode.Pool || o.code == Opcode.Context;
        return none_ ? none() : given(o.b, o.x == 1 ? claimed : element, weightsOf(seed, o.b));
    }

    /// @dev Three of the first 256 words.
    function idsOf(uint256 seed) private pure returns (bytes memory) {
        return abi.encodePacked(uint16(uint8(seed)), uint16(uint8(seed >> 8)), uint16(255));
    }

    function test_Fuzz_AnyRowsGetAnAnswer(uint256 seed, uint32 place) external view {
        uint8[14] memory proper = [3, 8, 8, 8, 8, 3, 6, 8, 8, 8, 12, 3, 8, 8];
        uint8[14] memory headers = [0, 1, 1, 0, 0, 0, 2, 0, 1, 1, 0, 0, 1, 0];
        for (uint16 operator = 1; operator < OPERATORS; ++operator) {
            (uint32 rows,) = referee.shapeOf(tape, operator, units);
            anElementGetsAnAnswer(seed, operator, place % rows, place % proper[operator]);
            for (uint32 header = 0; header < headers[operator]; ++header) {
                bytes memory data = rowOf(seed, operator, 2);
                isFalse(operator, place % rows, data, proper[operator] + header, none(), none());
            }
        }
    }

    function anElementGetsAnAnswer(uint256 seed, uint16 operator, uint32 claimed, uint32 element) private view {
        Operator memory o = this.operatorAt(tape, operator);
        Given[] memory tensors = tensorsOf(seed, o, claimed, element);
        Given[] memory weights = weightsFor(seed, o, claimed, element);
        isFalse(operator, claimed, rowOf(seed, operator, 2), element, tensors, weights);
    }

    /// @dev The same with every byte of every row one of the extremes.
    function test_ExtremesGetAnAnswer() external view {
        for (uint256 seed = 0; seed < 16; ++seed) {
            this.test_Fuzz_AnyRowsGetAnAnswer(seed, uint32(seed));
        }
    }

    /// @dev Exponentials that claim to add up to zero. They are false there; the context made of them is some number.
    function test_ExponentialsThatAddUpToZero() external view {
        bytes memory exponentials = abi.encodePacked(new bytes(16), hex"ffffff", hex"ffffff");
        assertTrue(isFalse(6, 0, exponentials, 6, none(), none()), "the sum is false");
        Given[] memory tensors = given(6, 0, exponentials, 5, 0, hex"7f7f7f");
        assertFalse(isFalse(7, 0, new bytes(12), 0, tensors, none()), "counted as nothing");
    }

    /// @dev A norm whose maximum is below its elements quantises to more than 8 bits.
    function test_ANormAboveItsMaximum() external view {
        bytes memory norm = abi.encodePacked(uint16(1), int16s([int16(32_767), -32_768, 1, 1, 1, 1, 1, 1]));
        assertTrue(isFalse(2, 0, norm, 8, none(), none()), "the maximum is false");
        bytes memory w = linear(type(uint32).max, type(int32).min, 255, int8s([int8(-128), -128, 1, 1, 1, 1, 1, 1]));
        isFalse(3, 0, new bytes(8), 0, given(2, 0, norm), given(3, 0, w));
    }

    /// @dev A root below its elements makes a unit vector longer than 1: no 16 bits are that, and no wrap makes it true.
    function test_ARootBelowItsElements() external view {
        bytes memory pool = abi.encodePacked(uint32(1), int32s([int32(2), 0, 0, 0, 0, 0, 0, 0]));
        assertTrue(isFalse(12, 0, pool, 8, none(), none()), "the root is false");
        // 65534 in 16 bits is -2.
        assertTrue(isFalse(13, 0, int16s([int16(-2), 0, 0, 0, 0, 0, 0, 0]), 0, given(12, 0, pool), none()));
    }
}
