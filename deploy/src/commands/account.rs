//! `assay account`: money in and out of the ledger.

use alloy::{
    consensus::BlockHeader,
    eips::BlockId,
    primitives::{Address, U256},
    providers::Provider,
    rpc::types::TransactionReceipt,
    signers::SignerSync,
    sol,
    sol_types::{Eip712Domain, SolStruct},
};
use assay_contracts::{Staking, deploy::DEVNET_CHAIN_ID};
use serde_json::json;

use super::Context;
use crate::{
    chain::{Chain, from_call, from_rpc},
    cli::AccountCommand,
    error::{Error, Result},
    keys,
    output::{list, say},
    token::{Token, need_balance},
};

sol! {
    /// ERC-2612: an allowance by signature.
    #[derive(Debug)]
    struct Permit {
        address owner;
        address spender;
        uint256 value;
        uint256 nonce;
        uint256 deadline;
    }
}

/// How long a permit may be used, in seconds.
const PERMIT_LIFETIME: u64 = 600;

pub(super) async fn run(context: &Context, command: AccountCommand) -> Result<()> {
    match command {
        AccountCommand::Deposit { amount, to, mint } => {
            let chain = context.actor().await?;
            let token = Token::configured(&chain, &context.config).await?;
            let amount = token.parse(&amount)?;
            if mint {
                mint_play_money(&chain, amount).await?;
            }
            let to = to.unwrap_or(chain.account());
            let receipt = deposit(&chain, &token, to, amount).await?;
            moved(context, &chain, "deposited", &token, amount, to, &receipt).await
        }
        AccountCommand::Withdraw { amount, to } => {
            let chain = context.actor().await?;
            let token = Token::configured(&chain, &context.config).await?;
            let account = chain.account();
            let amount = match amount.as_str() {
                "all" => token.ledger_balance(&chain, account).await?,
                text => token.parse(text)?,
            };
            need_balance(&chain, &token, account, amount.max(U256::from(1))).await?;
            let to = to.unwrap_or(account);
            let receipt = chain.send(chain.ledger().withdraw(token.address, to, amount)).await?;
            moved(context, &chain, "withdrawn", &token, amount, account, &receipt).await
        }
        AccountCommand::Show { address } => show(context, address).await,
    }
}

/// Mints play money to the signing account.
pub(crate) async fn mint_play_money(chain: &Chain, amount: U256) -> Result<()> {
    let Some(token) = chain.suite.dev_token.filter(|_| chain.suite.chain_id == DEVNET_CHAIN_ID) else {
        return Err(Error::usage("no_dev_token", format!("chain {} has no play money to mint", chain.suite.chain_id)));
    };
    chain.send(chain.token(token).mint(chain.account(), amount)).await.map(drop)
}

/// Deposits `amount` of the signing account's tokens for `to`: native currency, by permit where the token has it, else by an
/// allowance of exactly that amount.
pub(crate) async fn deposit(chain: &Chain, token: &Token, to: Address, amount: U256) -> Result<TransactionReceipt> {
    let held = token.wallet_balance(chain, chain.account()).await?;
    if held < amount {
        let message = format!(
            "{} holds {}, and {} is to be deposited",
            chain.account(),
            token.format(held),
            token.format(amount)
        );
        let hint = if chain.suite.dev_token == Some(token.address) {
            "--mint makes play money"
        } else {
            "fund the account first"
        };
        return Err(Error::refused("insufficient_funds", message).hint(hint));
    }
    let ledger = chain.ledger();
    if token.address.is_zero() {
        return chain.send(ledger.depositNative(to).value(amount)).await;
    }
    if let Some((deadline, signature)) = permit(chain, token, chain.suite.ledger, amount).await? {
        let (v, r, s) = (27 + u8::from(signature.v()), signature.r().into(), signature.s().into());
        return chain.send(ledger.depositWithPermit(token.address, to, amount, deadline, v, r, s)).await;
    }
    chain.send(chain.token(token.address).approve(chain.suite.ledger, amount)).await?;
    chain.send(ledger.deposit(token.address, to, amount)).await
}

/// A signed permit of `amount` for `spender`, with its deadline; `None` when the token has no permits.
pub(super) async fn permit(
    chain: &Chain,
    token: &Token,
    spender: Address,
    amount: U256,
) -> Result<Option<(U256, alloy::primitives::Signature)>> {
    let contract = chain.token(token.address);
    let (Ok(nonce), Ok(domain)) = (contract.nonces(chain.account()).call().await, contract.eip712Domain().call().await)
    else {
        return Ok(None);
    };
    let block = chain.provider.get_block(BlockId::latest()).await.map_err(from_rpc)?;
    let deadline = U256::from(block.map_or(0, |block| block.header.timestamp()) + PERMIT_LIFETIME);
    let domain = Eip712Domain::new(
        Some(domain.name.into()),
        Some(domain.version.into()),
        Some(domain.chainId),
        Some(domain.verifyingContract),
        None,
    );
    let permit = Permit { owner: chain.account(), spender, value: amount, nonce, deadline };
    let signature = chain.signer().sign_hash_sync(&permit.eip712_signing_hash(&domain));
    Ok(Some((deadline, signature.map_err(|error| Error::failure("sign_failed", error))?)))
}

async fn moved(
    context: &Context,
    chain: &Chain,
    what: &str,
    token: &Token,
    amount: U256,
    account: Address,
    receipt: &TransactionReceipt,
) -> Result<()> {
    let balance = token.ledger_balance(chain, account).await?;
    let report = json!({
        what: amount.to_string(),
        "token": token,
        "account": account,
        "balance": balance.to_string(),
        "transaction": receipt.transaction_hash,
        "gas": receipt.gas_used,
    });
    context.output.result(&report, || {
        say!("{what} {}; {account} holds {} in the ledger", token.format(amount), token.format(balance));
    });
    Ok(())
}

async fn show(context: &Context, address: Option<Address>) -> Result<()> {
    let address = match address {
        Some(address) => address,
        None => keys::signer(&context.config)?.address(),
    };
    let chain = context.reader().await?;
    let mut tokens = vec![Token::at(&chain, Address::ZERO).await?];
    let configured = Token::configured(&chain, &context.config).await?;
    if !configured.address.is_zero() {
        tokens.push(configured);
    }
    let mut balances = Vec::new();
    for token in tokens {
        let (ledger, wallet) =
            (token.ledger_balance(&chain, address).await?, token.wallet_balance(&chain, address).await?);
        balances.push((token, ledger, wallet));
    }
    let (stake_token, provision) = provision(&chain, address).await?;
    let free = provision.stake - provision.locked - provision.thawing;
    let report = json!({
        "account": address,
        "balances": balances.iter().map(|(token, ledger, wallet)| json!({
            "token": token, "ledger": ledger.to_string(), "wallet": wallet.to_string(),
        })).collect::<Vec<_>>(),
        "stake": {
            "token": stake_token,
            "stake": provision.stake.to_string(),
            "locked": provision.locked.to_string(),
            "thawing": provision.thawing.to_string(),
            "free": free.to_string(),
            "thawed_at": provision.thawedAt.to::<u64>(),
        },
    });
    context.output.result(&report, || {
        say!("account {address}");
        let mut money = list(["token", "ledger", "wallet"]);
        for (token, ledger, wallet) in &balances {
            money.add_row([token.symbol.clone(), token.format(*ledger), token.format(*wallet)]);
        }
        say!("{money}");
        if provision.stake > 0 {
            let mut stake = list(["stake", "locked", "thawing", "free"]);
            let parts = [provision.stake, provision.locked, provision.thawing, free];
            stake.add_row(parts.map(|part| stake_token.format(U256::from(part))));
            say!("{stake}");
        }
    });
    Ok(())
}

/// The provision of `operator` for the escrow, with the token that is staked.
pub(super) async fn provision(chain: &Chain, operator: Address) -> Result<(Token, Staking::Provision)> {
    let staking = chain.staking();
    let token = Token::at(chain, staking.token().call().await.map_err(from_call)?).await?;
    let provision = staking.provisionOf(operator, chain.suite.job_escrow).call().await.map_err(from_call)?;
    Ok((token, provision))
}
