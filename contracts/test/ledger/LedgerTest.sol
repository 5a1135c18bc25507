// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {IERC6909} from "@openzeppelin/contracts/interfaces/IERC6909.sol";
import {DevToken} from "../../src/devnet/DevToken.sol";
import {Credit} from "../../src/ledger/ILedger.sol";
import {Ledger} from "../../src/ledger/Ledger.sol";

/// @notice A ledger, a plain token, and users who hold and have approved it.
abstract contract LedgerTest is Test {
    uint256 internal constant NATIVE = 0;
    uint256 internal constant FUNDS = 1_000_000e6;

    Ledger internal ledger;
    DevToken internal token;
    uint256 internal id;

    address internal alice;
    uint256 internal aliceKey;
    address internal bob = makeAddr("bob");
    address internal carol = makeAddr("carol");

    function setUp() public virtual {
        (alice, aliceKey) = makeAddrAndKey("alice");
        ledger = new Ledger();
        token = new DevToken();
        id = idOf(address(token));
        for (uint256 i; i < 3; ++i) {
            address user = [alice, bob, carol][i];
            token.mint(user, FUNDS);
            vm.deal(user, 100 ether);
            vm.prank(user);
            token.approve(address(ledger), type(uint256).max);
        }
    }

    /// @dev Deposits `amount` of the plain token as `user`.
    function deposit(address user, uint256 amount) internal {
        vm.prank(user);
        ledger.deposit(address(token), user, amount);
    }

    /// @dev Deposits `amount` of native currency as `user`.
    function depositNative(address user, uint256 amount) internal {
        vm.prank(user);
        ledger.depositNative{value: amount}(user);
    }

    /// @dev Expects the ledger's `Transfer` event next.
    function expectTransfer(address caller, address from, address to, uint256 tokenId, uint256 amount) internal {
        vm.expectEmit(address(ledger));
        emit IERC6909.Transfer(caller, from, to, tokenId, amount);
    }

    function idOf(address tokenAddress) internal pure returns (uint256) {
        return uint256(uint160(tokenAddress));
    }

    function credits(address to, uint256 amount) internal pure returns (Credit[] memory list) {
        list = new Credit[](1);
        list[0] = Credit(to, amount);
    }
}
