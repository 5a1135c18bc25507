// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Evidence} from "../../src/nodes/IAttestations.sol";
import {Run} from "../../src/nodes/ILicenseStaking.sol";
import {Part} from "../../src/nodes/IUptime.sol";
import {Trees} from "../rewards/Trees.sol";
import {Rule, Solved, World} from "./Rule.sol";
import {UptimeTest} from "./UptimeTest.sol";

/// @notice Small worlds and what they come to, for other implementations of the rule, in test-fixtures/vectors/uptime.json. The file is
/// compared; `WRITE_VECTORS=true` writes it.
contract Uptime_Vector_Test is UptimeTest {
    string private constant PATH = "test-fixtures/vectors/uptime.json";

    uint256 private _luck;

    function luck(uint256 below) private returns (uint256) {
        _luck = uint256(keccak256(abi.encode(_luck)));
        return _luck % below;
    }

    function test_Vectors() external {
        string memory all = string.concat('{\n"hashes": ', hashes(), ',\n"worlds": [\n');
        // Licences, operators, seats: nobody, one licence, odd ones, and many operators.
        uint32[3][6] memory sizes = [
            [uint32(1), 0, 0],
            [uint32(2), 1, 0],
            [uint32(1), 1, 1],
            [uint32(5), 3, 5],
            [uint32(7), 4, 3],
            [uint32(12), 5, 9]
        ];
        for (uint256 i; i < sizes.length; ++i) {
            _luck = i;
            World memory world = random(sizes[i][0], sizes[i][1], sizes[i][2]);
            all = string.concat(all, render(world), i + 1 == sizes.length ? "\n]\n}\n" : ",\n");
        }
        if (vm.envOr("WRITE_VECTORS", false)) vm.writeFile(PATH, all);
        assertEq(vm.readFile(PATH), all, "write it anew with WRITE_VECTORS=true");
    }

    function random(uint32 licenses_, uint32 operators, uint32 seats) private returns (World memory world) {
        (world.licenses, world.operators, world.seats, world.rounds) = (licenses_, operators, seats, 4);
        world.seed = keccak256(abi.encode("world", _luck));
        world.runs = new Run[](licenses_);
        for (uint256 l; l < licenses_ && operators != 0; ++l) {
            uint32 operator = licenses_ + 1 + uint32(luck(operators));
            if (luck(6) != 0) world.runs[l] = Run(operator, [uint16(0), 1500, 3333, 10_000][luck(4)]);
        }
        world.occupied = new bool[](seats);
        for (uint256 s; s < seats; ++s) {
            world.occupied[s] = luck(5) != 0;
        }
        (world.silent, world.revealed) = (new bool[](operators), new bool[](operators));
        (world.votes, world.answers) = (new bool[](operators), new bytes[](operators));
        for (uint256 o; o < operators; ++o) {
            (world.silent[o], world.revealed[o]) = (luck(5) == 0, luck(6) != 0);
            world.votes[o] = world.revealed[o] && luck(6) != 0;
            if (!world.revealed[o]) continue;
            world.answers[o] = new bytes(world.rounds * ((seats + 3) / 4));
            for (uint256 i; i < world.rounds * seats; ++i) {
                uint256 answer = luck(4) == 0 ? luck(4) : 1 + i % 3;
                Rule.write(world.answers[o], seats, i / seats, i % seats, answer);
            }
        }
    }

    /* HASHES */

    /// @dev A seal, a response, and the positions that an audit asks for, of a deployment and an epoch.
    function hashes() private returns (string memory) {
        standard();
        playUntilReveals(0, 3);
        Evidence[] memory audits = auditsOf(0, 0);
        reveal(0, 0);
        string memory json = string.concat(
            '{"chainId": ', vm.toString(block.chainid), ', "attestations": "', vm.toString(address(attestations)), '"'
        );
        json = string.concat(json, ', "epoch": 0, "operator": 7, "seats": 3, "rounds": 3, "answers": "');
        json = string.concat(json, vm.toString(sealed_[0]), '", "answersRoot": "', hex32(answersRoot(sealed_[0])));
        json = string.concat(json, '", "evidenceRoot": "', hex32(evidenceRoot(0)), '", "salt": "', hex32(saltOf(0, 0)));
        bytes32 sealed0 = attestations.sealHash(0, 7, answersRoot(sealed_[0]), evidenceRoot(0), saltOf(0, 0));
        json = string.concat(json, '", "seal": "', hex32(sealed0), '", "nextSeed": "', hex32(attestations.seedOf(1)));
        json = string.concat(json, '", "audits": [', vm.toString(audits[0].position), ", ");
        json =
            string.concat(json, vm.toString(audits[1].position), '], "response": {"round": 2, "seat": 1, "result": "');
        bytes32 response = attestations.responseHash(0, 2, 1, 7, resultOf(7));
        json = string.concat(json, hex32(resultOf(7)), '", "hash": "', hex32(response), '", "key": "');
        json = string.concat(json, vm.toString(vm.addr(secrets[1])), '", "signature": "');
        return string.concat(json, vm.toString(signatures[0][7]), '"}}');
    }

    /* WORLDS */

    function render(World memory world) private pure returns (string memory json) {
        Solved memory solved = Rule.solve(world);
        json = string.concat(
            '{"licenses": ', vm.toString(world.licenses), ', "operators": ', vm.toString(world.operators)
        );
        json = string.concat(json, ', "seats": ', vm.toString(world.seats), ', "rounds": ', vm.toString(world.rounds));
        json = string.concat(json, ', "seed": "', hex32(world.seed), '",\n "runs": [');
        for (uint256 l; l < world.licenses; ++l) {
            json = string.concat(json, l == 0 ? "" : ", ", '{"operator": ', vm.toString(world.runs[l].operator));
            json = string.concat(json, ', "rate": ', vm.toString(world.runs[l].rate), "}");
        }
        json = string.concat(json, '],\n "silent": ', flags(world.silent), ', "revealed": ', flags(world.revealed));
        json = string.concat(json, ', "votes": ', flags(world.votes), ', "occupied": ', flags(world.occupied));
        json = string.concat(json, ',\n "answers": [');
        for (uint256 o; o < world.operators; ++o) {
            json = string.concat(json, o == 0 ? '"' : ', "', vm.toString(world.answers[o]), '"');
        }
        json = string.concat(json, '],\n "truth": "', vm.toString(solved.truth), '", "parts": [\n  ');
        for (uint256 l; l < world.licenses; ++l) {
            json = string.concat(json, l == 0 ? "" : ",\n  ", renderPart(solved.parts[l]));
        }
        json = string.concat(json, '],\n "commissions": [');
        uint64[] memory commissions = solved.commissions[world.licenses];
        for (uint256 o; o < world.operators; ++o) {
            json = string.concat(json, o == 0 ? "" : ", ", vm.toString(commissions[o]));
        }
        json = string.concat(json, '], "leaves": [');
        for (uint256 i; i < solved.leaves.length; ++i) {
            json = string.concat(json, i == 0 ? '"' : ', "', hex32(solved.leaves[i]), '"');
        }
        json = string.concat(json, '],\n "root": "', hex32(Trees.root(solved.leaves)));
        json = string.concat(json, '", "total": ', vm.toString(solved.total), "}");
    }

    function renderPart(Part memory part) private pure returns (string memory json) {
        json = string.concat('{"number": ', vm.toString(part.number), ', "assigned": ', vm.toString(part.assigned));
        json = string.concat(json, ', "answered": ', vm.toString(part.answered), ', "right": ', vm.toString(part.right));
        json = string.concat(json, ', "wrong": ', vm.toString(part.wrong), ', "shares": ', vm.toString(part.shares));
        json = string.concat(json, ', "sum": ', vm.toString(part.sum), ', "accumulators": "', hex32(part.accumulators));
        return string.concat(json, '"}');
    }

    function flags(bool[] memory values) private pure returns (string memory json) {
        json = "[";
        for (uint256 i; i < values.length; ++i) {
            json = string.concat(json, i == 0 ? "" : ", ", values[i] ? "true" : "false");
        }
        return string.concat(json, "]");
    }

    function hex32(bytes32 value) private pure returns (string memory) {
        return vm.toString(value);
    }
}
