// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title ProgramRegistry
/// @notice Tapes that the referee can judge, element by element, without overflow and within its gas. Anybody may register one; it
/// is checked by the rules of `kernels/ARITHMETIC.md` ("Which tapes are valid") and stored as code, never changed.
interface IProgramRegistry {
    /// @notice A tape was checked and stored at `pointer` (as the code of an account, behind one zero byte).
    event ProgramRegistered(
        bytes32 indexed programRoot, address pointer, uint16 maxUnits, uint16 tensors, uint16 operators
    );

    /// @notice The bytes are no tape, at byte `offset`.
    error ProgramRegistry_BadFormat(uint256 offset, bytes32 reason);
    /// @notice Weight tensor `tensor` cannot stand.
    error ProgramRegistry_BadTensor(uint256 tensor, bytes32 reason);
    /// @notice Operator `operator` cannot stand.
    error ProgramRegistry_BadOperator(uint256 operator, bytes32 reason);
    /// @notice No such program was registered.
    error ProgramRegistry_UnknownProgram(bytes32 programRoot);

    /// @notice Checks and stores a tape. Does nothing if it is stored already.
    function register(bytes calldata tape) external returns (bytes32 programRoot);

    /// @notice Whether the program was registered.
    function isRegistered(bytes32 programRoot) external view returns (bool);

    /// @notice The stored tape.
    function tapeOf(bytes32 programRoot) external view returns (bytes memory tape);
}
