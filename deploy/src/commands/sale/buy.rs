//! `assay sale buy`

use alloy::{
    primitives::{Address, B256, U256},
    rpc::types::TransactionReceipt,
};
use assay_contracts::{
    NodeSale::{self, PurchaseTerms, Signed},
    Sale,
    sale::Terms,
};
use assay_lists::{Allowance, Promo};
use serde_json::json;

use super::{
    super::{Context, account::permit},
    find, lists,
    show::{Standing, left},
};
use crate::{
    chain::{Chain, from_call},
    cli::BuyArgs,
    error::{Error, Result},
    output::say,
    token::{Token, parse_token},
};

const BASIS: u128 = 10_000;

/// Licences of one tier at one price.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    tier: usize,
    quantity: u32,
    each: u128,
}

pub(super) async fn run(context: &Context, args: &BuyArgs) -> Result<()> {
    let chain = if args.quote { context.reader().await? } else { context.actor().await? };
    let sale = find(&chain, &args.sale)?;
    let (terms, standing) = (&sale.terms, Standing::read(&chain, sale).await?);
    let token = token_of(context, &chain, terms, &standing)?;
    let tier = tier_of(args, terms, &standing)?;
    let promo = promo_of(&chain, sale, args).await?;
    let discount = match (&promo, args.referrer) {
        (Some((promo, _)), _) => promo.discount.saturating_to(),
        (None, Some(_)) => u128::from(terms.referral_discount),
        (None, None) => 0,
    };
    let parts = quote(terms, &standing.tiers, token, tier, args.quantity.into(), discount)?;
    let token_info = &standing.tokens[token];
    let cost: U256 = parts.iter().map(|part| U256::from(part.each) * U256::from(part.quantity)).sum();
    for part in &parts {
        let name = &terms.tiers[part.tier].name;
        context.output.note(format!("{} of {name} at {}", part.quantity, token_info.format(U256::from(part.each))));
    }
    context.output.note(format!("{} in all", token_info.format(cost)));
    let max_cost = match &args.max_cost {
        Some(text) => token_info.parse(text)?,
        None => cost,
    };
    if cost > max_cost {
        let message =
            format!("they cost {}, and --max-cost is {}", token_info.format(cost), token_info.format(max_cost));
        return Err(Error::refused("too_dear", message).hint("nothing was sent"));
    }
    if args.quote {
        let report = json!({ "quantity": args.quantity, "token": token_info, "cost": cost.to_string() });
        context.output.result(&report, || say!("{}", token_info.format(cost)));
        return Ok(());
    }
    let (allocation, allowlist_proof) = allowance(&chain, terms, &standing, args)?;
    let wanted = PurchaseTerms {
        token: token as u8,
        tier: tier as u8,
        quantity: args.quantity,
        maxCost: max_cost,
        buyback: args.buyback,
        referrer: args.referrer.unwrap_or_default(),
        promo: promo.map_or_else(NodeSale::Promo::default, |(promo, proof)| NodeSale::Promo {
            code: promo.code,
            discount: promo.discount,
            total: promo.total,
            proof,
        }),
        allocation,
        allowlistProof: allowlist_proof,
    };
    let receipt = send(&chain, sale, token_info, wanted).await?;
    report(context, sale, token_info, &receipt)
}

/// The place of the token to pay in: the configured one, else the sale's first.
fn token_of(context: &Context, chain: &Chain, terms: &Terms, standing: &Standing) -> Result<usize> {
    let Some(text) = context.config.token.as_deref() else { return Ok(0) };
    let address = parse_token(Some(text), chain.suite.chain_id, chain.suite.dev_token)?;
    terms.tokens.iter().position(|token| *token == address).ok_or_else(|| {
        let taken: Vec<_> =
            standing.tokens.iter().map(|token| format!("{} ({})", token.address, token.symbol)).collect();
        Error::refused("token_not_taken", format!("the sale does not take {text}; it takes {}", taken.join(", ")))
    })
}

/// The place of the tier to begin with.
fn tier_of(args: &BuyArgs, terms: &Terms, standing: &Standing) -> Result<usize> {
    let found = match &args.tier {
        None => (0..terms.tiers.len()).find(|tier| left(&standing.tiers[*tier]) > 0),
        Some(text) => {
            let named = terms.tiers.iter().position(|tier| tier.name.eq_ignore_ascii_case(text));
            let number = text.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            named.or(number.filter(|number| *number < terms.tiers.len()))
        }
    };
    found.ok_or_else(|| match &args.tier {
        None => Error::refused("sold_out", "every tier is sold out"),
        Some(text) => {
            let names: Vec<_> = terms.tiers.iter().map(|tier| tier.name.as_str()).collect();
            let message = format!("no tier {text:?}: expected 1 to {}, or one of {}", names.len(), names.join(", "));
            Error::usage("bad_tier", message)
        }
    })
}

/// What `quantity` licences from `first` on cost now, as the contract reckons.
fn quote(
    terms: &Terms,
    tiers: &[NodeSale::Tier],
    token: usize,
    first: usize,
    quantity: u32,
    discount: u128,
) -> Result<Vec<Part>> {
    let (mut parts, mut wanted) = (Vec::new(), quantity);
    for (tier, standing) in tiers.iter().enumerate().skip(first) {
        let quantity = wanted.min(left(standing));
        if quantity != 0 {
            let price = terms.tiers[tier].prices[token].0;
            if price == 0 {
                let message = format!("tier {} is not sold for this token", terms.tiers[tier].name);
                return Err(Error::refused("token_not_taken", message).hint("choose another with --token or --tier"));
            }
            // In 256 bits, as the contract does.
            let saved = U256::from(price) * U256::from(discount) / U256::from(BASIS);
            parts.push(Part { tier, quantity, each: price - saved.saturating_to::<u128>() });
        }
        wanted -= quantity;
        if wanted == 0 && !parts.is_empty() {
            return Ok(parts);
        }
        if !terms.sequential {
            break;
        }
    }
    let message = format!("{} licences are left from there on, and {quantity} are wanted", quantity - wanted);
    Err(Error::refused("sold_out", message).hint("`assay sale show` says what is left"))
}

/// The promo code with its proof, if one was given.
async fn promo_of(chain: &Chain, sale: &Sale, args: &BuyArgs) -> Result<Option<(Promo, Vec<B256>)>> {
    let (Some(code), Some(path)) = (&args.code, &args.promo) else { return Ok(None) };
    let tree = lists::read::<Promo>(path)?;
    if tree.root() != sale.terms.promo_root {
        return Err(other_list("promo codes", path, tree.root(), sale.terms.promo_root));
    }
    let Some((place, promo)) = tree.find(Promo::code_of(code)) else {
        return Err(Error::not_found("bad_code", format!("{code:?} is none of the sale's promo codes")));
    };
    let used = chain.sale(sale.address).promoUsed(promo.code).call().await.map_err(from_call)?;
    if used + U256::from(args.quantity) > promo.total {
        let message = format!("{used} of {} licences were bought with {code:?} already", promo.total);
        return Err(Error::refused("code_used_up", message));
    }
    Ok(Some((promo.clone(), tree.proof(place))))
}

/// The account's line of the allow-list, where one is needed.
fn allowance(chain: &Chain, terms: &Terms, standing: &Standing, args: &BuyArgs) -> Result<(U256, Vec<B256>)> {
    if standing.now >= terms.public_at {
        return Ok((U256::ZERO, Vec::new()));
    }
    let Some(path) = &args.allowlist else {
        let message = format!("until {} only those on the sale's allow-list may buy", terms.public_at);
        return Err(Error::refused("not_public", message).hint("name its published tree: --allowlist FILE"));
    };
    let tree = lists::read::<Allowance>(path)?;
    if tree.root() != terms.allowlist_root {
        return Err(other_list("allow-list", path, tree.root(), terms.allowlist_root));
    }
    let account = chain.account();
    match tree.find(account.into_word()) {
        Some((place, entry)) => Ok((entry.allocation, tree.proof(place))),
        None => Err(Error::refused("not_listed", format!("{account} is not on the sale's allow-list"))),
    }
}

fn other_list(what: &str, path: &std::path::Path, actual: B256, expected: B256) -> Error {
    let message = format!("{} has the root {actual}, the sale's {what} have {expected}", path.display());
    Error::unverified("other_list", message)
}

/// Sends the purchase: native currency with it, or a token by permit where it has them, else by an allowance of that amount.
async fn send(chain: &Chain, sale: &Sale, token: &Token, wanted: PurchaseTerms) -> Result<TransactionReceipt> {
    let (contract, most) = (chain.sale(sale.address), wanted.maxCost);
    let held = token.wallet_balance(chain, chain.account()).await?;
    if held < most {
        let message = format!("{} holds {}, and {} is needed", chain.account(), token.format(held), token.format(most));
        return Err(Error::refused("insufficient_funds", message).hint("fund the account first; nothing was sent"));
    }
    if token.address == Address::ZERO {
        return chain.send(contract.buy(wanted).value(most)).await;
    }
    if let Some((deadline, signature)) = permit(chain, token, sale.address, most).await? {
        let (v, r, s) = (27 + u8::from(signature.v()), signature.r().into(), signature.s().into());
        let signed = Signed { validAfter: U256::ZERO, deadline, v, r, s };
        return chain.send(contract.buyWithPermit(wanted, signed)).await;
    }
    chain.send(chain.token(token.address).approve(sale.address, most)).await?;
    chain.send(contract.buy(wanted)).await
}

fn report(context: &Context, sale: &Sale, token: &Token, receipt: &TransactionReceipt) -> Result<()> {
    let logs = receipt.logs().iter().filter(|log| log.address() == sale.address);
    let bought: Vec<_> = logs.filter_map(|log| log.log_decode::<NodeSale::Bought>().ok()).collect();
    let bought: Vec<_> = bought.iter().map(|log| &log.inner.data).collect();
    let ids: Vec<_> =
        bought.iter().flat_map(|part| (0..part.quantity.to::<u64>()).map(|n| part.first.to::<u64>() + n)).collect();
    let cost: U256 = bought.iter().map(|part| part.paid * part.quantity).sum();
    let report = json!({
        "sale": sale.address,
        "license": sale.license,
        "ids": ids,
        "token": token,
        "cost": cost.to_string(),
        "transaction": receipt.transaction_hash,
        "gas": receipt.gas_used,
    });
    context.output.result(&report, || {
        let ids: Vec<_> = ids.iter().map(u64::to_string).collect();
        say!("licences {} for {}", ids.join(" "), token.format(cost));
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use assay_contracts::sale::{Price, Tier};

    use super::*;

    fn terms(sequential: bool) -> Terms {
        let tier = |name: &str, price| Tier { name: name.into(), supply: 10, cap: 0, prices: vec![Price(price)] };
        let json = json!({
            "name": "N", "symbol": "N", "seller": Address::ZERO, "allowlistAt": 0, "publicAt": 0, "endsAt": 1,
            "sequential": sequential, "softCap": 0, "allowlistRoot": B256::ZERO, "promoRoot": B256::ZERO,
            "referralDiscount": 0, "referralCommission": 0, "buybackFee": 0, "buybackUntil": 0, "releasedAtOnce": 0,
            "releasePeriod": 0, "transferableAt": 1, "royaltyReceiver": Address::ZERO, "royaltyRate": 0,
            "tokens": [Address::ZERO], "tiers": [tier("a", 101), tier("b", 201), tier("c", 0)],
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_quote_crosses_tiers_and_rounds_as_the_contract_does() {
        let tier = |sold| NodeSale::Tier { first: 1, supply: 10, sold, cap: 0 };
        let tiers = [tier(10), tier(7), tier(0)];
        let part = |tier, quantity, each| Part { tier, quantity, each };
        let quote = |sequential, first, quantity, discount| {
            quote(&terms(sequential), &tiers, 0, first, quantity, discount).map_err(|error| error.code().to_owned())
        };
        assert_eq!(quote(true, 0, 3, 0), Ok(vec![part(1, 3, 201)]), "the first is sold out");
        assert_eq!(quote(true, 1, 3, 9_950), Ok(vec![part(1, 3, 2)]), "what is saved is rounded down: 199.995");
        assert_eq!(quote(true, 0, 4, 0), Err("token_not_taken".into()), "the third is not sold for the token");
        assert_eq!(quote(false, 1, 4, 0), Err("sold_out".into()), "a tier by itself");
        assert_eq!(quote(true, 0, 0, 0), Err("sold_out".into()));
    }
}
