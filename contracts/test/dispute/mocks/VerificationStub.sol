// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IDisputeGame} from "../../../src/work/IDisputeGame.sol";
import {BatchStatus, IJobEscrow} from "../../../src/work/IJobEscrow.sol";
import {Batch, Order} from "../../../src/work/WorkTypes.sol";

/// @notice What the escrow and the game ask of a verification contract, answered as told, the worst included. A verdict forfeits the
/// batch, as the real one's does.
contract VerificationStub {
    struct Verdict {
        bytes32 batchId;
        uint32 index;
        address winner;
        uint64 sealNumber;
    }

    IDisputeGame public disputes;
    IJobEscrow public immutable escrow;

    mapping(bytes32 batchId => mapping(uint32 index => bytes32)) public revealedRoot;
    uint40 public end;
    bool public deaf;
    Verdict[] private _verdicts;
    address private _target;
    bytes[] private _calls;
    uint256 public succeeded;

    error Deaf();
    error NotTheGame(address caller);

    constructor(IJobEscrow escrow_, IDisputeGame disputes_) {
        (escrow, disputes) = (escrow_, disputes_);
    }

    /* AS TOLD */

    function reveal(bytes32 batchId, uint32 index, bytes32 root) external {
        revealedRoot[batchId][index] = root;
    }

    function setEnd(uint40 end_) external {
        end = end_;
    }

    function setDeaf(bool yes) external {
        deaf = yes;
    }

    function setDisputes(IDisputeGame disputes_) external {
        disputes = disputes_;
    }

    /// @notice Calls `target` with `data` during every verdict from now on.
    function reenter(address target, bytes calldata data) external {
        _target = target;
        _calls.push(data);
    }

    /* WHAT IS ASKED */

    function checkTerms(Order calldata) external view {}

    function checkTake(Order calldata) external view {}

    function onCommit(bytes32, Order calldata, Batch calldata) external {}

    function agrees(bytes32 batchId, bool) external view returns (bool) {
        return disputes.openGames(batchId) == 0;
    }

    function challengeEnd(bytes32) external view returns (uint40) {
        return end;
    }

    function convict(Order calldata order, Batch calldata batch, uint32 index, address winner, uint64 sealNumber)
        external
    {
        require(!deaf, Deaf());
        require(msg.sender == address(disputes), NotTheGame(msg.sender));
        bytes32 batchId = keccak256(abi.encode(batch));
        _verdicts.push(Verdict(batchId, index, winner, sealNumber));
        for (uint256 i; i < _calls.length; ++i) {
            (bool ok,) = _target.call(_calls[i]);
            if (ok) ++succeeded;
        }
        if (escrow.batchState(batchId).status == BatchStatus.Committed) escrow.convict(order, batch, winner);
    }

    function verdicts() external view returns (Verdict[] memory) {
        return _verdicts;
    }
}
