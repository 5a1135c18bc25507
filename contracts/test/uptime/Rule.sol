// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Run} from "../../src/nodes/ILicenseStaking.sol";
import {Part} from "../../src/nodes/IUptime.sol";
import {MerkleTree} from "../../src/work/libraries/MerkleTree.sol";
import {Trees} from "../rewards/Trees.sol";

/// @notice All that an epoch follows from. Operators by their order, from 0; `runs` by licence, from 0.
struct World {
    uint32 licenses;
    uint32 operators;
    uint32 seats;
    uint32 rounds;
    bytes32 seed;
    Run[] runs;
    bool[] silent;
    bool[] revealed;
    bool[] votes;
    bytes[] answers;
    bool[] occupied;
}

/// @notice What it comes to. `commissions[l]` are those of all operators with the first l licences.
struct Solved {
    bytes truth;
    Part[] parts;
    uint64[][] commissions;
    bytes32[] leaves;
    uint64 total;
}

/// @notice The rule, written the plain way beside the contract's: every check of every licence, all state in arrays.
library Rule {
    function solve(World memory world) internal pure returns (Solved memory) {
        return solveWith(world, truthOf(world));
    }

    /// @dev What the epoch would come to if that were the truth.
    function solveWith(World memory world, bytes memory truth) internal pure returns (Solved memory solved) {
        solved.truth = truth;
        solved.parts = new Part[](world.licenses);
        solved.commissions = new uint64[][](world.licenses + 1);
        solved.leaves = new bytes32[](world.licenses + world.operators);
        solved.commissions[0] = new uint64[](world.operators);
        for (uint32 l = 1; l <= world.licenses; ++l) {
            Part memory part = partOf(world, truth, l);
            Run memory run = world.runs[l - 1];
            uint64[] memory commissions = new uint64[](world.operators);
            for (uint256 o; o < world.operators; ++o) {
                commissions[o] = solved.commissions[l - 1][o];
                if (run.operator == world.licenses + 1 + o) commissions[o] += uint64(part.right) * run.rate;
            }
            solved.commissions[l] = commissions;
            solved.total += uint64(part.right) * 10_000;
            part.shares = uint64(part.right) * (10_000 - run.rate);
            part.sum = solved.total;
            part.accumulators = accumulatorsOf(commissions);
            solved.parts[l - 1] = part;
            solved.leaves[l - 1] = leafOf(part);
        }
        uint64[] memory last = solved.commissions[world.licenses];
        for (uint32 o; o < world.operators; ++o) {
            uint32 number = world.licenses + 1 + o;
            solved.leaves[number - 1] = leaf(number, last[o], accumulatorsOf(last));
        }
    }

    function partOf(World memory world, bytes memory truth, uint32 l) internal pure returns (Part memory part) {
        part.number = l;
        uint32 operator = world.runs[l - 1].operator;
        if (operator == 0 || world.silent[operator - world.licenses - 1]) return part;
        check(part, world, truth, l, operator - world.licenses - 1);
        uint32 half = world.licenses / 2;
        if (l > 2 * half) return part;
        uint32 deputy = l > half ? l - half : l + half;
        uint32 other = world.runs[deputy - 1].operator;
        if (other != 0 && world.silent[other - world.licenses - 1]) {
            check(part, world, truth, deputy, operator - world.licenses - 1);
        }
    }

    function check(Part memory part, World memory world, bytes memory truth, uint32 assignee, uint256 operator)
        internal
        pure
    {
        for (uint256 r; r < world.rounds && world.seats != 0; ++r) {
            uint256 s = uint256(keccak256(abi.encode(world.seed, assignee, r))) % world.seats;
            if (!world.occupied[s]) continue;
            part.assigned++;
            uint256 said = world.revealed[operator] ? read(world.answers[operator], world.seats, r, s) : 0;
            uint256 found = read(truth, world.seats, r, s);
            if (said != 0) part.answered++;
            if (said != 0 && found != 0 && (said == 1) == (found == 1)) part.right++;
            if (said != 0 && found != 0 && (said == 1) != (found == 1)) part.wrong++;
        }
    }

    function truthOf(World memory world) internal pure returns (bytes memory truth) {
        truth = new bytes(world.rounds * ((world.seats + 3) / 4));
        for (uint256 r; r < world.rounds; ++r) {
            for (uint256 s; s < world.seats; ++s) {
                if (world.occupied[s]) write(truth, world.seats, r, s, verdict(world, r, s));
            }
        }
    }

    function verdict(World memory world, uint256 r, uint256 s) internal pure returns (uint256) {
        uint256 all;
        uint256[4] memory votes;
        for (uint32 o; o < world.operators; ++o) {
            if (!world.votes[o]) continue;
            uint256 weight;
            for (uint256 l; l < world.licenses; ++l) {
                if (world.runs[l].operator == world.licenses + 1 + o) weight++;
            }
            all += weight;
            votes[read(world.answers[o], world.seats, r, s)] += weight;
        }
        if (votes[2] + votes[3] > 0 && (votes[2] + votes[3]) * 2 >= all) return votes[3] >= votes[2] ? 3 : 2;
        return votes[1] * 2 > all ? 1 : 0;
    }

    function read(bytes memory data, uint256 seats, uint256 r, uint256 s) internal pure returns (uint256) {
        return (uint8(data[r * ((seats + 3) / 4) + s / 4]) >> (2 * (s % 4))) % 4;
    }

    function write(bytes memory data, uint256 seats, uint256 r, uint256 s, uint256 answer) internal pure {
        uint256 i = r * ((seats + 3) / 4) + s / 4;
        uint256 was = uint8(data[i]) & ~(uint256(3) << (2 * (s % 4)));
        data[i] = bytes1(uint8(was | answer << (2 * (s % 4))));
    }

    function accumulatorLeaves(uint64[] memory commissions) internal pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](commissions.length);
        for (uint256 o; o < leaves.length; ++o) {
            leaves[o] = MerkleTree.leafHash(abi.encodePacked(commissions[o]));
        }
    }

    function accumulatorsOf(uint64[] memory commissions) internal pure returns (bytes32) {
        return commissions.length == 0 ? bytes32(0) : Trees.root(accumulatorLeaves(commissions));
    }

    function leafOf(Part memory p) internal pure returns (bytes32) {
        return leaf(
            p.number, p.shares, keccak256(abi.encode(p.assigned, p.answered, p.right, p.wrong, p.sum, p.accumulators))
        );
    }

    function leaf(uint32 number, uint64 shares, bytes32 detail) internal pure returns (bytes32) {
        return MerkleTree.leafHash(abi.encodePacked(number, shares, detail));
    }
}
