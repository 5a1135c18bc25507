// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {MerkleTree} from "../../src/work/libraries/MerkleTree.sol";

/// @notice Proofs by halmos, taking keccak256 for free of collisions: a root fixes the number of leaves and the leaf at
/// each place, and a place the length of its proof. Trees have up to four leaves in what is proved of each place, up to five elsewhere.
contract MerkleTree_Symbolic_Test is Test {
    function verify(bytes32 root, uint64 count, uint64 index, bytes32 leaf, bytes32[] calldata proof)
        external
        pure
        returns (bool)
    {
        return MerkleTree.verify(root, count, index, leaf, proof);
    }

    function list(bytes32[3] memory siblings, uint256 length) private pure returns (bytes32[] memory proof) {
        proof = new bytes32[](length);
        for (uint256 i = 0; i < length; ++i) {
            proof[i] = siblings[i];
        }
    }

    /// @dev Without a branch, which would double the paths each time.
    function both(bool one, bool other) private pure returns (bool holds) {
        assembly ("memory-safe") {
            holds := and(one, other)
        }
    }

    /// @dev Siblings on the way up from leaf `index` of `count`.
    function lengthOf(uint64 count, uint64 index) private pure returns (uint256 length) {
        for (uint64 width = count; width > 1; width = (width + 1) / 2) {
            if (index != width - 1 || width % 2 == 0) ++length;
            index /= 2;
        }
    }

    /// @dev One root is of one number of leaves.
    function check_OneCount(bytes32 root, bytes32 a, bytes32 b, bytes32[3] memory p, bytes32[3] memory q)
        external
        view
    {
        for (uint64 left = 1; left <= 5; ++left) {
            for (uint64 right = left + 1; right <= 5; ++right) {
                bool one = this.verify(root, left, 0, a, list(p, lengthOf(left, 0)));
                bool other = this.verify(root, right, 0, b, list(q, lengthOf(right, 0)));
                assert(!both(one, other));
            }
        }
    }

    /// @dev One root has one leaf at a place: every place of trees of up to four leaves, each by itself.
    function check_OneLeaf(uint8 place, bytes32 root, bytes32 a, bytes32 b, bytes32[3] memory p, bytes32[3] memory q)
        external
        view
    {
        uint256 number;
        for (uint64 count = 1; count <= 4; ++count) {
            for (uint64 index = 0; index < count; ++index) {
                if (place != number++) continue;
                uint256 length = lengthOf(count, index);
                bool one = this.verify(root, count, index, a, list(p, length));
                bool other = this.verify(root, count, index, b, list(q, length));
                assert(a == b || !both(one, other));
                return;
            }
        }
    }

    /// @dev A proof has exactly the siblings on the way up; no index beyond the count has any.
    function check_ExactLength(bytes32 root, bytes32 leaf, bytes32[3] memory p) external view {
        for (uint64 count = 1; count <= 5; ++count) {
            for (uint64 index = 0; index < count + 2; ++index) {
                for (uint256 length = 0; length <= 3; ++length) {
                    bool right = index < count && length == lengthOf(count, index);
                    if (right) continue;
                    assert(!this.verify(root, count, index, leaf, list(p, length)));
                }
            }
        }
    }
}
