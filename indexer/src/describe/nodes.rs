//! Events of sales and licences in words.

use super::{Shown, Subjects, verification::contract};
use assay_contracts::{NodeLicense::NodeLicenseEvents, NodeSale::NodeSaleEvents};
use serde_json::{Value, json};

contract! {
    NodeSaleEvents as "NodeSale", node_sale, node_sale_subjects:
    Bought(accounts: [buyer], ids: []):
        "buyer" = buyer, "tier" = tier, "first" = first, "quantity" = quantity, "token" = token, "paid" = paid, "code" = code, "buyback" = buyback;
    BoughtBack(accounts: [owner], ids: []): "id" = id, "owner" = owner, "token" = token, "amount" = amount;
    CommissionClaimed(accounts: [referrer], ids: []): "referrer" = referrer, "token" = token, "amount" = amount;
    CommissionEarned(accounts: [referrer], ids: []): "referrer" = referrer, "token" = token, "amount" = amount;
    Refunded(accounts: [owner], ids: []): "id" = id, "owner" = owner, "token" = token, "amount" = amount;
    Released(accounts: [], ids: []): "token" = token, "amount" = amount;
}

contract! {
    NodeLicenseEvents as "NodeLicense", node_license, node_license_subjects:
    Approval(accounts: [owner, approved], ids: []): "owner" = owner, "approved" = approved, "id" = tokenId;
    ApprovalForAll(accounts: [owner, operator], ids: []):
        "owner" = owner, "operator" = operator, "approved" = approved;
    BatchMetadataUpdate(accounts: [], ids: []): "first" = _fromTokenId, "last" = _toTokenId;
    MetadataUpdate(accounts: [], ids: []): "id" = _tokenId;
    Transfer(accounts: [from, to], ids: []): "from" = from, "to" = to, "id" = tokenId;
    UpdateUser(accounts: [user], ids: []): "id" = tokenId, "user" = user, "expires" = expires;
}
