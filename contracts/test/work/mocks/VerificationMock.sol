// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IJobEscrow} from "../../../src/work/IJobEscrow.sol";
import {Batch, Order} from "../../../src/work/WorkTypes.sol";

/// @notice A verification contract that does as it is told, the worst included. It has what the escrow calls, and no more.
contract VerificationMock {
    bool public agreesToReceipts;
    bool public agreesToWindows;
    bool public refusesTerms;
    bool public refusesTakes;
    bool public refusesCommits;
    uint40 public challengeEnds;
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

    function refuseTerms(bool terms, bool takes) external {
        (refusesTerms, refusesTakes) = (terms, takes);
    }

    function setChallengeEnd(uint40 end) external {
        challengeEnds = end;
    }

    /// @notice Calls `target` with `data` during every commit from now on.
    function reenter(address target_, bytes calldata data) external {
        target = target_;
        calls.push(data);
    }

    function checkTerms(Order calldata) external view {
        require(!refusesTerms, Refused());
    }

    function checkTake(Order calldata) external view {
        require(!refusesTakes, Refused());
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

    function challengeEnd(bytes32) external view returns (uint40) {
        return challengeEnds;
    }

    function fundDraw(IJobEscrow escrow, Order calldata order, Batch calldata batch) external returns (uint256) {
        return escrow.fundDraw(order, batch);
    }

    function convict(IJobEscrow escrow, Order calldata order, Batch calldata batch, address beneficiary)
        external
        returns (uint256)
    {
        return escrow.convict(order, batch, beneficiary);
    }
}
