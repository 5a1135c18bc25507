//! Cheating on purpose: a lie or a silence is played on a devnet by the same keepers that work on a real chain, and what it cost whom is
//! read from the chain.

mod abuse;
mod court;
mod kinds;

use std::{collections::BTreeMap, time::Instant};

use alloy::primitives::{Address, B256, I256, U256};
use serde::Serialize;

use self::court::{Court, Holdings};
pub use self::kinds::{KINDS, Kind, Losses, Play, VALIDATORS};
use crate::{
    client::moves::{self, Move},
    config::Config,
    devnet::Setup,
    error::{Error, Result},
    output::{Output, list, say},
    token::Token,
};

/// Tasks of the order that is cheated on.
pub const TASKS: u8 = 4;

/// How a cheat ended.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The kind.
    pub kind: &'static str,
    /// What happens.
    pub about: &'static str,
    /// Whether the cheat lost what it should, and nobody else lost anything.
    pub cheat_lost: bool,
    /// Every move, in order.
    pub moves: Vec<Move>,
    /// Gas of them all.
    pub gas: u64,
    /// The games among them.
    pub games: Vec<Game>,
    /// Who gained and lost what.
    pub parties: Vec<Party>,
    /// The token of the amounts.
    pub token: Token,
    /// The order.
    pub order: B256,
    /// Wall time of the whole.
    pub seconds: f64,
}

/// A game.
#[derive(Clone, Debug, Serialize)]
pub struct Game {
    /// Its id, as `assay dispute show` takes it.
    pub id: B256,
    /// Moves, the seal included.
    pub moves: usize,
    /// Gas of them all.
    pub gas: u64,
    /// Gas of the costliest.
    pub largest: u64,
}

/// What somebody gained or lost, in smallest parts.
#[derive(Clone, Debug, Serialize)]
pub struct Party {
    /// Name.
    pub name: String,
    /// Account.
    pub account: Address,
    /// Whether it cheated.
    pub cheats: bool,
    /// Change of what it has in the ledger, without bonds.
    pub ledger: I256,
    /// Change of its stake as a provider.
    pub stake: I256,
    /// Change of its stake as a validator.
    pub seat: I256,
    /// Change of its native currency in the ledger, in wei: bonds.
    pub bonds: I256,
}

/// Plays `kind` on a devnet of its own.
pub async fn play(output: Output, base: &Config, ground: &Setup, kind: &Kind) -> Result<Verdict> {
    let started = Instant::now();
    output.note("one chain, an order of four tasks, a provider, four validators; some kinds take two minutes");
    let court = Court::start(output, base, ground).await?;
    let play = kind.play();
    let parties = court.parties();
    let mut before = Vec::new();
    for (_, account) in &parties {
        before.push(court.holdings(*account).await?);
    }
    let mut keepers = court.keepers(&play).await?;
    let opened = court.order(&play).await?;
    court.finish(&play, &mut keepers, &opened).await?;
    drop(keepers);
    let moves = moves::since(&court.chain, opened.block).await?;
    let mut games = Vec::new();
    for id in moves::games_since(&court.chain, opened.block).await? {
        let moves = moves::of_game(&court.chain, id).await?;
        let (gas, largest) = (moves.iter().map(|step| step.gas), moves.iter().map(|step| step.gas).max());
        games.push(Game { id, moves: moves.len(), gas: gas.sum(), largest: largest.unwrap_or_default() });
    }
    let mut changes = Vec::new();
    for ((name, account), before) in parties.into_iter().zip(before) {
        let after = court.holdings(account).await?;
        changes.push(party(&play, name, account, before, after));
    }
    let token = court.token.clone();
    court.stop().await;
    Ok(Verdict {
        kind: kind.name,
        about: kind.about,
        cheat_lost: judge(&play, &changes),
        gas: moves.iter().map(|step| step.gas).sum(),
        moves,
        games,
        parties: changes,
        token,
        order: opened.id,
        seconds: started.elapsed().as_secs_f64(),
    })
}

fn party(play: &Play, name: String, account: Address, before: Holdings, after: Holdings) -> Party {
    let change = |before: U256, after: U256| I256::from_raw(after) - I256::from_raw(before);
    let number = name.strip_prefix("validator ").and_then(|number| number.parse::<usize>().ok());
    let cheats = match (name.as_str(), number) {
        ("provider", _) => play.losses.stake,
        ("challenger", _) => play.is_self_accusation,
        (_, Some(number)) => number <= play.validators.len(),
        _ => false,
    };
    Party {
        name,
        account,
        cheats,
        ledger: change(before.ledger, after.ledger),
        stake: change(U256::from(before.stake), U256::from(after.stake)),
        seat: change(U256::from(before.seat), U256::from(after.seat)),
        bonds: change(before.bonds, after.bonds),
    }
}

/// Whether the cheats lost what they should, in all more than they gained, and nobody else lost stake, seat or bond.
fn judge(play: &Play, parties: &[Party]) -> bool {
    let lost = |amount: fn(&Party) -> I256, cheats: bool| {
        parties.iter().any(|party| party.cheats == cheats && amount(party).is_negative())
    };
    let Losses { stake, seats, bonds } = play.losses;
    let of_cheats = (lost(|p| p.stake, true), lost(|p| p.seat, true), lost(|p| p.bonds, true));
    let honest = [lost(|p| p.stake, false), lost(|p| p.seat, false), lost(|p| p.bonds, false)];
    let sum: I256 = parties
        .iter()
        .filter(|party| party.cheats)
        .map(|party| party.ledger + party.stake + party.seat)
        .fold(I256::ZERO, |sum, change| sum + change);
    of_cheats == (stake, seats, bonds) && honest == [false; 3] && sum.is_negative()
}

impl Verdict {
    /// As people read it.
    pub fn print(&self) {
        let names: BTreeMap<Address, &str> =
            self.parties.iter().map(|party| (party.account, party.name.as_str())).collect();
        let mut table = list(["second", "who", "move", "gas"]);
        let start = self.moves.first().map_or(0, |step| step.time);
        for step in &self.moves {
            let who = names.get(&step.by).map_or_else(|| step.by.to_string(), ToString::to_string);
            let did = step.did.join("; ");
            let did = names.iter().fold(did, |did, (account, name)| did.replace(&account.to_string(), name));
            table.add_row([(step.time - start).to_string(), who, did, step.gas.to_string()]);
        }
        say!("{}: {}\n\n{table}\n", self.kind, self.about);
        for Game { id, moves, gas, largest } in &self.games {
            say!("game {id}: {moves} moves, {gas} gas, at most {largest} in one");
        }
        if !self.games.is_empty() {
            say!();
        }
        let mut table = list(["who", "ledger", "stake", "seat", "bonds"]);
        let native = Token { address: Address::ZERO, symbol: "ether".into(), decimals: 18 };
        for party in &self.parties {
            let name = if party.cheats { format!("{} (cheats)", party.name) } else { party.name.clone() };
            let token = [party.ledger, party.stake, party.seat].map(|change| signed(&self.token, change));
            let [ledger, stake, seat] = token;
            table.add_row([name, ledger, stake, seat, signed(&native, party.bonds)]);
        }
        let verdict = if self.cheat_lost { "the cheat lost" } else { "THE CHEAT DID NOT LOSE WHAT IT SHOULD" };
        say!("{table}\n\n{verdict}: {} transactions, {} gas", self.moves.len(), self.gas);
    }

    /// An error if the cheat did not lose.
    pub fn judge(&self) -> Result<()> {
        if self.cheat_lost {
            return Ok(());
        }
        Err(Error::failure(
            "cheat_did_not_lose",
            format!("{}: somebody lost what they should not, or did not lose", self.kind),
        ))
    }
}

/// A change with its sign; nothing where nothing changed.
fn signed(token: &Token, change: I256) -> String {
    if change.is_zero() {
        return String::new();
    }
    let sign = if change.is_negative() { "-" } else { "+" };
    format!("{sign}{}", token.format(change.unsigned_abs()))
}

/// The kinds as people read them.
pub fn print_kinds() {
    let mut table = list(["kind", "what happens"]);
    for kind in KINDS {
        table.add_row([kind.name, kind.about]);
    }
    say!("{table}");
}
