// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Given, Query, RefereeTest} from "./RefereeTest.sol";

/// @notice What is a question, and what costs the asker its move.
contract Referee_Questions_Test is RefereeTest {
    uint16 private constant IDS = 0;
    uint16 private constant EMBED = 1;
    uint16 private constant EXP = 6;
    uint16 private constant CONTEXT = 7;
    uint16 private constant OPERATORS = 14;

    /// @dev An exponential of token 1, head 1, for token 2.
    function expQuery(uint64 queryRow, uint64 keyRow, uint64 scaleRow) private view returns (Query memory) {
        Given[] memory tensors = given(3, queryRow, new bytes(8), 4, keyRow, new bytes(8));
        return query(EXP, 1, new bytes(22), 5, tensors, given(4, scaleRow, new bytes(4)));
    }

    /* THE ROW */

    function test_RevertWhen_ThereIsNoSuchOperator() external {
        Query memory q = query(OPERATORS, 0, "", 0, none(), none());
        vm.expectRevert(badQuestion("operator", OPERATORS, OPERATORS));
        put(q);
        vm.expectRevert(badQuestion("operator", OPERATORS, OPERATORS));
        referee.shapeOf(tape, OPERATORS, 3);
    }

    function test_RevertWhen_ThereIsNoSuchRow() external {
        Query memory q = query(IDS, 1, new bytes(6), 0, none(), none());
        vm.expectRevert(badQuestion("row", 1, 1));
        put(q);
        q = query(CONTEXT, 3, new bytes(12), 0, none(), none());
        vm.expectRevert(badQuestion("row", 3, 3));
        put(q);
    }

    function test_RevertWhen_TheRowHasAnotherLength() external {
        for (uint16 operator = 0; operator < OPERATORS; ++operator) {
            (, uint32 length) = referee.shapeOf(tape, operator, units);
            Query memory q = query(operator, 0, new bytes(length + 1), 0, none(), none());
            vm.expectRevert(badQuestion("length", length + 1, length));
            put(q);
        }
    }

    function test_RevertWhen_ThereIsNoSuchElement() external {
        // Elements proper, and headers.
        uint8[14] memory elements = [3, 9, 9, 8, 8, 3, 8, 8, 9, 9, 12, 3, 9, 8];
        for (uint16 operator = 0; operator < OPERATORS; ++operator) {
            (, uint32 length) = referee.shapeOf(tape, operator, units);
            Query memory q = query(operator, 0, new bytes(length), elements[operator], none(), none());
            vm.expectRevert(badQuestion("element", elements[operator], elements[operator]));
            put(q);
        }
    }

    /* UNITS */

    function test_WhenTheModelDoesNotTakeTheUnits() external {
        units = 6;
        assertTrue(put(query(IDS, 0, new bytes(12), 0, none(), none())), "one too many");
        assertTrue(put(query(EXP, 5, new bytes(28), 77, none(), none())), "whatever the operator and the element");
        units = 0;
        assertTrue(put(query(IDS, 0, "", 0, none(), none())), "none");
        units = 5;
        assertFalse(put(query(IDS, 0, new bytes(10), 0, none(), none())), "the most");
        units = 1;
        assertFalse(put(query(IDS, 0, new bytes(2), 0, none(), none())), "the least");
    }

    /* OPENINGS */

    function test_RevertWhen_OpeningsAreTooManyOrTooFew() external {
        Query memory q = expQuery(1, 2, 1);
        put(q);
        q.weights = q.tensors;
        vm.expectRevert(badQuestion("weights", 2, 1));
        put(q);
        delete q.tensors;
        vm.expectRevert(badQuestion("tensors", 0, 2));
        put(q);
        q = query(EXP, 1, new bytes(22), 6, given(3, 1, new bytes(8)), none());
        vm.expectRevert(badQuestion("tensors", 1, 0));
        put(q);
        q = query(EXP, 1, new bytes(22), 6, none(), given(4, 1, new bytes(4)));
        vm.expectRevert(badQuestion("weights", 1, 0));
        put(q);
        q = query(IDS, 0, new bytes(6), 0, given(0, 0, new bytes(6)), none());
        vm.expectRevert(badQuestion("tensors", 1, 0));
        put(q);
    }

    function test_RevertWhen_AnotherRowIsOpened() external {
        Query memory q = expQuery(0, 2, 1);
        vm.expectRevert(badOpening(0));
        put(q);
        q = expQuery(1, 1, 1);
        vm.expectRevert(badOpening(1));
        put(q);
        q = expQuery(1, 2, 0);
        vm.expectRevert(badOpening(2));
        put(q);
    }

    function test_RevertWhen_AnotherTensorIsOpened() external {
        // The keys as queries and the queries as keys: both have rows of that length.
        Given[] memory tensors = given(4, 1, new bytes(8), 3, 2, new bytes(8));
        Query memory q = query(EXP, 1, new bytes(22), 5, tensors, given(4, 1, new bytes(4)));
        vm.expectRevert(badOpening(0));
        put(q);
    }

    function test_RevertWhen_TheOpenedRowHasAnotherLength() external {
        Given[] memory tensors = given(3, 1, new bytes(8), 4, 2, new bytes(9));
        Query memory q = query(EXP, 1, new bytes(22), 5, tensors, given(4, 1, new bytes(4)));
        vm.expectRevert(badOpening(1));
        put(q);
    }

    function test_RevertWhen_TheTensorHasAnotherNumberOfRows() external {
        Query memory q = expQuery(1, 2, 1);
        // The provider committed to queries of four tokens, of a task that has three.
        (q.traceRoot, q.tensors) = this.openTensors(tape, 4, given(3, 1, new bytes(8), 4, 2, new bytes(8)));
        vm.expectRevert(badOpening(0));
        put(q);
    }

    function test_RevertWhen_AProofIsWrong() external {
        for (uint256 i = 0; i < 3; ++i) {
            Query memory q = expQuery(1, 2, 1);
            if (i < 2) q.tensors[i].proof[0] ^= bytes32(uint256(1));
            else q.weights[0].proof[0] ^= bytes32(uint256(1));
            vm.expectRevert(badOpening(i));
            put(q);
            q = expQuery(1, 2, 1);
            if (i < 2) q.tensors[i].rootProof[0] ^= bytes32(uint256(1));
            else q.weights[0].rootProof[0] ^= bytes32(uint256(1));
            vm.expectRevert(badOpening(i));
            put(q);
            q = expQuery(1, 2, 1);
            if (i < 2) q.tensors[i].row[0] = 0x01;
            else q.weights[0].row[0] = 0x01;
            vm.expectRevert(badOpening(i));
            put(q);
        }
    }

    function test_RevertWhen_WeightsAreOpenedUnderTheTrace() external {
        Query memory q = expQuery(1, 2, 1);
        (q.weightsRoot, q.traceRoot) = (q.traceRoot, q.weightsRoot);
        vm.expectRevert(badOpening(0));
        put(q);
    }

    /// @dev The ids are false there, and the operator to name is theirs.
    function test_RevertWhen_AnEmbeddedIdHasNoWord() external {
        bytes memory ids = abi.encodePacked(uint16(1), uint16(300), uint16(1));
        Given[] memory weights = given(0, 299, new bytes(12), 1, 1, new bytes(16));
        Query memory q = query(EMBED, 1, new bytes(40), 0, given(IDS, 0, ids), weights);
        vm.expectRevert(badOpening(1));
        put(q);
        assertTrue(isFalse(IDS, 0, ids, 1, none(), none()));
    }

    /* SHAPES */

    function test_OperatorCount() external view {
        assertEq(referee.operatorCount(tape), OPERATORS);
    }

    function test_ShapeOf() external view {
        uint8[14] memory rows = [1, 3, 3, 3, 3, 8, 3, 3, 3, 3, 3, 8, 1, 1];
        uint8[14] memory lengths = [6, 40, 18, 8, 8, 3, 22, 12, 40, 18, 16, 6, 36, 16];
        for (uint16 operator = 0; operator < OPERATORS; ++operator) {
            (uint32 rowsOf, uint32 lengthOf) = referee.shapeOf(tape, operator, units);
            assertEq(rowsOf, rows[operator]);
            assertEq(lengthOf, lengths[operator]);
        }
    }

    /// @dev A provider that commits to such units must be asked for rows that it cannot show, rather than for none.
    function test_ShapeOf_UnitsBeyondAnyModel() external view {
        uint32 most = type(uint32).max;
        (uint32 rows, uint32 length) = referee.shapeOf(tape, IDS, most);
        assertEq(rows, 1);
        assertEq(length, most);
        (rows, length) = referee.shapeOf(tape, EXP, most);
        assertEq(rows, most);
        assertEq(length, most);
    }
}
