// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {Credit, ILedger} from "../../src/ledger/ILedger.sol";
import {HookToken} from "../mocks/HookToken.sol";
import {PhantomPermitToken} from "../mocks/PhantomPermitToken.sol";
import {RebasingToken} from "../mocks/RebasingToken.sol";
import {Reenterer} from "../mocks/Reenterer.sol";
import {TwinToken} from "../mocks/TwinToken.sol";
import {LedgerTest} from "./LedgerTest.sol";

/// @notice Each test plays one attack on the ledger, with the numbers that it would gain.
contract Ledger_Attacks_Test is LedgerTest {
    Reenterer internal mallory;
    HookToken internal hook;

    function setUp() public override {
        super.setUp();
        mallory = new Reenterer();
        hook = new HookToken();
        hook.mint(address(mallory), 1000);
        hook.mint(bob, 1000);
        vm.startPrank(bob);
        hook.approve(address(ledger), 1000);
        ledger.deposit(address(hook), bob, 1000);
        vm.stopPrank();

        hook.register(address(mallory));
        mallory.execute(address(hook), 0, abi.encodeCall(hook.approve, (address(ledger), type(uint256).max)));
    }

    /// @dev A fee of 1 on 100, and a deposit of 1, on which the fee rounds to zero, nested in it: without a lock both checks
    /// hold, 101 are credited and 100 arrive.
    function test_RevertWhen_ADepositIsNestedToHideAFee() external {
        hook.setFeeRate(100);
        mallory.arm(address(ledger), 0, abi.encodeCall(ledger.deposit, (address(hook), address(mallory), 1)));
        vm.expectRevert(abi.encodeWithSelector(ILedger.Ledger_InexactTransfer.selector, address(hook), 100, 99));
        mallory.execute(address(ledger), 0, abi.encodeCall(ledger.deposit, (address(hook), address(mallory), 100)));
    }

    /// @dev The same through `depositWithPermit`.
    function test_RevertWhen_APermitDepositIsNestedToHideAFee() external {
        hook.setFeeRate(100);
        mallory.arm(
            address(ledger),
            0,
            abi.encodeCall(ledger.depositWithPermit, (address(hook), address(mallory), 1, 0, 0, 0, 0))
        );
        vm.expectRevert(abi.encodeWithSelector(ILedger.Ledger_InexactTransfer.selector, address(hook), 100, 99));
        mallory.execute(
            address(ledger),
            0,
            abi.encodeCall(ledger.depositWithPermit, (address(hook), address(mallory), 100, 0, 0, 0, 0))
        );
    }

    /// @dev Where the native currency is also a token, a native deposit raises the token's balance, too.
    function test_RevertWhen_ANativeDepositIsNestedInItsTwins() external {
        TwinToken twin = new TwinToken();
        twin.setFeeRate(100);
        vm.deal(address(mallory), 1000);
        mallory.arm(address(ledger), 1, abi.encodeCall(ledger.depositNative, (address(mallory))));
        vm.expectRevert(abi.encodeWithSelector(ILedger.Ledger_InexactTransfer.selector, address(twin), 100, 99));
        mallory.execute(address(ledger), 0, abi.encodeCall(ledger.deposit, (address(twin), address(mallory), 100)));
    }

    /// @dev The two faces of one currency never promise more than is held.
    function test_TwinsAreCreditedOnce() external {
        TwinToken twin = new TwinToken();
        vm.deal(address(mallory), 1000);
        mallory.execute(address(ledger), 0, abi.encodeCall(ledger.deposit, (address(twin), address(mallory), 100)));
        mallory.execute(address(ledger), 50, abi.encodeCall(ledger.depositNative, (address(mallory))));
        assertEq(ledger.totalSupply(idOf(address(twin))) + ledger.totalSupply(NATIVE), address(ledger).balance);
    }

    /// @dev Each path that moves tokens refuses to be entered from within a deposit, and the deposit itself goes on.
    function test_NothingThatMovesTokensNestsInADeposit() external {
        vm.deal(address(mallory), 1 ether);
        bytes[4] memory nested = [
            abi.encodeCall(ledger.deposit, (address(hook), address(mallory), 1)),
            abi.encodeCall(ledger.depositWithPermit, (address(hook), address(mallory), 1, 0, 0, 0, 0)),
            abi.encodeCall(ledger.withdraw, (address(hook), bob, 1)),
            abi.encodeCall(ledger.depositNative, (address(mallory)))
        ];
        for (uint256 i; i < nested.length; ++i) {
            mallory.arm(address(ledger), i == 3 ? 1 : 0, nested[i]);
            mallory.execute(address(ledger), 0, abi.encodeCall(ledger.deposit, (address(hook), address(mallory), 100)));
            assertEq(mallory.attempts(), i + 1, "the hook ran");
            assertFalse(mallory.succeeded());
            assertEq(
                mallory.result(), abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
            );
            assertEq(ledger.balanceOf(address(mallory), idOf(address(hook))), 100 * (i + 1));
        }
        assertEq(hook.balanceOf(address(ledger)), 1400);
    }

    /// @dev The classic: withdraw again while the first withdrawal's currency arrives.
    function test_NativeWithdrawalsDoNotNest() external {
        depositNative(bob, 10 ether);
        vm.deal(address(mallory), 1 ether);
        mallory.execute(address(ledger), 1 ether, abi.encodeCall(ledger.depositNative, (address(mallory))));

        mallory.arm(address(ledger), 0, abi.encodeCall(ledger.withdraw, (address(0), address(mallory), 1 ether)));
        mallory.execute(address(ledger), 0, abi.encodeCall(ledger.withdraw, (address(0), address(mallory), 1 ether)));
        assertEq(mallory.attempts(), 1);
        assertFalse(mallory.succeeded());
        assertEq(address(mallory).balance, 1 ether);
        assertEq(address(ledger).balance, 10 ether);
    }

    /// @dev Payments need no lock: what is on its way out is debited before it leaves.
    function test_WhatIsLeavingCannotBePaidAway() external {
        bytes memory payment = abi.encodeCall(ledger.pay, (address(hook), credits(carol, 100)));
        mallory.execute(address(ledger), 0, abi.encodeCall(ledger.deposit, (address(hook), address(mallory), 100)));
        mallory.arm(address(ledger), 0, payment);
        mallory.execute(address(ledger), 0, abi.encodeCall(ledger.withdraw, (address(hook), address(mallory), 100)));
        assertEq(mallory.attempts(), 1);
        assertFalse(mallory.succeeded());
        assertEq(
            mallory.result(),
            abi.encodeWithSelector(
                ERC6909.ERC6909InsufficientBalance.selector, address(mallory), 0, 100, idOf(address(hook))
            )
        );
        assertEq(ledger.balanceOf(carol, idOf(address(hook))), 0);
    }

    /// @dev What is on its way in is not spendable yet.
    function test_WhatIsArrivingCannotBePaidYet() external {
        mallory.arm(address(ledger), 0, abi.encodeCall(ledger.pay, (address(hook), credits(carol, 100))));
        mallory.execute(address(ledger), 0, abi.encodeCall(ledger.deposit, (address(hook), address(mallory), 100)));
        assertEq(mallory.attempts(), 1);
        assertFalse(mallory.succeeded());
        assertEq(ledger.balanceOf(address(mallory), idOf(address(hook))), 100);
    }

    /// @dev Somebody who sees the permit in the mempool uses it first; the deposit goes through all the same. (The signed
    /// variant is in depositWithPermit.t.sol.) Nobody deposits somebody else's tokens, whatever was approved.
    function test_RevertWhen_APhantomPermitIsUsedAgainstAnApprover() external {
        PhantomPermitToken phantom = new PhantomPermitToken();
        phantom.mint(alice, 100);
        vm.prank(alice);
        phantom.approve(address(ledger), 100);

        // The permit "succeeds", and yet only the caller's tokens are asked for.
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(ledger), 0, 100)
        );
        vm.prank(carol);
        ledger.depositWithPermit(address(phantom), carol, 100, block.timestamp, 27, 0, 0);

        vm.prank(alice);
        ledger.depositWithPermit(address(phantom), alice, 100, block.timestamp, 27, 0, 0);
        assertEq(phantom.swallowed(), 1);
        assertEq(ledger.balanceOf(alice, idOf(address(phantom))), 100);
    }

    /// @dev An ERC-6909 operator may move all tokens; an allowance moves its amount of its token. Hence contracts of the suite
    /// ask for allowances only.
    function test_AnOperatorTakesAllAndAnAllowanceItsAmount() external {
        deposit(alice, 1000);
        depositNative(alice, 1 ether);
        vm.startPrank(alice);
        ledger.approve(carol, id, 10);
        ledger.setOperator(bob, true);
        vm.stopPrank();

        vm.startPrank(carol);
        ledger.transferFrom(alice, carol, id, 10);
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InsufficientAllowance.selector, carol, 0, 1, id));
        ledger.transferFrom(alice, carol, id, 1);
        vm.stopPrank();

        vm.startPrank(bob);
        ledger.transferFrom(alice, bob, id, 990);
        ledger.transferFrom(alice, bob, NATIVE, 1 ether);
        assertEq(ledger.balanceOf(alice, id) + ledger.balanceOf(alice, NATIVE), 0);
    }

    /// @dev Nor does a spender withdraw or pay: both debit the caller.
    function test_RevertWhen_ASpenderWithdrawsForTheOwner() external {
        deposit(alice, 1000);
        vm.prank(alice);
        ledger.setOperator(bob, true);
        vm.startPrank(bob);
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InsufficientBalance.selector, bob, 0, 1, id));
        ledger.withdraw(address(token), bob, 1);
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InsufficientBalance.selector, bob, 0, 1, id));
        ledger.pay(address(token), credits(bob, 1));
    }

    /// @dev What the ledger does not claim: a rebase below what was credited leaves the last to withdraw with the loss. It
    /// stays within that token.
    function test_ARebaseDownHurtsItsOwnTokenOnly() external {
        RebasingToken rebasing = new RebasingToken();
        uint256 rebasingId = idOf(address(rebasing));
        for (uint256 i; i < 2; ++i) {
            address user = [alice, bob][i];
            rebasing.mintShares(user, 100);
            vm.startPrank(user);
            rebasing.approve(address(ledger), 100);
            ledger.deposit(address(rebasing), user, 100);
            vm.stopPrank();
        }
        deposit(carol, 1000);

        rebasing.setRate(0.5e18);
        assertGt(ledger.totalSupply(rebasingId), rebasing.balanceOf(address(ledger)), "not claimed for such tokens");
        vm.prank(alice);
        ledger.withdraw(address(rebasing), alice, 100);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, address(ledger), 0, 200));
        vm.prank(bob);
        ledger.withdraw(address(rebasing), bob, 100);

        vm.prank(carol);
        ledger.withdraw(address(token), carol, 1000);
        assertEq(token.balanceOf(carol), FUNDS);
    }

    /// @dev A donation is credited to nobody, and no later deposit or withdrawal picks it up.
    function test_ADonationIsNobodys() external {
        deposit(alice, 100);
        vm.prank(bob);
        token.transfer(address(ledger), 50);
        deposit(carol, 10);
        assertEq(ledger.balanceOf(carol, id), 10);

        vm.startPrank(carol);
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InsufficientBalance.selector, carol, 10, 11, id));
        ledger.withdraw(address(token), carol, 11);
        assertEq(token.balanceOf(address(ledger)) - ledger.totalSupply(id), 50);
    }

    /// @dev Ids beyond 160 bits are no token's: nothing can be minted under them.
    function testFuzz_AnIdBeyondAddressesStaysEmpty(uint256 high) external {
        high = bound(high, 1, type(uint96).max);
        deposit(alice, 100);
        uint256 alias_ = id | (high << 160);
        assertEq(ledger.balanceOf(alice, alias_), 0);
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InsufficientBalance.selector, alice, 0, 1, alias_));
        vm.prank(alice);
        ledger.transfer(bob, alias_, 1);
    }

    /// @dev Whoever calls, burned funds stay.
    function testFuzz_BurnedFundsAreSpentByNobody(address caller) external {
        address burn = ledger.BURN();
        vm.assume(caller != burn && caller != address(0));
        deposit(alice, 100);
        vm.prank(alice);
        ledger.pay(address(token), credits(burn, 100));

        Credit[] memory list = credits(caller, 1);
        vm.startPrank(caller);
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InsufficientAllowance.selector, caller, 0, 1, id));
        ledger.transferFrom(burn, caller, id, 1);
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InsufficientBalance.selector, caller, 0, 1, id));
        ledger.pay(address(token), list);
        assertEq(ledger.balanceOf(burn, id), 100);
    }
}
