// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @notice A contract account. It approves one digest; when told to, its check tries to call back first.
contract WalletMock is IERC1271 {
    bytes32 public approved;
    address public target;
    bytes public data;

    function approve(bytes32 digest) external {
        approved = digest;
    }

    function reenter(address target_, bytes calldata data_) external {
        (target, data) = (target_, data_);
    }

    function execute(address to, bytes calldata call) external returns (bytes memory) {
        (bool ok, bytes memory result) = to.call(call);
        require(ok, string(result));
        return result;
    }

    /// @dev The escrow asks by STATICCALL, so whatever this tries to change fails, and the failure is ignored here.
    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        if (target != address(0)) {
            (bool ok,) = target.staticcall(data);
            ok;
        }
        return digest == approved ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}
