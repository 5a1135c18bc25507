//! What a cheat does beside its keeper: keepers send nothing that a contract would refuse, and do not own the blob store.

use alloy::{primitives::hex, rpc::types::Log, sol_types::SolEvent};
use assay_contracts::{DisputeGame, JobEscrow};

use super::{court::Court, kinds::Play};
use crate::{
    chain::{Chain, from_call},
    client::open::Opened,
    devnet::accounts,
    error::{Error, Result},
    keys,
};

/// Enough for a call that is refused after its hashes were computed.
const REFUSED_GAS: u64 = 2_000_000;

/// What is still to be done.
#[derive(Debug)]
pub(super) struct Abuse {
    hides_inputs: bool,
    shows_false_row: bool,
}

impl Abuse {
    pub(super) fn of(play: &Play) -> Self {
        Self { hides_inputs: play.hides_inputs, shows_false_row: play.shows_false_row }
    }

    /// Does what is due after these events.
    pub(super) async fn commit(&mut self, court: &Court, opened: &Opened, logs: &[Log]) -> Result<()> {
        let committed = |log: &Log| log.topic0() == Some(&JobEscrow::BatchCommitted::SIGNATURE_HASH);
        if self.hides_inputs && logs.iter().any(committed) {
            let name = hex::encode(opened.order.inputsRoot);
            let path = court.config.blobs.join("inputs").join(name);
            std::fs::remove_file(&path).map_err(|error| Error::file(&path, &error))?;
            self.hides_inputs = false;
        }
        let named = logs.iter().find_map(|log| DisputeGame::RowNamed::decode_log(&log.inner).ok());
        if let Some(named) = named.filter(|_| self.shows_false_row) {
            show_false_row(court, &named.data).await?;
            self.shows_false_row = false;
        }
        Ok(())
    }
}

/// Sends a row of the right length that does not hash to its leaf, though it is refused.
async fn show_false_row(court: &Court, named: &DisputeGame::RowNamed) -> Result<()> {
    let provider = Chain::connect(&court.config, Some(keys::anvil(accounts::PROVIDER))).await?;
    let game = named.game.clone();
    let shape = court.package.model.tape().shapes()[usize::from(game.operator)];
    let row = vec![0; shape.row_len(game.units) as usize];
    let disputes = provider.disputes();
    let call = disputes.showRow(named.gameId, game, row.into(), Vec::new());
    call.gas(REFUSED_GAS).send().await.map(drop).map_err(from_call)
}
