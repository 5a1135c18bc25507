// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {BatchStatus, IJobEscrow} from "../../src/work/IJobEscrow.sol";
import {Batch, Order} from "../../src/work/WorkTypes.sol";
import {WorkTest} from "./WorkTest.sol";
import {VerificationMock} from "./mocks/VerificationMock.sol";

contract JobEscrow_Convict_Test is WorkTest {
    VerificationMock private verification;

    function verified() private returns (Order memory order, Batch memory batch) {
        verification = new VerificationMock();
        order = terms();
        order.verification = address(verification);
        open(order);
        batch = commit(order, workOf(0, 4));
    }

    function test_RevertWhen_TheCallerIsNotTheVerificationContract() external {
        (Order memory order, Batch memory batch) = verified();
        vm.expectRevert(
            abi.encodeWithSelector(IJobEscrow.JobEscrow_NotVerification.selector, customer, address(verification))
        );
        vm.prank(customer);
        escrow.convict(order, batch, customer);
    }

    function test_RevertGiven_TheOrderHasNone() external {
        (Order memory order, Batch memory batch,) = committed(4);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_NotVerification.selector, customer, address(0)));
        vm.prank(customer);
        escrow.convict(order, batch, customer);
    }

    function test_RevertGiven_TheBatchIsFinal() external {
        (Order memory order, Batch memory batch) = verified();
        verification.convict(escrow, order, batch, rival);
        expectNotCommitted(batch, BatchStatus.Forfeited);
        verification.convict(escrow, order, batch, rival);
    }

    function test_RevertWhen_TheBeneficiaryIsNobody() external {
        (Order memory order, Batch memory batch) = verified();
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InvalidReceiver.selector, address(0)));
        verification.convict(escrow, order, batch, address(0));
    }

    /// @dev It cannot reach a batch of an order that names another contract.
    function test_RevertWhen_TheTermsAreAltered() external {
        (, Batch memory batch,) = committed(4);
        verification = new VerificationMock();
        Order memory forged = terms();
        forged.verification = address(verification);
        vm.expectRevert(
            abi.encodeWithSelector(IJobEscrow.JobEscrow_OrderMismatch.selector, escrow.orderIdOf(forged), batch.orderId)
        );
        verification.convict(escrow, forged, batch, rival);
    }

    function test_WhenTheBatchIsCommitted() external {
        (Order memory order, Batch memory batch) = verified();
        verification.convict(escrow, order, batch, rival);
        assertBatch(batch, BatchStatus.Forfeited, 0);
        assertEq(stakeBalance(rival), uint256(batch.stake) / 4);
        assertEq(balance(customer) + balance(address(escrow)), FUNDS);
    }

    function test_GivenDemandsAreOpen() external {
        (Order memory order, Batch memory batch) = verified();
        demand(order, batch, 2);
        verification.convict(escrow, order, batch, rival);
        assertBatch(batch, BatchStatus.Forfeited, 1);
        escrow.forfeit(order, batch, 2);
        assertEq(balance(stranger), FUNDS, "the demander is refunded at once");
        assertEq(stakeBalance(stranger), 0);
    }
}
