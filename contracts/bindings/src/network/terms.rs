//! What a node network and its pools promise, for good, and what the contracts would refuse of that.

use std::fmt;

use alloy::{
    primitives::{
        Address,
        aliases::{U40, U96},
    },
    sol_types::SolValue,
};
use assay_epochs::uptime::{BASIS, MAX_NUMBERS, MAX_OPERATORS, MAX_ROUNDS, MAX_SEATS, MAX_VOTERS};
use serde::{Deserialize, Serialize};

use crate::{EpochRewards, Suite, Uptime, suite::decimal};

/// The most licences, so that with all operators the trees of an epoch have three tiers.
pub const MAX_LICENSES: u32 = (MAX_NUMBERS - MAX_OPERATORS) as u32;
/// Signatures that a reveal shows at most.
const MAX_AUDITS: u16 = 16;
/// Epochs that a thaw or a ban takes at most.
const MAX_EPOCHS: u32 = 10_000;
/// Seconds of a time at most.
const MAX_TIME: u32 = 365 * 24 * 3_600;
/// Seconds over which a claim comes free at most.
const MAX_PERIOD: u32 = 4 * MAX_TIME;
/// The cap of a pool is below 2^92: what is forfeited is emitted again.
const MAX_CAP: u128 = (1 << 92) - 1;

/// What a network promises. Times are in seconds, rates in basis points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// The collection.
    pub license: Address,
    /// The highest id that it can have.
    pub licenses: u32,
    /// When epoch 0 begins (Unix seconds).
    pub genesis: u64,
    /// Of an epoch.
    pub epoch_length: u32,
    /// Epochs that a licence rests when its owner ended a delegation.
    pub thaw_epochs: u32,
    /// How providers are examined.
    pub exam: Exam,
    /// What follows from faults.
    pub faults: Faults,
    /// How epochs are posted.
    pub roots: Roots,
}

/// How providers are examined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exam {
    /// Of an epoch in which the answers of the one before are still sealed.
    pub seal_time: u32,
    /// For revealing, from when the next epoch's seed is known.
    pub reveal_time: u32,
    /// From leaving a seat until its stake comes free.
    pub exit_delay: u32,
    /// Rounds of an epoch.
    pub rounds: u16,
    /// Signatures that a reveal shows.
    pub audits: u16,
    /// Operators whose answers make the truth.
    pub max_voters: u16,
    /// Seats.
    pub max_seats: u16,
    /// What a seat locks, in the stake token.
    #[serde(with = "decimal")]
    pub seat_stake: u128,
}

/// What follows from faults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Faults {
    /// Wrong answers of an operator in an epoch that make a strike.
    pub wrong_limit: u32,
    /// Two strikes less than so many epochs apart ban.
    pub strike_span: u32,
    /// How many epochs a ban takes.
    pub ban_epochs: u32,
    /// In which a strike can be made, and those for an appeal.
    pub appeal_time: u32,
    /// Rounds of an epoch that a provider was offline in which cost it stake.
    pub offline_limit: u32,
    /// How much of a seat's stake.
    pub offline_slash: u16,
}

/// What whoever posts a root promises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Roots {
    /// Of bonds and fees; zero: native currency.
    pub token: Address,
    /// What a publisher puts up for each root.
    #[serde(with = "decimal")]
    pub bond: u128,
    /// What a demand costs.
    #[serde(with = "decimal")]
    pub fee: u128,
    /// In which a root can be doubted.
    pub window: u32,
    /// In which a publisher answers a demand, and those to read the answer.
    pub answer_time: u32,
}

/// What a pool promises. Amounts are in the token's smallest unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolTerms {
    /// It pays in; zero: native currency.
    pub token: Address,
    /// Never more than this in all.
    #[serde(with = "decimal")]
    pub cap: u128,
    /// Of each epoch, to begin with.
    #[serde(with = "decimal")]
    pub first: u128,
    /// After so many epochs an epoch's emission halves, and again; zero: never.
    pub halving: u32,
    /// Over which a full claim comes free.
    pub slow_period: u32,
    /// Over which a partial claim comes free.
    pub fast_period: u32,
    /// What a partial claim keeps.
    pub fast_share: u16,
    /// How epochs are posted.
    pub roots: Roots,
}

/// What cannot be promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which term.
    pub field: &'static str,
    /// What it is.
    pub value: String,
    /// What would do.
    pub expected: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}: expected {}", self.field, self.value, self.expected)
    }
}

/// Collects faults.
#[derive(Default)]
struct Check(Vec<Fault>);

impl Check {
    fn within<T: PartialOrd + fmt::Display>(&mut self, field: &'static str, value: T, least: T, most: T) {
        if value < least || value > most {
            self.add(field, value, format!("{least} to {most}"));
        }
    }

    fn unless(&mut self, right: bool, field: &'static str, value: impl fmt::Display, expected: impl Into<String>) {
        if !right {
            self.add(field, value, expected.into());
        }
    }

    fn add(&mut self, field: &'static str, value: impl fmt::Display, expected: String) {
        self.0.push(Fault { field, value: value.to_string(), expected });
    }
}

impl Terms {
    /// Everything in them that the contracts would refuse, or with which the network could not go on.
    pub fn faults(&self) -> Vec<Fault> {
        let mut check = Check::default();
        check.unless(!self.license.is_zero(), "license", self.license, "a collection");
        check.within("licenses", self.licenses, 1, MAX_LICENSES);
        check.within("genesis", self.genesis, 0, (1 << 40) - 1);
        check.within("epoch_length", self.epoch_length, 1, MAX_TIME);
        check.within("thaw_epochs", self.thaw_epochs, 0, MAX_EPOCHS);
        self.exam.check(&mut check);
        self.faults.check(&mut check, self.exam.rounds.into());
        self.roots.check(&mut check);
        self.check_times(&mut check);
        check.0
    }

    /// What no constructor asks, and without which postings fall behind or stake is gone before its penalty.
    fn check_times(&self, check: &mut Check) {
        let Exam { seal_time, reveal_time, exit_delay, .. } = self.exam;
        let (length, seconds) = (u64::from(self.epoch_length), |time: u32| u64::from(time));
        let known = seconds(seal_time) + seconds(reveal_time);
        let expected =
            format!("less than the rest of an epoch after seal_time, {} s", length.saturating_sub(seal_time.into()));
        check.unless(known < length, "reveal_time", reveal_time, expected);
        let expected = format!("at most epoch_length, {length} s: each epoch waits for the one before it");
        check.unless(seconds(self.roots.window) <= length, "window", self.roots.window, expected);
        // Sealed, revealed, posted, and opened by demand through three tiers.
        let doubt = 2 * length + known + seconds(self.roots.window) + 6 * seconds(self.roots.answer_time);
        let expected = format!("at least {doubt} s: two epochs, revealing and all doubt");
        check.unless(seconds(exit_delay) >= doubt, "exit_delay", exit_delay, expected);
    }

    /// What `LicenseStaking` is made with.
    pub(crate) fn staking_arguments(&self) -> Vec<u8> {
        (self.license, self.licenses, U40::saturating_from(self.genesis), self.epoch_length, self.thaw_epochs)
            .abi_encode_params()
    }

    /// What `Uptime` is made with.
    pub(crate) fn uptime_arguments(&self, suite: &Suite, license_staking: Address) -> Vec<u8> {
        let roots = Uptime::RootTerms {
            token: self.roots.token,
            bond: self.roots.bond,
            fee: self.roots.fee,
            window: self.roots.window,
            answerTime: self.roots.answer_time,
        };
        let exam = Uptime::ExamTerms {
            sealTime: self.exam.seal_time,
            revealTime: self.exam.reveal_time,
            exitDelay: self.exam.exit_delay,
            rounds: self.exam.rounds,
            audits: self.exam.audits,
            maxVoters: self.exam.max_voters,
            maxSeats: self.exam.max_seats,
            seatStake: self.exam.seat_stake,
        };
        let faults = Uptime::FaultTerms {
            wrongLimit: self.faults.wrong_limit,
            strikeSpan: self.faults.strike_span,
            banEpochs: self.faults.ban_epochs,
            appealTime: self.faults.appeal_time,
            offlineLimit: self.faults.offline_limit,
            offlineSlash: self.faults.offline_slash,
        };
        (suite.ledger, license_staking, suite.staking, suite.beacon, roots, exam, faults).abi_encode_params()
    }
}

impl Exam {
    fn check(&self, check: &mut Check) {
        check.within("seal_time", self.seal_time, 1, MAX_TIME);
        check.within("reveal_time", self.reveal_time, 1, MAX_TIME);
        check.within("exit_delay", self.exit_delay, 1, MAX_TIME);
        check.within("rounds", self.rounds, 1, MAX_ROUNDS as u16);
        check.within("audits", self.audits, 0, MAX_AUDITS);
        check.within("max_voters", self.max_voters, 1, MAX_VOTERS as u16);
        check.within("max_seats", self.max_seats, 1, MAX_SEATS as u16);
        check.unless(self.seat_stake != 0, "seat_stake", self.seat_stake, "an amount");
    }
}

impl Faults {
    fn check(&self, check: &mut Check, rounds: u32) {
        check.unless(self.wrong_limit != 0, "wrong_limit", self.wrong_limit, "at least 1");
        check.within("ban_epochs", self.ban_epochs, 1, MAX_EPOCHS);
        check.within("appeal_time", self.appeal_time, 1, MAX_TIME);
        check.within("offline_limit", self.offline_limit, 1, rounds);
        check.within("offline_slash", u64::from(self.offline_slash), 0, BASIS);
    }
}

impl Roots {
    fn check(&self, check: &mut Check) {
        check.unless(self.bond != 0, "bond", self.bond, "an amount");
        check.within("window", self.window, 1, MAX_TIME);
        check.within("answer_time", self.answer_time, 1, MAX_TIME);
    }
}

impl PoolTerms {
    /// Everything in them that the contract would refuse.
    pub fn faults(&self) -> Vec<Fault> {
        let mut check = Check::default();
        check.within("cap", self.cap, 1, MAX_CAP);
        check.within("first", self.first, 1, MAX_CAP);
        check.within("slow_period", self.slow_period, 0, MAX_PERIOD);
        check.within("fast_period", self.fast_period, 0, self.slow_period);
        check.within("fast_share", u64::from(self.fast_share), 0, BASIS);
        self.roots.check(&mut check);
        check.0
    }

    /// How it emits, as the rules take it.
    pub fn schedule(&self) -> assay_epochs::rewards::Schedule {
        assay_epochs::rewards::Schedule { cap: self.cap, first: self.first, halving: self.halving }
    }

    /// What `EpochRewards` is made with.
    pub(crate) fn arguments(&self, ledger: Address, uptime: Address) -> Vec<u8> {
        let small = |amount: u128| U96::saturating_from(amount);
        let schedule = EpochRewards::Schedule { cap: small(self.cap), first: small(self.first), halving: self.halving };
        let pool = EpochRewards::PoolTerms {
            token: self.token,
            schedule,
            slowPeriod: self.slow_period,
            fastPeriod: self.fast_period,
            fastShare: self.fast_share,
        };
        let roots = EpochRewards::RootTerms {
            token: self.roots.token,
            bond: self.roots.bond,
            fee: self.roots.fee,
            window: self.roots.window,
            answerTime: self.roots.answer_time,
        };
        (ledger, uptime, pool, roots).abi_encode_params()
    }
}
