//! A sale as people describe it: a TOML file, read and checked before anything is sent.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use alloy::primitives::{Address, B256};
use assay_contracts::sale::{Price, Terms, Tier};
use assay_lists::{Allowance, Entry, Promo};
use serde::Deserialize;

use super::lists;
use crate::{
    chain::Chain,
    error::{Error, Result},
    token::{Token, parse_token},
};

/// Limits of the contract.
const MAX_TIERS: usize = 64;
const MAX_TOKENS: usize = 8;
const BASIS: u16 = 10_000;
const MAX_ROYALTY: u16 = 1_000;
const MAX_TIME: u64 = (1 << 40) - 1;

/// The file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    name: String,
    symbol: String,
    seller: Address,
    /// Without it there is no allow-list phase.
    allowlist_at: Option<When>,
    public_at: When,
    ends_at: When,
    /// Without it: the end.
    transferable_at: Option<When>,
    #[serde(default)]
    sequential: bool,
    #[serde(default)]
    soft_cap: u32,
    allowlist: Option<String>,
    promo: Option<String>,
    tokens: Vec<String>,
    #[serde(default)]
    referral: Referral,
    buyback: Option<Buyback>,
    #[serde(default)]
    release: Release,
    #[serde(default)]
    royalty: Royalty,
    tiers: Vec<TierDescription>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Referral {
    discount: u16,
    commission: u16,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Buyback {
    fee: u16,
    until: When,
}

/// Without it everything is free at once.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    at_once: u16,
    period: u32,
}

impl Default for Release {
    fn default() -> Self {
        Self { at_once: BASIS, period: 0 }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Royalty {
    receiver: Address,
    rate: u16,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TierDescription {
    name: String,
    supply: u32,
    #[serde(default)]
    cap: u16,
    /// In whole tokens, by the token as it stands in `tokens`.
    prices: BTreeMap<String, String>,
}

/// A time: RFC 3339 with its offset, or Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "toml::Value")]
struct When(u64);

impl TryFrom<toml::Value> for When {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        let expected = || format!("{value}: expected a time such as 2027-03-01T12:00:00Z, or Unix seconds");
        let time = match &value {
            toml::Value::Integer(seconds) => u64::try_from(*seconds).ok(),
            toml::Value::Datetime(time) => unix(time),
            toml::Value::String(text) => {
                text.parse::<u64>().ok().or_else(|| unix(&text.parse::<toml::value::Datetime>().ok()?))
            }
            _ => None,
        };
        time.filter(|time| *time <= MAX_TIME).map(Self).ok_or_else(expected)
    }
}

/// Unix seconds of a time that states its offset. Fractions are left out.
fn unix(time: &toml::value::Datetime) -> Option<u64> {
    let (date, clock) = (time.date?, time.time?);
    let offset = match time.offset? {
        toml::value::Offset::Z => 0,
        toml::value::Offset::Custom { minutes } => i64::from(minutes),
    };
    // Days since 1970 of the proleptic Gregorian calendar, with years that begin in March.
    let (year, month) = (i64::from(date.year) - i64::from(date.month <= 2), (i64::from(date.month) + 9) % 12);
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + i64::from(date.day) - 719_469;
    let minutes = days * 1_440 + i64::from(clock.hour) * 60 + i64::from(clock.minute) - offset;
    u64::try_from(minutes * 60 + i64::from(clock.second)).ok()
}

impl Description {
    /// Reads the file, and nothing else.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::file(path, &error))?;
        toml::from_str(&text).map_err(|error| {
            let error = Error::usage("bad_sale", format!("{}: {}", path.display(), error.to_string().trim()));
            error.hint("docs/sellers.md shows a file with every key")
        })
    }

    /// The terms that it describes, for `chain`. Names of files are relative to `folder`.
    ///
    /// # Errors
    /// Everything in it that the contract would refuse or that makes no sense, at once.
    pub(super) async fn terms(&self, chain: &Chain, folder: &Path) -> Result<Terms> {
        let mut faults = Faults::default();
        let mut tokens = Vec::new();
        for text in &self.tokens {
            let address = parse_token(Some(text), chain.suite.chain_id, chain.suite.dev_token);
            match address {
                Ok(address) => tokens.push(Token::at(chain, address).await?),
                Err(error) => faults.add("tokens", text, error),
            }
        }
        faults.none()?;
        let allowlist_root = faults.root::<Allowance>("allowlist", self.allowlist.as_deref(), folder);
        let promo_root = faults.root::<Promo>("promo", self.promo.as_deref(), folder);
        let buyback = self.buyback.as_ref();
        let terms = Terms {
            name: self.name.clone(),
            symbol: self.symbol.clone(),
            seller: self.seller,
            allowlist_at: self.allowlist_at.unwrap_or(self.public_at).0,
            public_at: self.public_at.0,
            ends_at: self.ends_at.0,
            sequential: self.sequential,
            soft_cap: self.soft_cap,
            allowlist_root,
            promo_root,
            referral_discount: self.referral.discount,
            referral_commission: self.referral.commission,
            buyback_fee: buyback.map_or(0, |buyback| buyback.fee),
            buyback_until: buyback.map_or(0, |buyback| buyback.until.0),
            released_at_once: self.release.at_once,
            release_period: self.release.period,
            transferable_at: self.transferable_at.unwrap_or(self.ends_at).0,
            royalty_receiver: self.royalty.receiver,
            royalty_rate: self.royalty.rate,
            tokens: tokens.iter().map(|token| token.address).collect(),
            tiers: self.tiers.iter().map(|tier| self.tier(tier, &tokens, &mut faults)).collect(),
        };
        faults.check(&terms);
        faults.none().map(|()| terms)
    }

    fn tier(&self, tier: &TierDescription, tokens: &[Token], faults: &mut Faults) -> Tier {
        for name in tier.prices.keys().filter(|name| !self.tokens.contains(name)) {
            faults.add(&format!("tier {:?}: prices", tier.name), name, "expected one of `tokens`");
        }
        let mut price = |(name, token): (&String, &Token)| {
            let Some(text) = tier.prices.get(name) else { return Price(0) };
            let parsed = token.parse(text).map_err(|error| error.to_string());
            match parsed.and_then(|price| u128::try_from(price).map_err(|_| "expected less than 2^128".to_owned())) {
                Ok(price) => Price(price),
                Err(error) => {
                    faults.add(&format!("tier {:?}: prices.{name}", tier.name), text, error);
                    Price(0)
                }
            }
        };
        let prices = self.tokens.iter().zip(tokens).map(&mut price).collect();
        Tier { name: tier.name.clone(), supply: tier.supply, cap: tier.cap, prices }
    }
}

/// What is wrong with a description.
#[derive(Debug, Default)]
struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, key: &str, value: impl std::fmt::Display, why: impl std::fmt::Display) {
        self.0.push(format!("{key} is {value}: {why}"));
    }

    fn unless(&mut self, right: bool, key: &str, value: impl std::fmt::Display, expected: impl std::fmt::Display) {
        if !right {
            self.add(key, value, format_args!("expected {expected}"));
        }
    }

    /// The root that `named` is, or that the tree in the file has.
    fn root<E: Entry>(&mut self, key: &str, named: Option<&str>, folder: &Path) -> B256 {
        let Some(text) = named else { return B256::ZERO };
        if let Ok(root) = text.parse() {
            return root;
        }
        match lists::read::<E>(&folder.join(PathBuf::from(text))) {
            Ok(tree) => tree.root(),
            Err(error) => {
                self.add(key, text, error);
                B256::ZERO
            }
        }
    }

    /// What the contract would refuse, and what could only be a mistake.
    fn check(&mut self, terms: &Terms) {
        for (key, name) in [("name", &terms.name), ("symbol", &terms.symbol)] {
            let plain = name.bytes().all(|letter| letter.is_ascii_alphanumeric() || b" .-".contains(&letter));
            let expected = "1 to 32 letters, digits, spaces, dots and dashes";
            self.unless(plain && (1..=32).contains(&name.len()), key, format_args!("{name:?}"), expected);
        }
        self.unless(!terms.seller.is_zero(), "seller", terms.seller, "the account that receives the proceeds");
        self.check_times(terms);
        for (key, rate) in [
            ("referral.discount", terms.referral_discount),
            ("referral.commission", terms.referral_commission),
            ("buyback.fee", terms.buyback_fee),
            ("release.at_once", terms.released_at_once),
        ] {
            self.unless(rate <= BASIS, key, rate, "at most 10000 basis points");
        }
        if terms.buyback_until != 0 {
            let covered = terms.referral_commission <= terms.buyback_fee;
            let expected = format!("at most buyback.fee, {}: returned licences pay no commission", terms.buyback_fee);
            self.unless(covered, "referral.commission", terms.referral_commission, expected);
        }
        self.unless(terms.royalty_rate <= MAX_ROYALTY, "royalty.rate", terms.royalty_rate, "at most 1000 basis points");
        let received = terms.royalty_rate == 0 || !terms.royalty_receiver.is_zero();
        self.unless(received, "royalty.receiver", terms.royalty_receiver, "an account");
        self.check_tiers(terms);
    }

    fn check_times(&mut self, terms: &Terms) {
        let Terms { allowlist_at, public_at, ends_at, transferable_at, buyback_until, .. } = *terms;
        self.unless(allowlist_at <= public_at, "allowlist_at", allowlist_at, format!("at most public_at, {public_at}"));
        self.unless(public_at <= ends_at, "public_at", public_at, format!("at most ends_at, {ends_at}"));
        let early = format!("at least ends_at, {ends_at}");
        self.unless(transferable_at >= ends_at, "transferable_at", transferable_at, &early);
        self.unless(buyback_until == 0 || buyback_until >= ends_at, "buyback.until", buyback_until, &early);
        let (phase, listed) = (allowlist_at < public_at, !terms.allowlist_root.is_zero());
        let expected = "a list, since allowlist_at is before public_at";
        self.unless(listed || !phase, "allowlist", "not there", expected);
        let expected = "none, since there is no time before public_at in which it would count";
        self.unless(phase || !listed, "allowlist", terms.allowlist_root, expected);
    }

    fn check_tiers(&mut self, terms: &Terms) {
        let tokens = terms.tokens.len();
        self.unless((1..=MAX_TOKENS).contains(&tokens), "tokens", format!("{tokens} tokens"), "1 to 8");
        for (index, token) in terms.tokens.iter().enumerate() {
            self.unless(!terms.tokens[..index].contains(token), "tokens", token, "each once");
        }
        let tiers = terms.tiers.len();
        self.unless((1..=MAX_TIERS).contains(&tiers), "tiers", format!("{tiers} tiers"), "1 to 64");
        for (index, tier) in terms.tiers.iter().enumerate() {
            let key = |what: &str| format!("tier {:?}: {what}", tier.name);
            self.unless(tier.supply != 0, &key("supply"), 0, "at least 1");
            let priced = tier.prices.iter().any(|price| price.0 != 0);
            self.unless(priced, &key("prices"), "empty", "a price in one of `tokens`");
            let once = terms.tiers[..index].iter().all(|other| other.name != tier.name);
            self.unless(once && !tier.name.trim().is_empty(), &key("name"), &tier.name, "a name of its own");
        }
        let supply = terms.supply();
        self.unless(supply < u64::from(u32::MAX), "tiers", format!("{supply} licences"), "fewer than 2^32");
        self.unless(
            u64::from(terms.soft_cap) <= supply,
            "soft_cap",
            terms.soft_cap,
            format!("at most the supply, {supply}"),
        );
    }

    fn none(&self) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let message = format!("{} things are wrong with the sale\n  {}", self.0.len(), self.0.join("\n  "));
        Err(Error::usage("bad_sale", message).hint("nothing was sent; docs/sellers.md says what each key means"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn when(text: &str) -> Result<u64, String> {
        let table: toml::Table = format!("at = {text}").parse().unwrap();
        When::try_from(table["at"].clone()).map(|when| when.0)
    }

    #[test]
    fn times_are_rfc_3339_or_unix_seconds() {
        assert_eq!(when("1970-01-01T00:00:00Z"), Ok(0));
        assert_eq!(when("2000-02-29T23:59:59Z"), Ok(951_868_799));
        assert_eq!(when("2027-03-01T12:00:00+02:00"), Ok(1_803_895_200));
        assert_eq!(when("'2027-03-01T10:00:00Z'"), Ok(1_803_895_200));
        assert_eq!(when("2100-03-01T00:00:00Z"), Ok(4_107_542_400));
        assert_eq!((when("1803895200"), when("'1803895200'")), (Ok(1_803_895_200), Ok(1_803_895_200)));
        for wrong in ["2027-03-01T12:00:00", "2027-03-01", "'tomorrow'", "-1", "1.5", "1960-01-01T00:00:00Z", "true"] {
            assert!(when(wrong).unwrap_err().contains("expected a time"), "{wrong}");
        }
    }

    #[test]
    fn the_sellers_page_shows_a_sale_with_every_key() {
        let page = include_str!("../../../../docs/sellers.md");
        let (_, rest) = page.split_once("```toml\n").unwrap();
        let sale: Description = toml::from_str(rest.split_once("```").unwrap().0).unwrap();
        assert!(sale.allowlist_at.is_some() && sale.transferable_at.is_some() && sale.buyback.is_some());
        assert!(sale.allowlist.is_some() && sale.promo.is_some() && sale.royalty.rate > 0);
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_with_what_was_expected() {
        let tier = |name: &str, supply| Tier { name: name.into(), supply, cap: 0, prices: vec![Price(1)] };
        let terms = Terms {
            name: "Nodes".into(),
            symbol: "N<b>".into(),
            seller: Address::ZERO,
            allowlist_at: 30,
            public_at: 20,
            ends_at: 10,
            sequential: true,
            soft_cap: 6,
            allowlist_root: B256::repeat_byte(1),
            promo_root: B256::ZERO,
            referral_discount: 10_001,
            referral_commission: 500,
            buyback_fee: 499,
            buyback_until: 9,
            released_at_once: 10_001,
            release_period: 0,
            transferable_at: 9,
            royalty_receiver: Address::ZERO,
            royalty_rate: 1_001,
            tokens: vec![Address::ZERO, Address::ZERO],
            tiers: vec![tier("a", 5), tier("a", 0), Tier { prices: vec![Price(0)], ..tier("b", 0) }],
        };
        let mut faults = Faults::default();
        faults.check(&terms);
        let error = faults.none().unwrap_err();
        assert_eq!(error.code(), "bad_sale");
        for expected in [
            "symbol is \"N<b>\": expected 1 to 32 letters",
            "seller is 0x0000000000000000000000000000000000000000: expected",
            "allowlist_at is 30: expected at most public_at, 20",
            "public_at is 20: expected at most ends_at, 10",
            "transferable_at is 9: expected at least ends_at, 10",
            "buyback.until is 9: expected at least ends_at, 10",
            "allowlist is 0x0101",
            "referral.discount is 10001: expected at most 10000",
            "release.at_once is 10001",
            "referral.commission is 500: expected at most buyback.fee, 499",
            "royalty.rate is 1001",
            "royalty.receiver is",
            "tokens is 0x0000000000000000000000000000000000000000: expected each once",
            "tier \"a\": name is a: expected a name of its own",
            "tier \"a\": supply is 0: expected at least 1",
            "tier \"b\": prices is empty",
            "soft_cap is 6: expected at most the supply, 5",
        ] {
            assert!(error.to_string().contains(expected), "{expected}\n{error}");
        }
    }
}
