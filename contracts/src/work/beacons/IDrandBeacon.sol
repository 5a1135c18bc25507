// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBeacon} from "../IBeacon.sol";

/// @title IDrandBeacon
/// @notice Randomness of a drand network, verified on chain by the BLS12-381 precompiles (EIP-2537). For networks of the scheme
/// `bls-unchained-g1-rfc9380`, which quicknet is: a round's signature is a point of G1 over `sha256(round)`, the key one of G2, and
/// the value is the SHA-256 of the compressed signature, as drand itself publishes it.
///
/// Hazards:
/// - A threshold of the network's operators together knows every future value. Nobody else does, proposers and sequencers included.
/// - A round that the network withholds pauses what waits for it. It is never lost, for any fallback would be somebody's choice.
/// - A clock that runs behind by more than `drift` shows values before the round they are for is fixed.
interface IDrandBeacon is IBeacon {
    /// @notice Rounds must take time.
    error DrandBeacon_NoPeriod();
    /// @notice Not a point of G2 other than infinity, or this chain lacks the precompiles.
    error DrandBeacon_BadKey();
    /// @notice Not the network's signature of `round`.
    error DrandBeacon_BadSignature(uint64 round);

    /// @notice Proves the value of `round`. Anyone may; does nothing if it is recorded. A false signature costs nearly all gas that
    /// the call is given, for precompiles keep it when they refuse a point: a contract that calls this with what others give it
    /// limits the gas (200,000 do).
    /// @param signature The round's signature, uncompressed: x and y of 64 bytes each (EIP-2537).
    function record(uint64 round, bytes calldata signature) external;

    /// @notice Unix time of round 1.
    function genesis() external view returns (uint64);

    /// @notice Seconds between rounds.
    function period() external view returns (uint32);

    /// @notice Largest number of seconds by which a block's timestamp lies behind the time at which the block can still be changed:
    /// what its maker may backdate it by, and how long it may hold it back.
    function drift() external view returns (uint32);

    /// @notice The network's key: 256 bytes, a point of G2 (EIP-2537).
    function publicKey() external view returns (bytes memory);
}
