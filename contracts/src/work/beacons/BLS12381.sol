// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title BLS12381
/// @notice BLS signatures on G1 by the precompiles of EIP-2537. Points have that EIP's encoding: field elements of 64 bytes, big
/// endian, the first 16 zero; a point of G1 is x and y, one of G2 x₀, x₁, y₀ and y₁, infinity all zeros.
/// @dev The precompiles refuse coordinates that are not below the modulus, and the pairing also refuses points off the curve or
/// outside the subgroup. The latter matters: a signature plus a point of order three satisfies the pairing equation too.
library BLS12381 {
    /// @notice A precompile refused its input or does not exist.
    error BLS12381_PrecompileFailed(address precompile);

    uint256 internal constant G1_SIZE = 128;
    uint256 internal constant G2_SIZE = 256;

    address private constant MODEXP = address(0x05);
    address private constant G1_ADD = address(0x0b);
    address private constant PAIRING_CHECK = address(0x0f);
    address private constant MAP_FP_TO_G1 = address(0x10);

    /// @dev The field's modulus.
    bytes private constant MODULUS = hex"000000000000000000000000000000001a0111ea397fe69a4b1ba7b6434bacd7"
        hex"64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab";

    /// @dev (modulus - 1) / 2, upper 16 and lower 32 bytes.
    uint128 private constant HALF_HIGH = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant HALF_LOW = 0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;

    /// @dev The generator of G2, negated.
    bytes private constant NEGATED_G2 = hex"00000000000000000000000000000000024aa2b2f08f0a91260805272dc51051"
        hex"c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"
        hex"0000000000000000000000000000000013e02b6052719f607dacd3a088274f65"
        hex"596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"
        hex"000000000000000000000000000000000d1b3cc2c7027888be51d9ef691d77bc"
        hex"b679afda66c73f17f9ee3837a55024f78c71363275a75d75d86bab79f74782aa"
        hex"0000000000000000000000000000000013fa4d4a0ad8b1ce186ed5061789213d"
        hex"993923066dddaf1040bc3ff59f825c78df74f2d75467e25e0f55f8a00fa030ed";

    /// @dev The domain separation tag of the ciphersuite for signatures on G1, with its length (RFC 9380, 5.3.3).
    bytes private constant DST_PRIME = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_\x2b";

    /// @notice Whether `key` can be a public key: a point of G2 other than infinity.
    /// @dev With infinity as the key, infinity would be a signature of everything.
    function isKey(bytes memory key) internal view returns (bool) {
        if (key.length != G2_SIZE || keccak256(key) == keccak256(new bytes(G2_SIZE))) return false;
        return _pairsToOne(bytes.concat(new bytes(G1_SIZE), key));
    }

    /// @notice Whether `signature` is that of `message` by `key`, which must be one (`isKey`).
    function verify(bytes calldata signature, bytes32 message, bytes memory key) internal view returns (bool) {
        if (signature.length != G1_SIZE) return false;
        return _pairsToOne(bytes.concat(signature, NEGATED_G2, hashToG1(message), key));
    }

    /// @notice `hash_to_curve` of RFC 9380 for BLS12381G1_XMD:SHA-256_SSWU_RO_.
    /// @dev The precompile clears the cofactor of each summand, which is the same as doing so to the sum.
    function hashToG1(bytes32 message) internal view returns (bytes memory) {
        bytes32 b0 = sha256(bytes.concat(new bytes(64), message, hex"008000", DST_PRIME));
        bytes32 b1 = _block(b0, 1);
        bytes32 b2 = _block(b0 ^ b1, 2);
        bytes32 b3 = _block(b0 ^ b2, 3);
        bytes32 b4 = _block(b0 ^ b3, 4);
        return _call(G1_ADD, bytes.concat(_map(b1, b2), _map(b3, b4)), G1_SIZE);
    }

    /// @notice The compressed form of a point that is neither infinity nor off the curve: x with the highest bit set, and the third
    /// highest if y is the larger one of y and -y.
    function compress(bytes calldata point) internal pure returns (bytes memory compressed) {
        uint128 high = uint128(bytes16(point[80:96]));
        uint256 low = uint256(bytes32(point[96:128]));
        bool larger = high > HALF_HIGH || (high == HALF_HIGH && low > HALF_LOW);
        compressed = point[16:64];
        compressed[0] |= larger ? bytes1(0xa0) : bytes1(0x80);
    }

    /// @dev One block of `expand_message_xmd`.
    function _block(bytes32 input, uint8 index) private pure returns (bytes32) {
        return sha256(bytes.concat(input, bytes1(index), DST_PRIME));
    }

    /// @dev The point that 64 uniform bytes stand for: reduced by the modulus, mapped to the curve, in the subgroup.
    function _map(bytes32 high, bytes32 low) private view returns (bytes memory) {
        bytes memory sizes = abi.encode(64, 1, 64);
        bytes memory element = _call(MODEXP, bytes.concat(sizes, high, low, hex"01", MODULUS), 64);
        return _call(MAP_FP_TO_G1, element, G1_SIZE);
    }

    /// @dev Whether the product of the pairings is one. False as well for what are no points of the groups.
    function _pairsToOne(bytes memory pairs) private view returns (bool) {
        (bool success, bytes memory result) = PAIRING_CHECK.staticcall(pairs);
        return success && result.length == 32 && abi.decode(result, (uint256)) == 1;
    }

    function _call(address precompile, bytes memory input, uint256 size) private view returns (bytes memory output) {
        bool success;
        (success, output) = precompile.staticcall(input);
        require(success && output.length == size, BLS12381_PrecompileFailed(precompile));
    }
}
