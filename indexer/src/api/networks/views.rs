//! A network as a whole: what it promises, and how far it is.

use super::{Reading, Roots};
use crate::{
    api::App,
    rows::{RewardPool, schema},
};
use alloy::primitives::Address;
use assay_contracts::network::{self, Pool};
use serde::Serialize;
use utoipa::ToSchema;

/// A node network. Times are Unix seconds or seconds, rates basis points.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct NetworkView {
    /// The contract that judges who was up; it names the network.
    #[schema(value_type = schema::Account)]
    network: Address,
    /// Who runs which licence.
    #[schema(value_type = schema::Account)]
    license_staking: Address,
    /// Seats, seeds and answers.
    #[schema(value_type = schema::Account)]
    attestations: Address,
    /// The collection.
    #[schema(value_type = schema::Account)]
    license: Address,
    /// The highest number of a licence; operators are numbered after it.
    licenses: u32,
    /// What it promises.
    terms: TermsView,
    /// The epoch now; 0 before the first.
    epoch: u32,
    /// Whether epoch 0 has begun.
    begun: bool,
    /// When the epoch began, or epoch 0 will.
    epoch_begins: u64,
    /// When it ends.
    epoch_ends: u64,
    /// Epochs whose answers are all known: all before this one.
    closed_epochs: u32,
    /// Epochs of which shares are posted: all before this one.
    posted_epochs: u32,
    /// Epochs whose shares are final: all before this one.
    final_epochs: u32,
    /// Licences that are delegated in the epoch.
    delegated: u32,
    /// Seats in which somebody sits in the epoch.
    seats: u32,
    /// Operators that have registered.
    operators: u32,
    /// What it pays from.
    pools: Vec<PoolView>,
}

/// What a network promises.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TermsView {
    /// When epoch 0 begins.
    genesis: u64,
    /// Of an epoch.
    epoch_length: u32,
    /// Epochs that a licence rests when its owner ended a delegation.
    thaw_epochs: u32,
    /// Of an epoch in which the answers of the one before are still sealed.
    seal_time: u32,
    /// For revealing, from when the next epoch's seed is known.
    reveal_time: u32,
    /// From leaving a seat until its stake comes free.
    exit_delay: u32,
    /// Rounds of an epoch.
    rounds: u16,
    /// Signatures that a reveal shows.
    audits: u16,
    /// Operators whose answers make the truth.
    max_voters: u16,
    /// Seats.
    max_seats: u16,
    /// What a seat locks of `stake_token`.
    #[schema(value_type = schema::Amount)]
    seat_stake: String,
    /// The token that providers stake; zero: native currency.
    #[schema(value_type = schema::Account)]
    stake_token: Address,
    /// Wrong answers of an operator in an epoch that make a strike.
    wrong_limit: u32,
    /// Two strikes less than so many epochs apart ban.
    strike_span: u32,
    /// How many epochs a ban takes.
    ban_epochs: u32,
    /// In which a strike can be made, and those for an appeal.
    appeal_time: u32,
    /// Rounds of an epoch that a provider was offline in which cost it stake.
    offline_limit: u32,
    /// How much of a seat's stake.
    offline_slash: u16,
    /// How shares are posted.
    roots: RootsView,
}

/// What whoever posts a root promises.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RootsView {
    /// Of bonds and fees; zero: native currency.
    #[schema(value_type = schema::Account)]
    token: Address,
    /// What a publisher puts up for each root.
    #[schema(value_type = schema::Amount)]
    bond: String,
    /// What a demand costs.
    #[schema(value_type = schema::Amount)]
    fee: String,
    /// In which a root can be doubted.
    window: u32,
    /// In which a publisher answers a demand, and those to read the answer.
    answer_time: u32,
}

/// A pool of one token.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PoolView {
    /// The pool.
    #[schema(value_type = schema::Account)]
    pool: Address,
    /// It pays in; zero: native currency.
    #[schema(value_type = schema::Account)]
    token: Address,
    /// Never more than this in all.
    #[schema(value_type = schema::Amount)]
    cap: String,
    /// Of each epoch, to begin with.
    #[schema(value_type = schema::Amount)]
    first: String,
    /// After so many epochs an epoch's emission halves, and again; zero: never.
    halving: u32,
    /// Over which a full claim comes free.
    slow_period: u32,
    /// Over which a partial claim comes free.
    fast_period: u32,
    /// What a partial claim keeps.
    fast_share: u16,
    /// How epochs are posted.
    roots: RootsView,
    /// Epochs that are posted: all before this one.
    posted_epochs: u32,
    /// Epochs that are final and can be claimed: all before this one.
    final_epochs: u32,
    /// Its money.
    money: RewardPool,
}

impl From<&network::Roots> for RootsView {
    fn from(roots: &network::Roots) -> Self {
        let network::Roots { token, bond, fee, window, answer_time } = *roots;
        Self { token, bond: bond.to_string(), fee: fee.to_string(), window, answer_time }
    }
}

impl TermsView {
    fn new(terms: &network::Terms, stake_token: Address) -> Self {
        let (exam, faults) = (&terms.exam, &terms.faults);
        Self {
            genesis: terms.genesis,
            epoch_length: terms.epoch_length,
            thaw_epochs: terms.thaw_epochs,
            seal_time: exam.seal_time,
            reveal_time: exam.reveal_time,
            exit_delay: exam.exit_delay,
            rounds: exam.rounds,
            audits: exam.audits,
            max_voters: exam.max_voters,
            max_seats: exam.max_seats,
            seat_stake: exam.seat_stake.to_string(),
            stake_token,
            wrong_limit: faults.wrong_limit,
            strike_span: faults.strike_span,
            ban_epochs: faults.ban_epochs,
            appeal_time: faults.appeal_time,
            offline_limit: faults.offline_limit,
            offline_slash: faults.offline_slash,
            roots: (&terms.roots).into(),
        }
    }
}

impl PoolView {
    fn new(pool: &Pool, roots: &Roots, money: RewardPool) -> Self {
        let terms = &pool.terms;
        Self {
            pool: pool.address,
            token: terms.token,
            cap: terms.cap.to_string(),
            first: terms.first.to_string(),
            halving: terms.halving,
            slow_period: terms.slow_period,
            fast_period: terms.fast_period,
            fast_share: terms.fast_share,
            roots: (&terms.roots).into(),
            posted_epochs: roots.next(),
            final_epochs: roots.finals(),
            money: RewardPool { pool: pool.address, ..money },
        }
    }
}

impl NetworkView {
    pub(super) fn new(app: &App, reading: &Reading<'_>, roots: &Roots, pools: Vec<(&Pool, Roots, RewardPool)>) -> Self {
        let (network, snapshot, epoch) = (reading.network, &reading.snapshot, reading.epoch());
        let history = &snapshot.history;
        let occupied = (0..history.seats_in(epoch)).filter(|seat| history.seat_in(*seat, epoch).is_some());
        Self {
            network: network.uptime,
            license_staking: network.license_staking,
            attestations: network.attestations,
            license: network.terms.license,
            licenses: network.terms.licenses,
            terms: TermsView::new(&network.terms, app.suite.parameters.stake_token),
            epoch,
            begun: snapshot.time >= network.terms.genesis,
            epoch_begins: network.begins(epoch),
            epoch_ends: network.begins(epoch) + u64::from(network.terms.epoch_length),
            closed_epochs: snapshot.closed(),
            posted_epochs: roots.next(),
            final_epochs: roots.finals(),
            delegated: history.delegated_in(epoch).iter().sum(),
            seats: occupied.count() as u32,
            operators: history.attesters(epoch).count() as u32,
            pools: pools.into_iter().map(|(pool, roots, money)| PoolView::new(pool, &roots, money)).collect(),
        }
    }
}
