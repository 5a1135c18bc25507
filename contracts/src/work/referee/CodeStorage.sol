// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title CodeStorage
/// @notice Keeps bytes as the code of an account, behind one zero byte (STOP), so that nobody can run them (known as SSTORE2). To store
/// and to read costs a fraction of storage slots, and nothing can change them.
library CodeStorage {
    /// @notice The most bytes: code has 24,576 at most (EIP-170).
    uint256 internal constant MAX_LENGTH = 24_575;

    /// @notice The account could not be created: the gas did not last.
    error CodeStorage_NotStored();

    /// @notice Stores at most `MAX_LENGTH` bytes.
    function store(bytes calldata data) internal returns (address pointer) {
        // PUSH2 length, DUP1, PUSH1 10, RETURNDATASIZE (0), CODECOPY, RETURNDATASIZE (0), RETURN: returns what follows these 10 bytes.
        // forge-lint: disable-next-line(unsafe-typecast)
        bytes2 length = bytes2(uint16(data.length + 1));
        bytes memory creation = bytes.concat(hex"61", length, hex"80600a3d393df3", hex"00", data);
        assembly ("memory-safe") {
            pointer := create(0, add(creation, 32), mload(creation))
        }
        require(pointer != address(0), CodeStorage_NotStored());
    }

    /// @notice The bytes stored at `pointer`.
    function load(address pointer) internal view returns (bytes memory data) {
        data = new bytes(pointer.code.length - 1);
        assembly ("memory-safe") {
            extcodecopy(pointer, add(data, 32), 1, mload(data))
        }
    }
}
