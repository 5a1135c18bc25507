//! Rows of node networks: what was posted, claimed and punished. Who runs and attests what is read from the events themselves.

use super::{Amount, Position, schema};
use crate::store::table::table;
use alloy::primitives::{Address, B256};

table! {
    /// What was posted of an epoch: its shares, or what a pool pays for it.
    pub struct EpochRoot in "epoch_roots" {
        key {
            /// Where it was posted: the network's `Uptime`, or a pool.
            #[schema(value_type = schema::Account)]
            contract: Address,
            /// The epoch.
            epoch: u32,
        }
        /// Where it was posted last.
        #[schema(value_type = schema::Position)]
        position: Position,
        /// The transaction.
        #[schema(value_type = schema::Hash)]
        transaction_hash: B256,
        /// The root; null once it was proved false or its publisher did not answer.
        #[schema(value_type = Option<schema::Hash>)]
        root: Option<B256>,
        /// Who posted it.
        #[schema(value_type = Option<schema::Account>)]
        publisher: Option<Address>,
        /// Leaves of its tree.
        count: u32,
        /// When it is final if no demand is open (Unix seconds).
        final_at: u64,
        /// Demands that wait for an answer.
        open: u32,
        /// Roots of the epoch that were removed.
        removed: u32,
        /// Sum of all shares, where shares were posted.
        total: u64,
        /// keccak256 of the truth, where shares were posted.
        #[schema(value_type = Option<schema::Hash>)]
        truth_hash: Option<B256>,
        /// What the pool divides.
        #[schema(value_type = schema::Amount)]
        budget: Amount,
        /// What of that has beneficiaries: all or nothing.
        #[schema(value_type = schema::Amount)]
        emitted: Amount,
        /// What had come back to the pool by then.
        #[schema(value_type = schema::Amount)]
        returned: Amount,
    }
}

table! {
    /// Wrong answers of an operator that were struck.
    pub struct Strike in "strikes" {
        key {
            /// The network's `Uptime`.
            #[schema(value_type = schema::Account)]
            uptime: Address,
            /// The operator.
            operator: u32,
            /// The epoch of the answers.
            epoch: u32,
        }
        /// When it was made (Unix seconds).
        struck_at: u64,
        /// Wrong answers, less those that an appeal took away.
        wrong: u32,
        /// Whether it was appealed against.
        appealed: bool,
    }
}

table! {
    /// A ban of an operator.
    pub struct Ban in "bans" {
        key {
            /// The network's `Uptime`.
            #[schema(value_type = schema::Account)]
            uptime: Address,
            /// The operator.
            operator: u32,
            /// The first epoch that it is banned in.
            first_epoch: u32,
        }
        /// The first epoch that it is not banned in any more.
        until_epoch: u32,
    }
}

table! {
    /// A pool's money.
    pub struct RewardPool in "reward_pools" {
        key {
            /// The pool.
            #[schema(value_type = schema::Account)]
            pool: Address,
        }
        /// Given to it.
        #[schema(value_type = schema::Amount)]
        funded: Amount,
        /// Forfeited by fast claims and left by returned licences: emitted again.
        #[schema(value_type = schema::Amount)]
        returned: Amount,
        /// Claimed, forfeited or not.
        #[schema(value_type = schema::Amount)]
        claimed: Amount,
        /// Paid out.
        #[schema(value_type = schema::Amount)]
        collected: Amount,
    }
}

table! {
    /// A beneficiary's books in a pool.
    pub struct RewardBooks in "reward_books" {
        key {
            /// The pool.
            #[schema(value_type = schema::Account)]
            pool: Address,
            /// A licence, or an operator beyond the licences.
            number: u32,
        }
        /// Claimed in all, forfeited or not.
        #[schema(value_type = schema::Amount)]
        claimed: Amount,
        /// Of that, forfeited for the sake of coming free sooner.
        #[schema(value_type = schema::Amount)]
        forfeited: Amount,
        /// Of that, paid out.
        #[schema(value_type = schema::Amount)]
        collected: Amount,
        /// Of that, what comes free evenly from `stream_from` until `stream_until`.
        #[schema(value_type = schema::Amount)]
        unpaid: Amount,
        /// When nothing of it had come free (Unix seconds).
        stream_from: u64,
        /// When all of it will have (Unix seconds).
        stream_until: u64,
    }
}
