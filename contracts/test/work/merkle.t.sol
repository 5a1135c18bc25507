// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Batch, Task} from "../../src/work/WorkTypes.sol";
import {MerkleTree} from "../../src/work/libraries/MerkleTree.sol";
import {TaskLeaf} from "../../src/work/libraries/TaskLeaf.sol";
import {MerkleBuilder} from "./utils/MerkleBuilder.sol";

/// @dev Fields in the order of their names, as the JSON decoder gives them.
struct ProofVector {
    uint256 index;
    bytes32 leaf;
    bytes32[] siblings;
}

/// @notice The hashing against the vectors that the Rust side wrote, and against itself.
contract Merkle_Test is Test {
    string private vectors;

    function setUp() public {
        vectors = vm.readFile("test-fixtures/vectors/merkle.json");
    }

    /// @dev Through calldata, as the contracts call it.
    function verify(bytes32 root, uint64 count, uint64 index, bytes32 leaf, bytes32[] calldata proof)
        external
        pure
        returns (bool)
    {
        return MerkleTree.verify(root, count, index, leaf, proof);
    }

    function leafOf(uint256 chainId, bytes32 orderId, address provider, Task calldata task)
        external
        pure
        returns (bytes32)
    {
        return TaskLeaf.hash(chainId, orderId, provider, task);
    }

    function isIn(Task calldata task, Batch calldata batch, uint256 chainId) external pure returns (bool) {
        return TaskLeaf.isIn(task, batch, chainId);
    }

    /* VECTORS */

    function test_Vectors_Leaves() external view {
        uint256 seen = 0;
        for (; exists(".leafHashes", seen); ++seen) {
            string memory key = item(".leafHashes", seen);
            bytes memory data = vm.parseJsonBytes(vectors, string.concat(key, ".data"));
            assertEq(MerkleTree.leafHash(data), hashAt(key, ".hash"));
        }
        assertEq(seen, 3, "leaf vectors");
    }

    function test_Vectors_NodeAndRoot() external view {
        assertEq(
            MerkleTree.nodeHash(hashAt(".nodeHash", ".left"), hashAt(".nodeHash", ".right")),
            hashAt(".nodeHash", ".hash")
        );
        uint64 count = uint64(vm.parseJsonUint(vectors, ".rootHash.count"));
        assertEq(MerkleTree.rootHash(count, hashAt(".rootHash", ".top")), hashAt(".rootHash", ".hash"));
    }

    function test_Vectors_Trees() external {
        vm.pauseGasMetering();
        uint256 seen = 0;
        uint256 proofs = 0;
        for (; exists(".trees", seen); ++seen) {
            string memory key = item(".trees", seen);
            uint64 count = uint64(vm.parseJsonUint(vectors, string.concat(key, ".count")));
            bytes32 root = hashAt(key, ".root");
            assertEq(MerkleBuilder.rootOf(numberedLeaves(count)), root, key);
            // All at once: each look-up parses the whole file.
            bytes memory list = vm.parseJson(vectors, string.concat(key, ".proofs"));
            ProofVector[] memory vectorsOfTree = abi.decode(list, (ProofVector[]));
            for (uint256 i = 0; i < vectorsOfTree.length; ++i) {
                checkProof(root, count, vectorsOfTree[i]);
                ++proofs;
            }
        }
        assertEq(seen, 38, "tree vectors");
        assertEq(proofs, 586, "proof vectors");
    }

    function test_Vectors_OneRowTensors() external view {
        uint256 seen = 0;
        for (uint256 i = 0; exists(".tensors", i); ++i) {
            bytes[] memory rows = vm.parseJsonBytesArray(vectors, string.concat(item(".tensors", i), ".rows"));
            bytes32[] memory leaves = new bytes32[](rows.length);
            for (uint256 j = 0; j < rows.length; ++j) {
                leaves[j] = MerkleTree.leafHash(rows[j]);
            }
            assertEq(MerkleBuilder.rootOf(leaves), hashAt(item(".tensors", i), ".root"));
            if (rows.length == 1) assertEq(MerkleTree.rowRoot(rows[0]), hashAt(item(".tensors", i), ".root"));
            ++seen;
        }
        assertEq(seen, 4, "tensor vectors");
    }

    function test_Vectors_Inputs() external view {
        uint256 seen = 0;
        for (; exists(".inputs", seen); ++seen) {
            string memory key = item(".inputs", seen);
            bytes[] memory rows = vm.parseJsonBytesArray(vectors, string.concat(key, ".rows"));
            bytes32[] memory hashes = vm.parseJsonBytes32Array(vectors, string.concat(key, ".inputHashes"));
            bytes32 root = hashAt(key, ".inputsRoot");
            assertEq(rows.length, hashes.length);
            for (uint256 i = 0; i < rows.length; ++i) {
                assertEq(MerkleTree.rowRoot(rows[i]), hashes[i]);
                bytes32[] memory proof = vm.parseJsonBytes32Array(vectors, item(string.concat(key, ".proofs"), i));
                bytes32 leaf = MerkleTree.leafHash(abi.encodePacked(hashes[i]));
                assertTrue(this.verify(root, uint64(rows.length), uint64(i), leaf, proof));
            }
        }
        assertEq(seen, 3, "input vectors");
    }

    function test_Vectors_TaskLeaves() external view {
        uint256 seen = 0;
        for (; exists(".taskLeaves", seen); ++seen) {
            string memory key = item(".taskLeaves", seen);
            Task memory task;
            task.index = uint32(vm.parseJsonUint(vectors, string.concat(key, ".index")));
            task.inputHash = hashAt(key, ".inputHash");
            task.outputHash = hashAt(key, ".outputHash");
            task.unitsBefore = uint64(vm.parseJsonUint(vectors, string.concat(key, ".unitsBefore")));
            task.units = uint32(vm.parseJsonUint(vectors, string.concat(key, ".units")));
            uint256 chainId = vm.parseJsonUint(vectors, string.concat(key, ".chainId"));
            address provider = vm.parseJsonAddress(vectors, string.concat(key, ".provider"));
            assertEq(this.leafOf(chainId, hashAt(key, ".orderId"), provider, task), hashAt(key, ".leaf"), key);
        }
        assertEq(seen, 10, "task leaf vectors");
    }

    /* PROPERTIES */

    function testFuzz_EveryLeafProvesItsPlaceAndNoOther(uint256 count, uint256 index, uint256 other) external view {
        count = bound(count, 1, 200);
        index = bound(index, 0, count - 1);
        other = bound(other, 0, 2 * count);
        bytes32[] memory leaves = numberedLeaves(count);
        bytes32 root = MerkleBuilder.rootOf(leaves);
        bytes32[] memory proof = MerkleBuilder.proofOf(leaves, index);
        assertTrue(this.verify(root, uint64(count), uint64(index), leaves[index], proof));
        if (other != index) assertFalse(this.verify(root, uint64(count), uint64(other), leaves[index], proof));
    }

    function testFuzz_RevertWhen_TheProofIsAltered(uint256 count, uint256 index, uint256 level, uint256 bit)
        external
        view
    {
        count = bound(count, 2, 200);
        index = bound(index, 0, count - 1);
        bytes32[] memory leaves = numberedLeaves(count);
        bytes32[] memory proof = MerkleBuilder.proofOf(leaves, index);
        level = bound(level, 0, proof.length - 1);
        proof[level] ^= bytes32(uint256(1) << (bit % 256));
        assertFalse(this.verify(MerkleBuilder.rootOf(leaves), uint64(count), uint64(index), leaves[index], proof));
    }

    function testFuzz_TheCountIsBound(uint256 count, uint256 claimed, uint256 index) external view {
        count = bound(count, 1, 100);
        claimed = bound(claimed, 1, 200);
        vm.assume(claimed != count);
        index = bound(index, 0, count - 1);
        bytes32[] memory leaves = numberedLeaves(count);
        bytes32[] memory proof = MerkleBuilder.proofOf(leaves, index);
        bytes32 root = MerkleBuilder.rootOf(leaves);
        assertFalse(this.verify(root, uint64(claimed), uint64(index), leaves[index], proof));
    }

    function testFuzz_ASiblingTooManyOrTooFew(uint256 count, uint256 index) external view {
        count = bound(count, 2, 100);
        index = bound(index, 0, count - 1);
        bytes32[] memory leaves = numberedLeaves(count);
        bytes32[] memory proof = MerkleBuilder.proofOf(leaves, index);
        bytes32 root = MerkleBuilder.rootOf(leaves);
        bytes32[] memory longer = new bytes32[](proof.length + 1);
        bytes32[] memory shorter = new bytes32[](proof.length - 1);
        for (uint256 i = 0; i < proof.length; ++i) {
            longer[i] = proof[i];
            if (i < shorter.length) shorter[i] = proof[i];
        }
        assertFalse(this.verify(root, uint64(count), uint64(index), leaves[index], longer));
        assertFalse(this.verify(root, uint64(count), uint64(index), leaves[index], shorter));
    }

    function test_AnInnerNodeIsNoLeaf() external view {
        bytes32[] memory leaves = numberedLeaves(4);
        bytes32 node = MerkleTree.nodeHash(leaves[0], leaves[1]);
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = MerkleTree.nodeHash(leaves[2], leaves[3]);
        assertFalse(this.verify(MerkleBuilder.rootOf(leaves), 4, 0, node, proof));
        assertFalse(this.verify(MerkleBuilder.rootOf(leaves), 2, 0, node, proof));
    }

    function test_ATaskBeforeTheBatchIsNotInIt() external view {
        Batch memory batch;
        batch.first = 5;
        batch.count = 3;
        Task memory task;
        task.index = 4;
        assertFalse(this.isIn(task, batch, 1));
    }

    /* HELPERS */

    function checkProof(bytes32 root, uint64 count, ProofVector memory proof) private view {
        uint64 index = uint64(proof.index);
        assertEq(proof.leaf, MerkleTree.leafHash(abi.encodePacked(index)));
        assertTrue(this.verify(root, count, index, proof.leaf, proof.siblings));
        assertFalse(this.verify(root, count, index + 1, proof.leaf, proof.siblings));
    }

    function numberedLeaves(uint256 count) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            leaves[i] = MerkleTree.leafHash(abi.encodePacked(uint64(i)));
        }
    }

    function item(string memory list, uint256 index) private pure returns (string memory) {
        return string.concat(list, "[", vm.toString(index), "]");
    }

    function exists(string memory list, uint256 index) private view returns (bool) {
        return vm.keyExistsJson(vectors, item(list, index));
    }

    function hashAt(string memory key, string memory field) private view returns (bytes32) {
        return vm.parseJsonBytes32(vectors, string.concat(key, field));
    }
}
