//! The lists that a sale of node licences is bound to by their roots: who may buy in the allow-list phase, and promo codes.
//!
//! A list is written by people as CSV ([`csv::read`]) and published as a [`Tree`] in the format of OpenZeppelin's
//! `StandardMerkleTree`, from which anybody can make the proof of one entry.

pub mod csv;
mod tree;

use alloy::primitives::{Address, B256, U256, keccak256};

pub use tree::{BadTree, Tree};

/// What a list has one of in each row.
pub trait Entry: Sized {
    /// Solidity types of a row, as the published tree names them.
    const ENCODING: &'static [&'static str];

    /// The row, ABI-encoded: a word each.
    fn words(&self) -> Vec<B256>;
    /// The row as the published tree writes it.
    fn texts(&self) -> Vec<String>;
    /// The row that [`texts`](Self::texts) wrote.
    fn parse(texts: &[String]) -> Option<Self>;

    /// What there is only one row of: the first column.
    fn key(&self) -> B256 {
        self.words()[0]
    }

    /// The leaf: hashed twice, so that no inner node passes for one.
    fn leaf(&self) -> B256 {
        tree::leaf(&self.words())
    }
}

/// How many licences an account may buy before the public phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The buyer.
    pub account: Address,
    /// Licences.
    pub allocation: U256,
}

impl Entry for Allowance {
    const ENCODING: &'static [&'static str] = &["address", "uint256"];

    fn words(&self) -> Vec<B256> {
        vec![self.account.into_word(), self.allocation.into()]
    }

    fn texts(&self) -> Vec<String> {
        vec![self.account.to_string(), self.allocation.to_string()]
    }

    fn parse(texts: &[String]) -> Option<Self> {
        let [account, allocation] = texts else { return None };
        Some(Self { account: account.parse().ok()?, allocation: allocation.parse().ok()? })
    }
}

/// A promo code. The list has its hash: who has the text, and nobody else, knows which one is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promo {
    /// keccak256 of the code's text.
    pub code: B256,
    /// On the price, in basis points.
    pub discount: U256,
    /// Licences that may be bought with it.
    pub total: U256,
}

impl Promo {
    /// The code of a text.
    pub fn code_of(text: &str) -> B256 {
        keccak256(text)
    }
}

impl Entry for Promo {
    const ENCODING: &'static [&'static str] = &["bytes32", "uint256", "uint256"];

    fn words(&self) -> Vec<B256> {
        vec![self.code, self.discount.into(), self.total.into()]
    }

    fn texts(&self) -> Vec<String> {
        vec![self.code.to_string(), self.discount.to_string(), self.total.to_string()]
    }

    fn parse(texts: &[String]) -> Option<Self> {
        let [code, discount, total] = texts else { return None };
        Some(Self { code: code.parse().ok()?, discount: discount.parse().ok()?, total: total.parse().ok()? })
    }
}
