// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {IModelRegistry, PriceFloor, Royalty} from "../../src/work/IModelRegistry.sol";
import {IProgramRegistry} from "../../src/work/IProgramRegistry.sol";
import {ModelRegistry} from "../../src/work/ModelRegistry.sol";
import {ProgramsMock} from "../mocks/ProgramsMock.sol";

/// @notice A registry with one model of `owner`'s, sold for `dollar` at 5 and for the native currency at 0.
abstract contract ModelRegistryTest is Test {
    bytes32 internal constant PROGRAM = keccak256("program");
    bytes32 internal constant WEIGHTS = keccak256("weights");
    uint8 internal constant UNIT_BYTES = 2;

    address internal owner = makeAddr("owner");
    address internal stranger = makeAddr("stranger");
    address internal author = makeAddr("author");
    address internal dollar = makeAddr("dollar");
    address internal euro = makeAddr("euro");

    ProgramsMock internal programs;
    ModelRegistry internal registry;
    bytes32 internal modelId;

    function setUp() public virtual {
        programs = new ProgramsMock();
        programs.add(PROGRAM);
        registry = new ModelRegistry(IProgramRegistry(address(programs)));
        vm.prank(owner);
        modelId = registry.register(PROGRAM, WEIGHTS, UNIT_BYTES, "ipfs://model", royalties(), floors());
    }

    /// @dev 7.5 % for the author, 2.5 % for the owner.
    function royalties() internal view returns (Royalty[] memory list) {
        list = new Royalty[](2);
        list[0] = Royalty(author, 750);
        list[1] = Royalty(owner, 250);
    }

    function floors() internal view returns (PriceFloor[] memory list) {
        list = new PriceFloor[](2);
        list[0] = PriceFloor(dollar, 5);
        list[1] = PriceFloor(address(0), 0);
    }

    /// @dev `count` royalties of `share` each.
    function evenRoyalties(uint256 count, uint16 share) internal view returns (Royalty[] memory list) {
        list = new Royalty[](count);
        for (uint256 i; i < count; ++i) {
            list[i] = Royalty(author, share);
        }
    }

    /// @dev Expects the refusal of a model id that nobody registered.
    function expectUnknown() internal {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_UnknownModel.selector, PROGRAM));
    }

    /// @dev Expects the refusal of a caller who is not the owner.
    function expectRefused(address caller) internal {
        vm.assume(caller != owner);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_NotOwner.selector, modelId, caller));
    }
}
