//! What happened in draws and disputes, move by move, as the chain tells it.

use std::collections::{BTreeMap, BTreeSet};

use alloy::{
    consensus::Transaction as _,
    network::TransactionResponse,
    primitives::{Address, B256},
    providers::Provider,
    rpc::types::{Filter, Log},
    sol_types::{SolEvent, SolEventInterface},
};
use assay_contracts::{DisputeGame, JobEscrow, Verification};
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
    let contracts = vec![suite.verification, suite.dispute_game, suite.job_escrow];
    let filter = Filter::new().address(contracts).from_block(block);
    moves(chain, chain.provider.get_logs(&filter).await.map_err(from_rpc)?).await
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
        let did: Vec<String> = logs.iter().filter_map(|log| describe(chain, log)).collect();
        if did.is_empty() {
            continue;
        }
        let receipt = chain.provider.get_transaction_receipt(hash).await.map_err(from_rpc)?;
        let transaction = chain.provider.get_transaction_by_hash(hash).await.map_err(from_rpc)?;
        let (Some(receipt), Some(transaction)) = (receipt, transaction) else { continue };
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

/// What an event says, in a few words; events about money alone say nothing.
fn describe(chain: &Chain, log: &Log) -> Option<String> {
    if log.address() == chain.suite.dispute_game {
        return DisputeGame::DisputeGameEvents::decode_log(&log.inner).ok().map(|event| game_move(&event.data));
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
        Event::BatchForfeited(_) => "batch forfeited".into(),
        Event::Demanded(event) => format!("demand task {}", event.index),
        Event::Supplied(event) => format!("supply task {}", event.index),
        _ => return None,
    })
}

fn game_move(event: &DisputeGame::DisputeGameEvents) -> String {
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
            let how = if event.proven { "one number recomputed" } else { "by silence or verdict" };
            format!("{} wins: {how}", if event.challengerWon { "challenger" } else { "provider" })
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
            format!("draw ends: {}", if event.status == CONVICTED { "convicted" } else { "agreed" })
        }
        Event::ValidatorSlashed(_) => "seat slashed".into(),
        Event::PotClaimed(_) => "claim reward".into(),
        _ => return None,
    })
}

/// `DrawStatus.Convicted`.
const CONVICTED: u8 = 7;

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
