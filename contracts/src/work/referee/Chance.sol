// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {FixedPoint} from "./FixedPoint.sol";

/// @title Chance
/// @notice Seeded choice among scores: `kernels/ARITHMETIC.md`, "choose". Noise of the Gumbel distribution is added to every score, and
/// the largest sum wins, so that one sum convicts a false choice.
library Chance {
    /// @notice The id that marks a place of a prompt as one to be chosen for.
    uint256 internal constant BLANK = 0xffff;

    /// @dev The largest magnitude of a score that noise is added to.
    int256 private constant SCORE_MAX = 2 ** 30;

    /// @notice The score by which an id is chosen, of its product. Without a focus the largest product wins.
    function score(int256 product, uint256 focus, bytes8 seed, uint64 place, uint64 id) internal pure returns (int256) {
        if (focus == 0) return product;
        // forge-lint: disable-next-line(unsafe-typecast)
        int256 scaled = FixedPoint.rsh(product * int256(focus), 8);
        return FixedPoint.clamp(scaled, SCORE_MAX) + gumbel(bitsOf(seed, place, id));
    }

    /// @notice The 32 random bits of `id` at `place`: eight ids share a hash.
    function bitsOf(bytes8 seed, uint64 place, uint64 id) internal pure returns (uint256) {
        // Places and ids have 16 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        bytes32 hash = keccak256(abi.encodePacked(hex"03", seed, uint32(place), uint32(id / 8)));
        return uint32(uint256(hash) >> (224 - 32 * (id % 8)));
    }

    /// @notice `-log2(-ln(1 - w))` with 10 fraction bits (at most 9e-4 off), for `w = (2·bits + 1) / 2^33`.
    function gumbel(uint256 bits) internal pure returns (int256) {
        bool small = bits >> 31 == 0;
        // The numerator of the nearer of w and 1 - w.
        uint256 x = 2 * (small ? bits : type(uint32).max - bits) + 1;
        int256 minusLog = (33 << 16) - log2(x);
        // forge-lint: disable-next-line(unsafe-typecast)
        if (!small) return FixedPoint.rsh((16 << 16) + 34_653 - log2(uint256(minusLog)), 6);
        // forge-lint: disable-next-line(unsafe-typecast)
        int256 u = int256(x >> 18);
        int256 correction = (u * (23_911 + ((u * (3470 + ((u * 3486) >> 14))) >> 14))) >> 14;
        return FixedPoint.rsh(minusLog - correction, 6);
    }

    /// @notice `log2(x)` with 16 fraction bits for `1 ≤ x < 2^33`.
    function log2(uint256 x) internal pure returns (int256) {
        uint256 whole = Math.log2(x);
        // forge-lint: disable-next-line(unsafe-typecast)
        int256 f = int256((x << (40 - whole)) >> 26) & 0x3fff;
        int256 p = 27_367 + ((f * (-12_863 + ((f * 3040) >> 14))) >> 14);
        p = 94_501 + ((f * (-46_508 + ((f * p) >> 14))) >> 14);
        // forge-lint: disable-next-line(unsafe-typecast)
        return (int256(whole) << 16) + ((f * p) >> 14);
    }
}
