// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IProgramRegistry} from "./IProgramRegistry.sol";

/// @notice A share of a model's gross revenue, in basis points.
struct Royalty {
    address account;
    uint16 share;
}

/// @notice The least unit price at which a model may be ordered in `token`. A token without a floor is not accepted.
struct PriceFloor {
    address token;
    uint128 unitPrice;
}

/// @notice A registered model.
/// @param owner Who may change floors, royalties and metadata.
/// @param unitBytes Bytes of an input row that make one billed unit (2 for programs over 16-bit token ids).
/// @param programRoot Merkle root of the program tape.
/// @param weightsRoot Merkle root of the weights.
/// @param royaltiesHash `keccak256(abi.encode(Royalty[]))`.
struct Model {
    address owner;
    uint8 unitBytes;
    bytes32 programRoot;
    bytes32 weightsRoot;
    bytes32 royaltiesHash;
}

/// @title ModelRegistry
/// @notice Models by content: `modelId = keccak256(abi.encode(chainid, registry, first owner, programRoot, weightsRoot))`.
/// What a change does to open orders: nothing, they carry their own snapshot.
interface IModelRegistry {
    /// @notice A model was registered.
    event ModelRegistered(
        bytes32 indexed modelId,
        address indexed owner,
        bytes32 programRoot,
        bytes32 weightsRoot,
        uint8 unitBytes,
        string metadataURI
    );
    /// @notice The royalty split of later orders.
    event RoyaltiesSet(bytes32 indexed modelId, Royalty[] royalties);
    /// @notice The price floor of later orders; `accepted` false: the token is no longer accepted.
    event PriceFloorSet(bytes32 indexed modelId, address indexed token, bool accepted, uint128 unitPrice);
    /// @notice Where the model is described.
    event MetadataSet(bytes32 indexed modelId, string metadataURI);
    /// @notice The model belongs to `owner` now.
    event ModelTransferred(bytes32 indexed modelId, address indexed owner);

    /// @notice No model has this id.
    error ModelRegistry_UnknownModel(bytes32 modelId);
    /// @notice The same owner registered the same roots before.
    error ModelRegistry_AlreadyRegistered(bytes32 modelId);
    /// @notice Only the model's owner may do this.
    error ModelRegistry_NotOwner(bytes32 modelId, address caller);
    /// @notice A root of zero, or zero bytes a unit.
    error ModelRegistry_EmptyModel();
    /// @notice The program was not registered, so nobody could referee it.
    error ModelRegistry_UnknownProgram(bytes32 programRoot);
    /// @notice More royalty accounts than `MAX_ROYALTIES`.
    error ModelRegistry_TooManyRoyalties(uint256 count, uint256 maximum);
    /// @notice The shares exceed `MAX_ROYALTY_SHARE` basis points in all.
    error ModelRegistry_RoyaltiesTooHigh(uint256 shares, uint256 maximum);
    /// @notice A royalty needs an account and a share above zero.
    error ModelRegistry_BadRoyalty(address account, uint16 share);
    /// @notice The model is not sold for `token`.
    error ModelRegistry_TokenNotAccepted(bytes32 modelId, address token);
    /// @notice The unit price is under the owner's floor.
    error ModelRegistry_PriceUnderFloor(bytes32 modelId, address token, uint256 unitPrice, uint256 floor);
    /// @notice The royalties or unit size stated are not the model's current ones; read them again.
    error ModelRegistry_StaleTerms(bytes32 modelId);
    /// @notice An owner must be an account.
    error ModelRegistry_ZeroOwner();

    /// @notice The programs that models can have.
    function programs() external view returns (IProgramRegistry);
    /// @notice Royalty accounts a model may have: 8.
    function MAX_ROYALTIES() external view returns (uint256);
    /// @notice Basis points that all royalties of a model may take together: 5,000.
    function MAX_ROYALTY_SHARE() external view returns (uint256);
    /// @notice The model's record; reverts when unknown.
    function modelOf(bytes32 modelId) external view returns (Model memory);
    /// @notice The floor for `token`; reverts when the token is not accepted.
    function priceFloorOf(bytes32 modelId, address token) external view returns (uint128);
    /// @notice Reverts unless an order with these terms may be opened now.
    function checkTerms(
        bytes32 modelId,
        address token,
        uint256 unitPrice,
        uint8 unitBytes,
        Royalty[] calldata royalties
    ) external view;

    /// @notice Registers a model; the caller owns it.
    function register(
        bytes32 programRoot,
        bytes32 weightsRoot,
        uint8 unitBytes,
        string calldata metadataURI,
        Royalty[] calldata royalties,
        PriceFloor[] calldata floors
    ) external returns (bytes32 modelId);
    /// @notice Sets the royalty split of later orders.
    function setRoyalties(bytes32 modelId, Royalty[] calldata royalties) external;
    /// @notice Sets (or, with `accepted` false, removes) the floor for `token`.
    function setPriceFloor(bytes32 modelId, address token, bool accepted, uint128 unitPrice) external;
    /// @notice Sets the metadata URI.
    function setMetadata(bytes32 modelId, string calldata metadataURI) external;
    /// @notice Gives the model away.
    function transferModel(bytes32 modelId, address owner) external;
}
