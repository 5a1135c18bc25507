// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Operator, Run} from "../../../src/nodes/ILicenseStaking.sol";
import {Purchase} from "../../../src/nodes/INodeLicense.sol";
import {LicenseStaking} from "../../../src/nodes/LicenseStaking.sol";
import {NodeLicense} from "../../../src/nodes/NodeLicense.sol";

/// @notice Owners that delegate, sell, burn and end; operators that change what they ask; time. Keeps who runs what, beside the contract.
contract LicenseStakingHandler is Test {
    uint32 public constant LICENSES = 8;
    uint32 private constant THAW = 2;
    uint32 private constant CAP = 4;

    NodeLicense public license;
    LicenseStaking public staking;
    address[3] private _owners;
    address[3] private _operators;
    address[9] public ownerOf;
    /// @dev By licence: what holds from the next epoch on.
    uint32[9] public operatorOf;
    uint16[9] public rateOf;
    mapping(uint32 epoch => mapping(uint256 id => Run)) private _runs;
    uint32 public epoch;

    constructor() {
        vm.warp(1_800_000_000);
        license = new NodeLicense("Assay Node", "NODE", 1, 1_800_000_000, address(0), 0);
        staking = new LicenseStaking(license, LICENSES, 1_800_000_000, 1 days, THAW);
        _owners = [makeAddr("ada"), makeAddr("bob"), makeAddr("cyd")];
        Purchase memory purchase;
        (purchase.buyer, purchase.boughtAt) = (_owners[0], uint40(block.timestamp));
        license.mint(1, LICENSES, purchase);
        for (uint256 i; i < 3; ++i) {
            _operators[i] = makeAddr(vm.toString(i));
            vm.prank(_operators[i]);
            staking.register(_operators[i], uint16(1000 * i), CAP);
        }
        for (uint256 id = 1; id <= LICENSES; ++id) {
            ownerOf[id] = _owners[0];
        }
    }

    function runOf(uint32 when, uint256 id) external view returns (Run memory) {
        return _runs[when][id];
    }

    function delegate(uint256 id, uint256 to) external {
        id = 1 + id % LICENSES;
        uint32 number = LICENSES + 1 + uint32(to % 3);
        Operator memory operator = staking.operatorAt(number);
        vm.prank(ownerOf[id]);
        try staking.delegate(list(id), number, operator.rate) {
            (operatorOf[id], rateOf[id]) = (number, operator.rate);
        } catch {}
    }

    function undelegate(uint256 id) external {
        id = 1 + id % LICENSES;
        vm.prank(ownerOf[id]);
        try staking.undelegate(list(id)) {
            (operatorOf[id], rateOf[id]) = (0, 0);
        } catch {}
    }

    function release(uint256 id) external {
        id = 1 + id % LICENSES;
        address delegator = staking.delegationOf(id).owner;
        try staking.release(list(id)) {
            assertTrue(ownerOf[id] != delegator, "nobody else's");
            (operatorOf[id], rateOf[id]) = (0, 0);
        } catch {}
    }

    function sell(uint256 id, uint256 to) external {
        id = 1 + id % LICENSES;
        if (ownerOf[id] == address(0)) return;
        vm.prank(ownerOf[id]);
        license.transferFrom(ownerOf[id], _owners[to % 3], id);
        ownerOf[id] = _owners[to % 3];
    }

    function burn(uint256 id, uint256 luck) external {
        id = 1 + id % LICENSES;
        if (luck % 8 != 0 || ownerOf[id] == address(0)) return;
        license.burn(id);
        ownerOf[id] = address(0);
    }

    function setOffer(uint256 who, uint16 rate) external {
        vm.prank(_operators[who % 3]);
        staking.setOffer(rate % 10_001, CAP);
    }

    function pass() external {
        vm.warp(block.timestamp + 1 days);
        ++epoch;
        for (uint256 id = 1; id <= LICENSES; ++id) {
            _runs[epoch][id] = Run(operatorOf[id], rateOf[id]);
        }
    }

    function list(uint256 id) private pure returns (uint256[] memory ids) {
        ids = new uint256[](1);
        ids[0] = id;
    }
}
