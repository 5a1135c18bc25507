// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IModelRegistry, Model, PriceFloor, Royalty} from "./IModelRegistry.sol";
import {IProgramRegistry} from "./IProgramRegistry.sol";

/// @title ModelRegistry
/// @notice Models, their price floors and royalty splits. No admin: each model answers to its owner alone.
contract ModelRegistry is IModelRegistry {
    /// @dev A model's floor in one token; `accepted` tells a floor of zero from none.
    struct Floor {
        bool accepted;
        uint128 unitPrice;
    }

    /// @inheritdoc IModelRegistry
    uint256 public constant MAX_ROYALTIES = 8;

    /// @inheritdoc IModelRegistry
    uint256 public constant MAX_ROYALTY_SHARE = 5000;

    /// @inheritdoc IModelRegistry
    IProgramRegistry public immutable programs;

    /* STORAGE */

    mapping(bytes32 modelId => Model) private _models;

    mapping(bytes32 modelId => mapping(address token => Floor)) private _floors;

    /// @param programs_ The programs that models can have.
    constructor(IProgramRegistry programs_) {
        programs = programs_;
    }

    /// @dev Lets only the owner of a known model through.
    modifier onlyOwner(bytes32 modelId) {
        _checkOwner(modelId);
        _;
    }

    /* VIEWS */

    /// @inheritdoc IModelRegistry
    function modelOf(bytes32 modelId) external view returns (Model memory model) {
        model = _models[modelId];
        require(model.owner != address(0), ModelRegistry_UnknownModel(modelId));
    }

    /// @inheritdoc IModelRegistry
    function priceFloorOf(bytes32 modelId, address token) external view returns (uint128) {
        require(_models[modelId].owner != address(0), ModelRegistry_UnknownModel(modelId));
        return _floorOf(modelId, token);
    }

    /// @inheritdoc IModelRegistry
    function checkTerms(
        bytes32 modelId,
        address token,
        uint256 unitPrice,
        uint8 unitBytes,
        Royalty[] calldata royalties
    ) external view {
        Model storage model = _models[modelId];
        require(model.owner != address(0), ModelRegistry_UnknownModel(modelId));
        uint256 floor = _floorOf(modelId, token);
        require(unitPrice >= floor, ModelRegistry_PriceUnderFloor(modelId, token, unitPrice, floor));
        require(
            unitBytes == model.unitBytes && _hash(royalties) == model.royaltiesHash, ModelRegistry_StaleTerms(modelId)
        );
    }

    /* OWNERS */

    /// @inheritdoc IModelRegistry
    function register(
        bytes32 programRoot,
        bytes32 weightsRoot,
        uint8 unitBytes,
        string calldata metadataURI,
        Royalty[] calldata royalties,
        PriceFloor[] calldata floors
    ) external returns (bytes32 modelId) {
        require(weightsRoot != 0 && unitBytes != 0, ModelRegistry_EmptyModel());
        require(programs.isRegistered(programRoot), ModelRegistry_UnknownProgram(programRoot));
        modelId = keccak256(abi.encode(block.chainid, address(this), msg.sender, programRoot, weightsRoot));
        require(_models[modelId].owner == address(0), ModelRegistry_AlreadyRegistered(modelId));

        Model storage model = _models[modelId];
        model.owner = msg.sender;
        model.unitBytes = unitBytes;
        model.programRoot = programRoot;
        model.weightsRoot = weightsRoot;
        emit ModelRegistered(modelId, msg.sender, programRoot, weightsRoot, unitBytes, metadataURI);

        _setRoyalties(modelId, royalties);
        for (uint256 i; i < floors.length; ++i) {
            _setPriceFloor(modelId, floors[i].token, true, floors[i].unitPrice);
        }
    }

    /// @inheritdoc IModelRegistry
    function setRoyalties(bytes32 modelId, Royalty[] calldata royalties) external onlyOwner(modelId) {
        _setRoyalties(modelId, royalties);
    }

    /// @inheritdoc IModelRegistry
    function setPriceFloor(bytes32 modelId, address token, bool accepted, uint128 unitPrice)
        external
        onlyOwner(modelId)
    {
        _setPriceFloor(modelId, token, accepted, accepted ? unitPrice : 0);
    }

    /// @inheritdoc IModelRegistry
    function setMetadata(bytes32 modelId, string calldata metadataURI) external onlyOwner(modelId) {
        emit MetadataSet(modelId, metadataURI);
    }

    /// @inheritdoc IModelRegistry
    function transferModel(bytes32 modelId, address owner) external onlyOwner(modelId) {
        require(owner != address(0), ModelRegistry_ZeroOwner());
        _models[modelId].owner = owner;
        emit ModelTransferred(modelId, owner);
    }

    /* INTERNAL */

    function _checkOwner(bytes32 modelId) private view {
        address owner = _models[modelId].owner;
        require(owner != address(0), ModelRegistry_UnknownModel(modelId));
        require(owner == msg.sender, ModelRegistry_NotOwner(modelId, msg.sender));
    }

    function _setRoyalties(bytes32 modelId, Royalty[] calldata royalties) private {
        require(royalties.length <= MAX_ROYALTIES, ModelRegistry_TooManyRoyalties(royalties.length, MAX_ROYALTIES));
        uint256 shares;
        for (uint256 i; i < royalties.length; ++i) {
            (address account, uint16 share) = (royalties[i].account, royalties[i].share);
            require(account != address(0) && share != 0, ModelRegistry_BadRoyalty(account, share));
            shares += share;
        }
        require(shares <= MAX_ROYALTY_SHARE, ModelRegistry_RoyaltiesTooHigh(shares, MAX_ROYALTY_SHARE));

        _models[modelId].royaltiesHash = _hash(royalties);
        emit RoyaltiesSet(modelId, royalties);
    }

    function _setPriceFloor(bytes32 modelId, address token, bool accepted, uint128 unitPrice) private {
        _floors[modelId][token] = Floor({accepted: accepted, unitPrice: unitPrice});
        emit PriceFloorSet(modelId, token, accepted, unitPrice);
    }

    /// @dev The floor of a known model, or reverts.
    function _floorOf(bytes32 modelId, address token) private view returns (uint128) {
        Floor memory floor = _floors[modelId][token];
        require(floor.accepted, ModelRegistry_TokenNotAccepted(modelId, token));
        return floor.unitPrice;
    }

    function _hash(Royalty[] calldata royalties) private pure returns (bytes32) {
        return keccak256(abi.encode(royalties));
    }
}
