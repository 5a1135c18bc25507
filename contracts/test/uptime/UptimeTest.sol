// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {DevToken} from "../../src/devnet/DevToken.sol";
import {Ledger} from "../../src/ledger/Ledger.sol";
import {Evidence, ExamTerms, IAttestations, Voter} from "../../src/nodes/IAttestations.sol";
import {ILicenseStaking, Run} from "../../src/nodes/ILicenseStaking.sol";
import {Purchase} from "../../src/nodes/INodeLicense.sol";
import {FaultTerms, LicenseChallenge, OperatorChallenge} from "../../src/nodes/IUptime.sol";
import {LicenseStaking} from "../../src/nodes/LicenseStaking.sol";
import {NodeLicense} from "../../src/nodes/NodeLicense.sol";
import {Uptime} from "../../src/nodes/Uptime.sol";
import {RootTerms} from "../../src/rewards/IEpochRoots.sol";
import {Staking} from "../../src/staking/Staking.sol";
import {MerkleTree} from "../../src/work/libraries/MerkleTree.sol";
import {Trees} from "../rewards/Trees.sol";
import {BeaconMock} from "../verification/mocks/BeaconMock.sol";
import {Rule, Solved, World} from "./Rule.sol";

/// @notice A world of licences, operators and providers, and the moves of an epoch. The test is the sale and owns every licence.
abstract contract UptimeTest is Test {
    uint40 internal constant GENESIS = 1_800_000_000;
    uint32 internal constant LENGTH = 1 days;
    uint32 internal constant SEAL = 2 hours;
    uint32 internal constant REVEAL = 4 hours;
    uint32 internal constant EXIT = 5 days;
    uint32 internal constant WINDOW = 1 hours;
    uint32 internal constant ANSWER = 30 minutes;
    uint32 internal constant APPEAL = 1 days;
    uint16 internal constant ROUNDS = 3;
    /// @dev What a licence earns that is right in every round, with its operator.
    uint64 internal constant WHOLE = 30_000;
    uint16 internal constant AUDITS = 2;
    uint16 internal constant VOTERS = 3;
    uint16 internal constant SEATS = 6;
    uint128 internal constant SEAT_STAKE = 1001e18;
    uint128 internal constant BOND = 100e18;
    uint128 internal constant FEE = 1e18;
    uint16 internal constant SLASH = 3000;
    uint32 internal constant WRONG_LIMIT = 2;

    Ledger internal ledger;
    DevToken internal token;
    NodeLicense internal license;
    LicenseStaking internal runners;
    Staking internal staking;
    BeaconMock internal beacon;
    Uptime internal uptime;
    IAttestations internal attestations;
    address internal publisher = makeAddr("publisher");
    address internal watcher = makeAddr("watcher");

    uint32 internal licenses;
    /// @dev Keys of operators by their order; secrets of seats' keys by seat; as they hold from the next epoch on.
    address[] internal keys;
    uint256[] internal secrets;
    address[] internal providers;
    mapping(uint256 id => Run) internal runs;
    /// @dev The secrets that seats sign with in an epoch: one that changes hands in it does so from the next one on.
    mapping(uint32 epoch => uint256[]) internal secretsIn;
    /// @dev What an operator sealed last, and the signatures behind it; by epoch, what was revealed and what all came to.
    mapping(uint256 order => bytes) internal sealed_;
    mapping(uint256 order => bytes[]) internal signatures;
    mapping(uint32 epoch => mapping(uint256 order => bool)) internal revealed;
    mapping(uint32 epoch => bytes) internal worlds;
    mapping(uint32 epoch => bytes) internal solutions;

    /* BUILDING */

    function build(uint32 licenses_) internal {
        vm.warp(GENESIS - 1 days);
        licenses = licenses_;
        ledger = new Ledger();
        token = new DevToken();
        license = new NodeLicense("Assay Node", "NODE", 1, GENESIS, address(0), 0);
        Purchase memory purchase;
        (purchase.buyer, purchase.boughtAt) = (address(this), uint40(block.timestamp));
        license.mint(1, licenses_, purchase);
        runners = new LicenseStaking(license, licenses_, GENESIS, LENGTH, 0);
        staking = new Staking(ledger, address(token), 7 days);
        beacon = new BeaconMock();
        uptime = deploy(examTerms(), faultTerms());
        attestations = uptime.attestations();
        fund(publisher, 100 * BOND, address(uptime));
        fund(watcher, 100 * BOND, address(uptime));
    }

    function onERC721Received(address, address, uint256, bytes calldata) external pure returns (bytes4) {
        return this.onERC721Received.selector;
    }

    function deploy(ExamTerms memory exam, FaultTerms memory faults) internal returns (Uptime) {
        RootTerms memory roots =
            RootTerms({token: address(token), bond: BOND, fee: FEE, window: WINDOW, answerTime: ANSWER});
        return new Uptime(ledger, runners, staking, beacon, roots, exam, faults);
    }

    function examTerms() internal pure virtual returns (ExamTerms memory) {
        return ExamTerms({
            sealTime: SEAL,
            revealTime: REVEAL,
            exitDelay: EXIT,
            rounds: ROUNDS,
            audits: AUDITS,
            maxVoters: VOTERS,
            maxSeats: SEATS,
            seatStake: SEAT_STAKE
        });
    }

    function faultTerms() internal pure virtual returns (FaultTerms memory) {
        return FaultTerms({
            wrongLimit: WRONG_LIMIT,
            strikeSpan: 3,
            banEpochs: 2,
            appealTime: APPEAL,
            offlineLimit: 2,
            offlineSlash: SLASH
        });
    }

    function fund(address account, uint256 amount, address spender) internal {
        token.mint(address(this), amount);
        token.approve(address(ledger), amount);
        ledger.deposit(address(token), account, amount);
        vm.prank(account);
        ledger.approve(spender, uint160(address(token)), type(uint256).max);
    }

    function held(address account) internal view returns (uint256) {
        return ledger.balanceOf(account, uint160(address(token)));
    }

    function addOperator(uint16 rate) internal returns (uint32 number) {
        uint256 order = keys.length;
        keys.push(makeAddr(string.concat("key", vm.toString(order))));
        vm.prank(makeAddr(string.concat("operator", vm.toString(order))));
        number = runners.register(keys[order], rate, type(uint32).max);
    }

    function delegate(uint256 id, uint32 number) internal {
        uint16 rate = runners.operatorAt(number).rate;
        uint256[] memory ids = new uint256[](1);
        ids[0] = id;
        runners.delegate(ids, number, rate);
        runs[id] = Run(number, rate);
    }

    function undelegate(uint256 id) internal {
        uint256[] memory ids = new uint256[](1);
        ids[0] = id;
        runners.undelegate(ids);
        delete runs[id];
    }

    /// @dev Takes a seat: a new one or the one that was left last.
    function addProvider(string memory name) internal returns (uint32 seat) {
        (address key, uint256 secret) = makeAddrAndKey(string.concat(name, " key"));
        address provider = makeAddr(name);
        fund(provider, SEAT_STAKE, address(staking));
        vm.startPrank(provider);
        staking.stake(provider, address(attestations), SEAT_STAKE);
        seat = attestations.enroll(key, "https://provider.example");
        vm.stopPrank();
        if (seat == providers.length) {
            providers.push();
            secrets.push();
        }
        (providers[seat], secrets[seat]) = (provider, secret);
    }

    function removeProvider(uint32 seat) internal {
        vm.prank(providers[seat]);
        attestations.leaveSeat();
        providers[seat] = address(0);
    }

    /* AN EPOCH */

    function numberOf(uint256 order) internal view returns (uint32) {
        return licenses + 1 + uint32(order);
    }

    /// @dev When seals of the epoch before end.
    function sealEnd(uint32 epoch) internal pure returns (uint256) {
        return GENESIS + uint256(epoch) * LENGTH + SEAL;
    }

    /// @dev What holds in the epoch, before anybody examines anything. To be taken before anything is said in the epoch.
    function enter(uint32 epoch) internal {
        if (worlds[epoch].length != 0) return;
        if (block.timestamp < GENESIS + uint256(epoch) * LENGTH) vm.warp(GENESIS + uint256(epoch) * LENGTH);
        World memory world;
        (world.licenses, world.rounds) = (licenses, ROUNDS);
        (world.operators, world.seats) = (uint32(keys.length), uint32(providers.length));
        world.runs = new Run[](licenses);
        for (uint256 l; l < licenses; ++l) {
            world.runs[l] = runs[l + 1];
        }
        world.occupied = new bool[](world.seats);
        for (uint256 s; s < world.seats; ++s) {
            world.occupied[s] = providers[s] != address(0);
        }
        world.silent = new bool[](world.operators);
        world.revealed = new bool[](world.operators);
        world.votes = new bool[](world.operators);
        world.answers = new bytes[](world.operators);
        if (epoch >= 2) markSilent(world, epoch);
        worlds[epoch] = abi.encode(world);
        secretsIn[epoch] = secrets;
    }

    function markSilent(World memory world, uint32 epoch) private view {
        World memory before = abi.decode(worlds[epoch - 2], (World));
        for (uint256 o; o < before.operators; ++o) {
            bool stood;
            for (uint256 l; l < licenses; ++l) {
                if (before.runs[l].operator == numberOf(o)) stood = true;
            }
            world.silent[o] = stood && before.seats != 0 && !revealed[epoch - 2][o];
        }
    }

    /// @dev Draws the epoch's seed as soon as it can be.
    function seed(uint32 epoch) internal returns (bytes32 value) {
        if (block.timestamp < sealEnd(epoch)) vm.warp(sealEnd(epoch));
        attestations.begin(epoch);
        value = keccak256(abi.encode("seed", epoch));
        beacon.record(attestations.roundOf(epoch), value);
        attestations.draw(epoch);
    }

    function worldOf(uint32 epoch) internal view returns (World memory) {
        return abi.decode(worlds[epoch], (World));
    }

    function solvedOf(uint32 epoch) internal view returns (Solved memory) {
        return abi.decode(solutions[epoch], (Solved));
    }

    function empty(uint256 seats) internal pure returns (bytes memory) {
        return new bytes(ROUNDS * ((seats + 3) / 4));
    }

    /// @dev Every seat in every round alike.
    function allOf(uint256 seats, uint256 answer) internal pure returns (bytes memory answers) {
        answers = empty(seats);
        for (uint256 i; i < ROUNDS * seats; ++i) {
            Rule.write(answers, seats, i / seats, i % seats, answer);
        }
    }

    /// @dev Seals, with the signature of each seat that has a key and is said to be up.
    function sealAnswers(uint32 epoch, uint256 order, bytes memory answers) internal {
        uint256 seats = attestations.seatsIn(epoch);
        bool[] memory occupied = worldOf(epoch).occupied;
        sealed_[order] = answers;
        delete signatures[order];
        for (uint256 i; i < ROUNDS * seats; ++i) {
            bool up = Rule.read(answers, seats, i / seats, i % seats) > 1;
            bool signed = up && occupied[i % seats];
            signatures[order].push(signed ? sign(epoch, order, uint32(i / seats), uint32(i % seats)) : bytes(""));
        }
        pushSeal(epoch, order);
    }

    function pushSeal(uint32 epoch, uint256 order) internal {
        bytes32 hash = attestations.sealHash(
            epoch, numberOf(order), answersRoot(sealed_[order]), evidenceRoot(order), saltOf(epoch, order)
        );
        vm.prank(keys[order]);
        attestations.seal(epoch, numberOf(order), hash);
    }

    function saltOf(uint32 epoch, uint256 order) internal pure returns (bytes32) {
        return keccak256(abi.encode("salt", epoch, order));
    }

    function resultOf(uint32 position) internal pure returns (bytes32) {
        return keccak256(abi.encode("result", position));
    }

    function sign(uint32 epoch, uint256 order, uint32 round, uint32 seat) internal view returns (bytes memory) {
        bytes32 result = resultOf(round * attestations.seatsIn(epoch) + seat);
        bytes32 hash = attestations.responseHash(epoch, round, seat, numberOf(order), result);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(secretsIn[epoch][seat], hash);
        return abi.encodePacked(r, s, v);
    }

    function roundLeaves(bytes memory answers) internal pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](ROUNDS);
        for (uint256 r; r < ROUNDS; ++r) {
            leaves[r] = MerkleTree.leafHash(roundOf(answers, r));
        }
    }

    function roundOf(bytes memory answers, uint256 round) internal pure returns (bytes memory part) {
        part = new bytes(answers.length / ROUNDS);
        for (uint256 i; i < part.length; ++i) {
            part[i] = answers[round * part.length + i];
        }
    }

    function answersRoot(bytes memory answers) internal pure returns (bytes32) {
        return Trees.root(roundLeaves(answers));
    }

    function evidenceLeaves(uint256 order) internal view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](signatures[order].length);
        for (uint256 i; i < leaves.length; ++i) {
            leaves[i] = MerkleTree.leafHash(signatures[order][i]);
        }
    }

    function evidenceRoot(uint256 order) internal view returns (bytes32) {
        return signatures[order].length == 0 ? bytes32(0) : Trees.root(evidenceLeaves(order));
    }

    function evidenceOf(uint256 order, uint32 position) internal view returns (Evidence memory) {
        bytes32[] memory proof = Trees.proof(evidenceLeaves(order), position);
        return Evidence(position, resultOf(position), signatures[order][position], proof);
    }

    /// @dev The audits that the next epoch's seed asks for, found by listing what is said to be up.
    function auditsOf(uint32 epoch, uint256 order) internal view returns (Evidence[] memory audits) {
        uint256 seats = attestations.seatsIn(epoch);
        uint32[] memory ups = new uint32[](ROUNDS * seats);
        uint256 count;
        for (uint256 i; i < ups.length; ++i) {
            if (Rule.read(sealed_[order], seats, i / seats, i % seats) > 1) ups[count++] = uint32(i);
        }
        audits = new Evidence[](count == 0 ? 0 : AUDITS);
        for (uint256 j; j < audits.length; ++j) {
            bytes32 lot = keccak256(abi.encode(attestations.seedOf(epoch + 1), numberOf(order), j));
            audits[j] = evidenceOf(order, ups[uint256(lot) % count]);
        }
    }

    function reveal(uint32 epoch, uint256 order) internal {
        Evidence[] memory audits = auditsOf(epoch, order);
        attestations.reveal(epoch, numberOf(order), sealed_[order], evidenceRoot(order), saltOf(epoch, order), audits);
        World memory world = worldOf(epoch);
        (world.revealed[order], world.answers[order]) = (true, sealed_[order]);
        worlds[epoch] = abi.encode(world);
        revealed[epoch][order] = true;
    }

    /// @dev Waits for the end of reveals, and says by the rule what the epoch comes to.
    function solve(uint32 epoch) internal returns (Solved memory solved) {
        vm.warp(attestations.revealEnd(epoch));
        World memory world = worldOf(epoch);
        world.seed = attestations.seedOf(epoch);
        Voter[] memory voters = attestations.votersIn(epoch);
        for (uint256 i; i < voters.length; ++i) {
            world.votes[voters[i].operator - licenses - 1] = true;
        }
        worlds[epoch] = abi.encode(world);
        solved = Rule.solve(world);
        solutions[epoch] = abi.encode(solved);
    }

    function post(uint32 epoch, bytes32 root, uint64 total, bytes memory truth) internal virtual {
        vm.prank(publisher);
        uptime.post(epoch, root, total, truth);
    }

    function postSolved(uint32 epoch) internal {
        Solved memory solved = solve(epoch);
        post(epoch, Trees.root(solved.leaves), solved.total, solved.truth);
    }

    function postFinal(uint32 epoch) internal {
        postSolved(epoch);
        vm.warp(block.timestamp + WINDOW);
    }

    /// @dev An epoch in which every operator that runs a licence says the same of everybody, up to its final posting.
    function play(uint32 epoch, uint256 answer) internal {
        playUntilReveals(epoch, answer);
        for (uint256 o; o < keys.length; ++o) {
            if (runners.delegatedIn(numberOf(o), epoch) != 0) reveal(epoch, o);
        }
        postFinal(epoch);
    }

    /// @dev Up to the seed of the next epoch.
    function playUntilReveals(uint32 epoch, uint256 answer) internal {
        playSeals(epoch, answer);
        enter(epoch + 1);
        seed(epoch + 1);
    }

    /// @dev Up to the end of seals.
    function playSeals(uint32 epoch, uint256 answer) internal {
        enter(epoch);
        if (epoch == 0) seed(0);
        vm.warp(sealEnd(epoch + 1) - 1);
        for (uint256 o; o < keys.length; ++o) {
            sealAnswers(epoch, o, allOf(attestations.seatsIn(epoch), answer));
        }
    }

    /// @dev As `play`, but the second operator says `other` of the first seat in every round.
    function playAgainst(uint32 epoch, uint256 answer, uint256 other) internal {
        playSeals(epoch, answer);
        bytes memory answers = allOf(providers.length, answer);
        for (uint256 r; r < ROUNDS; ++r) {
            Rule.write(answers, providers.length, r, 0, other);
        }
        sealAnswers(epoch, 1, answers);
        enter(epoch + 1);
        seed(epoch + 1);
        for (uint256 o; o < keys.length; ++o) {
            reveal(epoch, o);
        }
        postFinal(epoch);
    }

    /// @dev Six licences, three of them run by the first operator, two by the second, one by the third; three providers.
    function standard() internal {
        build(6);
        addOperator(1000);
        addOperator(0);
        addOperator(2500);
        for (uint256 id = 1; id <= 6; ++id) {
            delegate(id, numberOf(id <= 3 ? 0 : id <= 5 ? 1 : 2));
        }
        addProvider("first");
        addProvider("second");
        addProvider("third");
    }

    /* CHALLENGES */

    function licenseChallenge(uint32 epoch, uint32 number, Solved memory solved, bytes32[] memory leaves)
        internal
        view
        returns (LicenseChallenge memory claimed)
    {
        World memory world = worldOf(epoch);
        (claimed.epoch, claimed.number, claimed.truth) = (epoch, number, solved.truth);
        uint32 operator = world.runs[number - 1].operator;
        if (operator != 0) {
            uint256 order = operator - licenses - 1;
            claimed.answers = world.answers[order];
            uint64[] memory commissions = solved.commissions[number - 1];
            claimed.commission = commissions[order];
            claimed.commissionProof = Trees.proof(Rule.accumulatorLeaves(commissions), order);
        }
        if (number != 1) {
            claimed.previous = solved.parts[number - 2];
            claimed.previousProof = Trees.proof(leaves, number - 2);
        }
        claimed.leaf = leaves[number - 1];
        claimed.proof = Trees.proof(leaves, number - 1);
    }

    function operatorChallenge(uint32 epoch, uint256 order, Solved memory solved, bytes32[] memory leaves)
        internal
        view
        returns (OperatorChallenge memory claimed)
    {
        uint64[] memory commissions = solved.commissions[licenses];
        uint32 number = numberOf(order);
        (claimed.epoch, claimed.number, claimed.last) = (epoch, number, solved.parts[licenses - 1]);
        claimed.lastProof = Trees.proof(leaves, licenses - 1);
        claimed.commission = commissions[order];
        claimed.commissionProof = Trees.proof(Rule.accumulatorLeaves(commissions), order);
        (claimed.leaf, claimed.proof) = (leaves[number - 1], Trees.proof(leaves, number - 1));
    }

    /// @dev What each voter said in a round, with its proof.
    function votesOf(uint32 epoch, uint256 round)
        internal
        view
        returns (bytes[] memory answers, bytes32[][] memory proofs)
    {
        World memory world = worldOf(epoch);
        Voter[] memory voters = attestations.votersIn(epoch);
        (answers, proofs) = (new bytes[](voters.length), new bytes32[][](voters.length));
        for (uint256 i; i < voters.length; ++i) {
            bytes memory all = world.answers[voters[i].operator - licenses - 1];
            (answers[i], proofs[i]) = (roundOf(all, round), Trees.proof(roundLeaves(all), round));
        }
    }
}
