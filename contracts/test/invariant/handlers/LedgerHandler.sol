// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/interfaces/IERC20.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Test} from "forge-std/Test.sol";
import {DevToken} from "../../../src/devnet/DevToken.sol";
import {Credit, ILedger} from "../../../src/ledger/ILedger.sol";
import {Ledger} from "../../../src/ledger/Ledger.sol";
import {FalseToken} from "../../mocks/FalseToken.sol";
import {HookToken} from "../../mocks/HookToken.sol";
import {NoReturnToken} from "../../mocks/NoReturnToken.sol";
import {Reenterer} from "../../mocks/Reenterer.sol";
import {LedgerStore} from "../stores/LedgerStore.sol";

/// @notice Acts on the ledger as honest users, as spenders who try more than they may, as donors, as a contract that calls
/// back, and through tokens that cheat. Each act says beforehand, from the store alone, whether the ledger must refuse it.
contract LedgerHandler is Test {
    using SafeERC20 for IERC20;

    uint256 private constant MOST = 1e30;

    Ledger public immutable ledger;
    LedgerStore public immutable store;

    /// @notice Plain tokens: the native currency, an ordinary token, one that returns nothing, one that calls back.
    address[4] public tokens;
    HookToken public immutable hook;
    /// @notice Takes 1 %, rounded down, and calls back.
    HookToken public immutable feeToken;
    FalseToken public immutable falseToken;
    /// @notice Calls back.
    Reenterer public immutable mallory;
    /// @notice Four users, the one that calls back, and the account of burned funds.
    address[6] public accounts;

    constructor(Ledger ledger_, LedgerStore store_) {
        (ledger, store) = (ledger_, store_);
        (hook, feeToken, falseToken, mallory) = (new HookToken(), new HookToken(), new FalseToken(), new Reenterer());
        feeToken.setFeeRate(100);
        falseToken.setFailing(true);
        tokens = [address(0), address(new DevToken()), address(new NoReturnToken()), address(hook)];
        accounts =
            [makeAddr("alice"), makeAddr("bob"), makeAddr("carol"), makeAddr("dave"), address(mallory), ledger.BURN()];
        hook.register(address(mallory));
        feeToken.register(address(mallory));
        mallory.execute(address(hook), 0, abi.encodeCall(hook.approve, (address(ledger), type(uint256).max)));
        mallory.execute(address(feeToken), 0, abi.encodeCall(feeToken.approve, (address(ledger), type(uint256).max)));
    }

    /* IN AND OUT */

    function deposit(uint256 actorSeed, uint256 toSeed, uint256 tokenSeed, uint256 amount) external {
        (address actor, address to, address token) = (_user(actorSeed), _account(toSeed), tokens[tokenSeed % 4]);
        amount = bound(amount, 1, MOST);
        _fund(token, actor, amount);
        vm.startPrank(actor);
        if (token == address(0)) {
            ledger.depositNative{value: amount}(to);
        } else {
            IERC20(token).forceApprove(address(ledger), amount);
            ledger.deposit(token, to, amount);
        }
        vm.stopPrank();
        store.credit(to, _id(token), amount);
    }

    /// @dev Tries up to twice the balance.
    function withdraw(uint256 actorSeed, uint256 toSeed, uint256 tokenSeed, uint256 amount) external {
        (address actor, address to, address token) = (_user(actorSeed), _user(toSeed), tokens[tokenSeed % 4]);
        uint256 balance = store.balanceOf(actor, _id(token));
        amount = bound(amount, 1, 2 * balance + 1);
        if (amount > balance) vm.expectRevert(_insufficient(actor, balance, amount, token));
        else store.debit(actor, _id(token), amount);
        vm.prank(actor);
        ledger.withdraw(token, to, amount);
    }

    /// @dev Tokens, or forced native currency, without a deposit.
    function donate(uint256 tokenSeed, uint256 amount) external {
        address token = tokens[tokenSeed % 4];
        amount = bound(amount, 1, MOST);
        _fund(token, address(ledger), amount);
        store.donate(_id(token), amount);
    }

    /* WITHIN THE LEDGER */

    function pay(uint256 actorSeed, uint256 tokenSeed, uint256[4] calldata toSeeds, uint256[4] calldata amounts)
        external
    {
        (address actor, address token) = (_user(actorSeed), tokens[tokenSeed % 4]);
        uint256 balance = store.balanceOf(actor, _id(token));
        Credit[] memory credits = new Credit[](4);
        uint256 sum;
        for (uint256 i; i < 4; ++i) {
            credits[i] = Credit(_account(toSeeds[i]), bound(amounts[i], 0, balance / 3));
            sum += credits[i].amount;
        }
        if (sum > balance) {
            vm.expectRevert(_insufficient(actor, balance, sum, token));
        } else {
            for (uint256 i; i < 4; ++i) {
                store.spend(actor, actor, credits[i].to, _id(token), credits[i].amount);
            }
        }
        vm.prank(actor);
        ledger.pay(token, credits);
    }

    function transfer(uint256 actorSeed, uint256 toSeed, uint256 tokenSeed, uint256 amount) external {
        (address actor, address to, address token) = (_user(actorSeed), _account(toSeed), tokens[tokenSeed % 4]);
        uint256 balance = store.balanceOf(actor, _id(token));
        amount = bound(amount, 0, 2 * balance);
        if (amount > balance) vm.expectRevert(_insufficient(actor, balance, amount, token));
        else store.spend(actor, actor, to, _id(token), amount);
        vm.prank(actor);
        ledger.transfer(to, _id(token), amount);
    }

    function approve(uint256 ownerSeed, uint256 spenderSeed, uint256 tokenSeed, uint256 amount) external {
        (address owner, address spender, uint256 id) =
            (_user(ownerSeed), _user(spenderSeed), _id(tokens[tokenSeed % 4]));
        amount = amount % 4 == 0 ? type(uint256).max : bound(amount, 0, MOST);
        vm.prank(owner);
        ledger.approve(spender, id, amount);
        store.approve(owner, spender, id, amount);
    }

    function setOperator(uint256 ownerSeed, uint256 spenderSeed, bool approved) external {
        (address owner, address spender) = (_user(ownerSeed), _user(spenderSeed));
        vm.prank(owner);
        ledger.setOperator(spender, approved);
        store.setOperator(owner, spender, approved);
    }

    /// @dev Anyone tries to move anyone's balance, that of burned funds among them.
    function transferFrom(uint256 spenderSeed, uint256 ownerSeed, uint256 toSeed, uint256 tokenSeed, uint256 amount)
        external
    {
        (address spender, address owner, address token) =
            (_user(spenderSeed), _account(ownerSeed), tokens[tokenSeed % 4]);
        address to = _account(toSeed);
        uint256 balance = store.balanceOf(owner, _id(token));
        uint256 allowed = store.spendable(owner, spender, _id(token));
        amount = bound(amount, 0, balance + 1);
        if (amount > allowed) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    ERC6909.ERC6909InsufficientAllowance.selector, spender, allowed, amount, _id(token)
                )
            );
        } else if (amount > balance) {
            vm.expectRevert(_insufficient(owner, balance, amount, token));
        } else {
            store.spend(owner, spender, to, _id(token), amount);
        }
        vm.prank(spender);
        ledger.transferFrom(owner, to, _id(token), amount);
    }

    /* HOSTILE */

    /// @dev A deposit within whose callback another way in or out is tried: it must fail alone.
    function nest(uint256 kind, uint256 amount, uint256 nested) external {
        amount = bound(amount, 1, MOST);
        nested = bound(nested, 1, MOST);
        hook.mint(address(mallory), amount + nested);
        vm.deal(address(mallory), nested);
        bytes[4] memory calls = [
            abi.encodeCall(ledger.deposit, (address(hook), address(mallory), nested)),
            abi.encodeCall(ledger.depositWithPermit, (address(hook), address(mallory), nested, 0, 0, 0, 0)),
            abi.encodeCall(ledger.withdraw, (address(hook), accounts[0], 1)),
            abi.encodeCall(ledger.depositNative, (address(mallory)))
        ];
        mallory.arm(address(ledger), kind % 4 == 3 ? nested : 0, calls[kind % 4]);
        mallory.execute(address(ledger), 0, abi.encodeCall(ledger.deposit, (address(hook), address(mallory), amount)));
        assertFalse(mallory.succeeded(), "nested");
        assertEq(
            mallory.result(),
            abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
            "nested for another reason"
        );
        store.credit(address(mallory), _id(address(hook)), amount);
    }

    /// @dev A payment within a deposit's or a withdrawal's callback needs no lock; it moves what the payer has then.
    function payWithin(uint256 toSeed, uint256 amount, bool leaving) external {
        address to = _account(toSeed);
        uint256 id = _id(address(hook));
        uint256 balance = store.balanceOf(address(mallory), id);
        amount = bound(amount, 1, balance + 1);

        Credit[] memory credits = new Credit[](1);
        credits[0] = Credit(to, amount);
        // Before it is armed, since a mint calls back, too.
        hook.mint(address(mallory), 1);
        mallory.arm(address(ledger), 0, abi.encodeCall(ledger.pay, (address(hook), credits)));
        if (leaving && balance > 0) {
            mallory.execute(address(ledger), 0, abi.encodeCall(ledger.withdraw, (address(hook), address(mallory), 1)));
            store.debit(address(mallory), id, 1);
            --balance;
        } else {
            mallory.execute(address(ledger), 0, abi.encodeCall(ledger.deposit, (address(hook), address(mallory), 1)));
            store.credit(address(mallory), id, 1);
        }
        assertEq(mallory.succeeded(), amount <= balance, "payment within");
        if (amount <= balance) store.spend(address(mallory), address(mallory), to, id, amount);
    }

    /// @dev A deposit of the fee nested in one that the fee is taken of: the sums would match and the credits would not.
    function nestToHideAFee(uint256 amount) external {
        amount = bound(amount, 100, 9999);
        uint256 fee = amount / 100;
        feeToken.mint(address(mallory), amount + fee);
        mallory.arm(address(ledger), 0, abi.encodeCall(ledger.deposit, (address(feeToken), address(mallory), fee)));
        vm.expectRevert(
            abi.encodeWithSelector(ILedger.Ledger_InexactTransfer.selector, address(feeToken), amount, amount - fee)
        );
        mallory.execute(
            address(ledger), 0, abi.encodeCall(ledger.deposit, (address(feeToken), address(mallory), amount))
        );
        mallory.disarm();
    }

    /// @dev Tokens that take a fee, or say no by a return value.
    function depositCheating(uint256 actorSeed, uint256 amount, bool fee) external {
        address actor = _user(actorSeed);
        amount = bound(amount, 100, MOST);
        HookToken token = fee ? feeToken : HookToken(address(falseToken));
        token.mint(actor, amount);
        vm.startPrank(actor);
        token.approve(address(ledger), amount);
        if (fee) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    ILedger.Ledger_InexactTransfer.selector, address(token), amount, amount - amount / 100
                )
            );
        } else {
            vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token)));
        }
        ledger.deposit(address(token), actor, amount);
        vm.stopPrank();
    }

    /* HELPERS */

    /// @notice What the ledger holds of `token`.
    function heldOf(address token) external view returns (uint256) {
        return token == address(0) ? address(ledger).balance : DevToken(token).balanceOf(address(ledger));
    }

    function _fund(address token, address account, uint256 amount) private {
        if (token == address(0)) vm.deal(account, account.balance + amount);
        else DevToken(token).mint(account, amount);
    }

    /// @dev One of the four users, who act of themselves.
    function _user(uint256 seed) private view returns (address) {
        return accounts[seed % 4];
    }

    function _account(uint256 seed) private view returns (address) {
        return accounts[seed % 6];
    }

    function _insufficient(address account, uint256 balance, uint256 amount, address token)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(ERC6909.ERC6909InsufficientBalance.selector, account, balance, amount, _id(token));
    }

    function _id(address token) private pure returns (uint256) {
        return uint256(uint160(token));
    }
}
