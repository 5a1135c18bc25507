// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Rows
/// @notice Reads the big-endian integers of rows, one or all of them. Any bytes are some row: nothing here reverts.
/// @dev Offsets follow from tape, units and element, and lie within the row because its length was checked against the same.
library Rows {
    /* ONE INTEGER */

    /// @notice The signed 8-bit integer at byte `offset`.
    function int8At(bytes memory row, uint256 offset) internal pure returns (int256 value) {
        // The word that ends with the integer: a row's bytes stand behind the 32 of its length.
        assembly ("memory-safe") {
            value := signextend(0, mload(add(add(row, 1), offset)))
        }
    }

    /// @notice The signed 16-bit integer at byte `offset`.
    function int16At(bytes memory row, uint256 offset) internal pure returns (int256 value) {
        assembly ("memory-safe") {
            value := signextend(1, mload(add(add(row, 2), offset)))
        }
    }

    /// @notice The signed 32-bit integer at byte `offset`.
    function int32At(bytes memory row, uint256 offset) internal pure returns (int256 value) {
        assembly ("memory-safe") {
            value := signextend(3, mload(add(add(row, 4), offset)))
        }
    }

    /// @notice The byte `offset`.
    function uint8At(bytes memory row, uint256 offset) internal pure returns (uint8 value) {
        assembly ("memory-safe") {
            value := and(mload(add(add(row, 1), offset)), 0xff)
        }
    }

    /// @notice The unsigned 16-bit integer at byte `offset`.
    function uint16At(bytes memory row, uint256 offset) internal pure returns (uint16 value) {
        assembly ("memory-safe") {
            value := and(mload(add(add(row, 2), offset)), 0xffff)
        }
    }

    /// @notice The unsigned 32-bit integer at byte `offset`.
    function uint32At(bytes memory row, uint256 offset) internal pure returns (uint32 value) {
        assembly ("memory-safe") {
            value := and(mload(add(add(row, 4), offset)), 0xffffffff)
        }
    }

    /* ALL INTEGERS */

    /// @notice Sum, and sum of squares, of `count` signed integers of `size` bytes from byte `from` on.
    /// @dev At most 2,048 integers of 32 bits: sums below 2^43, squares below 2^73.
    function moments(bytes memory row, uint256 from, uint256 count, uint256 size)
        internal
        pure
        returns (int256 sum, uint256 squares)
    {
        assembly ("memory-safe") {
            let top := sub(size, 1)
            let next := add(add(row, from), size)
            for { let end := add(next, mul(count, size)) } lt(next, end) { next := add(next, size) } {
                let value := signextend(top, mload(next))
                sum := add(sum, value)
                squares := add(squares, mul(value, value))
            }
        }
    }

    /// @notice Sum of `count` bytes from byte `from` on.
    function total(bytes memory row, uint256 from, uint256 count) internal pure returns (uint256 sum) {
        assembly ("memory-safe") {
            let next := add(add(row, from), 1)
            for { let end := add(next, count) } lt(next, end) { next := add(next, 1) } {
                sum := add(sum, and(mload(next), 0xff))
            }
        }
    }

    /// @notice Largest magnitude of `count` signed 16-bit integers from byte `from` on: up to 32768.
    function largest(bytes memory row, uint256 from, uint256 count) internal pure returns (uint256 max) {
        assembly ("memory-safe") {
            let next := add(add(row, from), 2)
            for { let end := add(next, mul(count, 2)) } lt(next, end) { next := add(next, 2) } {
                let value := signextend(1, mload(next))
                if slt(value, 0) { value := sub(0, value) }
                if gt(value, max) { max := value }
            }
        }
    }

    /// @notice `count` signed 16-bit integers from byte `from` on, each times `factor`, rounded to units of 2^24, as bytes.
    /// @dev `FixedPoint.quantise` for a whole row. Where a row claims a maximum below an element, 8 bits are kept of what does not
    /// fit them; such a row is false at its maximum.
    function quantised(bytes memory row, uint256 from, uint256 count, int256 factor)
        internal
        pure
        returns (bytes memory bytes_)
    {
        bytes_ = new bytes(count);
        assembly ("memory-safe") {
            let next := add(add(row, from), 2)
            let out := add(bytes_, 32)
            for { let end := add(next, mul(count, 2)) } lt(next, end) { next := add(next, 2) } {
                mstore8(out, sar(24, add(mul(signextend(1, mload(next)), factor), 0x800000)))
                out := add(out, 1)
            }
        }
    }
}
