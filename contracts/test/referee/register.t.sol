// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test, Vm} from "forge-std/Test.sol";
import {IProgramRegistry} from "../../src/work/IProgramRegistry.sol";
import {ProgramRegistry} from "../../src/work/ProgramRegistry.sol";
import {Opcode, Tape, WeightKind} from "../../src/work/referee/Tape.sol";
import {TapeBuilder} from "./utils/TapeBuilder.sol";

/// @notice What may be registered, and what is refused where and why. Places are those of the small tape, where record 7 is operator 0.
contract ProgramRegistry_Register_Test is Test {
    uint256 private constant TENSORS = 6;

    ProgramRegistry private registry = new ProgramRegistry();
    bytes private small = TapeBuilder.small();

    /* GOOD TAPES */

    function test_WhenTheTapeIsTheTinyModels() external {
        bytes memory tape = vm.readFileBinary("test-fixtures/models/tiny/program.tape");
        string memory manifest = vm.readFile("test-fixtures/models/tiny/model.json");
        bytes32 root = vm.parseJsonBytes32(manifest, ".program_root");
        assertFalse(registry.isRegistered(root));
        assertEq(registry.register(tape), root, "the root that the Rust side gives it");
        assertTrue(registry.isRegistered(root));
        assertEq(registry.tapeOf(root), tape);
    }

    function test_WhenTheTapeIsValid() external {
        address pointer = vm.computeCreateAddress(address(registry), vm.getNonce(address(registry)));
        vm.recordLogs();
        bytes32 root = registry.register(TapeBuilder.miniLM());
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1);
        assertEq(logs[0].topics[0], IProgramRegistry.ProgramRegistered.selector);
        assertEq(logs[0].topics[1], root);
        assertEq(logs[0].data, abi.encode(pointer, uint16(256), uint16(57), uint16(65)));
        assertEq(pointer.code, bytes.concat(hex"00", TapeBuilder.miniLM()));
        // The code cannot be run.
        (bool success, bytes memory result) = pointer.call("");
        assertTrue(success && result.length == 0);
    }

    function test_WhenTheTapeIsRegisteredAlready() external {
        bytes32 root = registry.register(small);
        uint64 nonce = vm.getNonce(address(registry));
        vm.recordLogs();
        assertEq(registry.register(small), root);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(vm.getNonce(address(registry)), nonce, "no second copy");
    }

    function test_RevertWhen_TheProgramIsUnknown() external {
        vm.expectRevert(abi.encodeWithSelector(IProgramRegistry.ProgramRegistry_UnknownProgram.selector, bytes32("x")));
        registry.tapeOf("x");
    }

    /* FORMAT */

    function test_RevertWhen_TheFormatIsWrong() external {
        refuseFormat(bytes.concat(small, hex"00"), small.length + 1, "length no multiple of 16");
        refuseFormat("", 0, "no header");
        refuseFormat(patched(0, hex"61"), 0, "not ASSAYTP version 1");
        refuseFormat(patched(7, hex"02"), 0, "not ASSAYTP version 1");
        refuseFormat(patched(15, hex"01"), 14, "reserved byte not zero");
        // One tensor less and one operator more: the last weights are no operator.
        refuseFormat(patched(10, hex"0005000f"), 96, "unused field not zero");
        refuseFormat(bytes.concat(small, new bytes(16)), 10, "wrong number of records");
        refuseFormat(patched(8, hex"0000"), 8, "units not 1 to 257");
        refuseFormat(patched(8, hex"0102"), 8, "units not 1 to 257");
        refuseFormat(TapeBuilder.header(1, 0, 0), 12, "no operators");
        refuseFormat(new bytes(24_576), 24_576, "too long to store");
    }

    function test_RevertWhen_ARecordsFormatIsWrong() external {
        refuseFormat(patchedTensor(0, 0, hex"00"), 16, "unknown kind of weights");
        refuseFormat(patchedTensor(5, 0, hex"06"), 96, "unknown kind of weights");
        refuseFormat(patchedTensor(1, 3, hex"01"), 32, "reserved byte not zero");
        refuseFormat(patchedTensor(1, 15, hex"01"), 32, "reserved byte not zero");
        refuseFormat(patchedOperator(0, 0, hex"00"), 112, "unknown opcode");
        refuseFormat(patchedOperator(13, 0, hex"14"), 320, "unknown opcode");
        // Shift of the ids; residual shift, padding and second padding of an embedding; c of a norm; a flag of 2; b of a pool;
        // heads of 17 bits.
        refuseFormat(patchedOperator(0, 1, hex"01"), 112, "unused field not zero");
        refuseFormat(patchedOperator(1, 2, hex"01"), 128, "unused field not zero");
        refuseFormat(patchedOperator(1, 3, hex"01"), 128, "unused field not zero");
        refuseFormat(patchedOperator(1, 11, hex"01"), 128, "unused field not zero");
        refuseFormat(patchedOperator(2, 9, hex"01"), 144, "unused field not zero");
        refuseFormat(patchedOperator(3, 15, hex"02"), 160, "unused field not zero");
        refuseFormat(patchedOperator(12, 7, hex"01"), 304, "unused field not zero");
        refuseFormat(patchedOperator(6, 13, hex"01"), 208, "unused field not zero");
    }

    /* WEIGHTS */

    function test_RevertWhen_WeightsAreOutOfRange() external {
        refuseTensor(0, 4, hex"00000000", "rows zero or too many");
        refuseTensor(0, 4, hex"00010001", "rows zero or too many");
        refuseTensor(3, 4, hex"00000801", "rows zero or too many");
        refuseTensor(1, 8, hex"00000000", "width zero or too large");
        refuseTensor(3, 8, hex"00000801", "width zero or too large");
        refuseTensor(2, 8, hex"00000002", "width zero or too large");
        refuseTensor(4, 8, hex"00000002", "width zero or too large");
    }

    /* OPERATORS */

    function test_RevertWhen_AnOperandIsNotThere() external {
        refuseOperator(2, 4, hex"0002", "reads no earlier operator");
        refuseOperator(2, 4, hex"ffff", "reads no earlier operator");
        refuseOperator(8, 8, hex"0008", "reads no earlier operator");
        refuseOperator(2, 6, hex"0006", "no such weight tensor");
    }

    function test_RevertWhen_AnOperandIsOfAnotherKind() external {
        refuseOperator(1, 6, hex"0001", "wrong kind of weights");
        refuseOperator(1, 8, hex"0000", "wrong kind of weights");
        refuseOperator(2, 4, hex"0000", "norm reads no sum");
        refuseOperator(2, 6, hex"0003", "wrong kind of weights");
        refuseOperator(3, 4, hex"0001", "product reads no activations");
        refuseOperator(4, 6, hex"0002", "wrong kind of weights");
        refuseOperator(6, 4, hex"0005", "queries or keys no products");
        refuseOperator(6, 6, hex"0002", "queries or keys no products");
        refuseOperator(6, 8, hex"0003", "wrong kind of weights");
        refuseOperator(7, 4, hex"0005", "context reads no exponentials");
        refuseOperator(7, 6, hex"0004", "values not transposed product");
        refuseOperator(8, 8, hex"0007", "residual is no norm");
        refuseOperator(12, 4, hex"0009", "pool reads no transposed norm");
        refuseOperator(13, 4, hex"000b", "unit reads no pool");
    }

    function test_RevertWhen_ShapesDoNotFit() external {
        refuseTensorBy(1, 8, hex"00000009", 1, "words and positions differ");
        refuseTensorBy(1, 4, hex"00000004", 1, "not a position for every unit");
        refuseTensorBy(0, 4, hex"0000012b", 1, "not a word for every id");
        refuseTensorBy(2, 4, hex"00000007", 2, "not one gain a channel");
        refuseTensorBy(3, 8, hex"00000004", 3, "input and weights differ");
        refuseTensorBy(3, 4, hex"00000006", 3, "product rows no multiple of 4");
        refuseTensorBy(4, 4, hex"00000003", 6, "not one scale a head");
        refuseOperator(8, 6, hex"0005", "product and residual differ");
        refuseOperator(4, 6, hex"0005", 6, "queries and keys differ");
        refuseOperator(6, 12, hex"00000000", "heads not 1 to 64");
        refuseOperator(6, 12, hex"00000041", "heads not 1 to 64");
    }

    function test_RevertWhen_HeadsDoNotFit() external {
        bytes memory tape = withHeads(3);
        refuseOperator(tape, 6, "heads do not divide queries");
        tape = withHeads(4);
        refuseOperator(tape, 6, "head width no multiple of 4");
        // The tiny model with 8 heads and a scale each, and 36 channels of values.
        tape = vm.readFileBinary("test-fixtures/models/tiny/program.tape");
        (tape[16 * 28 + 15], tape[16 * 7 + 7], tape[16 * 6 + 7]) = (bytes1(0x08), bytes1(0x08), bytes1(0x24));
        refuseOperator(tape, 7, "heads do not divide values");
    }

    function test_RevertWhen_AShiftIsOutOfRange() external {
        refuseOperator(1, 1, hex"00", "embedding shift not 1 to 30");
        refuseOperator(1, 1, hex"1f", "embedding shift not 1 to 30");
        refuseOperator(2, 1, hex"0f", "norm shift not 16 to 30");
        refuseOperator(2, 1, hex"1f", "norm shift not 16 to 30");
        refuseOperator(3, 1, hex"00", "product shift not 1 to 61");
        refuseOperator(8, 1, hex"3e", "product shift not 1 to 61");
        refuseOperator(10, 1, hex"3e", "product shift not 1 to 61");
        refuseOperator(8, 2, hex"0f", "residual shift not 0 to 14");
        refuseOperator(6, 1, hex"00", "score shift not 1 to 30");
        refuseOperator(6, 1, hex"1f", "score shift not 1 to 30");
    }

    function test_RevertWhen_TheVocabularyIsOutOfRange() external {
        refuseOperator(0, 12, hex"00000000", "vocabulary not 1 to 65,536");
        refuseOperator(0, 12, hex"00010001", "vocabulary not 1 to 65,536");
    }

    function test_RevertWhen_TheEndsAreWrong() external {
        bytes memory ids = TapeBuilder.operator(Opcode.Ids, 0, 0, 0, 0, 9);
        bytes memory tape = bytes.concat(TapeBuilder.header(1, 0, 2), ids, ids);
        refuseOperator(tape, 1, "input first, output last");
        tape = bytes.concat(TapeBuilder.header(1, 0, 1), ids);
        refuseOperator(tape, 0, "input first, output last");
    }

    /* LIMITS */

    function test_RevertWhen_ATensorHasTooManyRows() external {
        // A transposed product of 516 channels.
        refuseOperator(wide(516, 1), 3, "more than 512 rows");
        refuseOperator(wide(512, 1), 4, "unit reads no pool");
        refuseOperator(wide(516, 0), 4, "unit reads no pool");
    }

    function test_RevertWhen_ARowIsTooLong() external {
        // 8 + 4 · 2048
        bytes memory tape = bytes.concat(
            TapeBuilder.header(1, 2, 3),
            TapeBuilder.weights(WeightKind.Words, 9, 2048),
            TapeBuilder.weights(WeightKind.Positions, 1, 2048)
        );
        tape = bytes.concat(
            tape,
            TapeBuilder.operator(Opcode.Ids, 0, 0, 0, 0, 9),
            TapeBuilder.operator(Opcode.Embed, 1, 0, 0, 1, 0),
            TapeBuilder.operator(Opcode.Unit, 0, 0, 0, 0, 0)
        );
        refuseOperator(tape, 1, "row over 8,192 bytes");
    }

    function test_RevertWhen_AnElementOpensTooMuch() external {
        // A norm of 2,044 channels reads the sum, 8 + 4 · 2044, and a gain, 8: 8,192. With 2,046 channels it is 8 more.
        refuseOperator(normOf(2046), 2, "element opens over 8,192 bytes");
        refuseOperator(normOf(2044), 3, "unit reads no pool");
    }

    /* ANY BYTES */

    /// @dev A tape is refused by one of the three errors, or its tensors keep within the limits for all units.
    function test_Fuzz_AnyChange(uint16[5] calldata places, bytes5 values, uint16 length) external {
        bytes memory tape = vm.readFileBinary("test-fixtures/models/tiny/program.tape");
        for (uint256 i = 0; i < 5; ++i) {
            tape[places[i] % tape.length] = i < 2 ? values[i] : bytes1(uint8(values[i]) % 32);
        }
        if (length % 8 == 0) {
            uint256 cut = length % tape.length;
            assembly ("memory-safe") {
                mstore(tape, cut)
            }
        }
        try registry.register(tape) returns (bytes32 root) {
            assertEq(registry.tapeOf(root), tape);
        } catch (bytes memory reason) {
            bytes4 selector = bytes4(reason);
            bool known = selector == IProgramRegistry.ProgramRegistry_BadFormat.selector
                || selector == IProgramRegistry.ProgramRegistry_BadTensor.selector
                || selector == IProgramRegistry.ProgramRegistry_BadOperator.selector;
            assertTrue(known);
        }
    }

    /* HELPERS */

    function patched(uint256 offset, bytes memory value) private view returns (bytes memory tape) {
        tape = small;
        for (uint256 i = 0; i < value.length; ++i) {
            tape[offset + i] = value[i];
        }
    }

    function patchedTensor(uint256 tensor, uint256 offset, bytes memory value) private view returns (bytes memory) {
        return patched(16 * (1 + tensor) + offset, value);
    }

    function patchedOperator(uint256 operator, uint256 offset, bytes memory value) private view returns (bytes memory) {
        return patched(16 * (1 + TENSORS + operator) + offset, value);
    }

    /// @dev The small tape with other heads, and as many scales.
    function withHeads(uint8 heads) private view returns (bytes memory tape) {
        tape = patchedOperator(6, 15, abi.encodePacked(heads));
        tape[16 * 5 + 7] = bytes1(heads);
    }

    /// @dev Ids, embedding, norm of 8 channels, and a product of `rows`.
    function wide(uint32 rows, uint32 transposed) private pure returns (bytes memory tape) {
        tape = bytes.concat(
            TapeBuilder.header(1, 4, 5),
            TapeBuilder.weights(WeightKind.Words, 9, 8),
            TapeBuilder.weights(WeightKind.Positions, 1, 8),
            TapeBuilder.weights(WeightKind.Gains, 8, 1)
        );
        tape = bytes.concat(
            tape, TapeBuilder.weights(WeightKind.Linear, rows, 8), TapeBuilder.operator(Opcode.Ids, 0, 0, 0, 0, 9)
        );
        tape = bytes.concat(
            tape,
            TapeBuilder.operator(Opcode.Embed, 1, 0, 0, 1, 0),
            TapeBuilder.operator(Opcode.Norm, 16, 1, 2, 0, 0),
            TapeBuilder.operator(Opcode.Linear, 1, 2, 3, 0, transposed),
            TapeBuilder.operator(Opcode.Unit, 0, 0, 0, 0, 0)
        );
    }

    /// @dev Ids, embedding and norm of `width` channels.
    function normOf(uint32 width) private pure returns (bytes memory tape) {
        tape = bytes.concat(
            TapeBuilder.header(1, 3, 4),
            TapeBuilder.weights(WeightKind.Words, 9, width),
            TapeBuilder.weights(WeightKind.Positions, 1, width),
            TapeBuilder.weights(WeightKind.Gains, width, 1)
        );
        tape = bytes.concat(
            tape,
            TapeBuilder.operator(Opcode.Ids, 0, 0, 0, 0, 9),
            TapeBuilder.operator(Opcode.Embed, 1, 0, 0, 1, 0),
            TapeBuilder.operator(Opcode.Norm, 16, 1, 2, 0, 0),
            TapeBuilder.operator(Opcode.Unit, 0, 0, 0, 0, 0)
        );
    }

    function refuseFormat(bytes memory tape, uint256 offset, bytes32 reason) private {
        vm.expectRevert(abi.encodeWithSelector(IProgramRegistry.ProgramRegistry_BadFormat.selector, offset, reason));
        registry.register(tape);
    }

    function refuseTensor(uint256 tensor, uint256 offset, bytes memory value, bytes32 reason) private {
        bytes memory tape = patchedTensor(tensor, offset, value);
        vm.expectRevert(abi.encodeWithSelector(IProgramRegistry.ProgramRegistry_BadTensor.selector, tensor, reason));
        registry.register(tape);
    }

    /// @dev The change makes `operator` fail.
    function refuseTensorBy(uint256 tensor, uint256 offset, bytes memory value, uint256 operator, bytes32 reason)
        private
    {
        refuseOperator(patchedTensor(tensor, offset, value), operator, reason);
    }

    function refuseOperator(uint256 changed, uint256 offset, bytes memory value, bytes32 reason) private {
        refuseOperator(patchedOperator(changed, offset, value), changed, reason);
    }

    function refuseOperator(uint256 changed, uint256 offset, bytes memory value, uint256 operator, bytes32 reason)
        private
    {
        refuseOperator(patchedOperator(changed, offset, value), operator, reason);
    }

    function refuseOperator(bytes memory tape, uint256 operator, bytes32 reason) private {
        vm.expectRevert(abi.encodeWithSelector(IProgramRegistry.ProgramRegistry_BadOperator.selector, operator, reason));
        registry.register(tape);
    }
}
