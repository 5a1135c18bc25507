// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {MerkleTree} from "../../work/libraries/MerkleTree.sol";

/// @title Answers
/// @notice What was found of every seat in every round of an epoch, two bits each: 0 nothing, 1 offline, 2 slow, 3 good. A round takes
/// `width` bytes; seat s is at bit 2 * (s % 4) of its byte s / 4; rounds follow each other. Bits beyond the last seat are zero.
library Answers {
    /// @notice Nothing was found, or nothing is known.
    uint256 internal constant NONE = 0;
    /// @notice The provider did not answer.
    uint256 internal constant OFFLINE = 1;
    /// @notice It answered, later than it should.
    uint256 internal constant SLOW = 2;
    /// @notice It answered in time.
    uint256 internal constant GOOD = 3;

    /// @dev The lower bit of every pair.
    uint256 private constant LOW = type(uint256).max / 3;

    /// @notice Bytes of a round.
    function width(uint256 seats) internal pure returns (uint256) {
        return (seats + 3) / 4;
    }

    /// @notice Whether a provider that is described so was up.
    function isUp(uint256 answer) internal pure returns (bool) {
        return answer >= SLOW;
    }

    /// @notice The answer of a seat in rounds of `width_` bytes.
    function read(bytes calldata answers, uint256 width_, uint256 round, uint256 seat) internal pure returns (uint256) {
        return uint8(answers[round * width_ + seat / 4]) >> (2 * (seat % 4)) & 3;
    }

    /// @notice Whether they are as long as they should be, and zero beyond the last seat.
    function isWellFormed(bytes calldata answers, uint256 rounds, uint256 seats) internal pure returns (bool) {
        uint256 size = width(seats);
        if (answers.length != rounds * size) return false;
        if (seats % 4 == 0) return true;
        for (uint256 end = size; end <= answers.length; end += size) {
            if (uint8(answers[end - 1]) >> (2 * (seats % 4)) != 0) return false;
        }
        return true;
    }

    /// @notice Root of the tree whose leaves are the rounds.
    function root(bytes calldata answers, uint256 rounds) internal pure returns (bytes32) {
        uint256 size = answers.length / rounds;
        bytes32[] memory leaves = new bytes32[](rounds);
        for (uint256 round; round < rounds; ++round) {
            leaves[round] = MerkleTree.leafHash(answers[round * size:(round + 1) * size]);
        }
        return MerkleTree.rootOf(leaves);
    }

    /// @notice How many answers say that a provider was up.
    function countUp(bytes calldata answers) internal pure returns (uint256 count) {
        for (uint256 i; i < answers.length; i += 32) {
            count += _count(_word(answers, i) >> 1);
        }
    }

    /// @notice The seat of answer number `n`, from 0, of those in one round that say up. There are more than `n`.
    function nthUp(bytes calldata round, uint256 n) internal pure returns (uint256 seat) {
        for (;; ++seat) {
            if (!isUp(read(round, 0, 0, seat))) continue;
            if (n == 0) return seat;
            --n;
        }
    }

    /// @notice How many answers say another thing than the truth, of those where both say something. Slow or good is one thing.
    function countWrong(bytes calldata answers, bytes calldata truth) internal pure returns (uint256 count) {
        for (uint256 i; i < answers.length; i += 32) {
            (uint256 said, uint256 is_) = (_word(answers, i), _word(truth, i));
            uint256 known = (said | said >> 1) & (is_ | is_ >> 1);
            count += _count(known & (said ^ is_) >> 1);
        }
    }

    /// @notice What the voters' weights, by answer, make of a seat in a round. Half of all weight is needed to say that it was up, more
    /// than half that it was not.
    function verdict(uint256[4] memory weights) internal pure returns (uint256) {
        uint256 up = weights[SLOW] + weights[GOOD];
        uint256 all = weights[NONE] + weights[OFFLINE] + up;
        if (up != 0 && 2 * up >= all) return weights[GOOD] >= weights[SLOW] ? GOOD : SLOW;
        return 2 * weights[OFFLINE] > all ? OFFLINE : NONE;
    }

    /// @dev 32 bytes from `from` on, zeros beyond the end.
    function _word(bytes calldata data, uint256 from) private pure returns (uint256) {
        uint256 end = from + 32;
        return uint256(bytes32(data[from:end < data.length ? end : data.length]));
    }

    /// @dev How many of the lower bits of the pairs are set.
    function _count(uint256 bits) private pure returns (uint256) {
        bits &= LOW;
        uint256 twos = type(uint256).max / 5;
        bits = (bits & twos) + (bits >> 2 & twos);
        bits = (bits + (bits >> 4)) & type(uint256).max / 17;
        unchecked {
            // Adds up the bytes, at most four each, in the highest one.
            return bits * (type(uint256).max / 255) >> 248;
        }
    }
}
