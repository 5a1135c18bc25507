//! Rows of sales of node licences. What a sale promises is in the deployment record; here is what became of it.

use super::{Amount, Position, schema};
use crate::store::{column::word, table::table};
use alloy::primitives::{Address, B256};

word! {
    /// Where a licence stands.
    #[derive(Default)]
    pub enum LicenseStatus {
        /// It has an owner.
        #[default]
        Held = "held",
        /// The sale failed; burned for what it had cost.
        Refunded = "refunded",
        /// The seller took it back.
        BoughtBack = "bought_back",
    }
}

word! {
    /// What a sale paid out for.
    #[derive(Default)]
    pub enum PayoutKind {
        /// A licence of a failed sale.
        #[default]
        Refund = "refund",
        /// A licence that the seller took back.
        BuyBack = "buy_back",
        /// What a referrer had earned.
        Commission = "commission",
        /// Proceeds, to the seller.
        Release = "release",
    }
}

table! {
    /// How much of a tier is sold.
    pub struct TierSales in "sale_tiers" {
        key {
            /// The sale.
            #[schema(value_type = schema::Account)]
            sale: Address,
            /// The tier, counted from 0.
            tier: u8,
        }
        /// Licences sold.
        sold: u32,
        /// Of them, licences that were returned and burned.
        returned: u32,
    }
}

table! {
    /// A sale's money in one token. What lies in the ledger for it is `paid` less all that follows but `commissions`.
    pub struct SaleMoney in "sale_money" {
        key {
            /// The sale.
            #[schema(value_type = schema::Account)]
            sale: Address,
            /// The token; zero: the native currency.
            #[schema(value_type = schema::Account)]
            token: Address,
        }
        /// Paid by buyers in all.
        #[schema(value_type = schema::Amount)]
        paid: Amount,
        /// Refunded.
        #[schema(value_type = schema::Amount)]
        refunded: Amount,
        /// Paid for licences that were taken back.
        #[schema(value_type = schema::Amount)]
        bought_back: Amount,
        /// Earned by referrers, claimed or not.
        #[schema(value_type = schema::Amount)]
        commissions: Amount,
        /// Claimed by referrers.
        #[schema(value_type = schema::Amount)]
        claimed: Amount,
        /// Released to the seller.
        #[schema(value_type = schema::Amount)]
        released: Amount,
    }
}

table! {
    /// Licences of one tier that were bought together. A purchase that crosses tiers has one of these for each.
    pub struct Purchase in "purchases" {
        key {
            /// The sale.
            #[schema(value_type = schema::Account)]
            sale: Address,
            /// Id of the first licence; the others follow.
            first: u32,
        }
        /// Where it happened.
        #[schema(value_type = schema::Position)]
        position: Position,
        /// When (Unix seconds).
        bought_at: u64,
        /// The transaction.
        #[schema(value_type = schema::Hash)]
        transaction_hash: B256,
        /// Who bought.
        #[schema(value_type = schema::Account)]
        buyer: Address,
        /// The tier, counted from 0.
        tier: u8,
        /// Licences.
        quantity: u32,
        /// What was paid in; zero: the native currency.
        #[schema(value_type = schema::Account)]
        token: Address,
        /// Paid for each.
        #[schema(value_type = schema::Amount)]
        paid: Amount,
        /// The promo code's hash.
        #[schema(value_type = Option<schema::Hash>)]
        promo: Option<B256>,
        /// Who sent the buyer.
        #[schema(value_type = Option<schema::Account>)]
        referrer: Option<Address>,
        /// Whether the seller takes them back on its terms.
        buyback: bool,
    }
}

table! {
    /// A licence.
    pub struct License in "licenses" {
        key {
            /// The sale that it comes from.
            #[schema(value_type = schema::Account)]
            sale: Address,
            /// Its id.
            id: u32,
        }
        /// Where it was minted.
        #[schema(value_type = schema::Position)]
        position: Position,
        /// Id of the first licence of its purchase.
        first: u32,
        /// The tier, counted from 0.
        tier: u8,
        /// Who holds it; null once it is burned.
        #[schema(value_type = Option<schema::Account>)]
        owner: Option<Address>,
        /// Where it stands.
        status: LicenseStatus,
        /// To whom its node is delegated, if to anybody.
        #[schema(value_type = Option<schema::Account>)]
        user: Option<Address>,
        /// Until when (Unix seconds).
        user_expires: u64,
        /// Times that it changed hands.
        transfers: u32,
        /// What was paid in; zero: the native currency.
        #[schema(value_type = schema::Account)]
        token: Address,
        /// What it cost: what a refund pays.
        #[schema(value_type = schema::Amount)]
        paid: Amount,
        /// Whether the seller takes it back on its terms.
        buyback: bool,
    }
}

table! {
    /// How many licences of a tier an account has bought: what the tier's cap counts.
    pub struct Bought in "sale_buyers" {
        key {
            /// The sale.
            #[schema(value_type = schema::Account)]
            sale: Address,
            /// Who bought.
            #[schema(value_type = schema::Account)]
            buyer: Address,
            /// The tier, counted from 0.
            tier: u8,
        }
        /// Licences, whatever became of them.
        quantity: u32,
    }
}

table! {
    /// What a referrer earned in one token.
    pub struct Commission in "commissions" {
        key {
            /// The sale.
            #[schema(value_type = schema::Account)]
            sale: Address,
            /// The referrer.
            #[schema(value_type = schema::Account)]
            referrer: Address,
            /// The token; zero: the native currency.
            #[schema(value_type = schema::Account)]
            token: Address,
        }
        /// Purchases.
        purchases: u32,
        /// Earned in all; to be claimed once the sale has succeeded.
        #[schema(value_type = schema::Amount)]
        earned: Amount,
        /// Claimed.
        #[schema(value_type = schema::Amount)]
        claimed: Amount,
    }
}

table! {
    /// How often a promo code was used.
    pub struct PromoUse in "promo_uses" {
        key {
            /// The sale.
            #[schema(value_type = schema::Account)]
            sale: Address,
            /// keccak256 of the code's text.
            #[schema(value_type = schema::Hash)]
            code: B256,
        }
        /// Licences bought with it.
        used: u32,
    }
}

table! {
    /// Money that left a sale.
    pub struct Payout in "payouts" {
        key {
            /// Where it happened.
            #[schema(value_type = schema::Position)]
            position: Position,
        }
        /// The sale.
        #[schema(value_type = schema::Account)]
        sale: Address,
        /// What for.
        kind: PayoutKind,
        /// The licence that was returned for it.
        id: Option<u32>,
        /// Whose ledger account received it; null: the seller's.
        #[schema(value_type = Option<schema::Account>)]
        account: Option<Address>,
        /// The token; zero: the native currency.
        #[schema(value_type = schema::Account)]
        token: Address,
        /// How much.
        #[schema(value_type = schema::Amount)]
        amount: Amount,
        /// When (Unix seconds).
        paid_at: u64,
        /// The transaction.
        #[schema(value_type = schema::Hash)]
        transaction_hash: B256,
    }
}
