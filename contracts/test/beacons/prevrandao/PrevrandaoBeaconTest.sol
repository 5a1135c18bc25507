// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {PrevrandaoBeacon} from "../../../src/work/beacons/PrevrandaoBeacon.sol";
import {HeaderBuilder} from "../utils/HeaderBuilder.sol";

/// @notice A chain at block `HEAD` that keeps block hashes in its state, and a beacon deployed there. Block `n` has the mix
/// `mixOf(n)` and, once it is `mined`, the header `headerOf(n)`.
abstract contract PrevrandaoBeaconTest is Test {
    uint64 internal constant HEAD = 20_000_000;
    uint32 internal constant DELAY = 132;
    uint64 internal constant ROUND = HEAD + DELAY;

    address internal constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;
    /// @dev The system contract's code, as EIP-2935 states it.
    bytes internal constant HISTORY_CODE =
        hex"3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500";

    PrevrandaoBeacon internal beacon;
    address internal stranger = makeAddr("stranger");

    function setUp() public virtual {
        vm.etch(HISTORY, HISTORY_CODE);
        mined(HEAD - 1, headerOf(HEAD - 1));
        head(HEAD);
        beacon = new PrevrandaoBeacon(DELAY);
    }

    function mixOf(uint256 number) internal pure returns (bytes32) {
        return keccak256(abi.encode("mix", number));
    }

    function headerOf(uint64 number) internal pure returns (bytes memory) {
        return HeaderBuilder.headerOf(number, mixOf(number));
    }

    /// @dev The chain stands at block `number`.
    function head(uint64 number) internal {
        vm.roll(number);
        vm.prevrandao(mixOf(number));
    }

    /// @dev Block `number` has this header, and the chain goes on by one block: its hash is known to opcode and system contract.
    function mined(uint64 number, bytes memory header) internal {
        head(number + 1);
        vm.setBlockhash(number, keccak256(header));
        vm.store(HISTORY, bytes32(uint256(number % 8191)), keccak256(header));
    }

    /// @dev Block `ROUND` is mined as it should be, and the chain stands `age` blocks later.
    function minedAgo(uint64 age) internal returns (bytes memory header) {
        header = headerOf(ROUND);
        mined(ROUND, header);
        head(ROUND + age);
    }

    /// @dev A beacon on a chain whose system contract does not exist.
    function beaconWithoutHistory() internal returns (PrevrandaoBeacon other) {
        vm.etch(HISTORY, "");
        other = new PrevrandaoBeacon(DELAY);
    }

    function record(bytes memory header) internal {
        vm.prank(stranger);
        beacon.record(header);
    }
}
