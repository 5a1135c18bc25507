// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ITokenHooks} from "./HookToken.sol";

/// @notice An account that, when it is called back by a token or receives native currency, makes one prepared call.
contract Reenterer is ITokenHooks {
    address private _target;
    uint256 private _value;
    bytes private _data;
    bool private _armed;

    /// @notice Callbacks that made a prepared call.
    uint256 public attempts;
    /// @notice Whether the last prepared call succeeded.
    bool public succeeded;
    /// @notice What it returned.
    bytes public result;

    receive() external payable {
        _fire();
    }

    /// @notice Prepares the call that the next callback makes.
    function arm(address target, uint256 value, bytes calldata data) external {
        (_target, _value, _data, _armed) = (target, value, data, true);
    }

    /// @notice Forgets the prepared call.
    function disarm() external {
        _armed = false;
    }

    /// @notice Makes a call as this account, and fails as it fails.
    function execute(address target, uint256 value, bytes calldata data) external {
        (bool success, bytes memory returned) = target.call{value: value}(data);
        if (success) return;
        assembly ("memory-safe") {
            revert(add(returned, 32), mload(returned))
        }
    }

    function tokensToSend() external {
        _fire();
    }

    function tokensReceived() external {
        _fire();
    }

    function _fire() private {
        if (!_armed) return;
        _armed = false;
        ++attempts;
        (succeeded, result) = _target.call{value: _value}(_data);
    }
}
