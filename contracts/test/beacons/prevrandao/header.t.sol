// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {BlockHeader} from "../../../src/work/beacons/BlockHeader.sol";
import {HeaderBuilder} from "../utils/HeaderBuilder.sol";

/// @notice The reader of headers by itself: what is one, and every way in which bytes are none.
contract BlockHeader_Test is Test {
    uint64 private constant NUMBER = 20_000_000;
    bytes32 private constant MIX = keccak256("mix");

    /// @dev Through calldata, as the beacon calls it.
    function read(bytes calldata header) external pure returns (uint64, bytes32) {
        return BlockHeader.read(header);
    }

    function testFuzz_ReadsWhatWasWritten(uint64 number, bytes32 mix, uint64[3] memory between, bytes memory extra)
        external
        view
    {
        bytes[] memory fields = HeaderBuilder.fieldsOf(number, mix);
        for (uint256 i = 0; i < 3; ++i) {
            fields[9 + i] = HeaderBuilder.integer(between[i]);
        }
        fields[HeaderBuilder.EXTRA_DATA] =
            HeaderBuilder.item(HeaderBuilder.cut(extra, 0, extra.length < 32 ? extra.length : 32));
        assertReads(HeaderBuilder.list(fields), number, mix);
    }

    function test_ReadsIntegersAtTheirEdges() external view {
        uint64[9] memory numbers =
            [0, 1, 0x7f, 0x80, 0xff, 0x100, type(uint32).max, uint64(type(uint32).max) + 1, type(uint64).max];
        for (uint256 i = 0; i < numbers.length; ++i) {
            assertReads(HeaderBuilder.headerOf(numbers[i], MIX), numbers[i], MIX);
        }
    }

    /// @dev Forks add fields behind the nonce, and a chain may lack some of them.
    function test_ReadsHeadersOfOtherForks() external view {
        bytes[] memory fields = HeaderBuilder.fieldsOf(NUMBER, MIX);
        for (uint256 length = 15; length <= 21; ++length) {
            assembly ("memory-safe") {
                mstore(fields, length)
            }
            assertReads(HeaderBuilder.list(fields), NUMBER, MIX);
        }
    }

    function test_RevertWhen_ItIsCutShort() external {
        bytes memory header = HeaderBuilder.headerOf(NUMBER, MIX);
        for (uint256 length = 0; length < header.length; ++length) {
            assertMalformed(HeaderBuilder.cut(header, 0, length));
        }
    }

    /// @dev Cut short, with a list that says so: up to the end of the nonce everything must be there.
    function test_RevertWhen_FieldsAreMissing() external {
        bytes[] memory fields = HeaderBuilder.fieldsOf(NUMBER, MIX);
        assembly ("memory-safe") {
            mstore(fields, 15)
        }
        bytes memory header = HeaderBuilder.list(fields);
        for (uint256 length = 3; length < header.length; ++length) {
            assertMalformed(HeaderBuilder.listOf(HeaderBuilder.cut(header, 3, length)));
        }
        assertReads(header, NUMBER, MIX);
    }

    function test_RevertWhen_BytesTrail() external {
        bytes memory header = HeaderBuilder.headerOf(NUMBER, MIX);
        assertMalformed(bytes.concat(header, hex"00"));
        assertMalformed(bytes.concat(header, header));
    }

    function test_RevertWhen_TheListIsLongerThanItsBytes() external {
        bytes memory header = HeaderBuilder.headerOf(NUMBER, MIX);
        header[2] = bytes1(uint8(header[2]) + 1);
        assertMalformed(header);
        header[1] = 0xff;
        assertMalformed(header);
    }

    function test_RevertWhen_TheListHasAnotherKindOfLength() external {
        bytes memory payload = "";
        bytes[] memory fields = HeaderBuilder.fieldsOf(NUMBER, MIX);
        for (uint256 i = 0; i < fields.length; ++i) {
            payload = bytes.concat(payload, fields[i]);
        }
        // Three and eight bytes where two do, one where it cannot, and a string instead of a list.
        assertMalformed(abi.encodePacked(hex"fa", uint24(payload.length), payload));
        assertMalformed(abi.encodePacked(hex"ff", uint64(payload.length), payload));
        assertMalformed(abi.encodePacked(hex"f8", uint8(payload.length), payload));
        assertMalformed(abi.encodePacked(hex"b9", uint16(payload.length), payload));
    }

    /// @dev Every field up to the nonce with another prefix: the one before, the one after, a list, a longer string.
    function test_RevertWhen_AFieldHasAnotherSize() external {
        for (uint256 i = 0; i < 15; ++i) {
            if (i > HeaderBuilder.DIFFICULTY && i < HeaderBuilder.MIX_HASH) continue;
            uint8 prefix = uint8(HeaderBuilder.fieldsOf(NUMBER, MIX)[i][0]);
            uint8[4] memory others = [prefix - 1, prefix + 1, 0xc0, 0xbf];
            for (uint256 j = 0; j < others.length; ++j) {
                bytes[] memory fields = HeaderBuilder.fieldsOf(NUMBER, MIX);
                fields[i][0] = bytes1(others[j]);
                assertMalformed(HeaderBuilder.list(fields));
            }
        }
    }

    function test_RevertWhen_TheBloomHasAnotherSize() external {
        bytes[] memory fields = HeaderBuilder.fieldsOf(NUMBER, MIX);
        fields[6][2] = 0x01;
        assertMalformed(HeaderBuilder.list(fields));
    }

    /// @dev Blocks of proof of work and of authorities: their mix hash is no RANDAO mix.
    function test_RevertWhen_ThereIsADifficulty() external {
        bytes[] memory fields = HeaderBuilder.fieldsOf(NUMBER, MIX);
        uint64[3] memory difficulties = [uint64(1), 2, 17_179_869_184];
        for (uint256 i = 0; i < difficulties.length; ++i) {
            fields[HeaderBuilder.DIFFICULTY] = HeaderBuilder.integer(difficulties[i]);
            assertMalformed(HeaderBuilder.list(fields));
        }
    }

    /// @dev Leading zeros, a wrapped single byte, more than 64 bits, lengths beyond the end, lists: for each integer.
    function test_RevertWhen_AnIntegerIsNotInItsShortestForm() external {
        bytes[9] memory wrong = [
            bytes(hex"00"),
            hex"8100",
            hex"817f",
            hex"820080",
            hex"88007fffffffffffff",
            hex"89010000000000000000",
            hex"b801ff",
            hex"bfffffffffffffffff",
            hex"c101"
        ];
        for (uint256 i = 8; i < 12; ++i) {
            for (uint256 j = 0; j < wrong.length; ++j) {
                bytes[] memory fields = HeaderBuilder.fieldsOf(NUMBER, MIX);
                fields[i] = wrong[j];
                assertMalformed(HeaderBuilder.list(fields));
            }
        }
    }

    function test_RevertWhen_TheExtraDataIsWrong() external {
        bytes[5] memory wrong = [
            bytes(hex"8100"),
            hex"817f",
            bytes.concat(hex"a1", new bytes(33)),
            bytes.concat(hex"b838", new bytes(56)),
            hex"c0"
        ];
        for (uint256 i = 0; i < wrong.length; ++i) {
            bytes[] memory fields = HeaderBuilder.fieldsOf(NUMBER, MIX);
            fields[HeaderBuilder.EXTRA_DATA] = wrong[i];
            assertMalformed(HeaderBuilder.list(fields));
        }
    }

    /// @dev Whatever the bytes are, they are read or refused by name: nothing overflows and no read goes beyond the end.
    function testFuzz_EveryInputIsReadOrRefused(bytes memory noise, uint256 offset, uint8 byte_) external view {
        assertReadOrRefused(noise);
        assertReadOrRefused(HeaderBuilder.listOf(noise));
        bytes memory header = HeaderBuilder.headerOf(NUMBER, MIX);
        header[bound(offset, 0, header.length - 1)] = bytes1(byte_);
        assertReadOrRefused(header);
    }

    function assertReads(bytes memory header, uint64 number, bytes32 mix) private view {
        (uint64 seenNumber, bytes32 seenMix) = this.read(header);
        assertEq(seenNumber, number);
        assertEq(seenMix, mix);
    }

    function assertMalformed(bytes memory header) private {
        vm.expectPartialRevert(BlockHeader.BlockHeader_Malformed.selector);
        this.read(header);
    }

    function assertReadOrRefused(bytes memory header) private view {
        try this.read(header) {}
        catch (bytes memory reason) {
            assertEq(bytes4(reason), BlockHeader.BlockHeader_Malformed.selector);
        }
    }
}
