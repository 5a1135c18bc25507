// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BatchStatus} from "../../../src/work/IJobEscrow.sol";

/// @dev A false batch, by what is false in it.
enum Flaw {
    None,
    Gap,
    Bound,
    WrongUnits,
    WrongInput,
    Garbage
}

struct OrderModel {
    bytes terms;
    bytes32 id;
    bool open;
    uint32 next;
    uint32 committed;
    uint256 reserve;
    uint256 paidOut;
}

struct RangeModel {
    uint256 order;
    uint32 first;
    uint32 count;
    address holder;
    uint40 expiresAt;
    bool committed;
}

struct BatchModel {
    uint256 order;
    bytes batch;
    bytes32 id;
    Flaw flaw;
    BatchStatus status;
    uint32 demands;
    uint40 settlesAt;
}

struct DemandModel {
    uint256 batch;
    uint32 index;
    address demander;
    uint40 deadline;
}

/// @notice What orders, ranges, batches, demands, balances and stake must be, kept by the rules of the interface and by nothing
/// that the escrow says.
contract EscrowStore {
    OrderModel[] public orders;
    RangeModel[] public ranges;
    BatchModel[] public batches;
    DemandModel[] public demands;
    /// @notice In the payment token.
    mapping(address account => uint256) public balanceOf;
    /// @notice In the stake token, without what is staked.
    mapping(address account => uint256) public stakeBalanceOf;
    mapping(address provider => uint256) public staked;

    function counts() external view returns (uint256, uint256, uint256, uint256) {
        return (orders.length, ranges.length, batches.length, demands.length);
    }

    function orderAt(uint256 i) external view returns (OrderModel memory) {
        return orders[i];
    }

    function rangeAt(uint256 i) external view returns (RangeModel memory) {
        return ranges[i];
    }

    function batchAt(uint256 i) external view returns (BatchModel memory) {
        return batches[i];
    }

    function demandAt(uint256 i) external view returns (DemandModel memory) {
        return demands[i];
    }

    /// @notice The range of an order that starts at `first`, if any.
    function findRange(uint256 order, uint32 first) external view returns (bool found, uint256 at_) {
        for (uint256 i = 0; i < ranges.length; ++i) {
            if (ranges[i].order == order && ranges[i].first == first) return (true, i);
        }
    }

    /// @notice Whether an index of a batch was ever demanded.
    function wasDemanded(uint256 batch, uint32 index) external view returns (bool) {
        for (uint256 i = 0; i < demands.length; ++i) {
            if (demands[i].batch == batch && demands[i].index == index) return true;
        }
        return false;
    }

    function addOrder(OrderModel calldata order) external {
        orders.push(order);
    }

    function setOrder(uint256 i, OrderModel calldata order) external {
        orders[i] = order;
    }

    function addRange(RangeModel calldata range) external {
        ranges.push(range);
    }

    function setRange(uint256 i, RangeModel calldata range) external {
        ranges[i] = range;
    }

    function addBatch(BatchModel calldata batch) external {
        batches.push(batch);
    }

    function setBatch(uint256 i, BatchModel calldata batch) external {
        batches[i] = batch;
    }

    function addDemand(DemandModel calldata demand) external {
        demands.push(demand);
    }

    function setDemand(uint256 i, DemandModel calldata demand) external {
        demands[i] = demand;
    }

    function move(address from, address to, uint256 amount) external {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }

    function give(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function addStake(address provider, uint256 amount) external {
        staked[provider] += amount;
    }

    function slash(address provider, address to, uint256 amount) external {
        staked[provider] -= amount;
        stakeBalanceOf[to] += amount;
    }
}
