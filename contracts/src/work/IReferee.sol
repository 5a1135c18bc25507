// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice A row that a provider committed to, as the output of one operator.
/// @param units Units of the task, which its input row has by its length: `kernels/ARITHMETIC.md`, "Units".
/// @param operator Position of the operator in the tape.
/// @param row Number of the row in the operator's tensor.
/// @param data The row's bytes.
struct Claim {
    uint32 units;
    uint16 operator;
    uint32 row;
    bytes data;
}

/// @notice A row of a tensor, proved in two steps: the row under its tensor's root, that root under the root over all tensors (the
/// trace root for what operators made, the weights root for weights).
/// @param row The row's bytes.
/// @param proof Siblings of the row's leaf, bottom up.
/// @param root The tensor's root.
/// @param rootProof Siblings of the leaf that holds the tensor's root.
struct Opening {
    bytes row;
    bytes32[] proof;
    bytes32 root;
    bytes32[] rootProof;
}

/// @title Referee
/// @notice Recomputes one number of an inference. `kernels/ARITHMETIC.md` defines every formula.
///
/// Elements are numbered within a row: first the elements proper, from 0 (channel `c`; for `ids` the unit; for `exp` the number
/// `head * units + j`), then what the row carries of itself as a whole, which is recomputed from the claimed row alone and
/// needs no opening: element `E`, the number of elements proper, is the header of a sum (mean and deviation), the `max` of a
/// norm, or the `root` of a pool or stream; elements `E + head` are the `sum` of each head of `exp`. A `max` that comes with its first
/// place (`quantised`, `exp`) is judged with any element proper: it is false when the recomputed element is larger, or as
/// large and earlier, or different at that very place; an `argmax` beyond the row is false whatever the element (for `exp`, of the
/// same head, its `sum` included). So is the choice of a decoder, whose element `place * vocabulary + id` is the score of an id.
///
/// No honest provider takes a task whose units the model does not take: with none, or more than the tape's most, every row is
/// false, whatever the element and the openings.
///
/// Openings follow the order of the operator's operands in ARITHMETIC.md: `tensors` are rows of earlier operators, `weights` rows
/// of weight tensors. Which row each must be follows from the claim (`embed`: ids row 0; words row of the id, positions row of
/// the token. `norm`: sum row of the token; gains row of the channel. products: activation row of the token; linear row of
/// the channel; `residual` also the norm row of the token. `exp`: query row of the token, key row `j`; scales row of the head.
/// `context`: exp row of the token, values row of the channel. `pool`: row of the channel. `unit`: row 0. `lookup`: prompt row 0 and row 0
/// of the last operator; words row of the id. `rms`: stream row of the token; gains row of the channel. `rotary`: also the linear row of the
/// other channel of its pair, and the angles row of the token. `causal` and `blend`: as `exp` and `context`, of the head of keys and values that the head
/// reads. `gated`: the linear rows of the channel of both weights. `add`: also the stream row of the token. `choose`: activation row of the
/// place, prompt row 0; words row of the id).
/// @dev Stateless, without owner. It reverts when the question is not well put (which costs the asker its move), and never when
/// the claimed row is false: a false row of the right length always gets an answer.
interface IReferee {
    /// @notice There is no such operator, row or element, or the openings are not those that the element needs.
    error Referee_BadQuestion(bytes32 what, uint256 value, uint256 expected);
    /// @notice An opening does not lie under the roots, or its row has another length than tape and units give. `position` counts
    /// through `tensors`, then `weights`.
    error Referee_BadOpening(uint256 position);

    /// @notice Whether the claimed row is false at `element`.
    /// @param tape The program (valid: see `IProgramRegistry`).
    /// @param weightsRoot Root of the model's weights.
    /// @param traceRoot Root over the operators' tensor roots that the provider answered.
    /// @param claim The row in question. Its length must be `rowLength(tape, operator, units)`.
    /// @param element What is wrong in it.
    /// @param tensors Rows that other operators made, under `traceRoot`.
    /// @param weights Rows of the weights, under `weightsRoot`.
    function isFalse(
        bytes calldata tape,
        bytes32 weightsRoot,
        bytes32 traceRoot,
        Claim calldata claim,
        uint32 element,
        Opening[] calldata tensors,
        Opening[] calldata weights
    ) external view returns (bool);

    /// @notice Number of operators of a tape.
    function operatorCount(bytes calldata tape) external pure returns (uint16);

    /// @notice Rows, and bytes of each row, of what `operator` makes of `units` units. It takes any units, and gives 2^32 - 1 for what does
    /// not fit 32 bits.
    function shapeOf(bytes calldata tape, uint16 operator, uint32 units)
        external
        pure
        returns (uint32 rows, uint32 rowLength);
}
