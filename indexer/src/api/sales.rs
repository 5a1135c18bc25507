//! `/v1/sales`: what sales of node licences promise, what became of them, and who holds what.

use super::{
    App,
    error::{ApiError, Failures},
    extract::{self, Params, Segment},
    orders::PageQuery,
    page::{self, Filter, Page},
};
use crate::rows::{Bought, Commission, License, Payout, PayoutKind, PromoUse, Purchase, SaleMoney, TierSales, schema};
use alloy::primitives::{Address, B256};
use assay_contracts::Sale;
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// A sale: what it promises, for good, and how much of it is sold. Whether it is open, has succeeded or has failed follows from
/// that and from the time: it is over at `ends_at` or when all is sold, and has failed then if `sold` is below `soft_cap`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SaleView {
    /// The contract that sells.
    #[schema(value_type = schema::Account)]
    sale: Address,
    /// The contract of the licences.
    #[schema(value_type = schema::Account)]
    license: Address,
    /// The collection's name.
    name: String,
    /// The collection's symbol.
    symbol: String,
    /// Ledger account that receives the proceeds.
    #[schema(value_type = schema::Account)]
    seller: Address,
    /// When listed buyers may buy (Unix seconds).
    allowlist_at: u64,
    /// When everybody may (Unix seconds).
    public_at: u64,
    /// When it ends (Unix seconds).
    ends_at: u64,
    /// From when on licences change hands (Unix seconds).
    transferable_at: u64,
    /// Whether each tier opens when the one before is sold out.
    sequential: bool,
    /// Licences that must be sold for the sale to succeed.
    soft_cap: u32,
    /// Root of the allow-list; null: there is none.
    #[schema(value_type = Option<schema::Hash>)]
    allowlist_root: Option<B256>,
    /// Root of the promo codes; null: there are none.
    #[schema(value_type = Option<schema::Hash>)]
    promo_root: Option<B256>,
    /// What a referred buyer saves, in basis points.
    referral_discount: u16,
    /// What its referrer earns of what is paid, in basis points.
    referral_commission: u16,
    /// What the seller keeps of a licence that it takes back, in basis points.
    buyback_fee: u16,
    /// Until when it takes licences back (Unix seconds); null: not at all.
    buyback_until: Option<u64>,
    /// Part of the proceeds that is free when the sale has succeeded, in basis points.
    released_at_once: u16,
    /// Seconds from the end over which the rest comes free.
    release_period: u32,
    /// What is taken for a licence; zero: the native currency. Prices are in this order.
    #[schema(value_type = Vec<schema::Account>)]
    tokens: Vec<Address>,
    /// In the order in which they are sold.
    tiers: Vec<TierView>,
    /// Licences of all tiers.
    supply: u64,
    /// Licences sold.
    sold: u64,
    /// What was paid and what became of it, by token.
    money: Vec<SaleMoney>,
}

/// A tier of a sale.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TierView {
    /// Counted from 0.
    tier: u8,
    /// What people call it.
    name: String,
    /// Id of its first licence.
    first: u64,
    /// Licences.
    supply: u32,
    /// Licences sold.
    sold: u32,
    /// Of them, licences that were returned and burned; they are not sold again.
    returned: u32,
    /// Most that one buyer may buy; null: no cap.
    cap: Option<u16>,
    /// Price of one in each of the sale's tokens; null: not sold for it.
    #[schema(value_type = Vec<Option<schema::Amount>>)]
    prices: Vec<Option<String>>,
}

/// What an account may do in a sale, and what it has done.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SaleAccount {
    /// The account.
    #[schema(value_type = schema::Account)]
    account: Address,
    /// What it bought of each tier, as the tier's cap counts.
    bought: Vec<Bought>,
    /// Its line of the allow-list; null when it has none, or when the indexer was not given the list.
    allowance: Option<Listed>,
    /// Whether the indexer has the sale's allow-list.
    allowlist_known: bool,
    /// What it earned as a referrer, by token.
    commissions: Vec<Commission>,
}

/// A line of an allow-list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Listed {
    /// Licences that may be bought before the public phase.
    #[schema(value_type = schema::Amount)]
    allocation: String,
    /// Proof under the sale's `allowlist_root`.
    #[schema(value_type = Vec<schema::Hash>)]
    proof: Vec<B256>,
}

/// A promo code.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PromoView {
    /// keccak256 of the code's text.
    #[schema(value_type = schema::Hash)]
    code: B256,
    /// On the price, in basis points.
    #[schema(value_type = schema::Amount)]
    discount: String,
    /// Licences that may be bought with it.
    #[schema(value_type = schema::Amount)]
    total: String,
    /// Licences bought with it.
    used: u32,
    /// Proof under the sale's `promo_root`.
    #[schema(value_type = Vec<schema::Hash>)]
    proof: Vec<B256>,
}

/// Sales
///
/// All of the deployment, in its order.
#[utoipa::path(get, path = "/v1/sales", tag = "nodes", responses((status = 200, body = Vec<SaleView>), Failures))]
pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Json<Vec<SaleView>>, ApiError> {
    let mut connection = app.readers.begin().await?;
    let mut sales = Vec::new();
    for sale in &app.suite.sales {
        sales.push(view(&mut connection, sale).await?);
    }
    Ok(Json(sales))
}

/// One sale
#[utoipa::path(get, path = "/v1/sales/{sale}", tag = "nodes",
    params(("sale" = String, Path, description = "The sale's address")),
    responses((status = 200, body = SaleView), Failures))]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Segment(sale): Segment<String>,
) -> Result<Json<SaleView>, ApiError> {
    let mut connection = app.readers.begin().await?;
    view(&mut connection, find(&app, &sale)?).await.map(Json)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PurchasesQuery {
    /// Only this account's.
    #[param(example = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8")]
    buyer: Option<String>,
    /// Only those that this account referred.
    referrer: Option<String>,
    /// `next` of the page before.
    #[param(example = "1204-3")]
    cursor: Option<String>,
    /// Items of the page: 1 to 200, 50 when left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// A sale's purchases
///
/// Newest first. One that crosses tiers is listed once for each.
#[utoipa::path(get, path = "/v1/sales/{sale}/purchases", tag = "nodes",
    params(("sale" = String, Path, description = "The sale's address"), PurchasesQuery),
    responses((status = 200, body = Page<Purchase>), Failures))]
pub(crate) async fn purchases(
    State(app): State<Arc<App>>,
    Segment(sale): Segment<String>,
    Params(query): Params<PurchasesQuery>,
) -> Result<Json<Page<Purchase>>, ApiError> {
    let limit = extract::limit(query.limit.as_deref())?;
    let before = extract::cursor(query.cursor.as_deref())?;
    let filters = [
        Filter::bytes("sale", Some(find(&app, &sale)?.address)),
        Filter::bytes("buyer", query.buyer.as_deref().map(extract::address).transpose()?),
        Filter::bytes("referrer", query.referrer.as_deref().map(extract::address).transpose()?),
    ];
    let mut connection = app.readers.acquire().await?;
    let purchases = page::newest::<Purchase>(&mut connection, filters, before, limit).await?;
    Ok(Json(Page::new(purchases, limit, |purchase| purchase.position)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LicensesQuery {
    /// Only those that this account holds.
    #[param(example = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8")]
    owner: Option<String>,
    /// Only those delegated to this account, whether or not the time is over.
    user: Option<String>,
    /// `next` of the page before.
    #[param(example = "1204-3")]
    cursor: Option<String>,
    /// Items of the page: 1 to 200, 50 when left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// A sale's licences
///
/// Newest first, burned ones too.
#[utoipa::path(get, path = "/v1/sales/{sale}/licenses", tag = "nodes",
    params(("sale" = String, Path, description = "The sale's address"), LicensesQuery),
    responses((status = 200, body = Page<License>), Failures))]
pub(crate) async fn licenses(
    State(app): State<Arc<App>>,
    Segment(sale): Segment<String>,
    Params(query): Params<LicensesQuery>,
) -> Result<Json<Page<License>>, ApiError> {
    let limit = extract::limit(query.limit.as_deref())?;
    let before = extract::cursor(query.cursor.as_deref())?;
    let filters = [
        Filter::bytes("sale", Some(find(&app, &sale)?.address)),
        Filter::bytes("owner", query.owner.as_deref().map(extract::address).transpose()?),
        Filter::bytes("user", query.user.as_deref().map(extract::address).transpose()?),
    ];
    let mut connection = app.readers.acquire().await?;
    let licenses = page::newest::<License>(&mut connection, filters, before, limit).await?;
    Ok(Json(Page::new(licenses, limit, |license| license.position)))
}

/// One licence
#[utoipa::path(get, path = "/v1/sales/{sale}/licenses/{id}", tag = "nodes",
    params(("sale" = String, Path, description = "The sale's address"), ("id" = u32, Path, description = "The licence's id")),
    responses((status = 200, body = License), Failures))]
pub(crate) async fn license(
    State(app): State<Arc<App>>,
    Segment((sale, id)): Segment<(String, String)>,
) -> Result<Json<License>, ApiError> {
    let (sale, id) = (find(&app, &sale)?.address, extract::index(&id)?);
    let mut connection = app.readers.acquire().await?;
    let filters = [Filter::Bytes("sale", sale.to_vec()), Filter::Number("id", id.into())];
    let unknown = || ApiError::not_found("license_unknown", format!("licence {id} was not sold"));
    page::all(&mut connection, filters).await?.pop().map(Json).ok_or_else(unknown)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PayoutsQuery {
    /// Only to this account; releases go to the sale's seller and name none.
    account: Option<String>,
    /// Only of this kind.
    #[param(value_type = Option<PayoutKind>)]
    kind: Option<String>,
    /// `next` of the page before.
    #[param(example = "1204-3")]
    cursor: Option<String>,
    /// Items of the page: 1 to 200, 50 when left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// A sale's refunds, buybacks, commissions and releases
///
/// Newest first.
#[utoipa::path(get, path = "/v1/sales/{sale}/payouts", tag = "nodes",
    params(("sale" = String, Path, description = "The sale's address"), PayoutsQuery),
    responses((status = 200, body = Page<Payout>), Failures))]
pub(crate) async fn payouts(
    State(app): State<Arc<App>>,
    Segment(sale): Segment<String>,
    Params(query): Params<PayoutsQuery>,
) -> Result<Json<Page<Payout>>, ApiError> {
    let limit = extract::limit(query.limit.as_deref())?;
    let before = extract::cursor(query.cursor.as_deref())?;
    let kind: Option<PayoutKind> =
        extract::word(query.kind.as_deref(), "bad_kind", "refund, buy_back, commission, release")?;
    let filters = [
        Filter::bytes("sale", Some(find(&app, &sale)?.address)),
        Filter::bytes("account", query.account.as_deref().map(extract::address).transpose()?),
        kind.map(|kind| Filter::Word("kind", kind.as_str())),
    ];
    let mut connection = app.readers.acquire().await?;
    let payouts = page::newest::<Payout>(&mut connection, filters, before, limit).await?;
    Ok(Json(Page::new(payouts, limit, |payout| payout.position)))
}

/// An account in a sale
///
/// Its line of the allow-list with the proof that a purchase needs, what it bought, and what it earned as a referrer.
#[utoipa::path(get, path = "/v1/sales/{sale}/accounts/{address}", tag = "nodes",
    params(("sale" = String, Path, description = "The sale's address"), ("address" = String, Path, description = "The account")),
    responses((status = 200, body = SaleAccount), Failures))]
pub(crate) async fn account(
    State(app): State<Arc<App>>,
    Segment((sale, address)): Segment<(String, String)>,
) -> Result<Json<SaleAccount>, ApiError> {
    let (sale, account) = (find(&app, &sale)?, extract::address(&address)?);
    let list = app.lists.allowances.get(&sale.terms.allowlist_root);
    let line = |list: &'_ assay_lists::Tree<assay_lists::Allowance>| {
        let (place, entry) = list.find(account.into_word())?;
        Some(Listed { allocation: entry.allocation.to_string(), proof: list.proof(place) })
    };
    let mut connection = app.readers.begin().await?;
    let of = |column| [Filter::Bytes("sale", sale.address.to_vec()), Filter::Bytes(column, account.to_vec())];
    Ok(Json(SaleAccount {
        account,
        bought: page::all(&mut connection, of("buyer")).await?,
        allowance: list.and_then(line),
        allowlist_known: list.is_some(),
        commissions: page::all(&mut connection, of("referrer")).await?,
    }))
}

/// A promo code
///
/// By its hash, with the proof that a purchase needs. Known only where the indexer was given the sale's codes.
#[utoipa::path(get, path = "/v1/sales/{sale}/promos/{code}", tag = "nodes",
    params(("sale" = String, Path, description = "The sale's address"), ("code" = String, Path, description = "keccak256 of the code's text")),
    responses((status = 200, body = PromoView), Failures))]
pub(crate) async fn promo(
    State(app): State<Arc<App>>,
    Segment((sale, code)): Segment<(String, String)>,
) -> Result<Json<PromoView>, ApiError> {
    let (sale, code) = (find(&app, &sale)?, extract::hash(&code)?);
    let list = app.lists.promos.get(&sale.terms.promo_root);
    let unknown = || ApiError::not_found("promo_unknown", format!("no promo code with the hash {code} is known"));
    let (list, (place, entry)) = list.and_then(|list| Some((list, list.find(code)?))).ok_or_else(unknown)?;
    let mut connection = app.readers.acquire().await?;
    let filters = [Filter::Bytes("sale", sale.address.to_vec()), Filter::Bytes("code", code.to_vec())];
    let used: Option<PromoUse> = page::all(&mut connection, filters).await?.pop();
    Ok(Json(PromoView {
        code,
        discount: entry.discount.to_string(),
        total: entry.total.to_string(),
        used: used.map_or(0, |promo| promo.used),
        proof: list.proof(place),
    }))
}

/// A sale's events
///
/// Newest first.
#[utoipa::path(get, path = "/v1/sales/{sale}/history", tag = "nodes",
    params(("sale" = String, Path, description = "The sale's address"), PageQuery),
    responses((status = 200, body = Page<super::events::EventView>), Failures))]
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    Segment(sale): Segment<String>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<super::events::EventView>>, ApiError> {
    let sale = find(&app, &sale)?.address;
    let mut connection = app.readers.begin().await?;
    super::events::about(&mut connection, &app.suite, sale.as_slice(), &query).await.map(Json)
}

/// The sale at an address, or a 404.
fn find<'a>(app: &'a App, address: &str) -> Result<&'a Sale, ApiError> {
    let address = extract::address(address)?;
    let unknown = || ApiError::not_found("sale_unknown", format!("{address} is no sale of this deployment"));
    app.suite.sales.iter().find(|sale| sale.address == address).ok_or_else(unknown)
}

async fn view(connection: &mut SqliteConnection, sale: &Sale) -> Result<SaleView, ApiError> {
    let terms = &sale.terms;
    let of_sale = || [Filter::Bytes("sale", sale.address.to_vec())];
    let sales: Vec<TierSales> = page::all(connection, of_sale()).await?;
    let mut first = 1;
    let tier = |(tier, promised): (u8, &assay_contracts::sale::Tier)| {
        let live = sales.iter().find(|live| live.tier == tier);
        first += u64::from(promised.supply);
        TierView {
            tier,
            name: promised.name.clone(),
            first: first - u64::from(promised.supply),
            supply: promised.supply,
            sold: live.map_or(0, |live| live.sold),
            returned: live.map_or(0, |live| live.returned),
            cap: Some(promised.cap).filter(|cap| *cap != 0),
            prices: promised.prices.iter().map(|price| (price.0 != 0).then(|| price.0.to_string())).collect(),
        }
    };
    let known = |root: B256| Some(root).filter(|root| !root.is_zero());
    Ok(SaleView {
        sale: sale.address,
        license: sale.license,
        name: terms.name.clone(),
        symbol: terms.symbol.clone(),
        seller: terms.seller,
        allowlist_at: terms.allowlist_at,
        public_at: terms.public_at,
        ends_at: terms.ends_at,
        transferable_at: terms.transferable_at,
        sequential: terms.sequential,
        soft_cap: terms.soft_cap,
        allowlist_root: known(terms.allowlist_root),
        promo_root: known(terms.promo_root),
        referral_discount: terms.referral_discount,
        referral_commission: terms.referral_commission,
        buyback_fee: terms.buyback_fee,
        buyback_until: Some(terms.buyback_until).filter(|until| *until != 0),
        released_at_once: terms.released_at_once,
        release_period: terms.release_period,
        tokens: terms.tokens.clone(),
        tiers: (0..).zip(&terms.tiers).map(tier).collect(),
        supply: terms.supply(),
        sold: sales.iter().map(|tier| u64::from(tier.sold)).sum(),
        money: page::all(connection, of_sale()).await?,
    })
}
