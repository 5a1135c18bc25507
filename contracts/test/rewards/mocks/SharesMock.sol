// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {INodeLicense} from "../../../src/nodes/INodeLicense.sol";
import {IShares, Shares} from "../../../src/rewards/IShares.sol";

/// @notice Shares that are told.
contract SharesMock is IShares {
    error NotFinal(uint32 epoch);

    INodeLicense public immutable license;
    uint32 public immutable licenses;
    mapping(uint32 number => address) public operatorOf;
    mapping(uint32 epoch => Shares) private _shares;

    constructor(INodeLicense license_, uint32 licenses_) {
        (license, licenses) = (license_, licenses_);
    }

    function setOperator(uint32 number, address operator) external {
        operatorOf[number] = operator;
    }

    function set(uint32 epoch, bytes32 root, uint32 count, uint64 total) external {
        _shares[epoch] = Shares(root, count, total);
    }

    function sharesOf(uint32 epoch) external view returns (Shares memory divided) {
        divided = _shares[epoch];
        require(divided.root != 0, NotFinal(epoch));
    }
}
