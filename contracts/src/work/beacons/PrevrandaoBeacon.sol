// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BlockHeader} from "./BlockHeader.sol";
import {IPrevrandaoBeacon} from "./IPrevrandaoBeacon.sol";
import {IBeacon} from "../IBeacon.sol";

/// @title PrevrandaoBeacon
/// @notice RANDAO mixes proved by block headers. No admin.
contract PrevrandaoBeacon is IPrevrandaoBeacon {
    /// @dev The system contract that serves block hashes (EIP-2935).
    address private constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    /// @dev How many blocks back the system contract and the BLOCKHASH opcode reach.
    uint32 private constant HISTORY_WINDOW = 8191;
    uint32 private constant OPCODE_WINDOW = 256;

    /// @inheritdoc IPrevrandaoBeacon
    uint32 public immutable delay;

    /// @inheritdoc IPrevrandaoBeacon
    uint32 public immutable window;

    /* STORAGE */

    mapping(uint64 round => bytes32 value) private _values;

    /// @param delay_ Blocks between a commitment and its round.
    constructor(uint32 delay_) {
        require(delay_ != 0, PrevrandaoBeacon_NoDelay());
        require(_isMix(block.prevrandao), PrevrandaoBeacon_NoRandao(block.prevrandao));
        delay = delay_;
        // Settled once, so that what was lost stays lost. That there is code at the address says little, for anybody can deploy
        // it anywhere; only a chain that runs the system call has written its parent's hash.
        bytes32 parent = blockhash(block.number - 1);
        bool served = parent != 0 && _history(block.number - 1) == parent;
        window = served ? HISTORY_WINDOW : OPCODE_WINDOW;
    }

    /* VIEWS */

    /// @inheritdoc IBeacon
    function nextRound() external view returns (uint64) {
        return uint64(block.number) + delay;
    }

    /// @inheritdoc IBeacon
    function valueOf(uint64 round) external view returns (bytes32) {
        return _values[round];
    }

    /// @inheritdoc IBeacon
    /// @dev INVARIANT: `record` succeeds for no round of which this was ever true. Both go by the same `window`, and this asks no
    /// other contract, so no shortage of gas makes a round look lost.
    function isLost(uint64 round) external view returns (bool) {
        return _values[round] == 0 && block.number > uint256(round) + window;
    }

    /* RECORDING */

    /// @inheritdoc IPrevrandaoBeacon
    function record(bytes calldata header) external {
        (uint64 round, bytes32 value) = BlockHeader.read(header);
        if (_values[round] != 0) return;
        bytes32 hash = _hashOf(round);
        require(hash != 0, PrevrandaoBeacon_NoHash(round));
        require(keccak256(header) == hash, PrevrandaoBeacon_WrongHeader(round, hash));
        // The round's block lies before this one, so only a constant is met again.
        bool changes = uint256(value) != block.prevrandao;
        require(changes && _isMix(uint256(value)), PrevrandaoBeacon_NotRandom(round, value));

        _values[round] = value;
        emit RoundRecorded(round, value, msg.sender);
    }

    /// @dev Zero while block `round` has none, and once it is out of reach.
    function _hashOf(uint64 round) private view returns (bytes32) {
        if (block.number <= uint256(round) + OPCODE_WINDOW) return blockhash(round);
        if (block.number <= uint256(round) + window) return _history(round);
        return 0;
    }

    /// @dev What the system contract says is the hash of block `number`; zero where there is none.
    function _history(uint256 number) private view returns (bytes32) {
        (bool success, bytes memory hash) = HISTORY.staticcall(abi.encode(number));
        return success && hash.length == 32 ? abi.decode(hash, (bytes32)) : bytes32(0);
    }

    /// @dev EIP-4399: a mix is above 2^64 but for an unlikely accident, a difficulty (or somebody's constant) is below.
    function _isMix(uint256 value) private pure returns (bool) {
        return value > type(uint64).max;
    }
}
