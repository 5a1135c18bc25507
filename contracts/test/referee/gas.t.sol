// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ProgramRegistry} from "../../src/work/ProgramRegistry.sol";
import {DotProduct} from "../../src/work/referee/DotProduct.sol";
import {Given, Query, RefereeTest} from "./RefereeTest.sol";
import {TapeBuilder} from "./utils/TapeBuilder.sol";

/// @notice Gas of one element of each operator at the shapes of MiniLM and 256 tokens, as a transaction that carries all of it,
/// the tape included (a dispute reads that from code): 21,000, the calldata, and the execution, or the floor of EIP-7623 if that is more.
/// The rows hold no zero bytes. "execution" is without base and calldata.
/// forge-config: default.isolate = true
contract Referee_Gas_Test is RefereeTest {
    string private constant GROUP = "Referee";
    uint256 private constant MAX_STEP = 400_000;

    uint16 private constant EMBED = 1;
    uint16 private constant NORM = 2;
    uint16 private constant LINEAR = 3;
    uint16 private constant LINEAR_T = 5;
    uint16 private constant EXP = 6;
    uint16 private constant CONTEXT = 7;
    uint16 private constant RESIDUAL = 8;
    uint16 private constant NORM_2 = 9;
    uint16 private constant GELU = 10;
    uint16 private constant RESIDUAL_2 = 11;
    uint16 private constant NORM_T = 62;
    uint16 private constant POOL = 63;
    uint16 private constant UNIT = 64;

    constructor() {
        tape = TapeBuilder.miniLM();
        units = 256;
    }

    /* STEPS */

    function test_Gas_Embed() external {
        bytes memory ids = row(0);
        (ids[2 * 200], ids[2 * 200 + 1]) = (0x77, 0x01);
        Given[] memory weights = given(0, 0x7701, bytesOf(388), 1, 200, bytesOf(768));
        measure("embed", query(EMBED, 200, row(EMBED), 383, given(0, 0, ids), weights));
    }

    function test_Gas_Norm() external {
        Given[] memory gains = given(2, 383, bytesOf(8));
        measure("norm", query(NORM, 200, row(NORM), 383, given(EMBED, 200, row(EMBED)), gains));
        gains = given(56, 383, bytesOf(8));
        measure("norm by channel", query(NORM_T, 383, row(NORM_T), 200, given(61, 200, row(61)), gains));
    }

    function test_Gas_Linear() external {
        Given[] memory weights = given(3, 383, bytesOf(393));
        measure("linear", query(LINEAR, 200, row(LINEAR), 383, given(NORM, 200, row(NORM)), weights));
        weights = given(5, 383, bytesOf(393));
        measure("linear by channel", query(LINEAR_T, 383, row(LINEAR_T), 200, given(NORM, 200, row(NORM)), weights));
    }

    function test_Gas_Exp() external {
        Given[] memory tensors = given(LINEAR, 200, row(LINEAR), 4, 250, row(4));
        measure("exp", query(EXP, 200, row(EXP), 11 * 256 + 250, tensors, given(6, 11, bytesOf(4))));
    }

    function test_Gas_Context() external {
        Given[] memory tensors = given(EXP, 200, row(EXP), LINEAR_T, 383, row(LINEAR_T));
        measure("context", query(CONTEXT, 200, row(CONTEXT), 383, tensors, none()));
    }

    function test_Gas_Residual() external {
        Given[] memory tensors = given(CONTEXT, 200, row(CONTEXT), NORM, 200, row(NORM));
        measure("residual 384", query(RESIDUAL, 200, row(RESIDUAL), 383, tensors, given(7, 383, bytesOf(393))));
        tensors = given(GELU, 200, row(GELU), NORM_2, 200, row(NORM_2));
        measure("residual 1536", query(RESIDUAL_2, 200, row(RESIDUAL_2), 383, tensors, given(10, 383, bytesOf(1545))));
    }

    function test_Gas_Gelu() external {
        Given[] memory weights = given(9, 1535, bytesOf(393));
        measure("gelu", query(GELU, 200, row(GELU), 1535, given(NORM_2, 200, row(NORM_2)), weights));
    }

    function test_Gas_PoolAndUnit() external {
        measure("pool", query(POOL, 0, row(POOL), 383, given(NORM_T, 383, row(NORM_T)), none()));
        measure("unit", query(UNIT, 0, row(UNIT), 383, given(POOL, 0, row(POOL)), none()));
    }

    function test_Gas_Headers() external {
        measure("sum header", query(RESIDUAL, 200, row(RESIDUAL), 384, none(), none()));
        measure("norm header", query(NORM, 200, row(NORM), 384, none(), none()));
        measure("exp header", query(EXP, 200, row(EXP), 12 * 256 + 11, none(), none()));
        measure("pool header", query(POOL, 0, row(POOL), 384, none(), none()));
    }

    function test_Gas_Ids() external {
        measure("ids", query(0, 0, row(0), 255, none(), none()));
    }

    /* PARTS */

    /// @dev Rows of 384 bytes that lie in memory.
    function test_Gas_Dot384() external {
        bytes memory a = bytesOf(384);
        bytes memory b = bytesOf(384);
        uint256 left = gasleft();
        DotProduct.signed(a, 0, b, 0, 384);
        uint256 gas = left - gasleft();
        vm.snapshotValue(GROUP, "dot384", gas);
        assertLe(gas, 6000);
    }

    function test_Gas_Sizes() external {
        vm.snapshotValue(GROUP, "bytecode size", address(referee).code.length);
    }

    function test_Gas_Register() external {
        ProgramRegistry registry = new ProgramRegistry();
        registry.register(tape);
        uint256 gas = vm.snapshotGasLastCall("ProgramRegistry", "register MiniLM");
        assertLe(gas, 2_500_000);
        vm.snapshotValue("ProgramRegistry", "bytecode size", address(registry).code.length);
    }

    /* HELPERS */

    function measure(string memory name, Query memory q) private {
        bytes memory data = abi.encodeCall(
            referee.isFalse, (tape, q.weightsRoot, q.traceRoot, q.claim, q.element, q.tensors, q.weights)
        );
        (bool success,) = address(referee).staticcall(data);
        uint256 execution = vm.lastCallGas().gasTotalUsed;
        assertTrue(success);
        uint256 tokens = 0;
        for (uint256 i = 0; i < data.length; ++i) {
            tokens += data[i] == 0 ? 1 : 4;
        }
        uint256 gas = 21_000 + 4 * tokens + execution;
        uint256 floor = 21_000 + 10 * tokens;
        if (gas < floor) gas = floor;
        vm.snapshotValue(GROUP, string.concat(name, ", execution"), execution);
        vm.snapshotValue(GROUP, name, gas);
        assertLe(gas, MAX_STEP);
    }

    /// @dev A row of `operator` without zero bytes.
    function row(uint16 operator) private view returns (bytes memory) {
        (, uint32 length) = referee.shapeOf(tape, operator, units);
        return bytesOf(length);
    }

    function bytesOf(uint256 length) private pure returns (bytes memory data) {
        data = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            data[i] = bytes1(uint8(1 + uint256(keccak256(abi.encode(length, i))) % 255));
        }
    }
}
