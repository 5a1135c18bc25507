// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BatchStatus, IJobEscrow} from "../../src/work/IJobEscrow.sol";
import {Batch, Order, Task} from "../../src/work/WorkTypes.sol";
import {WorkTest} from "./WorkTest.sol";
import {VerificationMock} from "./mocks/VerificationMock.sol";
import {WalletMock} from "./mocks/WalletMock.sol";

contract JobEscrow_Accept_Test is WorkTest {
    function expectBadReceipt() private {
        vm.expectRevert(IJobEscrow.JobEscrow_BadReceipt.selector);
    }

    function test_RevertGiven_TheBatchIsNotCommitted() external {
        (Order memory order, Batch memory batch,) = committed(2);
        bytes memory receipt = sign(batch);
        escrow.accept(order, batch, receipt);
        expectNotCommitted(batch, BatchStatus.Settled);
        escrow.accept(order, batch, receipt);
        batch.units += 1;
        expectNotCommitted(batch, BatchStatus.None);
        escrow.accept(order, batch, receipt);
    }

    function test_RevertWhen_TheBatchIsOfAnotherOrder() external {
        (, Batch memory batch,) = committed(2);
        Order memory other = terms();
        other.salt = 0;
        bytes32 otherId = open(other);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_OrderMismatch.selector, otherId, batch.orderId));
        escrow.accept(other, batch, "");
    }

    function test_RevertWhen_TheReceiptIsEmptyAndTheCallerNotTheCustomer() external {
        (Order memory order, Batch memory batch,) = committed(2);
        expectBadReceipt();
        vm.prank(provider);
        escrow.accept(order, batch, "");
    }

    function test_RevertWhen_TheReceiptIsSignedByAnother() external {
        (Order memory order, Batch memory batch,) = committed(2);
        bytes memory receipt = signWith(customerKey + 1, escrow.receiptHash(batch));
        expectBadReceipt();
        escrow.accept(order, batch, receipt);
    }

    function test_RevertWhen_TheReceiptIsForAnotherBatch() external {
        (Order memory order, Batch memory batch,) = committed(2);
        Batch memory second = commit(order, workOf(2, 2));
        bytes memory receipt = sign(second);
        expectBadReceipt();
        escrow.accept(order, batch, receipt);
    }

    function test_RevertGiven_ADemandIsOpen() external {
        (Order memory order, Batch memory batch,) = committed(2);
        demand(order, batch, 0);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_DemandsOpen.selector, 1));
        vm.prank(customer);
        escrow.accept(order, batch, "");
    }

    function test_RevertGiven_TheVerificationContractDoesNotAgree() external {
        VerificationMock verification = new VerificationMock();
        verification.set(false, true);
        Order memory order = terms();
        order.verification = address(verification);
        open(order);
        Batch memory batch = commit(order, workOf(0, 2));
        bytes memory receipt = sign(batch);
        bytes32 batchId = escrow.batchIdOf(batch);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_NotVerified.selector, batchId));
        escrow.accept(order, batch, receipt);
        verification.set(true, false);
        escrow.accept(order, batch, receipt);
        assertBatch(batch, BatchStatus.Settled, 0);
    }

    function test_WhenTheReceiptIsTheCustomers() external {
        (Order memory order, Batch memory batch, Task[] memory tasks) = committed(5);
        uint256 gross = uint256(order.unitPrice) * unitsOf(tasks);
        uint256 fee = (gross * FEE_RATE + 9999) / 10_000;
        uint256 toModel = gross * 1000 / 10_000;
        uint256 toData = gross * 333 / 10_000;
        uint256 toBase = gross * 77 / 10_000;
        uint256 paid = gross - fee - toModel - toData - toBase;
        uint256 refund = uint256(order.unitPrice) * order.unitCap * 5 - gross;
        uint256 before = balance(customer);
        bytes memory receipt = sign(batch);
        vm.expectEmit(address(escrow));
        emit IJobEscrow.BatchSettled(
            batch.orderId, escrow.batchIdOf(batch), true, paid, fee, toModel + toData + toBase, refund
        );
        vm.prank(stranger);
        escrow.accept(order, batch, receipt);
        assertBatch(batch, BatchStatus.Settled, 0);
        assertEq(balance(provider), paid);
        assertEq(balance(pool), fee);
        assertEq(balance(modelOwner), toModel);
        assertEq(balance(dataOwner), toData);
        assertEq(balance(baseOwner), toBase);
        assertEq(balance(customer), before + refund);
        assertEq(lockedStake(provider), 0);
        assertEq(totalStake(provider), STAKE);
    }

    function test_WhenTheCustomerCallsWithoutReceipt() external {
        (Order memory order, Batch memory batch,) = committed(2);
        vm.prank(customer);
        escrow.accept(order, batch, "");
        assertBatch(batch, BatchStatus.Settled, 0);
    }

    function test_WhenTheCustomerIsAContract() external {
        WalletMock wallet = new WalletMock();
        Order memory order = terms();
        order.customer = address(wallet);
        fund(address(wallet), token);
        open(order);
        Batch memory batch = commit(order, workOf(0, 2));
        expectBadReceipt();
        escrow.accept(order, batch, "any bytes");
        wallet.approve(escrow.receiptHash(batch));
        escrow.accept(order, batch, "any bytes");
        assertBatch(batch, BatchStatus.Settled, 0);
    }

    /// @dev EIP-712 by hand, as a wallet computes it.
    function test_TheReceiptHashIsEip712() external {
        (, Batch memory batch,) = committed(2);
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Assay JobEscrow"),
                keccak256("1"),
                block.chainid,
                address(escrow)
            )
        );
        bytes32 receipt = keccak256(
            abi.encode(
                keccak256(
                    "Receipt(bytes32 orderId,address provider,uint32 first,uint32 count,uint64 units,bytes32 root)"
                ),
                batch.orderId,
                batch.provider,
                batch.first,
                batch.count,
                batch.units,
                batch.root
            )
        );
        assertEq(escrow.receiptHash(batch), keccak256(abi.encodePacked(hex"1901", domain, receipt)));
    }

    /// @dev For any terms the payees receive exactly what the batch reserved, and no share is negative.
    function testFuzz_EveryUnitOfMoneyArrives(uint128 unitPrice, uint32 unitCap, uint64 units, uint32 count) external {
        Order memory order = terms();
        order.unitPrice = uint128(bound(unitPrice, 10, 1e15));
        order.unitCap = uint32(bound(unitCap, 1, 1e6));
        order.count = uint32(bound(count, 2, 1e6));
        open(order);
        units = uint64(bound(units, order.count, uint256(order.unitCap) * order.count));
        vm.prank(provider);
        escrow.takeAndCommit(order, 0, order.count, units, keccak256("root"));
        Batch memory batch = Batch({
            orderId: escrow.orderIdOf(order),
            provider: provider,
            first: 0,
            count: order.count,
            units: units,
            root: keccak256("root"),
            stake: escrow.stakeFor(order, order.count),
            committedAt: uint40(block.timestamp)
        });
        vm.prank(customer);
        escrow.accept(order, batch, "");
        uint256 gross = uint256(order.unitPrice) * units;
        uint256 shared =
            balance(provider) + balance(pool) + balance(modelOwner) + balance(dataOwner) + balance(baseOwner);
        assertEq(shared, gross);
        assertEq(balance(address(escrow)), 0);
        assertEq(balance(customer), FUNDS - gross);
        assertGe(balance(pool) * 10_000, gross * FEE_RATE, "the fee is rounded up");
        assertLe(balance(modelOwner) * 10_000, gross * 1000, "a royalty is rounded down");
    }
}
