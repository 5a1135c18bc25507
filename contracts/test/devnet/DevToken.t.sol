// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {DevToken} from "../../src/devnet/DevToken.sol";

contract DevToken_Test is Test {
    function testFuzz_RevertWhen_TheChainIsNotTheDevnet(uint64 chainId) external {
        vm.assume(chainId != 31_337);
        vm.chainId(chainId);
        vm.expectRevert(abi.encodeWithSelector(DevToken.DevToken_NotADevnet.selector, chainId));
        new DevToken();
    }

    function test_WhenTheChainIsTheDevnet() external {
        DevToken token = new DevToken();
        assertEq(token.decimals(), 6);
        assertEq(token.symbol(), "aUSD");

        vm.prank(makeAddr("anyone"));
        token.mint(address(this), 5e6);
        assertEq(token.balanceOf(address(this)), 5e6);
        assertEq(token.totalSupply(), 5e6);
    }
}
