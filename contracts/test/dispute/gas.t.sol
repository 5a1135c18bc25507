// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Step} from "../../src/work/IDisputeGame.sol";
import {Opening} from "../../src/work/IReferee.sol";
import {MerkleTree} from "../../src/work/libraries/MerkleTree.sol";
import {TapeBuilder} from "../referee/utils/TapeBuilder.sol";
import {MerkleBuilder} from "../work/utils/MerkleBuilder.sol";
import {Play} from "./DisputeTest.sol";
import {DrawnDisputeTest} from "./DrawnDisputeTest.sol";
import {Tensors} from "./utils/Tensors.sol";

/// @notice Gas of whole disputes over all-MiniLM-L6-v2 at its most units, each move a transaction of its own: 21,000 base, cold
/// storage, and calldata at what EIP-7623 asks (the floor where that is more). Rows are arbitrary bytes, of which hardly one
/// is zero, and so as dear as any; tensors that no move opens are arbitrary hashes.
/// @dev The task was drawn, and two validators agreed on it: the last move slashes the provider and both, and fills the pot.
/// forge-config: default.isolate = true
contract DisputeGame_Gas_Test is DrawnDisputeTest {
    string private constant GROUP = "DisputeGame";
    uint32 private constant MOST = 256;
    uint16 private constant OPERATORS = 65;
    uint16 private constant WEIGHTS = 57;

    uint256 private total;
    uint256 private largest;
    uint256 private moves;

    bytes32[] private roots;
    bytes32[] private weightRoots;

    struct Place {
        uint16 tensor;
        uint32 row;
        uint32 rows;
        uint32 length;
    }

    function setUp() public override {
        super.setUp();
        // Isolated transactions pay no base fee; neither does a call that asks for the bond.
        vm.fee(0);
    }

    /// @dev A value by channel: 384 rows of a byte for each token. The element is a product.
    function test_Gas_Transposed() external {
        Place[] memory tensors = new Place[](2);
        tensors[0] = Place(5, 100, 384, MOST);
        tensors[1] = Place(2, 7, MOST, 770);
        dispute("transposed", tensors, Place(5, 100, 384, 393), 7);
    }

    /// @dev The sum behind a layer's widest product: a row of 1,544 bytes for each token, 1,536 products an element.
    function test_Gas_Widest() external {
        Place[] memory tensors = new Place[](3);
        tensors[0] = Place(11, 100, MOST, 1544);
        tensors[1] = Place(10, 100, MOST, 1540);
        tensors[2] = Place(9, 100, MOST, 770);
        dispute("widest", tensors, Place(10, 383, 384, 1545), 383);
    }

    function test_Gas_Exits() external {
        Play memory play = committed(honest(WRONG), WRONG);
        uint256 start = vm.snapshotState();
        open(play);
        skip(TIME + 1);
        timeout(play);
        vm.snapshotGasLastCall(GROUP, "timeout_provider");
        vm.revertToState(start);
        playTo(play, Step.Answered);
        skip(TIME + 1);
        timeout(play);
        vm.snapshotGasLastCall(GROUP, "timeout_challenger");
        vm.prank(challenger);
        disputes.seal("never opened");
        skip(OPEN_WINDOW + 1);
        disputes.expireSeal("never opened");
        vm.snapshotGasLastCall(GROUP, "expireSeal");
        seal(play);
        vm.prank(address(verification));
        escrow.convict(play.order, play.batch, stranger);
        withdrawSeal(play);
        vm.snapshotGasLastCall(GROUP, "withdrawSeal");
    }

    /* A DISPUTE */

    /// @dev Over `tensors[0]`; the element opens the others, and `weight`.
    function dispute(string memory name, Place[] memory tensors, Place memory weight, uint32 element) private {
        bytes32[][] memory hashes = fill(tensors);
        bytes32[] memory weightHashes = fillWeights(weight);
        modelId = register(TapeBuilder.miniLM(), MerkleBuilder.rootOf(Tensors.leavesOf(weightRoots)));
        bytes[][] memory ends = new bytes[][](2);
        (ends[0], ends[1]) = (new bytes[](1), new bytes[](1));
        (ends[0][0], ends[1][0]) = (noise("ids", 2 * MOST), noise("unit", 768));
        Play memory play = committedAs(ends, WRONG, "salt", MOST);
        (roots[0], roots[OPERATORS - 1]) = (play.task.inputHash, play.task.outputHash);
        address[] memory validators = agree(play, roots).validators;

        open_(name, play);
        tellOperator(name, play, tensors[0], hashes[0]);
        tellRow(name, play, tensors[0], hashes[0]);
        Opening[] memory opened = new Opening[](tensors.length - 1);
        for (uint256 i; i < opened.length; ++i) {
            opened[i] = openingOf(tensors[i + 1], hashes[i + 1], roots);
        }
        Opening[] memory weights = new Opening[](1);
        weights[0] = openingOf(weight, weightHashes, weightRoots);
        bytes memory data = proveCall(play, rowOf(tensors[0]), element, opened, weights);
        vm.prank(challenger);
        send(data);
        count(name, "prove", data);
        assertForfeited(play);
        draws.conclude(play.order, play.batch);
        vm.snapshotGasLastCall(GROUP, string.concat(name, "_slash_agreed"));
        for (uint256 i; i < validators.length; ++i) {
            assertEq(seats.seatOf(address(draws), validators[i]).stake, 0, "slashed");
        }

        assertEq(moves, 8);
        assertLe(largest, 700_000);
        assertLe(total, 2_000_000);
        vm.snapshotValue(GROUP, string.concat(name, "_total"), total);
        vm.snapshotValue(GROUP, string.concat(name, "_largest"), largest);
    }

    function open_(string memory name, Play memory play) private {
        play.gameId = sealHashOf(play);
        play.bond = disputes.bondNow();
        play.sealNumber = 1;
        vm.prank(challenger);
        disputes.seal(play.gameId);
        count(name, "seal", abi.encodeCall(disputes.seal, (play.gameId)));
        skip(12);
        doOpen(play);
        count(name, "open", openCall(play));
        play.game = newGame(play);
        assertGame(play);
        skip(12);
        bytes memory data = answerCall(play, roots);
        vm.prank(provider);
        send(data);
        count(name, "answer", data);
    }

    function tellOperator(string memory name, Play memory play, Place memory place, bytes32[] memory hashes) private {
        uint256 answeredAt = block.timestamp;
        skip(12);
        doName(play, place.tensor);
        count(name, "nameOperator", nameOperatorCall(play, place.tensor));
        play.game = moved(answered(play.game, answeredAt), Step.OperatorNamed);
        play.game.operator = place.tensor;
        assertGame(play);
        skip(12);
        bytes32 root = MerkleBuilder.rootOf(hashes);
        bytes32[] memory proof = MerkleBuilder.proofOf(Tensors.leavesOf(roots), place.tensor);
        bytes memory data = showRowsCall(play, root, proof, hashes);
        vm.prank(provider);
        send(data);
        count(name, "showRows", data);
        play.game = moved(play.game, Step.RowsShown);
        (play.game.rows, play.game.operatorRoot) = (place.rows, root);
        assertGame(play);
    }

    function tellRow(string memory name, Play memory play, Place memory place, bytes32[] memory hashes) private {
        skip(12);
        doNameRow(play, place.row);
        count(name, "nameRow", nameRowCall(play, place.row));
        play.game = moved(play.game, Step.RowNamed);
        play.game.row = place.row;
        assertGame(play);
        skip(12);
        bytes memory row = rowOf(place);
        bytes32[] memory proof = MerkleBuilder.proofOf(hashes, place.row);
        bytes memory data = showRowCall(play, row, proof);
        vm.prank(provider);
        send(data);
        count(name, "showRow", data);
        play.game = moved(play.game, Step.RowShown);
        play.game.rowHash = MerkleTree.leafHash(row);
        assertGame(play);
        skip(12);
    }

    /// @dev The last call is the move's transaction.
    function count(string memory name, string memory move, bytes memory data) private {
        uint256 gas = vm.lastCallGas().gasTotalUsed;
        uint256 floor = 21_000;
        for (uint256 i; i < data.length; ++i) {
            floor += data[i] == 0 ? 10 : 40;
        }
        if (floor > gas) gas = floor;
        vm.snapshotValue(GROUP, string.concat(name, "_", move), gas);
        total += gas;
        if (gas > largest) largest = gas;
        ++moves;
    }

    /* DATA */

    function fill(Place[] memory tensors) private returns (bytes32[][] memory hashes) {
        for (uint256 i; i < OPERATORS; ++i) {
            roots.push(keccak256(abi.encode("tensor", i)));
        }
        hashes = new bytes32[][](tensors.length);
        for (uint256 i; i < tensors.length; ++i) {
            hashes[i] = hashesOf(tensors[i]);
            roots[tensors[i].tensor] = MerkleBuilder.rootOf(hashes[i]);
        }
    }

    function fillWeights(Place memory weight) private returns (bytes32[] memory hashes) {
        for (uint256 i; i < WEIGHTS; ++i) {
            weightRoots.push(keccak256(abi.encode("weights", i)));
        }
        hashes = hashesOf(weight);
        weightRoots[weight.tensor] = MerkleBuilder.rootOf(hashes);
    }

    function hashesOf(Place memory place) private pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](place.rows);
        for (uint256 i; i < place.rows; ++i) {
            hashes[i] = keccak256(abi.encode(place.tensor, i));
        }
        hashes[place.row] = MerkleTree.leafHash(rowOf(place));
    }

    function openingOf(Place memory place, bytes32[] memory hashes, bytes32[] memory under)
        private
        pure
        returns (Opening memory)
    {
        return Opening({
            row: rowOf(place),
            proof: MerkleBuilder.proofOf(hashes, place.row),
            root: MerkleBuilder.rootOf(hashes),
            rootProof: MerkleBuilder.proofOf(Tensors.leavesOf(under), place.tensor)
        });
    }

    function rowOf(Place memory place) private pure returns (bytes memory) {
        return noise(bytes32(uint256(place.tensor)), place.length);
    }

    function noise(bytes32 seed, uint256 length) private pure returns (bytes memory data) {
        data = new bytes(length);
        for (uint256 i; i < length; ++i) {
            if (i % 32 == 0) seed = keccak256(abi.encode(seed));
            data[i] = seed[i % 32];
        }
    }
}
