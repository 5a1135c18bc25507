// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IJobEscrow} from "../../../src/work/IJobEscrow.sol";
import {IVerification} from "../../../src/work/IVerification.sol";
import {Batch, Order} from "../../../src/work/WorkTypes.sol";

/// @notice A verification contract that does as it is told, the worst included.
contract VerificationMock is IVerification {
    bool public agreesToReceipts;
    bool public agreesToWindows;
    bool public refusesCommits;
    bytes32 public lastBatch;

    address public target;
    bytes[] public calls;
    uint256 public succeeded;

    error Refused();

    function set(bool receipts, bool windows) external {
        (agreesToReceipts, agreesToWindows) = (receipts, windows);
    }

    function refuse(bool yes) external {
        refusesCommits = yes;
    }

    /// @notice Calls `target` with `data` during every commit from now on.
    function reenter(address target_, bytes calldata data) external {
        target = target_;
        calls.push(data);
    }

    function onCommit(bytes32 batchId, Order calldata, Batch calldata) external {
        require(!refusesCommits, Refused());
        lastBatch = batchId;
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool ok,) = target.call(calls[i]);
            if (ok) ++succeeded;
        }
    }

    function agrees(bytes32, bool accepted) external view returns (bool) {
        return accepted ? agreesToReceipts : agreesToWindows;
    }

    function convict(IJobEscrow escrow, Order calldata order, Batch calldata batch, address beneficiary) external {
        escrow.convict(order, batch, beneficiary);
    }
}
