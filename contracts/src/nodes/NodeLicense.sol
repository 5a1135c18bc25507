// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {INodeLicense, Purchase} from "./INodeLicense.sol";
import {LicenseArt} from "./libraries/LicenseArt.sol";

/// @title NodeLicense
/// @notice `INodeLicense` says what each function does. OpenZeppelin's ERC-721 supplies approvals and checks; owners and balances
/// are kept here, so that a purchase writes two slots and one more for every further four licences.
contract NodeLicense is INodeLicense, ERC721 {
    /// @dev Who may use a licence.
    struct User {
        address user;
        uint64 expires;
    }

    /// @dev Licences of one purchase that share a record. An owner is found in as many steps at most.
    uint256 private constant GROUP = 4;
    /// @dev Bits of a balance and of a count in a word of `_counts`, and tiers a word.
    uint256 private constant BALANCE_BITS = 32;
    uint256 private constant COUNT_BITS = 16;
    uint256 private constant TIERS = (256 - BALANCE_BITS) / COUNT_BITS;
    /// @dev The owner of burned licences, in storage alone.
    address private constant BURNED = address(1);
    uint256 private constant BASIS = 10_000;
    uint16 private constant MAX_ROYALTY = 1000;

    /// @inheritdoc INodeLicense
    address public immutable sale;
    /// @inheritdoc INodeLicense
    uint40 public immutable transferableAt;

    address private immutable _royaltyReceiver;
    uint16 private immutable _royaltyRate;
    /// @dev Words of an account's counts.
    uint256 private immutable _words;

    /* STORAGE */

    /// @dev By the first id of each group.
    mapping(uint256 first => Purchase) private _purchases;

    /// @dev Owners of licences that left their buyer.
    mapping(uint256 id => address) private _moved;

    /// @dev For every `TIERS` tiers, from the lowest bits: how many licences of them the account owns, and how many of each it has
    /// bought. One slot serves the balance and the cap.
    mapping(address account => mapping(uint256 word => uint256)) private _counts;

    mapping(uint256 id => User) private _users;

    /// @param name_ The collection's.
    /// @param symbol_ The collection's.
    /// @param tiers Of the sale.
    /// @param transferableAt_ From when on licences change hands.
    /// @param royaltyReceiver Of resales.
    /// @param royaltyRate Of resales, in basis points.
    constructor(
        string memory name_,
        string memory symbol_,
        uint256 tiers,
        uint40 transferableAt_,
        address royaltyReceiver,
        uint16 royaltyRate
    ) ERC721(name_, symbol_) {
        require(LicenseArt.isPlain(name_), NodeLicense_BadName(name_));
        require(LicenseArt.isPlain(symbol_), NodeLicense_BadName(symbol_));
        require(royaltyRate <= MAX_ROYALTY, NodeLicense_BadRoyalty(royaltyRate));
        (sale, transferableAt) = (msg.sender, transferableAt_);
        (_royaltyReceiver, _royaltyRate) = (royaltyReceiver, royaltyRate);
        _words = (tiers + TIERS - 1) / TIERS;
    }

    modifier onlySale() {
        require(msg.sender == sale, NodeLicense_NotTheSale(msg.sender));
        _;
    }

    /* SALE */

    /// @inheritdoc INodeLicense
    function mint(uint256 first, uint256 count, Purchase memory purchase) external onlySale returns (uint256 bought) {
        address buyer = purchase.buyer;
        for (uint256 done; done < count; done += GROUP) {
            uint256 left = count - done;
            // forge-lint: disable-next-line(unsafe-typecast)
            purchase.count = uint8(left < GROUP ? left : GROUP);
            _purchases[first + done] = purchase;
        }
        for (uint256 id = first; id < first + count; ++id) {
            emit Transfer(address(0), buyer, id);
        }
        uint256 place = BALANCE_BITS + COUNT_BITS * (purchase.tier % TIERS);
        mapping(uint256 word => uint256) storage words = _counts[buyer];
        uint256 word = words[purchase.tier / TIERS];
        bought = (word >> place & type(uint16).max) + count;
        require(bought <= type(uint16).max, NodeLicense_TooMany(buyer, purchase.tier));
        // Neither part runs into the next: the count was checked, and there are fewer than 2^32 licences.
        words[purchase.tier / TIERS] = word + (count << place) + count;
    }

    /// @inheritdoc INodeLicense
    function burn(uint256 id) external onlySale {
        _burn(id);
    }

    /* DELEGATION */

    /// @inheritdoc INodeLicense
    function setUser(uint256 id, address user, uint64 expires) external {
        _checkAuthorized(_ownerOf(id), msg.sender, id);
        if (user == address(0)) expires = 0;
        _users[id] = User(user, expires);
        emit UpdateUser(id, user, expires);
        emit MetadataUpdate(id);
    }

    /// @inheritdoc INodeLicense
    function userOf(uint256 id) public view returns (address) {
        User memory user = _users[id];
        return user.expires >= block.timestamp ? user.user : address(0);
    }

    /// @inheritdoc INodeLicense
    function userExpires(uint256 id) external view returns (uint256) {
        return _users[id].expires;
    }

    /* VIEWS */

    /// @inheritdoc INodeLicense
    function purchaseOf(uint256 id) public view returns (Purchase memory purchase) {
        for (uint256 back; back < GROUP && back <= id; ++back) {
            purchase = _purchases[id - back];
            if (purchase.count > back) return purchase;
        }
        delete purchase;
    }

    /// @inheritdoc INodeLicense
    function boughtIn(address buyer, uint8 tier) external view returns (uint256) {
        return _counts[buyer][tier / TIERS] >> (BALANCE_BITS + COUNT_BITS * (tier % TIERS)) & type(uint16).max;
    }

    /// @inheritdoc IERC721
    function balanceOf(address owner) public view override(ERC721, IERC721) returns (uint256 balance) {
        require(owner != address(0), ERC721InvalidOwner(address(0)));
        for (uint256 word; word < _words; ++word) {
            balance += _counts[owner][word] & type(uint32).max;
        }
    }

    /// @inheritdoc ERC721
    function tokenURI(uint256 id) public view override returns (string memory) {
        _requireOwned(id);
        Purchase memory purchase = purchaseOf(id);
        return LicenseArt.uri(
            LicenseArt.Licence({
                collection: name(),
                id: id,
                tier: purchase.tier,
                boughtAt: purchase.boughtAt,
                user: userOf(id),
                transferable: block.timestamp >= transferableAt
            })
        );
    }

    /// @inheritdoc IERC2981
    function royaltyInfo(uint256, uint256 price) external view returns (address receiver, uint256 amount) {
        return (_royaltyReceiver, price * _royaltyRate / BASIS);
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 id) public view override(ERC721, IERC165) returns (bool) {
        // ERC-4906 and ERC-4907 by the ids that their texts give.
        return id == 0x49064906 || id == 0xad092b5c || id == type(IERC2981).interfaceId || super.supportsInterface(id);
    }

    /* INTERNAL */

    /// @dev Replaces the parent's, whose owners stay unused.
    function _ownerOf(uint256 id) internal view override returns (address) {
        address moved = _moved[id];
        if (moved == address(0)) return purchaseOf(id).buyer;
        return moved == BURNED ? address(0) : moved;
    }

    /// @dev What every transfer and burn goes through. Replaces the parent's, whose owners and balances stay unused.
    function _update(address to, uint256 id, address auth) internal override returns (address from) {
        from = _ownerOf(id);
        if (auth != address(0)) _checkAuthorized(from, auth, id);
        require(from != address(0), ERC721NonexistentToken(id));
        // What is burned was returned, and nobody else gets it.
        require(to == address(0) || block.timestamp >= transferableAt, NodeLicense_Locked(transferableAt));

        _approve(address(0), id, address(0), false);
        uint256 word = purchaseOf(id).tier / TIERS;
        // INVARIANT: the lowest bits of a word count the licences of its tiers that the account owns.
        --_counts[from][word];
        if (to != address(0)) {
            require(to != BURNED, ERC721InvalidReceiver(to));
            ++_counts[to][word];
        }
        _moved[id] = to == address(0) ? BURNED : to;
        emit Transfer(from, to, id);
        if (_users[id].user != address(0)) {
            delete _users[id];
            emit UpdateUser(id, address(0), 0);
        }
        emit MetadataUpdate(id);
    }
}
