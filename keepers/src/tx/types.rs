//! Actions, their states and how a role decides about a revert.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, Instant},
};

use alloy::primitives::{Address, B256, Bytes, U256};

use super::Revert;

/// The first priority of what loses nothing but time by waiting. However many such actions there are, some of the transactions in
/// flight are left to what has a deadline or a competitor.
pub const PATIENT: i64 = 3;

/// What a role wants done on chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Names the action for ever: wanting the same key twice is wanting it once.
    pub key: String,
    /// Its kind, for metrics and the role's [`Judge`].
    pub kind: &'static str,
    /// Smaller goes first. From [`PATIENT`] on it leaves room to the others.
    pub priority: i64,
    /// Contract to call.
    pub target: Address,
    /// Calldata.
    pub data: Bytes,
    /// Native currency to send along.
    pub value: U256,
    /// When the last of its causes was seen (an event, a finished computation): starts the reaction clock.
    pub since: Option<Instant>,
    /// Last second, by chain time, for it to be in a block; `None`: it has time.
    pub deadline: Option<u64>,
}

/// Where an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActionState {
    /// Waits to be simulated and sent.
    Queued,
    /// A transaction is written; whether a node has it is not known.
    Building,
    /// A node took a transaction.
    Submitted,
    /// A canonical block holds a transaction.
    Included,
    /// Its block is final. The end.
    Finalised,
    /// It reverted in a block that is final. The end, unless it is wanted again.
    Failed,
    /// Not wanted any more. The end, unless it is wanted again.
    Superseded,
}

impl ActionState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Building,
        Self::Submitted,
        Self::Included,
        Self::Finalised,
        Self::Failed,
        Self::Superseded,
    ];

    /// Its name in the store and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Building => "building",
            Self::Submitted => "submitted",
            Self::Included => "included",
            Self::Finalised => "finalised",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
        }
    }

    /// Whether a transaction of it may be in some node's pool.
    pub const fn is_in_flight(self) -> bool {
        matches!(self, Self::Building | Self::Submitted)
    }
}

impl FromStr for ActionState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| format!("no action state {text:?}"))
    }
}

impl fmt::Display for ActionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stored action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Row id.
    pub id: i64,
    /// Role that wants it.
    pub role: String,
    /// See [`Wanted::key`].
    pub key: String,
    /// See [`Wanted::kind`].
    pub kind: String,
    /// See [`Wanted::priority`].
    pub priority: i64,
    /// Contract to call.
    pub target: Address,
    /// Calldata.
    pub data: Bytes,
    /// Native currency to send along.
    pub value: U256,
    /// Where it stands.
    pub state: ActionState,
    /// The nonce that it holds.
    pub nonce: Option<u64>,
    /// The transaction that was included.
    pub tx_hash: Option<B256>,
    /// Block that included it: number and hash.
    pub block: Option<(u64, B256)>,
    /// Whether the included transaction succeeded.
    pub success: Option<bool>,
    /// See [`Wanted::deadline`].
    pub deadline: Option<u64>,
    /// How often it was tried anew.
    pub attempts: u32,
    /// Why it stands where it stands, in words.
    pub reason: Option<String>,
}

/// What a role makes of a simulated revert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It will never succeed, or what it wants has happened. The role may want it again when the chain says so.
    Drop,
    /// Not yet. Ask again after this time.
    Later(Duration),
}

/// A role's judgement over its actions that would revert now. Must be quick.
pub trait Judge: Send + Sync + fmt::Debug {
    /// Decides about `action`, whose simulation on the newest state reverts with `revert`.
    fn judge(&self, action: &Action, revert: &Revert) -> Verdict;
}

/// For roles that want their actions anew at every block: what would revert is early or late, and what is wanted next says which.
#[derive(Debug)]
pub(crate) struct Patience;

impl Judge for Patience {
    fn judge(&self, _: &Action, _: &Revert) -> Verdict {
        const NOT_YET: Duration = Duration::from_millis(700);
        Verdict::Later(NOT_YET)
    }
}
