// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {IJobEscrow, OrderStatus} from "../../src/work/IJobEscrow.sol";
import {IModelRegistry} from "../../src/work/IModelRegistry.sol";
import {Order} from "../../src/work/WorkTypes.sol";
import {WorkTest} from "./WorkTest.sol";

contract JobEscrow_Open_Test is WorkTest {
    function expectBadTerms(Order memory order, bytes32 field, uint256 value) private {
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_BadTerms.selector, field, value));
        open(order);
    }

    function test_RevertWhen_TheCallerIsNotTheCustomer() external {
        Order memory order = terms();
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_NotCustomer.selector, stranger, customer));
        vm.prank(stranger);
        escrow.open(order);
    }

    function test_RevertWhen_AFieldIsZero() external {
        Order memory order = terms();
        order.count = 0;
        expectBadTerms(order, "count", 0);
        order = terms();
        order.unitCap = 0;
        expectBadTerms(order, "unitCap", 0);
        order = terms();
        order.unitPrice = 0;
        expectBadTerms(order, "unitPrice", 0);
        order = terms();
        order.inputsRoot = 0;
        expectBadTerms(order, "inputsRoot", 0);
        order = terms();
        order.minBatch = 0;
        expectBadTerms(order, "minBatch", 0);
    }

    function test_RevertWhen_TheSmallestBatchExceedsTheOrder() external {
        Order memory order = terms();
        order.minBatch = COUNT + 1;
        expectBadTerms(order, "minBatch", COUNT + 1);
    }

    function test_RevertWhen_TheDeadlineIsNotInTheFuture() external {
        Order memory order = terms();
        order.deadline = uint40(block.timestamp);
        expectBadTerms(order, "deadline", block.timestamp);
    }

    function test_RevertWhen_AWindowIsZeroOrTooLong() external {
        uint32 tooLong = uint32(escrow.MAX_WINDOW() + 1);
        for (uint256 i = 0; i < 2; ++i) {
            uint32 window = i == 0 ? 0 : tooLong;
            Order memory order = terms();
            order.takeWindow = window;
            expectBadTerms(order, "takeWindow", window);
            order = terms();
            order.settleWindow = window;
            expectBadTerms(order, "settleWindow", window);
            order = terms();
            order.demandWindow = window;
            expectBadTerms(order, "demandWindow", window);
        }
    }

    function test_RevertWhen_TheLargestBatchsStakeExceeds128Bits() external {
        Order memory order = terms();
        order.stakePerTask = type(uint128).max / COUNT;
        order.stakePerBatch = type(uint128).max - order.stakePerTask * COUNT + 1;
        expectBadTerms(order, "stakePerTask", order.stakePerTask);
    }

    function test_RevertWhen_TheVerificationContractHasNoCode() external {
        Order memory order = terms();
        order.verification = stranger;
        expectBadTerms(order, "verification", uint160(stranger));
    }

    function test_RevertWhen_TheFeeIsNotTheSchedules() external {
        bytes memory stale = abi.encodeWithSelector(IJobEscrow.JobEscrow_StaleFee.selector, pool, FEE_RATE);
        Order memory order = terms();
        order.feeRate = FEE_RATE - 1;
        vm.expectRevert(stale);
        open(order);
        order = terms();
        order.feeRecipient = stranger;
        vm.expectRevert(stale);
        open(order);
    }

    function test_RevertWhen_TheModelIsUnknown() external {
        Order memory order = terms();
        order.modelId = keccak256("no model");
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_UnknownModel.selector, order.modelId));
        open(order);
    }

    function test_RevertWhen_ThePriceIsUnderTheFloor() external {
        Order memory order = terms();
        order.unitPrice = 9;
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.ModelRegistry_PriceUnderFloor.selector, modelId, address(token), 9, 10
            )
        );
        open(order);
    }

    function test_RevertWhen_TheRoyaltiesAreNotTheModels() external {
        Order memory order = terms();
        order.royalties[0].share -= 1;
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_StaleTerms.selector, modelId));
        open(order);
    }

    function test_RevertWhen_TheAllowanceDoesNotCoverThePrice() external {
        Order memory order = terms();
        uint256 price = uint256(order.unitPrice) * order.unitCap * order.count;
        vm.prank(customer);
        ledger.approve(address(escrow), idOf(token), price - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                ERC6909.ERC6909InsufficientAllowance.selector, address(escrow), price - 1, price, idOf(token)
            )
        );
        open(order);
    }

    function test_RevertGiven_TheSameTermsWereOpenedBefore() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_OrderExists.selector, orderId));
        open(order);
        vm.prank(customer);
        escrow.cancel(order);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_OrderExists.selector, orderId));
        open(order);
    }

    function test_WhenTheTermsAreInRange() external {
        Order memory order = terms();
        uint256 price = uint256(order.unitPrice) * order.unitCap * order.count;
        bytes32 orderId = keccak256(abi.encode(block.chainid, address(escrow), order));
        vm.expectEmit(address(escrow));
        emit IJobEscrow.OrderOpened(orderId, customer, modelId, price, order);
        assertEq(open(order), orderId);
        assertOrder(orderId, OrderStatus.Open, 0, 0);
        assertEq(balance(customer), FUNDS - price);
        assertEq(balance(address(escrow)), price);
    }

    function test_WhenTheSaltDiffers() external {
        Order memory order = terms();
        bytes32 first = open(order);
        order.salt = keccak256("another salt");
        assertNotEq(open(order), first);
    }

    function test_WhenTheTokenIsTheNativeCurrency() external {
        Order memory order = terms();
        order.token = address(0);
        vm.deal(customer, 1 ether);
        vm.startPrank(customer);
        ledger.depositNative{value: 1 ether}(customer);
        ledger.approve(address(escrow), 0, 1 ether);
        escrow.open(order);
        assertEq(ledger.balanceOf(address(escrow), 0), uint256(order.unitPrice) * order.unitCap * order.count);
    }

    function testFuzz_TheWholePriceIsEscrowed(uint128 unitPrice, uint32 unitCap, uint32 count) external {
        Order memory order = terms();
        order.unitPrice = uint128(bound(unitPrice, 10, 1e12));
        order.unitCap = uint32(bound(unitCap, 1, 1e6));
        order.count = uint32(bound(count, 2, 1e6));
        open(order);
        assertEq(balance(address(escrow)), uint256(order.unitPrice) * order.unitCap * order.count);
    }
}
