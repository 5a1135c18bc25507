// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Opening} from "../../../src/work/IReferee.sol";
import {FixedPoint} from "../../../src/work/referee/FixedPoint.sol";
import {Rows} from "../../../src/work/referee/Rows.sol";
import {Opcode, WeightKind} from "../../../src/work/referee/Tape.sol";
import {TapeBuilder} from "../../referee/utils/TapeBuilder.sol";
import {Tensors} from "./Tensors.sol";

/// @notice The shortest program that goes from ids to a unit vector, its weights, and true inferences of it:
/// `ids → embed → norm (by channel) → pool → unit`, 4 channels, 16 words, 4 units at most.
library Inference {
    using Tensors for bytes[][];

    uint16 internal constant IDS = 0;
    uint16 internal constant EMBED = 1;
    uint16 internal constant NORM = 2;
    uint16 internal constant POOL = 3;
    uint16 internal constant UNIT = 4;
    uint16 internal constant OPERATORS = 5;
    uint32 internal constant WIDTH = 4;
    uint16 internal constant WORDS = 16;

    function tape() internal pure returns (bytes memory records) {
        records = bytes.concat(
            TapeBuilder.header(4, 3, OPERATORS),
            TapeBuilder.weights(WeightKind.Words, WORDS, WIDTH),
            TapeBuilder.weights(WeightKind.Positions, 4, WIDTH),
            TapeBuilder.weights(WeightKind.Gains, WIDTH, 1)
        );
        records = bytes.concat(records, TapeBuilder.operator(Opcode.Ids, 0, 0, 0, 0, WORDS));
        records = bytes.concat(records, TapeBuilder.operator(Opcode.Embed, 4, IDS, 0, 1, 0));
        records = bytes.concat(records, TapeBuilder.operator(Opcode.Norm, 16, EMBED, 2, 0, 1));
        records = bytes.concat(records, TapeBuilder.operator(Opcode.Pool, 0, NORM, 0, 0, 0));
        records = bytes.concat(records, TapeBuilder.operator(Opcode.Unit, 0, POOL, 0, 0, 0));
    }

    function weights() internal pure returns (bytes[][] memory tensors) {
        tensors = new bytes[][](3);
        (tensors[0], tensors[1], tensors[2]) = (new bytes[](WORDS), new bytes[](4), new bytes[](WIDTH));
        for (uint256 i; i < WORDS; ++i) {
            bytes32 any = keccak256(abi.encode("word", i));
            tensors[0][i] = abi.encodePacked(uint32(700 + 13 * i), bytes4(any));
        }
        for (uint256 i; i < 4; ++i) {
            tensors[1][i] = abi.encodePacked(int16(300), int16(-200) + int16(int256(i)), int16(50), int16(int256(i)));
            tensors[2][i] = abi.encodePacked(int32(1000 + int256(i)), int32(int256(7 * i)));
        }
    }

    /// @notice The row of ids of a task.
    function input(uint256 task, uint256 units) internal pure returns (bytes memory row) {
        for (uint256 i; i < units; ++i) {
            row = abi.encodePacked(row, uint16((7 * task + 3 * i + 1) % WORDS));
        }
    }

    /// @notice Every tensor of a true inference.
    function run(bytes memory ids) internal pure returns (bytes[][] memory trace) {
        uint256 units = ids.length / 2;
        trace = new bytes[][](OPERATORS);
        (trace[IDS], trace[EMBED], trace[NORM]) = (new bytes[](1), new bytes[](units), new bytes[](WIDTH));
        (trace[POOL], trace[UNIT]) = (new bytes[](1), new bytes[](1));
        trace[IDS][0] = ids;
        bytes[][] memory model = weights();
        for (uint256 token; token < units; ++token) {
            trace[EMBED][token] = embed(model[0][Rows.uint16At(ids, 2 * token)], model[1][token]);
        }
        for (uint256 channel; channel < WIDTH; ++channel) {
            trace[NORM][channel] = norm(trace[EMBED], model[2][channel], channel);
        }
        trace[POOL][0] = pool(trace[NORM], units);
        trace[UNIT][0] = unit(trace[POOL][0]);
    }

    /// @notice The rows that an element depends on: of the trace, and of the weights.
    function openings(bytes[][] memory trace, uint16 operator, uint32 row, uint32 element)
        internal
        pure
        returns (Opening[] memory tensors, Opening[] memory weights_)
    {
        bool header = (operator == EMBED || operator == POOL) && element == WIDTH;
        if (operator == IDS || header) return (tensors, weights_);
        tensors = new Opening[](1);
        if (operator == UNIT) tensors[0] = trace.opening(POOL, 0);
        if (operator == POOL) tensors[0] = trace.opening(NORM, element);
        if (operator == NORM) {
            tensors[0] = trace.opening(EMBED, element);
            weights_ = new Opening[](1);
            weights_[0] = weights().opening(2, row);
        }
        if (operator == EMBED) {
            tensors[0] = trace.opening(IDS, 0);
            weights_ = new Opening[](2);
            weights_[0] = weights().opening(0, Rows.uint16At(trace[IDS][0], 2 * row));
            weights_[1] = weights().opening(1, row);
        }
    }

    /// @notice Elements of a row, what it says of itself included.
    function elementsOf(uint16 operator, uint32 units) internal pure returns (uint32) {
        if (operator == IDS || operator == NORM) return units;
        return operator == UNIT ? WIDTH : WIDTH + 1;
    }

    function embed(bytes memory word, bytes memory position) private pure returns (bytes memory row) {
        int256 sum;
        int256[] memory y = new int256[](WIDTH);
        for (uint256 c; c < WIDTH; ++c) {
            int256 mul = int256(uint256(Rows.uint32At(word, 0)));
            y[c] = FixedPoint.embed(Rows.int8At(word, 4 + c), mul, 4, Rows.int16At(position, 2 * c));
            sum += y[c];
        }
        int256 mean = FixedPoint.mean(sum, int256(uint256(WIDTH)));
        uint256 variance;
        for (uint256 c; c < WIDTH; ++c) {
            variance += uint256((y[c] - mean) * (y[c] - mean));
        }
        row = abi.encodePacked(int32(mean), uint32(FixedPoint.isqrt(variance)));
        for (uint256 c; c < WIDTH; ++c) {
            row = abi.encodePacked(row, int32(y[c]));
        }
    }

    function norm(bytes[] memory sums, bytes memory gain, uint256 channel) private pure returns (bytes memory row) {
        for (uint256 t; t < sums.length; ++t) {
            int256 x = FixedPoint.norm(
                Rows.int32At(sums[t], 8 + 4 * channel) - Rows.int32At(sums[t], 0),
                Rows.uint32At(sums[t], 4),
                WIDTH,
                Rows.int32At(gain, 0),
                Rows.int32At(gain, 4),
                16
            );
            row = abi.encodePacked(row, int16(x));
        }
    }

    function pool(bytes[] memory channels, uint256 units) private pure returns (bytes memory row) {
        uint256 squares;
        for (uint256 c; c < WIDTH; ++c) {
            (int256 sum,) = Rows.moments(channels[c], 0, units, 2);
            row = abi.encodePacked(row, int32(sum));
            squares += uint256(sum * sum);
        }
        row = abi.encodePacked(uint32(FixedPoint.isqrt(squares)), row);
    }

    function unit(bytes memory pooled) private pure returns (bytes memory row) {
        for (uint256 c; c < WIDTH; ++c) {
            int256 x = FixedPoint.unit(Rows.int32At(pooled, 4 + 4 * c), int256(uint256(Rows.uint32At(pooled, 0))));
            row = abi.encodePacked(row, int16(x));
        }
    }
}
