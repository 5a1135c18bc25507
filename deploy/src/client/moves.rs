//! What happened in draws and disputes, move by move, as the chain tells it.

use std::collections::{BTreeMap, BTreeSet};

use alloy::{
    consensus::Transaction as _,
    network::TransactionResponse,
    primitives::{Address, B256},
    providers::Provider,
    rpc::types::{Filter, Log, TransactionRequest},
    sol_types::{SolCall, SolEvent, SolEventInterface},
};
use assay_contracts::{DisputeGame, JobEscrow, PrevrandaoBeacon, Verification, protocol::draw_status};
use serde::Serialize;

use crate::{
    chain::{Chain, from_rpc},
    error::{Error, Result},
};

/// A transaction that moved something.
#[derive(Clone, Debug, Serialize)]
pub struct Move {
    /// Chain time.
    pub time: u64,
    /// Its block.
    pub block: u64,
    /// The transaction.
    pub transaction: B256,
    /// Who sent it.
    pub by: Address,
    /// What it did, by the events of the contracts.
    pub did: Vec<String>,
    /// Gas used.
    pub gas: u64,
    /// Bytes of its calldata.
    pub calldata: usize,
    /// Seconds left to provider and challenger for all their moves, in a game.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clocks: Option<[u32; 2]>,
}

/// Every move of the suite's draws, games and batches since `block`.
pub async fn since(chain: &Chain, block: u64) -> Result<Vec<Move>> {
    let suite = &chain.suite;
    let contracts = vec![suite.beacon, suite.verification, suite.dispute_game, suite.job_escrow];
    let filter = Filter::new().address(contracts.clone()).from_block(block);
    let mut all = moves(chain, chain.provider.get_logs(&filter).await.map_err(from_rpc)?).await?;
    all.extend(refused(chain, &contracts, block).await?);
    all.sort_by_key(|step| step.block);
    Ok(all)
}

/// Transactions to `contracts` since `block` that were mined and reverted, with the contract's error, or that somebody was faster.
async fn refused(chain: &Chain, contracts: &[Address], block: u64) -> Result<Vec<Move>> {
    let mut refused = Vec::new();
    let head = chain.provider.get_block_number().await.map_err(from_rpc)?;
    for number in block..=head {
        let Some(block) = chain.provider.get_block_by_number(number.into()).full().await.map_err(from_rpc)? else {
            continue;
        };
        for transaction in block.transactions.txns() {
            let Some(to) = transaction.to().filter(|to| contracts.contains(to)) else { continue };
            let hash = transaction.tx_hash();
            let receipt = chain.provider.get_transaction_receipt(hash).await.map_err(from_rpc)?;
            let Some(receipt) = receipt.filter(|receipt| !receipt.status()) else { continue };
            let (by, input) = (transaction.from(), transaction.input().clone());
            let request = TransactionRequest::default().from(by).to(to).input(input.clone().into());
            let again = chain.provider.call(request).block((number - 1).into()).await;
            // What would have passed at the block's start came second in it.
            let why = again.err().map_or("overtaken".to_owned(), |error| from_rpc(error).code().to_owned());
            refused.push(Move {
                time: block.header.timestamp,
                block: number,
                transaction: hash,
                by,
                did: vec![format!("refused: {why}")],
                gas: receipt.gas_used,
                calldata: input.len(),
                clocks: None,
            });
        }
    }
    Ok(refused)
}

/// The games that were opened since `block`.
pub async fn games_since(chain: &Chain, block: u64) -> Result<Vec<B256>> {
    let filter =
        Filter::new().address(chain.suite.dispute_game).event_signature(DisputeGame::GameOpened::SIGNATURE_HASH);
    let logs = chain.provider.get_logs(&filter.from_block(block)).await.map_err(from_rpc)?;
    Ok(logs.iter().filter_map(|log| log.topics().get(1).copied()).collect())
}

/// Every move of one game, whose id is its seal's hash.
pub async fn of_game(chain: &Chain, id: B256) -> Result<Vec<Move>> {
    let filter = || Filter::new().address(chain.suite.dispute_game).from_block(chain.suite.block);
    let mut logs = chain.provider.get_logs(&filter().topic1(id)).await.map_err(from_rpc)?;
    let opened = logs.iter().find_map(|log| DisputeGame::GameOpened::decode_log(&log.inner).ok());
    if logs.is_empty() {
        return Err(Error::not_found("no_dispute", format!("no challenge was sealed with {id} on this chain")));
    }
    if let Some(opened) = opened {
        let filter = filter().event_signature(DisputeGame::Answered::SIGNATURE_HASH).topic1(opened.batchId);
        let answers = filter.topic2(B256::from(alloy::primitives::U256::from(opened.index)));
        logs.extend(chain.provider.get_logs(&answers).await.map_err(from_rpc)?);
    }
    moves(chain, logs).await
}

async fn moves(chain: &Chain, mut logs: Vec<Log>) -> Result<Vec<Move>> {
    logs.sort_by_key(|log| (log.block_number, log.log_index));
    let mut order = Vec::new();
    let mut grouped: BTreeMap<B256, Vec<Log>> = BTreeMap::new();
    for log in logs {
        let Some(hash) = log.transaction_hash else { continue };
        if !grouped.contains_key(&hash) {
            order.push(hash);
        }
        grouped.entry(hash).or_default().push(log);
    }
    let mut moves = Vec::new();
    for hash in order {
        let logs = &grouped[&hash];
        let receipt = chain.provider.get_transaction_receipt(hash).await.map_err(from_rpc)?;
        let transaction = chain.provider.get_transaction_by_hash(hash).await.map_err(from_rpc)?;
        let (Some(receipt), Some(transaction)) = (receipt, transaction) else { continue };
        let did: Vec<String> = logs.iter().filter_map(|log| describe(chain, log, transaction.input())).collect();
        if did.is_empty() {
            continue;
        }
        let block = receipt.block_number.unwrap_or_default();
        let header = chain.provider.get_block_by_number(block.into()).await.map_err(from_rpc)?;
        let mut seen = BTreeSet::new();
        moves.push(Move {
            time: header.map_or(0, |block| block.header.timestamp),
            block,
            transaction: hash,
            by: transaction.from(),
            did: did.into_iter().filter(|text| seen.insert(text.clone())).collect(),
            gas: receipt.gas_used,
            calldata: transaction.input().len(),
            clocks: logs.iter().rev().find_map(clocks),
        });
    }
    Ok(moves)
}

/// What an event of the call `input` says, in a few words; events about money alone say nothing.
fn describe(chain: &Chain, log: &Log, input: &[u8]) -> Option<String> {
    if log.address() == chain.suite.dispute_game {
        return DisputeGame::DisputeGameEvents::decode_log(&log.inner).ok().map(|event| game_move(&event.data, input));
    }
    if log.address() == chain.suite.beacon {
        let event = PrevrandaoBeacon::RoundRecorded::decode_log(&log.inner).ok()?;
        return Some(format!("record the beacon's round {}", event.round));
    }
    if log.address() == chain.suite.verification {
        let event = Verification::VerificationEvents::decode_log(&log.inner).ok()?;
        return draw_move(&event.data);
    }
    let event = JobEscrow::JobEscrowEvents::decode_log(&log.inner).ok()?;
    use JobEscrow::JobEscrowEvents as Event;
    Some(match event.data {
        Event::OrderOpened(_) => "open order".into(),
        Event::BatchCommitted(event) => format!("commit to {} tasks", event.count),
        Event::BatchSettled(_) => "settle batch".into(),
        Event::BatchForfeited(event) => format!("batch forfeited: {}", fault(event.fault)),
        Event::Demanded(event) => format!("demand task {}", event.index),
        Event::Supplied(event) => format!("supply task {}", event.index),
        _ => return None,
    })
}

/// The names of `Fault`.
fn fault(number: u8) -> &'static str {
    ["withheld", "units do not add up", "units out of bounds", "wrong units", "wrong input", "convicted"]
        .get(usize::from(number))
        .unwrap_or(&"unknown fault")
}

fn game_move(event: &DisputeGame::DisputeGameEvents, input: &[u8]) -> String {
    use DisputeGame::DisputeGameEvents as Event;
    match event {
        Event::ChallengeSealed(_) => "seal challenge".into(),
        Event::SealExpired(_) => "unopened challenge burned".into(),
        Event::SealWithdrawn(_) => "unopened challenge taken back: the batch is lost".into(),
        Event::GameOpened(event) => format!("open game on task {}", event.index),
        Event::Answered(event) => format!("answer with {} roots", event.roots.len()),
        Event::OperatorNamed(event) => format!("name operator {}", event.operator),
        Event::RowsShown(event) => format!("show {} row hashes", event.rowHashes.len()),
        Event::RowNamed(event) => format!("name row {}", event.row),
        Event::RowShown(event) => format!("show the row, {} bytes", event.row.len()),
        Event::GameEnded(event) => {
            let (winner, loser) =
                if event.challengerWon { ("challenger", "provider") } else { ("provider", "challenger") };
            if event.proven {
                return format!("{winner} wins: one number recomputed");
            }
            if input.starts_with(&DisputeGame::joinVerdictCall::SELECTOR) {
                return format!("{winner} wins: the task is lost already");
            }
            format!("{winner} wins: the {loser} was silent")
        }
    }
}

fn draw_move(event: &Verification::VerificationEvents) -> Option<String> {
    use Verification::VerificationEvents as Event;
    Some(match event {
        Event::Undrawn(_) => "not drawn".into(),
        Event::Drawn(event) => {
            let tasks: Vec<_> = event.tasks.iter().map(u32::to_string).collect();
            format!("draw task {}", tasks.join(", "))
        }
        Event::TraceSealed(_) => "seal trace roots".into(),
        Event::TraceRevealed(_) => "reveal trace roots".into(),
        Event::Dissented(event) => format!("task {} is in dissent", event.index),
        Event::SealingExtended(_) => "more time to seal".into(),
        Event::DrawConcluded(event) => {
            format!("draw ends: {}", if event.status == draw_status::CONVICTED { "convicted" } else { "agreed" })
        }
        Event::ValidatorSlashed(event) => format!("seat of {} slashed", event.validator),
        Event::PotClaimed(_) => "claim reward".into(),
        _ => return None,
    })
}

/// Seconds that a game's state leaves to provider and challenger.
fn clocks(log: &Log) -> Option<[u32; 2]> {
    use DisputeGame::DisputeGameEvents as Event;
    let game = match DisputeGame::DisputeGameEvents::decode_log(&log.inner).ok()?.data {
        Event::GameOpened(event) => event.game,
        Event::OperatorNamed(event) => event.game,
        Event::RowsShown(event) => event.game,
        Event::RowNamed(event) => event.game,
        Event::RowShown(event) => event.game,
        _ => return None,
    };
    Some([game.providerTime, game.challengerTime])
}
