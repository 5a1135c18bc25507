// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IModelRegistry, Model, PriceFloor, Royalty} from "../../src/work/IModelRegistry.sol";
import {ModelRegistryTest} from "./ModelRegistryTest.sol";

contract ModelRegistry_Register_Test is ModelRegistryTest {
    function test_RevertWhen_TheWeightsRootIsZero() external {
        vm.expectRevert(IModelRegistry.ModelRegistry_EmptyModel.selector);
        registry.register(PROGRAM, 0, UNIT_BYTES, "", royalties(), floors());
    }

    /// @dev What cannot be refereed cannot be registered.
    function test_RevertWhen_TheProgramIsNotRegistered() external {
        bytes32 program = keccak256("nobody's program");
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_UnknownProgram.selector, program));
        registry.register(program, WEIGHTS, UNIT_BYTES, "", royalties(), floors());
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_UnknownProgram.selector, bytes32(0)));
        registry.register(0, WEIGHTS, UNIT_BYTES, "", royalties(), floors());
    }

    function test_RevertWhen_AUnitHasNoBytes() external {
        vm.expectRevert(IModelRegistry.ModelRegistry_EmptyModel.selector);
        registry.register(PROGRAM, WEIGHTS, 0, "", royalties(), floors());
    }

    function test_RevertWhen_TheCallerRegisteredTheSameRootsBefore() external {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, modelId));
        vm.prank(owner);
        registry.register(PROGRAM, WEIGHTS, 4, "", new Royalty[](0), new PriceFloor[](0));
    }

    /// @dev Else the first owner could take back what it gave away.
    function test_RevertGiven_ThatItGaveTheModelAway() external {
        vm.startPrank(owner);
        registry.transferModel(modelId, stranger);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, modelId));
        registry.register(PROGRAM, WEIGHTS, UNIT_BYTES, "", royalties(), floors());
    }

    function test_RevertWhen_ThereAreTooManyRoyalties() external {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_TooManyRoyalties.selector, 9, 8));
        registry.register(PROGRAM, WEIGHTS, UNIT_BYTES, "", evenRoyalties(9, 1), floors());
    }

    function test_RevertWhen_TheRoyaltiesExceedTheMaximum() external {
        Royalty[] memory list = evenRoyalties(8, 625);
        list[7].share = 626;
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_RoyaltiesTooHigh.selector, 5001, 5000));
        registry.register(PROGRAM, WEIGHTS, UNIT_BYTES, "", list, floors());

        // Shares are summed wider than they are stored.
        list = evenRoyalties(2, 32_768);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_RoyaltiesTooHigh.selector, 65_536, 5000));
        registry.register(PROGRAM, WEIGHTS, UNIT_BYTES, "", list, floors());
    }

    function test_RevertWhen_ARoyaltyHasNoAccountOrNoShare() external {
        Royalty[] memory list = royalties();
        list[1].account = address(0);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_BadRoyalty.selector, address(0), 250));
        registry.register(PROGRAM, WEIGHTS, UNIT_BYTES, "", list, floors());

        list = royalties();
        list[0].share = 0;
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_BadRoyalty.selector, author, 0));
        registry.register(PROGRAM, WEIGHTS, UNIT_BYTES, "", list, floors());
    }

    function test_WhenSomebodyElseRegisteredTheSameRoots() external {
        vm.prank(stranger);
        bytes32 otherId = registry.register(PROGRAM, WEIGHTS, 4, "", evenRoyalties(8, 625), new PriceFloor[](0));
        assertNotEq(otherId, modelId);
        assertEq(registry.modelOf(otherId).owner, stranger);
        assertEq(registry.modelOf(otherId).unitBytes, 4);
        assertEq(registry.modelOf(modelId).owner, owner);
    }

    function test_WhenATokenHasTwoFloors() external {
        PriceFloor[] memory list = floors();
        list[1] = PriceFloor(dollar, 9);
        vm.prank(stranger);
        bytes32 otherId = registry.register(PROGRAM, WEIGHTS, UNIT_BYTES, "", royalties(), list);
        assertEq(registry.priceFloorOf(otherId, dollar), 9);
    }

    function test_WhenTheModelIsNew() external {
        bytes32 program = keccak256("another program");
        programs.add(program);
        bytes32 id = keccak256(abi.encode(block.chainid, address(registry), owner, program, WEIGHTS));
        vm.expectEmit(address(registry));
        emit IModelRegistry.ModelRegistered(id, owner, program, WEIGHTS, 3, "ipfs://another");
        vm.expectEmit(address(registry));
        emit IModelRegistry.RoyaltiesSet(id, royalties());
        vm.expectEmit(address(registry));
        emit IModelRegistry.PriceFloorSet(id, dollar, true, 5);
        vm.expectEmit(address(registry));
        emit IModelRegistry.PriceFloorSet(id, address(0), true, 0);
        vm.prank(owner);
        assertEq(registry.register(program, WEIGHTS, 3, "ipfs://another", royalties(), floors()), id);

        Model memory model = registry.modelOf(id);
        assertEq(model.owner, owner);
        assertEq(model.unitBytes, 3);
        assertEq(model.programRoot, program);
        assertEq(model.weightsRoot, WEIGHTS);
        assertEq(model.royaltiesHash, keccak256(abi.encode(royalties())));
        assertEq(registry.priceFloorOf(id, dollar), 5);
        assertEq(registry.priceFloorOf(id, address(0)), 0);
    }
}
