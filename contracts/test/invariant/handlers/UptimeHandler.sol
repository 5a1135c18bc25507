// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IUptime, LicenseChallenge, OperatorChallenge} from "../../../src/nodes/IUptime.sol";
import {IEpochRoots} from "../../../src/rewards/IEpochRoots.sol";
import {Trees} from "../../rewards/Trees.sol";
import {Rule, Solved} from "../../uptime/Rule.sol";
import {UptimeTest} from "../../uptime/UptimeTest.sol";

/// @notice Epochs of six licences. The second operator, with a third of the votes, says anything, and providers sign whatever it says; the others
/// say what is so. Providers come, go and are away; publishers post true epochs and false ones; a watcher challenges all of them, and tries to
/// strike every operator and to penalise providers. Keeps, beside the contracts, who sat where, who was up when and what everybody has.
contract UptimeHandler is UptimeTest {
    uint256 private constant MOST = 12;
    /// @dev Ways to post what is not so: a leaf of any of six licences and three operators, the total, the truth.
    uint256 private constant FALSE_TOTAL = 9;
    uint256 private constant FALSE_TRUTH = 10;

    address[] public everybody;
    /// @dev What a provider provides, what its seat binds of it, and from when on it can have that back (0: it has not left).
    mapping(address provider => uint256) public staked;
    mapping(address provider => uint256) public seated;
    mapping(address provider => uint256) private _freeAt;
    mapping(uint32 epoch => address[]) private _sat;
    mapping(uint32 epoch => mapping(uint256 position => bool)) private _away;
    mapping(uint32 epoch => bool) private _bonded;
    /// @dev The one that is examined.
    uint32 public epoch;
    uint256 private _luck;

    /// @dev How often the acts got so far.
    uint256 public handovers;
    uint256 public penalties;
    uint256 public expulsions;
    uint256 public releases;
    uint256 public removals;
    uint256 public strikes;
    uint256 public refunds;

    constructor() {
        standard();
        for (uint256 s; s < providers.length; ++s) {
            welcome(providers[s]);
        }
        enter(0);
        _sat[0] = providers;
        seed(0);
    }

    function luck(uint256 below) private returns (uint256) {
        _luck = uint256(keccak256(abi.encode(_luck)));
        return _luck % below;
    }

    /* PROVIDERS */

    function come() external {
        uint256 taken;
        for (uint256 s; s < providers.length; ++s) {
            if (providers[s] != address(0)) ++taken;
        }
        if (taken == SEATS || everybody.length == MOST) return;
        uint256 places = providers.length;
        uint32 seat = addProvider(string.concat("late", vm.toString(everybody.length)));
        if (seat < places) ++handovers;
        welcome(providers[seat]);
    }

    function welcome(address provider) private {
        everybody.push(provider);
        (staked[provider], seated[provider]) = (SEAT_STAKE, SEAT_STAKE);
    }

    function go(uint256 which) external {
        uint32 seat = uint32(which % providers.length);
        if (providers[seat] == address(0)) return;
        _freeAt[providers[seat]] = block.timestamp + EXIT;
        removeProvider(seat);
    }

    /// @dev Somebody frees the stake of whoever is owed it.
    function free() external {
        for (uint256 i; i < everybody.length; ++i) {
            address provider = everybody[i];
            bool may = seated[provider] != 0 && _freeAt[provider] != 0 && block.timestamp >= _freeAt[provider];
            try attestations.release(provider) {
                assertTrue(may, "freed too early");
                seated[provider] = 0;
                ++releases;
            } catch {
                assertFalse(may, "not freed");
            }
        }
    }

    /* EPOCHS */

    /// @dev The epoch is examined, sealed, revealed, posted and judged.
    function pass(uint256 salt) external {
        _luck = salt;
        examine();
        enter(epoch + 1);
        _sat[epoch + 1] = providers;
        seed(epoch + 1);
        reveal(epoch, 0);
        reveal(epoch, 2);
        if (luck(3) != 0) reveal(epoch, 1);
        Solved memory solved = solve(epoch);
        if (luck(2) == 0) postFalsely(solved);
        post(epoch, Trees.root(solved.leaves), solved.total, solved.truth);
        _bonded[epoch] = true;
        doubt(solved);
        vm.warp(block.timestamp + WINDOW);
        strikeAll(solved.truth);
        penaliseSome(solved.truth);
        ++epoch;
    }

    function examine() private {
        vm.warp(sealEnd(epoch + 1) - 1);
        uint256 seats = _sat[epoch].length;
        (bytes memory honest, bytes memory other) = (empty(seats), empty(seats));
        for (uint256 i; i < ROUNDS * seats; ++i) {
            if (_sat[epoch][i % seats] == address(0)) continue;
            bool away = luck(2) == 0;
            _away[epoch][i] = away;
            Rule.write(honest, seats, i / seats, i % seats, away ? 1 : 3);
            Rule.write(other, seats, i / seats, i % seats, luck(4));
        }
        sealAnswers(epoch, 0, honest);
        sealAnswers(epoch, 1, other);
        sealAnswers(epoch, 2, honest);
    }

    /// @dev U3: what is not so is removed by whoever looks there.
    function postFalsely(Solved memory solved) private {
        uint256 how = luck(11);
        bytes32[] memory leaves = new bytes32[](solved.leaves.length);
        for (uint256 i; i < leaves.length; ++i) {
            leaves[i] = i == how ? keccak256("garbage") : solved.leaves[i];
        }
        bytes memory truth = bytes.concat(solved.truth);
        uint256 seats = _sat[epoch].length;
        uint256 position = luck(ROUNDS * seats);
        if (how == FALSE_TRUTH) {
            uint256 was = Rule.read(truth, seats, position / seats, position % seats);
            Rule.write(truth, seats, position / seats, position % seats, (was + 1 + luck(3)) % 4);
        }
        post(epoch, Trees.root(leaves), how == FALSE_TOTAL ? solved.total + 1 : solved.total, truth);
        bytes memory challenge = challengeOf(how, position, solved, leaves, truth);
        vm.prank(watcher);
        (bool removed,) = address(uptime).call(challenge);
        assertTrue(removed && uptime.postingOf(epoch).root == 0, "U3: a false posting stays");
        ++removals;
        // The same second has no second posting.
        vm.warp(block.timestamp + 1);
    }

    /// @dev U3: whoever says the same of what is so is refused, and for that reason.
    function doubt(Solved memory solved) private {
        uint256 position = luck(ROUNDS * _sat[epoch].length);
        for (uint256 how; how <= FALSE_TRUTH; ++how) {
            bytes memory challenge = challengeOf(how, position, solved, solved.leaves, solved.truth);
            vm.prank(watcher);
            (bool removed, bytes memory why) = address(uptime).call(challenge);
            assertFalse(removed, "U3: a right posting is removed");
            assertEq(bytes4(why), IEpochRoots.EpochRoots_NotFalse.selector, "U3: refused for another reason");
        }
    }

    /// @dev The challenge of a posting that is said to be false so.
    function challengeOf(
        uint256 how,
        uint256 position,
        Solved memory solved,
        bytes32[] memory leaves,
        bytes memory truth
    ) private view returns (bytes memory) {
        if (how == FALSE_TRUTH) {
            uint256 seats = _sat[epoch].length;
            (bytes[] memory answers, bytes32[][] memory proofs) = votesOf(epoch, position / seats);
            (uint32 round, uint32 seat) = (uint32(position / seats), uint32(position % seats));
            return abi.encodeCall(IUptime.challengeTruth, (epoch, round, seat, truth, answers, proofs));
        }
        if (how == FALSE_TOTAL) {
            bytes32[] memory proof = Trees.proof(leaves, licenses - 1);
            return abi.encodeCall(IUptime.challengeTotal, (epoch, solved.parts[licenses - 1], proof));
        }
        if (how < licenses) {
            LicenseChallenge memory license_ = licenseChallenge(epoch, uint32(how + 1), solved, leaves);
            return abi.encodeCall(IUptime.challengeLicense, (license_));
        }
        OperatorChallenge memory operator = operatorChallenge(epoch, how - licenses, solved, leaves);
        return abi.encodeCall(IUptime.challengeOperator, (operator));
    }

    /* FAULTS */

    /// @dev U4: those who say what is so are not struck, and who says otherwise too often is.
    function strikeAll(bytes memory truth) private {
        for (uint256 o; o < keys.length; ++o) {
            bytes memory answers = sealed_[o];
            bool may = revealed[epoch][o] && wrongIn(answers, truth) >= WRONG_LIMIT;
            assertFalse(o != 1 && may, "U4: the truth is another's");
            try uptime.strike(epoch, numberOf(o), truth, answers) {
                assertTrue(may, "U4: an operator is struck");
                ++strikes;
            } catch {
                assertFalse(may, "a strike is refused");
            }
        }
    }

    function wrongIn(bytes memory answers, bytes memory truth) private view returns (uint256 wrong) {
        uint256 seats = _sat[epoch].length;
        for (uint256 i; i < ROUNDS * seats; ++i) {
            uint256 said = Rule.read(answers, seats, i / seats, i % seats);
            uint256 found = Rule.read(truth, seats, i / seats, i % seats);
            if (said != 0 && found != 0 && (said == 1) != (found == 1)) ++wrong;
        }
    }

    function penaliseSome(bytes memory truth) private {
        for (uint32 seat; seat < _sat[epoch].length; ++seat) {
            if (luck(2) == 0) penalise(seat, truth);
        }
    }

    /// @dev U4: who was up is not penalised, and who was away too often is, once.
    function penalise(uint32 seat, bytes memory truth) private {
        address provider = _sat[epoch][seat];
        uint256 away;
        for (uint256 r; r < ROUNDS; ++r) {
            if (_away[epoch][r * _sat[epoch].length + seat]) ++away;
        }
        bool may = away >= faultTerms().offlineLimit && seated[provider] != 0;
        vm.prank(watcher);
        try uptime.penalise(epoch, seat, truth) returns (uint256 amount) {
            assertTrue(may, "U4: a provider is penalised");
            charge(seat, provider, amount);
        } catch {
            assertFalse(may, "a penalty is refused");
        }
        vm.expectRevert();
        uptime.penalise(epoch, seat, truth);
    }

    /// @dev A seat with less than half of its stake ends.
    function charge(uint32 seat, address provider, uint256 amount) private {
        uint256 due = uint256(SEAT_STAKE) * SLASH / 10_000;
        assertEq(amount, due < seated[provider] ? due : seated[provider], "another penalty");
        ++penalties;
        staked[provider] -= amount;
        seated[provider] -= amount;
        if (_freeAt[provider] != 0 || 2 * seated[provider] >= SEAT_STAKE) return;
        _freeAt[provider] = block.timestamp + EXIT;
        providers[seat] = address(0);
        ++expulsions;
    }

    /// @dev Somebody sees to it that publishers have their bonds back.
    function refund() external {
        for (uint32 e; e < epoch; ++e) {
            try uptime.release(e) {
                assertTrue(_bonded[e], "given back twice");
                _bonded[e] = false;
                ++refunds;
            } catch {
                assertFalse(_bonded[e], "not given back");
            }
        }
    }

    /* WHAT THE INVARIANTS READ */

    function count() external view returns (uint256) {
        return everybody.length;
    }

    /// @dev What is locked for a provider, what it provides, and what its seat says.
    function bindingOf(address provider) external view returns (uint256 locked, uint256 stake, uint256 seat) {
        locked = staking.provisionOf(provider, address(attestations)).locked;
        stake = staking.provisionOf(provider, address(attestations)).stake;
        seat = attestations.seatOf(provider).stake;
    }

    function bonded() external view returns (uint256 sum) {
        for (uint32 e; e < epoch; ++e) {
            if (_bonded[e]) sum += BOND;
        }
    }

    /// @dev What is at Uptime, at Staking, with everybody else, and in all.
    function money() external view returns (uint256 bonds, uint256 stakes, uint256 others, uint256 all) {
        (bonds, stakes) = (held(address(uptime)), held(address(staking)));
        others = held(publisher) + held(watcher) + held(ledger.BURN());
        for (uint256 i; i < everybody.length; ++i) {
            others += held(everybody[i]);
        }
        all = ledger.totalSupply(uint160(address(token)));
    }

    /// @dev Who sat where in an epoch that has begun, with which key: what was so, and what the contract says.
    function seatsThen(uint32 when) external view returns (bytes32 was, bytes32 says) {
        uint256 seats = _sat[when].length;
        assertEq(attestations.seatsIn(when), seats, "U5: seats");
        for (uint32 s; s < seats; ++s) {
            address sat = _sat[when][s];
            address key = sat == address(0) ? sat : vm.addr(secretsIn[when][s]);
            was = keccak256(abi.encode(was, sat, key));
            (sat, key) = attestations.seatIn(s, when);
            says = keccak256(abi.encode(says, sat, key));
        }
    }
}
