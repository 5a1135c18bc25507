// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title BlockHeader
/// @notice Reads the number and the RANDAO mix out of the RLP header of a proof-of-stake block (EIP-3675, EIP-4399).
///
/// The list starts with seven fields of fixed sizes and a difficulty of zero, so its ninth field, the number, always starts at
/// the same byte:
///
///     0  f9 hi lo     list          123  a0 …      transactions root
///     3  a0 …         parent hash   156  a0 …      receipts root
///    36  a0 …         ommers hash   189  b9 01 00  logs bloom
///    69  94 …         beneficiary   448  80        difficulty
///    90  a0 …         state root    449  number, gas limit, gas used, timestamp, extra data, mix hash, nonce, later fields
///
/// @dev Whoever calls compares the hash of the whole header with the chain's, so no forged header passes whatever this library
/// accepts. It is strict all the same: every byte before the later fields has one reading, and nothing is read beyond the end.
library BlockHeader {
    /// @notice These bytes are no proof-of-stake header, by what stands at byte `offset`.
    error BlockHeader_Malformed(uint256 offset);

    /// @dev RLP prefixes: nothing, 8 bytes, 20 bytes, 32 bytes; a longer string and a list whose lengths take two bytes.
    uint256 private constant EMPTY = 0x80;
    uint256 private constant BYTES_8 = 0x88;
    uint256 private constant BYTES_20 = 0x94;
    uint256 private constant BYTES_32 = 0xa0;
    uint256 private constant LONG_STRING_2 = 0xb9;
    uint256 private constant LONG_LIST_2 = 0xf9;

    uint256 private constant NUMBER_OFFSET = 449;

    /// @notice The block's number and RANDAO mix, which is the mix hash.
    function read(bytes calldata header) internal pure returns (uint64 number, bytes32 mix) {
        _checkStart(header);
        uint256 offset;
        (number, offset) = _integer(header, NUMBER_OFFSET);
        (, offset) = _integer(header, offset); // gas limit
        (, offset) = _integer(header, offset); // gas used
        (, offset) = _integer(header, offset); // timestamp
        offset = _afterExtraData(header, offset);

        // The mix hash and the nonce behind it; later fields depend on the fork, and none of them matters here.
        require(header.length >= offset + 33 + 9, BlockHeader_Malformed(header.length));
        _expect(header, offset, BYTES_32);
        _expect(header, offset + 33, BYTES_8);
        mix = bytes32(header[offset + 1:offset + 33]);
    }

    /// @dev The list and the fields of fixed sizes.
    function _checkStart(bytes calldata header) private pure {
        require(header.length > NUMBER_OFFSET, BlockHeader_Malformed(header.length));
        _expect(header, 0, LONG_LIST_2);
        require(uint16(bytes2(header[1:3])) == header.length - 3, BlockHeader_Malformed(1));
        _expect(header, 3, BYTES_32);
        _expect(header, 36, BYTES_32);
        _expect(header, 69, BYTES_20);
        _expect(header, 90, BYTES_32);
        _expect(header, 123, BYTES_32);
        _expect(header, 156, BYTES_32);
        _expect(header, 189, LONG_STRING_2);
        require(bytes2(header[190:192]) == 0x0100, BlockHeader_Malformed(190));
        _expect(header, 448, EMPTY);
    }

    function _expect(bytes calldata header, uint256 offset, uint256 prefix) private pure {
        require(uint8(header[offset]) == prefix, BlockHeader_Malformed(offset));
    }

    /// @dev An integer of at most 64 bits in its shortest form, and where the next field starts.
    function _integer(bytes calldata header, uint256 offset) private pure returns (uint64 value, uint256 next) {
        require(offset < header.length, BlockHeader_Malformed(offset));
        uint8 prefix = uint8(header[offset]);
        next = offset + 1;
        if (prefix < EMPTY) {
            require(prefix != 0, BlockHeader_Malformed(offset));
            return (prefix, next);
        }
        uint256 size = prefix - EMPTY;
        require(size <= 8 && next + size <= header.length, BlockHeader_Malformed(offset));
        if (size != 0) {
            // A slice shorter than eight bytes is filled up on the right.
            value = uint64(bytes8(header[next:next + size])) >> (64 - 8 * size);
            bool shortest = size == 1 ? value >= EMPTY : value >> (8 * (size - 1)) != 0;
            require(shortest, BlockHeader_Malformed(offset));
        }
        next += size;
    }

    /// @dev Where the field behind the extra data (at most 32 bytes) starts.
    function _afterExtraData(bytes calldata header, uint256 offset) private pure returns (uint256 next) {
        require(offset < header.length, BlockHeader_Malformed(offset));
        uint256 prefix = uint8(header[offset]);
        next = offset + 1;
        if (prefix < EMPTY) return next;
        require(prefix <= BYTES_32, BlockHeader_Malformed(offset));
        next += prefix - EMPTY;
        // A single byte below 0x80 is its own encoding.
        bool shortest = prefix != EMPTY + 1 || (next <= header.length && uint8(header[offset + 1]) >= EMPTY);
        require(shortest, BlockHeader_Malformed(offset));
    }
}
