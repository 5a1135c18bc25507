//! Sales of node licences: what a sale promises, and where it is.

use alloy::{
    primitives::{Address, B256, aliases::U40},
    sol_types::SolValue,
};
use serde::{Deserialize, Serialize};

use crate::{
    NodeSale::{CollectionTerms, SaleTerms, TierTerms},
    suite::decimal,
};

/// A sale as deployed and verified. Its terms are part of its address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sale {
    /// The contract that sells.
    pub address: Address,
    /// The contract of the licences, which the sale created.
    pub license: Address,
    /// A block at or before the sale's first event.
    pub block: u64,
    /// keccak256 of the code found at `address`.
    pub code_hash: B256,
    /// keccak256 of the code found at `license`.
    pub license_code_hash: B256,
    /// What it promises.
    pub terms: Terms,
}

/// What a sale promises, for good. Times are Unix seconds, rates basis points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// The collection's name.
    pub name: String,
    /// The collection's symbol.
    pub symbol: String,
    /// Ledger account that receives the proceeds.
    pub seller: Address,
    /// When listed buyers may buy.
    pub allowlist_at: u64,
    /// When everybody may.
    pub public_at: u64,
    /// When the sale ends.
    pub ends_at: u64,
    /// Whether each tier opens when the one before is sold out.
    pub sequential: bool,
    /// Licences that must be sold for the sale to succeed.
    pub soft_cap: u32,
    /// Root of the allow-list; zero: there is none.
    pub allowlist_root: B256,
    /// Root of the promo codes; zero: there are none.
    pub promo_root: B256,
    /// What a referred buyer saves.
    pub referral_discount: u16,
    /// What its referrer earns of what is paid.
    pub referral_commission: u16,
    /// What the seller keeps of a licence that it takes back.
    pub buyback_fee: u16,
    /// Until when it takes them back; 0: not at all.
    pub buyback_until: u64,
    /// Part of the proceeds that is free when the sale has succeeded.
    pub released_at_once: u16,
    /// Seconds from the end over which the rest comes free.
    pub release_period: u32,
    /// From when on licences change hands.
    pub transferable_at: u64,
    /// Who receives royalties of resales.
    pub royalty_receiver: Address,
    /// Of a resale's price.
    pub royalty_rate: u16,
    /// What is taken for a licence; zero: native currency.
    pub tokens: Vec<Address>,
    /// In the order in which they are sold.
    pub tiers: Vec<Tier>,
}

/// One tier of a sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tier {
    /// What people call it; not on chain.
    pub name: String,
    /// Licences.
    pub supply: u32,
    /// Most that one buyer may buy; 0: no cap.
    pub cap: u16,
    /// Price of one licence in each of the sale's tokens, in its smallest part; 0: not sold for it.
    pub prices: Vec<Price>,
}

/// An amount, decimal text in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Price(#[serde(with = "decimal")] pub u128);

impl Terms {
    /// The constructor's arguments.
    pub(crate) fn arguments(&self, ledger: Address) -> Vec<u8> {
        let sale = SaleTerms {
            seller: self.seller,
            allowlistAt: U40::from(self.allowlist_at),
            publicAt: U40::from(self.public_at),
            endsAt: U40::from(self.ends_at),
            sequential: self.sequential,
            softCap: self.soft_cap,
            allowlistRoot: self.allowlist_root,
            promoRoot: self.promo_root,
            referralDiscount: self.referral_discount,
            referralCommission: self.referral_commission,
            buybackFee: self.buyback_fee,
            buybackUntil: U40::from(self.buyback_until),
            releasedAtOnce: self.released_at_once,
            releasePeriod: self.release_period,
        };
        let collection = CollectionTerms {
            name: self.name.clone(),
            symbol: self.symbol.clone(),
            transferableAt: U40::from(self.transferable_at),
            royaltyReceiver: self.royalty_receiver,
            royaltyRate: self.royalty_rate,
        };
        let tier = |tier: &Tier| TierTerms {
            supply: tier.supply,
            cap: tier.cap,
            prices: tier.prices.iter().map(|price| price.0).collect(),
        };
        let tiers: Vec<_> = self.tiers.iter().map(tier).collect();
        (ledger, sale, collection, self.tokens.clone(), tiers).abi_encode_params()
    }

    /// Licences of all tiers.
    pub fn supply(&self) -> u64 {
        self.tiers.iter().map(|tier| u64::from(tier.supply)).sum()
    }
}
