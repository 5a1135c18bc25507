//! The devnet's sale of node licences, and the network over them.

use alloy::{eips::BlockId, primitives::Address, providers::Provider};
use assay_contracts::{
    deploy,
    network::PoolTerms,
    sale::{Price, Terms, Tier},
    suite::Suite,
};

use super::{FUNDS, accounts};
use crate::{
    chain::{self, Chain},
    commands::{deploy_network, deploy_sale, deposit, fund_pool, mint_play_money},
    config::Config,
    error::{Error, Result},
    keys,
    token::Token,
};

/// Seconds of a week.
const WEEK: u64 = 7 * 24 * 3_600;
/// What the network's pool emits in all, in whole aUSD: 100 of each epoch, halved every 100 epochs.
const REWARDS: &str = "20000";
/// Seconds until the network's first epoch: contracts are deployed meanwhile.
const NETWORK_STARTS: u64 = 10;

/// An open sale of node licences, and a buyer with play money.
pub(super) async fn sell(config: &Config) -> Result<()> {
    let seller = Chain::connect(config, Some(keys::anvil(accounts::ADMIN))).await?;
    let now = now(&seller).await?;
    let tokens = vec![Address::ZERO, deploy::dev_token()];
    // From 0.1 native or 300 aUSD on, each tier a quarter dearer.
    let tier = |(name, supply, cap, quarters): (&str, u32, u16, u128)| Tier {
        name: name.into(),
        supply,
        cap,
        prices: vec![Price(quarters * 25 * 10u128.pow(15)), Price(quarters * 75_000_000)],
    };
    let tiers = [("Pioneer", 50, 5, 4), ("Early", 100, 10, 5), ("Builder", 250, 20, 6), ("Open", 600, 0, 7)];
    let terms = Terms {
        name: "Assay Demo Nodes".into(),
        symbol: "NODE".into(),
        seller: seller.account(),
        allowlist_at: now,
        public_at: now,
        ends_at: now + WEEK,
        sequential: true,
        soft_cap: 100,
        allowlist_root: Default::default(),
        promo_root: Default::default(),
        referral_discount: 500,
        referral_commission: 1_000,
        buyback_fee: 2_000,
        buyback_until: now + 2 * WEEK,
        released_at_once: 2_500,
        release_period: 4 * WEEK as u32,
        transferable_at: now + WEEK,
        royalty_receiver: seller.account(),
        royalty_rate: 250,
        tokens,
        tiers: tiers.map(tier).into(),
    };
    deploy_sale(&seller, config, terms).await?;
    let buyer = Chain::connect(config, Some(keys::anvil(accounts::BUYER))).await?;
    let token = Token::configured(&buyer, config).await?;
    mint_play_money(&buyer, token.parse(FUNDS)?).await
}

/// A node network over the licences of the sale, with epochs of two minutes from soon on, and a pool that holds all the play money that it
/// ever emits; returns the suite with it.
pub(super) async fn found(config: &Config) -> Result<Suite> {
    let founder = Chain::connect(config, Some(keys::anvil(accounts::ADMIN))).await?;
    let Some(sale) = founder.suite.sales.last() else {
        return Err(Error::failure("sale_not_found", "the devnet's sale is not in its record"));
    };
    let licenses = sale.terms.tiers.iter().map(|tier| tier.supply).sum();
    let genesis = now(&founder).await? + NETWORK_STARTS;
    let terms = deploy::devnet_network(sale.license, licenses, genesis);
    let token = Token::configured(&founder, config).await?;
    let amount = |text: &str| token.parse(text).map(|amount| amount.saturating_to::<u128>());
    let pool = PoolTerms {
        token: token.address,
        cap: amount(REWARDS)?,
        first: amount("100")?,
        halving: 100,
        slow_period: 600,
        fast_period: 60,
        fast_share: 5_000,
        roots: terms.roots.clone(),
    };
    let made = deploy_network(&founder, config, terms, Some(pool)).await?;
    let funds = token.parse(REWARDS)?;
    mint_play_money(&founder, funds).await?;
    deposit(&founder, &token, founder.account(), funds).await?;
    for pool in &made.network.pools {
        fund_pool(&founder, pool, &token, funds).await?;
    }
    Ok(Chain::connect(config, None).await?.suite)
}

/// The time by which contracts go.
async fn now(chain: &Chain) -> Result<u64> {
    let block = chain.provider.get_block(BlockId::latest()).await.map_err(chain::from_rpc)?;
    Ok(block.map_or(0, |block| block.header.timestamp))
}
