// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {FixedPoint} from "../../src/work/referee/FixedPoint.sol";

/// @notice Proofs by halmos, for all inputs: what the referee's helpers compute, and that they do not revert.
contract FixedPoint_Symbolic_Test is Test {
    /// @dev The nearest integer, ties upwards, for the shift that every product has first: `-2^8 ≤ x - r·2^9 < 2^8`.
    function check_Rsh(int128 x) external pure {
        int256 rest = int256(x) - FixedPoint.rsh(x, 9) * 512;
        assert(rest >= -256 && rest < 256);
    }

    function check_Clamp(int256 x, uint32 max) external pure {
        int256 limit = int256(uint256(max));
        int256 y = FixedPoint.clamp(x, limit);
        assert(y >= -limit && y <= limit);
        assert(y == x || (x > limit && y == limit) || (x < -limit && y == -limit));
    }

    /// @dev No residual, whatever the shift that a registrant chose, reverts or leaves the range of a sum.
    function check_AddResidual(int128 product, int16 residual, uint16 shift) external pure {
        vm.assume(shift <= 269);
        int256 y = FixedPoint.addResidual(product, residual, shift);
        assert(y >= -FixedPoint.SUM_MAX && y <= FixedPoint.SUM_MAX);
    }

    /// @dev Exponentials of all distances of two 32-bit scores are bytes.
    function check_Exp2(uint32 d) external pure {
        int256 e = FixedPoint.exp2(int256(uint256(d)));
        assert(e >= 0 && e <= 255);
        if (d >= 9216 + 1024) assert(e == 0);
    }

    /// @dev The saturations of what is committed.
    function check_Embed(int8 weight, uint32 mul, int16 position) external pure {
        int256 y = FixedPoint.embed(weight, int256(uint256(mul)), 14, position);
        assert(y >= -FixedPoint.SUM_MAX && y <= FixedPoint.SUM_MAX);
    }
}
