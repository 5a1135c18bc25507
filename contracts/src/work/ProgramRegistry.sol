// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IProgramRegistry} from "./IProgramRegistry.sol";
import {MerkleTree} from "./libraries/MerkleTree.sol";
import {CodeStorage} from "./referee/CodeStorage.sol";
import {Tape} from "./referee/Tape.sol";
import {TapeRules} from "./referee/TapeRules.sol";

/// @title ProgramRegistry
/// @notice Tapes that the referee can judge. No owner: whatever is valid may be registered, by anybody.
contract ProgramRegistry is IProgramRegistry {
    using Tape for bytes;

    /// @dev Where a program's tape lies.
    mapping(bytes32 programRoot => address) private _pointers;

    /* VIEWS */

    /// @inheritdoc IProgramRegistry
    function isRegistered(bytes32 programRoot) external view returns (bool) {
        return _pointers[programRoot] != address(0);
    }

    /// @inheritdoc IProgramRegistry
    function tapeOf(bytes32 programRoot) external view returns (bytes memory tape) {
        address pointer = _pointers[programRoot];
        require(pointer != address(0), ProgramRegistry_UnknownProgram(programRoot));
        return CodeStorage.load(pointer);
    }

    /* ANYBODY */

    /// @inheritdoc IProgramRegistry
    function register(bytes calldata tape) external returns (bytes32 programRoot) {
        require(tape.length <= CodeStorage.MAX_LENGTH, ProgramRegistry_BadFormat(tape.length, "too long to store"));
        TapeRules.check(tape);
        programRoot = _rootOf(tape);
        if (_pointers[programRoot] != address(0)) return programRoot;

        address pointer = CodeStorage.store(tape);
        _pointers[programRoot] = pointer;
        emit ProgramRegistered(programRoot, pointer, tape.maxUnits(), tape.tensorCount(), tape.operatorCount());
    }

    /* INTERNAL */

    /// @dev Root of the tensor whose rows are the records.
    function _rootOf(bytes calldata tape) private pure returns (bytes32) {
        uint256 count = tape.recordCount();
        bytes32[] memory nodes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            nodes[i] = MerkleTree.leafHash(abi.encodePacked(tape.recordAt(i)));
        }
        for (uint256 width = count; width > 1; width = (width + 1) / 2) {
            for (uint256 i = 0; i < width; i += 2) {
                // An odd last node moves up unchanged.
                nodes[i / 2] = i + 1 < width ? MerkleTree.nodeHash(nodes[i], nodes[i + 1]) : nodes[i];
            }
        }
        // forge-lint: disable-next-line(unsafe-typecast)
        return MerkleTree.rootHash(uint64(count), nodes[0]);
    }
}
