// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title DotProduct
/// @notice Dot products of 8-bit rows, eight terms a multiplication.
///
/// A word holds eight lanes of 32 bits. With `A = Σ a[i]·2^(32·(7-i))` and `B = Σ b[j]·2^(32·j)` the product `A·B` has
/// `Σ_{i+7-j=k} a[i]·b[j]` in lane `k`: lane 7 is the dot product, lanes above it vanish modulo 2^256. So each word of the
/// first row is reversed lane by lane, its 32 bytes taken as four words of eight lanes (every fourth byte), and the products
/// added up.
///
/// No lane overflows into its neighbour. Elements are -128 to 127, of an unsigned row 0 to 255, so a lane of one product is
/// within `8 · 255 · 128 < 2^18`. For `MAX_LENGTH = 2048` elements 256 products are added: every lane stays within
/// `256 · 2^18 = 2^26`. Lanes may be negative, and then borrow from those above. In the end `2^31` is added to each, which makes
/// all of them positive and below `2^32`: no borrow is left, and the top lane is the dot product plus `2^31`.
library DotProduct {
    /// @notice The longest rows.
    uint256 internal constant MAX_LENGTH = 2048;

    /// @dev Bit 7 of each byte. Flipping it adds 128 to a signed byte and makes it unsigned.
    uint256 private constant SIGNS = 0x8080808080808080808080808080808080808080808080808080808080808080;

    /// @notice Sum of the products of `length` signed bytes from `a[aFrom]` with as many signed bytes from `b[bFrom]`.
    function signed(bytes memory a, uint256 aFrom, bytes memory b, uint256 bFrom, uint256 length)
        internal
        pure
        returns (int256)
    {
        return _dot(_pointer(a, aFrom), _pointer(b, bFrom), length, SIGNS);
    }

    /// @notice Sum of the products of `length` unsigned bytes from `a[aFrom]` with as many signed bytes from `b[bFrom]`.
    function mixed(bytes memory a, uint256 aFrom, bytes memory b, uint256 bFrom, uint256 length)
        internal
        pure
        returns (int256)
    {
        return _dot(_pointer(a, aFrom), _pointer(b, bFrom), length, 0);
    }

    /// @dev Where element `from` lies in memory.
    function _pointer(bytes memory row, uint256 from) private pure returns (uint256 pointer) {
        assembly ("memory-safe") {
            pointer := add(add(row, 32), from)
        }
    }

    /// @dev The rows lie at `x` and `y`. `signs` are the bits of a word of the first that carry a sign.
    function _dot(uint256 x, uint256 y, uint256 length, uint256 signs) private pure returns (int256 sum) {
        assert(length <= MAX_LENGTH);
        assembly ("memory-safe") {
            let lanes := 0x000000ff000000ff000000ff000000ff000000ff000000ff000000ff000000ff
            let vBias := and(signs, lanes)
            let wBias := and(SIGNS, lanes)
            let end := add(x, length)
            for {} lt(x, end) {
                x := add(x, 32)
                y := add(y, 32)
            } {
                // Beyond the end, elements of the first row count as zero, whatever the second has there. Before the last
                // word the mask keeps everything.
                let v := and(mload(x), not(shr(shl(3, sub(end, x)), not(0))))
                // Reverse the lanes: halves, quarters, eighths.
                v := or(shl(128, v), shr(128, v))
                let m := 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff
                v := or(shl(64, and(v, m)), and(shr(64, v), m))
                m := 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff
                v := or(shl(32, and(v, m)), and(shr(32, v), m))
                // To unsigned bytes and, lane by lane, back: the difference is the signed lanes as one integer.
                v := xor(v, signs)
                let w := xor(mload(y), SIGNS)
                sum := add(sum, mul(sub(and(v, lanes), vBias), sub(and(w, lanes), wBias)))
                sum := add(sum, mul(sub(and(shr(8, v), lanes), vBias), sub(and(shr(8, w), lanes), wBias)))
                sum := add(sum, mul(sub(and(shr(16, v), lanes), vBias), sub(and(shr(16, w), lanes), wBias)))
                sum := add(sum, mul(sub(and(shr(24, v), lanes), vBias), sub(and(shr(24, w), lanes), wBias)))
            }
            sum := add(sum, 0x8000000080000000800000008000000080000000800000008000000080000000)
            sum := sub(shr(224, sum), 0x80000000)
        }
    }
}
