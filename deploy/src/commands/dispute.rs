//! `assay dispute`: a game, move by move.

use serde_json::json;

use super::Context;
use crate::{
    cli::DisputeCommand,
    client::moves::{self, Move},
    error::Result,
    output::{list, say},
};

pub(super) async fn run(context: &Context, command: DisputeCommand) -> Result<()> {
    let DisputeCommand::Show { id } = command;
    let chain = context.reader().await?;
    let moves = moves::of_game(&chain, id).await?;
    let gas: u64 = moves.iter().map(|step| step.gas).sum();
    let report = json!({ "id": id, "moves": moves, "gas": gas });
    context.output.result(&report, || {
        print(&moves);
        say!("{} moves, {gas} gas", moves.len());
    });
    Ok(())
}

fn print(moves: &[Move]) {
    let mut table = list(["second", "block", "by", "move", "gas", "provider s", "challenger s", "transaction"]);
    let start = moves.first().map_or(0, |step| step.time);
    for step in moves {
        let clock = |side: usize| step.clocks.map_or(String::new(), |clocks| clocks[side].to_string());
        table.add_row([
            (step.time - start).to_string(),
            step.block.to_string(),
            step.by.to_string(),
            step.did.join("; "),
            step.gas.to_string(),
            clock(0),
            clock(1),
            step.transaction.to_string(),
        ]);
    }
    say!("{table}");
}
