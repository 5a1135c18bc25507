// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ILedger} from "../../src/ledger/ILedger.sol";
import {HookToken} from "../mocks/HookToken.sol";
import {LedgerTest} from "./LedgerTest.sol";

contract Ledger_DepositWithPermit_Test is LedgerTest {
    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    uint256 private deadline;

    function setUp() public override {
        super.setUp();
        deadline = block.timestamp + 1 hours;
        vm.prank(alice);
        token.approve(address(ledger), 0);
    }

    function test_RevertWhen_TheTokenHasNoCode() external {
        vm.expectRevert(abi.encodeWithSelector(ILedger.Ledger_NotAToken.selector, bob));
        vm.prank(alice);
        ledger.depositWithPermit(bob, alice, 1, deadline, 27, 0, 0);
    }

    function test_RevertWhen_TheAmountIsZero() external {
        vm.expectRevert(ILedger.Ledger_ZeroAmount.selector);
        vm.prank(alice);
        ledger.depositWithPermit(address(token), alice, 0, deadline, 27, 0, 0);
    }

    function test_RevertGiven_NoAllowance_WhenThePermitIsInvalid() external {
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(ledger), 0, 100)
        );
        vm.prank(alice);
        ledger.depositWithPermit(address(token), alice, 100, deadline, 27, bytes32(uint256(1)), bytes32(uint256(2)));
    }

    function test_GivenAnAllowance_WhenThePermitIsInvalid() external {
        vm.startPrank(alice);
        token.approve(address(ledger), 100);
        ledger.depositWithPermit(address(token), alice, 100, deadline, 27, bytes32(uint256(1)), bytes32(uint256(2)));
        assertEq(ledger.balanceOf(alice, id), 100);
    }

    function test_WhenTheTokenHasNoPermit() external {
        HookToken plain = new HookToken();
        plain.mint(alice, 100);
        vm.startPrank(alice);
        plain.approve(address(ledger), 100);
        ledger.depositWithPermit(address(plain), alice, 100, deadline, 27, 0, 0);
        assertEq(ledger.balanceOf(alice, idOf(address(plain))), 100);
    }

    function test_WhenSomebodyUsedThePermitFirst() external {
        (uint8 v, bytes32 r, bytes32 s) = _sign(100);
        vm.prank(bob);
        token.permit(alice, address(ledger), 100, deadline, v, r, s);

        vm.prank(alice);
        ledger.depositWithPermit(address(token), alice, 100, deadline, v, r, s);
        assertEq(ledger.balanceOf(alice, id), 100);
        assertEq(token.allowance(alice, address(ledger)), 0);
    }

    function test_WhenThePermitIsValid() external {
        (uint8 v, bytes32 r, bytes32 s) = _sign(100);
        expectTransfer(alice, address(0), bob, id, 100);
        vm.prank(alice);
        ledger.depositWithPermit(address(token), bob, 100, deadline, v, r, s);

        assertEq(ledger.balanceOf(bob, id), 100);
        assertEq(token.balanceOf(alice), FUNDS - 100);
        assertEq(token.allowance(alice, address(ledger)), 0);
        assertEq(token.nonces(alice), 1);
    }

    /// @dev Alice's permit for the ledger.
    function _sign(uint256 amount) private view returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 permit = keccak256(abi.encode(PERMIT, alice, address(ledger), amount, token.nonces(alice), deadline));
        return vm.sign(aliceKey, keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), permit)));
    }
}
