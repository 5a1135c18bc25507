//! Payment tokens and amounts as people write them.

use alloy::{
    primitives::{
        Address, U256,
        utils::{format_units, parse_units},
    },
    providers::Provider,
};
use assay_contracts::{deploy::DEVNET_CHAIN_ID, protocol::token_id};
use serde::Serialize;

use crate::{
    chain::{Chain, from_call, from_rpc},
    config::Config,
    error::{Error, Result},
};

/// A token with what is needed to print its amounts.
#[derive(Clone, Debug, Serialize)]
pub struct Token {
    /// Its contract; zero is the native currency.
    pub address: Address,
    /// Its symbol.
    pub symbol: String,
    /// Decimal places of its smallest part.
    pub decimals: u8,
}

/// What a configured token means: `native`, `dev` or an address; unset: `dev` on the devnet, else `native`.
pub fn parse_token(text: Option<&str>, chain_id: u64, dev_token: Option<Address>) -> Result<Address> {
    let text = text.unwrap_or(if chain_id == DEVNET_CHAIN_ID { "dev" } else { "native" });
    match text {
        "native" => Ok(Address::ZERO),
        "dev" => dev_token.ok_or_else(|| {
            let error = Error::usage("no_dev_token", format!("chain {chain_id} has no play money"));
            error.hint("name another token: native, or the address of an ERC-20 contract")
        }),
        address => address.parse().map_err(|_| {
            Error::usage("bad_token", format!("token {address:?}: expected native, dev or an address of 20 bytes"))
        }),
    }
}

impl Token {
    /// The token that `config` names on `chain`.
    pub async fn configured(chain: &Chain, config: &Config) -> Result<Self> {
        let address = parse_token(config.token.as_deref(), chain.suite.chain_id, chain.suite.dev_token)?;
        Self::at(chain, address).await
    }

    /// The token at `address`; zero is the native currency.
    pub async fn at(chain: &Chain, address: Address) -> Result<Self> {
        if address.is_zero() {
            return Ok(Self { address, symbol: "native".into(), decimals: 18 });
        }
        let contract = chain.token(address);
        let decimals = contract.decimals().call().await.map_err(|error| match from_call(error) {
            error if error.exit() == crate::error::Exit::Network => error,
            error => Error::refused("not_a_token", format!("{address} answers as no ERC-20 token: {error}")),
        })?;
        let symbol = contract.symbol().call().await.unwrap_or_else(|_| address.to_string());
        Ok(Self { address, symbol, decimals })
    }

    /// Its ERC-6909 id in the ledger.
    pub fn id(&self) -> U256 {
        token_id(self.address)
    }

    /// An amount in whole tokens, such as `12.5`, in smallest parts.
    pub fn parse(&self, text: &str) -> Result<U256> {
        let bad = |reason: &dyn std::fmt::Display| {
            let error = Error::usage("bad_amount", format!("amount {text:?}: {reason}"));
            error.hint(format!("in whole {}, at most {} decimal places, such as 12.5", self.symbol, self.decimals))
        };
        let places = text.split_once('.').map_or(0, |(_, places)| places.len());
        if text.starts_with('-') || places > usize::from(self.decimals) {
            return Err(bad(&"negative, or finer than the token"));
        }
        let amount = parse_units(text, self.decimals).map_err(|error| bad(&error))?.get_absolute();
        if amount.is_zero() { Err(bad(&"zero moves nothing")) } else { Ok(amount) }
    }

    /// An amount as people read it, with the symbol.
    pub fn format(&self, amount: U256) -> String {
        let text = format_units(amount, self.decimals).unwrap_or_else(|_| amount.to_string());
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        format!("{text} {}", self.symbol)
    }

    /// What `account` holds outside the ledger.
    pub async fn wallet_balance(&self, chain: &Chain, account: Address) -> Result<U256> {
        if self.address.is_zero() {
            return chain.provider.get_balance(account).await.map_err(from_rpc);
        }
        chain.token(self.address).balanceOf(account).call().await.map_err(from_call)
    }

    /// What `account` holds in the ledger.
    pub async fn ledger_balance(&self, chain: &Chain, account: Address) -> Result<U256> {
        chain.ledger().balanceOf(account, self.id()).call().await.map_err(from_call)
    }
}

/// Refuses an amount beyond a ledger account's balance, before a transaction is spent on finding out.
pub async fn need_balance(chain: &Chain, token: &Token, account: Address, needed: U256) -> Result<()> {
    let balance = token.ledger_balance(chain, account).await?;
    if balance >= needed {
        return Ok(());
    }
    let message =
        format!("ledger account {account} holds {}, and {} is needed", token.format(balance), token.format(needed));
    let hint =
        format!("`assay account deposit {}`", token.format(needed - balance).split(' ').next().unwrap_or_default());
    Err(Error::refused("insufficient_balance", message).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd() -> Token {
        Token { address: Address::repeat_byte(1), symbol: "aUSD".into(), decimals: 6 }
    }

    #[test]
    fn amounts_are_whole_tokens_with_decimals() {
        assert_eq!(usd().parse("12.5").unwrap(), U256::from(12_500_000));
        assert_eq!(usd().parse("0.000001").unwrap(), U256::from(1));
        assert_eq!(usd().format(U256::from(12_500_000)), "12.5 aUSD");
        assert_eq!(usd().format(U256::from(40_000_000)), "40 aUSD");
        for wrong in ["", "-1", "0", "1.0000001", "ten", "1e3", "1.2.3"] {
            assert_eq!(usd().parse(wrong).unwrap_err().code(), "bad_amount", "{wrong:?}");
        }
    }

    #[test]
    fn the_devnet_pays_in_play_money_and_other_chains_in_their_own() {
        let dev = Address::repeat_byte(7);
        assert_eq!(parse_token(None, DEVNET_CHAIN_ID, Some(dev)).unwrap(), dev);
        assert_eq!(parse_token(None, 1, None).unwrap(), Address::ZERO);
        assert_eq!(parse_token(Some("dev"), 1, None).unwrap_err().code(), "no_dev_token");
        assert_eq!(parse_token(Some("usdc"), 1, None).unwrap_err().code(), "bad_token");
    }
}
