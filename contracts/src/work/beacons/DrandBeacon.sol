// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BLS12381} from "./BLS12381.sol";
import {IDrandBeacon} from "./IDrandBeacon.sol";
import {IBeacon} from "../IBeacon.sol";

/// @title DrandBeacon
/// @notice Rounds of one drand network. No admin: a network with another key or schedule is another contract.
contract DrandBeacon is IDrandBeacon {
    /// @inheritdoc IDrandBeacon
    uint64 public immutable genesis;

    /// @inheritdoc IDrandBeacon
    uint32 public immutable period;

    /// @inheritdoc IDrandBeacon
    uint32 public immutable drift;

    /// @dev The public key. Immutables are words, and reading eight slots would cost 16,800 gas a round.
    bytes32 private immutable _KEY_0;
    bytes32 private immutable _KEY_1;
    bytes32 private immutable _KEY_2;
    bytes32 private immutable _KEY_3;
    bytes32 private immutable _KEY_4;
    bytes32 private immutable _KEY_5;
    bytes32 private immutable _KEY_6;
    bytes32 private immutable _KEY_7;

    /* STORAGE */

    mapping(uint64 round => bytes32 value) private _values;

    /// @param genesis_ Unix time of round 1.
    /// @param period_ Seconds between rounds.
    /// @param drift_ Largest number of seconds by which a block's timestamp lies behind the time at which the block can change.
    /// @param publicKey_ The network's key, a point of G2 in 256 bytes (EIP-2537).
    constructor(uint64 genesis_, uint32 period_, uint32 drift_, bytes memory publicKey_) {
        require(period_ != 0, DrandBeacon_NoPeriod());
        require(BLS12381.isKey(publicKey_), DrandBeacon_BadKey());
        genesis = genesis_;
        period = period_;
        drift = drift_;
        bytes32[8] memory key = abi.decode(publicKey_, (bytes32[8]));
        (_KEY_0, _KEY_1, _KEY_2, _KEY_3) = (key[0], key[1], key[2], key[3]);
        (_KEY_4, _KEY_5, _KEY_6, _KEY_7) = (key[4], key[5], key[6], key[7]);
    }

    /* VIEWS */

    /// @inheritdoc IDrandBeacon
    function publicKey() public view returns (bytes memory) {
        return abi.encode(_KEY_0, _KEY_1, _KEY_2, _KEY_3, _KEY_4, _KEY_5, _KEY_6, _KEY_7);
    }

    /// @inheritdoc IBeacon
    /// @dev Round r is published at `genesis + (r - 1) * period`. This is the first that is published after the latest time at
    /// which this block may still change.
    function nextRound() external view returns (uint64) {
        uint256 latest = block.timestamp + drift;
        if (latest < genesis) return 1;
        // Casting is safe: times in seconds fit 64 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint64((latest - genesis) / period + 2);
    }

    /// @inheritdoc IBeacon
    function valueOf(uint64 round) external view returns (bytes32) {
        return _values[round];
    }

    /// @inheritdoc IBeacon
    /// @dev Never: a signature stays valid, and a network that is late may still publish it.
    function isLost(uint64) external pure returns (bool) {
        return false;
    }

    /* RECORDING */

    /// @inheritdoc IDrandBeacon
    function record(uint64 round, bytes calldata signature) external {
        if (_values[round] != 0) return;
        bytes32 message = sha256(abi.encodePacked(round));
        require(BLS12381.verify(signature, message, publicKey()), DrandBeacon_BadSignature(round));

        bytes32 value = sha256(BLS12381.compress(signature));
        _values[round] = value;
        emit RoundRecorded(round, value, msg.sender);
    }
}
