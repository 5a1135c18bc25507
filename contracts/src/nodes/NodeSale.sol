// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {IERC20} from "@openzeppelin/contracts/interfaces/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {ILedger} from "../ledger/ILedger.sol";
import {INodeLicense, Purchase} from "./INodeLicense.sol";
import {CollectionTerms, INodeSale, Outcome, PurchaseTerms, SaleTerms, Signed, Tier, TierTerms} from "./INodeSale.sol";
import {NodeLicense} from "./NodeLicense.sol";

/// @title NodeSale
/// @notice `INodeSale` says what each move does. No admin.
contract NodeSale is INodeSale, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @dev What became of a token's money. Kept apart: `commissions` is reserved for referrers, `buyback` for owners.
    struct Books {
        /// Earned by referrers and not claimed.
        uint256 commissions;
        /// What buyback would pay for all licences with that right that were not returned.
        uint256 buyback;
        /// What was released to the seller.
        uint256 released;
    }

    uint256 private constant BASIS = 10_000;
    uint256 private constant MAX_TIERS = 64;
    uint256 private constant MAX_TOKENS = 8;

    /// @inheritdoc INodeSale
    ILedger public immutable ledger;
    /// @inheritdoc INodeSale
    INodeLicense public immutable license;

    /* TERMS, fixed */

    address private immutable _seller;
    uint40 private immutable _allowlistAt;
    uint40 private immutable _publicAt;
    uint40 private immutable _endsAt;
    bool private immutable _sequential;
    uint32 private immutable _softCap;
    bytes32 private immutable _allowlistRoot;
    bytes32 private immutable _promoRoot;
    uint16 private immutable _referralDiscount;
    uint16 private immutable _referralCommission;
    uint16 private immutable _buybackFee;
    uint40 private immutable _buybackUntil;
    uint16 private immutable _releasedAtOnce;
    uint32 private immutable _releasePeriod;
    uint256 private immutable _tokenCount;
    uint256 private immutable _tierCount;

    /* STORAGE */

    address[] private _tokens;
    Tier[] private _tiers;
    mapping(uint256 tier => mapping(uint256 token => uint128)) private _prices;

    /// @dev Kept once it is known, so that it is computed over all tiers once.
    Outcome private _outcome;
    mapping(address token => Books) private _books;
    mapping(address referrer => mapping(address token => uint256)) private _commissions;
    /// @inheritdoc INodeSale
    mapping(bytes32 code => uint256) public promoUsed;

    /// @param ledger_ Where the money lies.
    /// @param terms_ What the sale promises.
    /// @param collection What is sold.
    /// @param tokens_ What is taken for it.
    /// @param tiers_ In the order in which they are sold.
    constructor(
        ILedger ledger_,
        SaleTerms memory terms_,
        CollectionTerms memory collection,
        address[] memory tokens_,
        TierTerms[] memory tiers_
    ) {
        _requireSound(terms_, collection);
        ledger = ledger_;
        _seller = terms_.seller;
        (_allowlistAt, _publicAt, _endsAt) = (terms_.allowlistAt, terms_.publicAt, terms_.endsAt);
        (_sequential, _softCap) = (terms_.sequential, terms_.softCap);
        (_allowlistRoot, _promoRoot) = (terms_.allowlistRoot, terms_.promoRoot);
        (_referralDiscount, _referralCommission) = (terms_.referralDiscount, terms_.referralCommission);
        (_buybackFee, _buybackUntil) = (terms_.buybackFee, terms_.buybackUntil);
        (_releasedAtOnce, _releasePeriod) = (terms_.releasedAtOnce, terms_.releasePeriod);
        (_tokenCount, _tierCount) = (tokens_.length, tiers_.length);
        _listTokens(tokens_);
        uint256 supply = _listTiers(tiers_, tokens_.length);
        require(terms_.softCap <= supply, NodeSale_BadTerms("softCap"));
        license = new NodeLicense(
            collection.name,
            collection.symbol,
            tiers_.length,
            collection.transferableAt,
            collection.royaltyReceiver,
            collection.royaltyRate
        );
    }

    /* VIEWS */

    /// @inheritdoc INodeSale
    function terms() external view returns (SaleTerms memory) {
        return SaleTerms({
            seller: _seller,
            allowlistAt: _allowlistAt,
            publicAt: _publicAt,
            endsAt: _endsAt,
            sequential: _sequential,
            softCap: _softCap,
            allowlistRoot: _allowlistRoot,
            promoRoot: _promoRoot,
            referralDiscount: _referralDiscount,
            referralCommission: _referralCommission,
            buybackFee: _buybackFee,
            buybackUntil: _buybackUntil,
            releasedAtOnce: _releasedAtOnce,
            releasePeriod: _releasePeriod
        });
    }

    /// @inheritdoc INodeSale
    function tokens() external view returns (address[] memory) {
        return _tokens;
    }

    /// @inheritdoc INodeSale
    function tiers() external view returns (Tier[] memory) {
        return _tiers;
    }

    /// @inheritdoc INodeSale
    function priceOf(uint8 tier, uint8 token) external view returns (uint128) {
        return _prices[tier][token];
    }

    /// @inheritdoc INodeSale
    function commissionOf(address referrer, address token) external view returns (uint256) {
        return _commissions[referrer][token];
    }

    /// @inheritdoc INodeSale
    function outcome() public view returns (Outcome) {
        if (_outcome != Outcome.Open) return _outcome;
        (uint256 sold, uint256 supply) = (0, 0);
        for (uint256 i; i < _tierCount; ++i) {
            Tier memory tier = _tiers[i];
            sold += tier.sold;
            supply += tier.supply;
        }
        if (sold < supply && block.timestamp < _endsAt) return Outcome.Open;
        return sold >= _softCap ? Outcome.Succeeded : Outcome.Failed;
    }

    /// @inheritdoc INodeSale
    function releasable(address token) public view returns (uint256) {
        if (outcome() != Outcome.Succeeded) return 0;
        Books memory books = _books[token];
        uint256 held = ledger.balanceOf(address(this), _idOf(token));
        uint256 free = held - books.commissions;
        uint256 proceeds = free + books.released;
        uint256 vested = proceeds * _vestedPart() / BASIS;
        // What owners may still return for stays here, whatever has come free.
        if (block.timestamp <= _buybackUntil) free -= books.buyback;
        return Math.min(Math.saturatingSub(vested, books.released), free);
    }

    /// @inheritdoc INodeSale
    function paidFor(uint256 id) public view returns (address token, uint256 amount) {
        Purchase memory purchase = license.purchaseOf(id);
        if (purchase.count == 0) return (address(0), 0);
        return (_tokens[purchase.token], _discounted(_prices[purchase.tier][purchase.token], purchase.discount));
    }

    /// @inheritdoc INodeSale
    function authorizationNonce(PurchaseTerms calldata wanted) public view returns (bytes32) {
        bytes32 hash = keccak256(abi.encode(block.chainid, address(this), wanted));
        // The first nonce of a key of 192 bits: tokens that number an authoriser's nonces by key take no other.
        return hash & ~bytes32(uint256(type(uint64).max));
    }

    /* BUYERS */

    /// @inheritdoc INodeSale
    function buy(PurchaseTerms calldata wanted) external payable nonReentrant {
        (address token, uint256 cost) = _sell(msg.sender, wanted);
        if (token != address(0)) {
            require(msg.value == 0, NodeSale_WrongValue(msg.value, 0));
            _pull(token, cost);
            return;
        }
        require(msg.value == wanted.maxCost, NodeSale_WrongValue(msg.value, wanted.maxCost));
        if (cost != 0) ledger.depositNative{value: cost}(address(this));
        uint256 surplus = msg.value - cost;
        if (surplus == 0) return;
        (bool sent,) = msg.sender.call{value: surplus}("");
        require(sent, NodeSale_SurplusRefused(msg.sender, surplus));
    }

    /// @inheritdoc INodeSale
    function buyWithPermit(PurchaseTerms calldata wanted, Signed calldata permit) external nonReentrant {
        (address token, uint256 cost) = _sell(msg.sender, wanted);
        _requireToken(token, wanted);
        try IERC20Permit(token)
            .permit(msg.sender, address(this), wanted.maxCost, permit.deadline, permit.v, permit.r, permit.s) {}
            catch {}
        _pull(token, cost);
    }

    /// @inheritdoc INodeSale
    function buyWithAuthorization(address buyer, PurchaseTerms calldata wanted, Signed calldata authorization)
        external
        nonReentrant
    {
        (address token, uint256 cost) = _sell(buyer, wanted);
        _requireToken(token, wanted);
        uint256 held = IERC20(token).balanceOf(address(this));
        IERC3009(token)
            .receiveWithAuthorization(
                buyer,
                address(this),
                wanted.maxCost,
                authorization.validAfter,
                authorization.deadline,
                authorizationNonce(wanted),
                authorization.v,
                authorization.r,
                authorization.s
            );
        // A token may swallow calls that it does not know. What arrives is the buyer's word; without it anybody could buy for
        // another what costs nothing, or what it pays for itself, and use up the other's cap.
        uint256 arrived = IERC20(token).balanceOf(address(this)) - held;
        require(arrived != 0 && arrived == wanted.maxCost, NodeSale_NotAuthorized(buyer));
        if (cost != 0) ledger.deposit(token, address(this), cost);
        if (wanted.maxCost != cost) ledger.deposit(token, buyer, wanted.maxCost - cost);
    }

    /// @inheritdoc INodeSale
    function buyBack(uint256[] calldata ids) external nonReentrant {
        _require(Outcome.Succeeded);
        for (uint256 i; i < ids.length; ++i) {
            uint256 id = ids[i];
            require(license.ownerOf(id) == msg.sender, NodeSale_NotTheOwner(id, msg.sender));
            bool offered = license.purchaseOf(id).buyback && block.timestamp <= _buybackUntil;
            require(offered, NodeSale_NoBuyback());
            (address token, uint256 paid) = paidFor(id);
            uint256 amount = _buybackOf(paid);
            _books[token].buyback -= amount;
            license.burn(id);
            emit BoughtBack(id, msg.sender, token, amount);
            ledger.transfer(msg.sender, _idOf(token), amount);
        }
    }

    /* ANYONE */

    /// @inheritdoc INodeSale
    function refund(uint256[] calldata ids) external nonReentrant {
        _require(Outcome.Failed);
        for (uint256 i; i < ids.length; ++i) {
            uint256 id = ids[i];
            address owner = license.ownerOf(id);
            (address token, uint256 paid) = paidFor(id);
            license.burn(id);
            emit Refunded(id, owner, token, paid);
            ledger.transfer(owner, _idOf(token), paid);
        }
    }

    /// @inheritdoc INodeSale
    function claimCommission(address referrer, address token) external nonReentrant returns (uint256 amount) {
        _require(Outcome.Succeeded);
        amount = _commissions[referrer][token];
        require(amount != 0, NodeSale_NothingDue());
        delete _commissions[referrer][token];
        _books[token].commissions -= amount;
        emit CommissionClaimed(referrer, token, amount);
        ledger.transfer(referrer, _idOf(token), amount);
    }

    /// @inheritdoc INodeSale
    function release(address token) external nonReentrant returns (uint256 amount) {
        _require(Outcome.Succeeded);
        amount = releasable(token);
        require(amount != 0, NodeSale_NothingDue());
        _books[token].released += amount;
        emit Released(token, amount);
        ledger.transfer(_seller, _idOf(token), amount);
    }

    /* INTERNAL: SELLING */

    /// @dev Everything of a purchase but the payment.
    function _sell(address buyer, PurchaseTerms calldata wanted) private returns (address token, uint256 cost) {
        require(block.timestamp >= _allowlistAt && block.timestamp < _endsAt, NodeSale_Closed(block.timestamp));
        require(wanted.quantity != 0, NodeSale_NoQuantity());
        require(wanted.tier < _tierCount, NodeSale_TierNotOnSale(wanted.tier));
        require(wanted.token < _tokenCount, NodeSale_NotForToken(wanted.tier, wanted.token));
        require(!wanted.buyback || _buybackUntil != 0, NodeSale_NoBuyback());
        token = _tokens[wanted.token];

        Purchase memory purchase;
        purchase.buyer = buyer;
        purchase.boughtAt = uint40(block.timestamp);
        purchase.discount = _discountOf(buyer, wanted);
        purchase.token = wanted.token;
        purchase.buyback = wanted.buyback;
        cost = _fill(wanted, purchase, token);
        require(cost <= wanted.maxCost, NodeSale_TooDear(cost, wanted.maxCost));
        if (block.timestamp < _publicAt) _requireAllowed(buyer, wanted);
        if (wanted.referrer != address(0)) _earn(wanted.referrer, token, cost * _referralCommission / BASIS);
    }

    /// @dev Sells tier by tier. A tier is on sale when it is the first or follows one that is sold out: what was sold never comes
    /// back, so then all before it are sold out too.
    function _fill(PurchaseTerms calldata wanted, Purchase memory purchase, address token)
        private
        returns (uint256 cost)
    {
        uint256 index = wanted.tier;
        if (_sequential && index != 0) {
            Tier memory previous = _tiers[index - 1];
            require(previous.sold == previous.supply, NodeSale_TierNotOnSale(wanted.tier));
        }
        uint256 left = wanted.quantity;
        while (true) {
            // forge-lint: disable-next-line(unsafe-typecast)
            purchase.tier = uint8(index);
            (uint256 sold, uint256 paid) = _sellOf(purchase, left, token, _codeOf(wanted));
            cost += paid;
            left -= sold;
            if (left == 0) return cost;
            ++index;
            require(_sequential && index < _tierCount, NodeSale_SoldOut(wanted.quantity - left, wanted.quantity));
        }
    }

    /// @dev Sells at most `wanted` licences of a tier, as many as are left. How many, and what they cost together.
    function _sellOf(Purchase memory purchase, uint256 wanted, address token, bytes32 code)
        private
        returns (uint256 sold, uint256 cost)
    {
        Tier memory tier = _tiers[purchase.tier];
        sold = Math.min(wanted, tier.supply - tier.sold);
        if (sold == 0) return (0, 0);
        // forge-lint: disable-next-line(unsafe-typecast)
        _tiers[purchase.tier].sold = tier.sold + uint32(sold);

        uint256 paid = _discounted(_priceIn(purchase), purchase.discount);
        cost = sold * paid;
        if (purchase.buyback) _books[token].buyback += sold * _buybackOf(paid);
        uint256 first = uint256(tier.first) + tier.sold;
        _emitBought(purchase, first, sold, token, paid, code);
        uint256 bought = license.mint(first, sold, purchase);
        require(tier.cap == 0 || bought <= tier.cap, NodeSale_OverCap(purchase.tier, tier.cap, bought));
    }

    /// @dev Apart, for the stack's sake.
    function _emitBought(
        Purchase memory purchase,
        uint256 first,
        uint256 sold,
        address token,
        uint256 paid,
        bytes32 code
    ) private {
        emit Bought(purchase.buyer, purchase.tier, first, sold, token, paid, code, purchase.buyback);
    }

    /// @dev The price of the purchase's tier in its token.
    function _priceIn(Purchase memory purchase) private view returns (uint256 price) {
        price = _prices[purchase.tier][purchase.token];
        require(price != 0, NodeSale_NotForToken(purchase.tier, purchase.token));
    }

    /// @dev What the buyer saves, in basis points, by a referrer or a promo code, whose use it counts.
    function _discountOf(address buyer, PurchaseTerms calldata wanted) private returns (uint16) {
        address referrer = wanted.referrer;
        bytes32 code = wanted.promo.code;
        if (referrer != address(0)) {
            require(code == 0, NodeSale_BadPromo(code));
            bool stranger = referrer != buyer && referrer != _seller && referrer != address(this);
            require(stranger, NodeSale_BadReferrer(referrer));
            return _referralDiscount;
        }
        if (code == 0) return 0;
        uint256 discount = wanted.promo.discount;
        bool listed = _isListed(wanted.promo.proof, _promoRoot, abi.encode(code, discount, wanted.promo.total));
        require(listed && discount <= BASIS, NodeSale_BadPromo(code));
        uint256 left = wanted.promo.total - promoUsed[code];
        require(wanted.quantity <= left, NodeSale_PromoUsedUp(code, left, wanted.quantity));
        promoUsed[code] += wanted.quantity;
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint16(discount);
    }

    /// @dev In the allow-list phase, after the licences were minted: nothing changes hands or is burned while it lasts, so the
    /// balance is what was bought.
    function _requireAllowed(address buyer, PurchaseTerms calldata wanted) private view {
        uint256 allocation = wanted.allocation;
        bool listed = _isListed(wanted.allowlistProof, _allowlistRoot, abi.encode(buyer, allocation));
        require(listed, NodeSale_NotAllowed(buyer, allocation));
        uint256 bought = license.balanceOf(buyer);
        require(bought <= allocation, NodeSale_OverAllocation(allocation, bought));
    }

    /// @dev What stands for a promo code or a referrer in an event.
    function _codeOf(PurchaseTerms calldata wanted) private pure returns (bytes32) {
        return wanted.promo.code | bytes32(uint256(uint160(wanted.referrer)));
    }

    function _earn(address referrer, address token, uint256 commission) private {
        _commissions[referrer][token] += commission;
        _books[token].commissions += commission;
        emit CommissionEarned(referrer, token, commission);
    }

    /// @dev Takes a token from the caller into the ledger.
    function _pull(address token, uint256 amount) private {
        if (amount == 0) return;
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        ledger.deposit(token, address(this), amount);
    }

    /* INTERNAL: AMOUNTS */

    /// @dev The price less the discount, which is rounded down.
    function _discounted(uint256 price, uint256 discount) private pure returns (uint256) {
        return price - price * discount / BASIS;
    }

    /// @dev What buyback pays for a licence: what it cost less the fee, which is rounded up.
    function _buybackOf(uint256 paid) private view returns (uint256) {
        return paid - Math.ceilDiv(paid * _buybackFee, BASIS);
    }

    /// @dev The part of the proceeds that has come free, in basis points, rounded down.
    function _vestedPart() private view returns (uint256) {
        if (block.timestamp >= uint256(_endsAt) + _releasePeriod) return BASIS;
        uint256 passed = Math.saturatingSub(block.timestamp, _endsAt);
        uint256 later = _releasePeriod == 0 ? 0 : (BASIS - _releasedAtOnce) * passed / _releasePeriod;
        return _releasedAtOnce + later;
    }

    /* INTERNAL: CHECKS */

    /// @dev Reverts unless the sale stands so, and keeps how it stands once that is final.
    function _require(Outcome needed) private {
        Outcome actual = outcome();
        require(actual == needed, NodeSale_WrongOutcome(actual, needed));
        if (_outcome != actual) _outcome = actual;
    }

    /// @dev Reverts on the native currency, which signs nothing.
    function _requireToken(address token, PurchaseTerms calldata wanted) private pure {
        require(token != address(0), NodeSale_NotForToken(wanted.tier, wanted.token));
    }

    /// @dev Whether a leaf is in an OpenZeppelin standard tree.
    function _isListed(bytes32[] calldata proof, bytes32 root, bytes memory leaf) private pure returns (bool) {
        return MerkleProof.verifyCalldata(proof, root, keccak256(bytes.concat(keccak256(leaf))));
    }

    function _requireSound(SaleTerms memory sale, CollectionTerms memory collection) private view {
        require(sale.seller != address(0), NodeSale_BadTerms("seller"));
        require(sale.allowlistAt <= sale.publicAt && sale.publicAt <= sale.endsAt, NodeSale_BadTerms("phases"));
        require(block.timestamp < sale.endsAt, NodeSale_BadTerms("endsAt"));
        require(sale.referralDiscount <= BASIS, NodeSale_BadTerms("referralDiscount"));
        require(sale.referralCommission <= BASIS, NodeSale_BadTerms("referralCommission"));
        require(sale.releasedAtOnce <= BASIS, NodeSale_BadTerms("releasedAtOnce"));
        require(sale.buybackFee <= BASIS, NodeSale_BadTerms("buybackFee"));
        bool covered = sale.buybackUntil == 0 || sale.referralCommission <= sale.buybackFee;
        require(covered, NodeSale_BadTerms("buyback and commission"));
        bool ahead = sale.buybackUntil == 0 || sale.buybackUntil >= sale.endsAt;
        require(ahead, NodeSale_BadTerms("buybackUntil"));
        require(collection.transferableAt >= sale.endsAt, NodeSale_BadTerms("transferableAt"));
    }

    /* INTERNAL: SET-UP */

    function _listTokens(address[] memory list) private {
        require(list.length != 0 && list.length <= MAX_TOKENS, NodeSale_BadTerms("tokens"));
        for (uint256 i; i < list.length; ++i) {
            for (uint256 k; k < i; ++k) {
                require(list[k] != list[i], NodeSale_BadTerms("tokens"));
            }
            _tokens.push(list[i]);
            // What lies here for a moment goes on to the ledger and nowhere else.
            if (list[i] != address(0)) IERC20(list[i]).forceApprove(address(ledger), type(uint256).max);
        }
    }

    function _listTiers(TierTerms[] memory list, uint256 count) private returns (uint256 supply) {
        require(list.length != 0 && list.length <= MAX_TIERS, NodeSale_BadTerms("tiers"));
        for (uint256 i; i < list.length; ++i) {
            TierTerms memory tier = list[i];
            require(tier.supply != 0, NodeSale_BadTerms("supply"));
            require(tier.prices.length == count, NodeSale_BadTerms("prices"));
            // Ids begin at 1.
            // forge-lint: disable-next-line(unsafe-typecast)
            _tiers.push(Tier({first: uint32(supply + 1), supply: tier.supply, sold: 0, cap: tier.cap}));
            supply += tier.supply;
            require(supply < type(uint32).max, NodeSale_BadTerms("supply"));
            for (uint256 k; k < count; ++k) {
                _prices[i][k] = tier.prices[k];
            }
        }
    }

    function _idOf(address token) private pure returns (uint256) {
        return uint256(uint160(token));
    }
}
