// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice Encodes block headers, right ones and others. Fields are RLP items, so that a test can put anything in place of one.
library HeaderBuilder {
    uint256 internal constant DIFFICULTY = 7;
    uint256 internal constant NUMBER = 8;
    uint256 internal constant EXTRA_DATA = 12;
    uint256 internal constant MIX_HASH = 13;

    /// @dev The fields of a header as of Prague.
    function fieldsOf(uint64 number, bytes32 mix) internal pure returns (bytes[] memory fields) {
        fields = new bytes[](21);
        for (uint256 i = 0; i < 6; ++i) {
            fields[i] = item(abi.encode(keccak256(abi.encode("field", i, number))));
        }
        fields[2] = item(abi.encodePacked(address(0xbeef)));
        fields[6] = bytes.concat(hex"b90100", new bytes(256));
        fields[DIFFICULTY] = integer(0);
        fields[NUMBER] = integer(number);
        fields[9] = integer(60_000_000);
        fields[10] = integer(0);
        fields[11] = integer(1_800_000_000);
        fields[EXTRA_DATA] = item("builder");
        fields[MIX_HASH] = item(abi.encode(mix));
        fields[14] = item(new bytes(8));
        fields[15] = integer(7);
        fields[16] = item(abi.encode(keccak256("withdrawals")));
        fields[17] = integer(131_072);
        fields[18] = integer(0);
        fields[19] = item(abi.encode(keccak256("beacon root")));
        fields[20] = item(abi.encode(keccak256("requests")));
    }

    function headerOf(uint64 number, bytes32 mix) internal pure returns (bytes memory) {
        return list(fieldsOf(number, mix));
    }

    /// @dev A list whose length takes two bytes.
    function list(bytes[] memory fields) internal pure returns (bytes memory) {
        bytes memory payload = "";
        for (uint256 i = 0; i < fields.length; ++i) {
            payload = bytes.concat(payload, fields[i]);
        }
        return listOf(payload);
    }

    function listOf(bytes memory payload) internal pure returns (bytes memory) {
        return abi.encodePacked(hex"f9", uint16(payload.length), payload);
    }

    /// @dev A string of at most 55 bytes.
    function item(bytes memory data) internal pure returns (bytes memory) {
        if (data.length == 1 && uint8(data[0]) < 0x80) return data;
        return abi.encodePacked(uint8(0x80 + data.length), data);
    }

    function integer(uint64 value) internal pure returns (bytes memory) {
        uint256 size = 0;
        while (size < 8 && value >> (8 * size) != 0) ++size;
        return item(cut(abi.encodePacked(value), 8 - size, 8));
    }

    /// @dev `data[from:to]`.
    function cut(bytes memory data, uint256 from, uint256 to) internal pure returns (bytes memory part) {
        part = new bytes(to - from);
        for (uint256 i = 0; i < part.length; ++i) {
            part[i] = data[from + i];
        }
    }
}
