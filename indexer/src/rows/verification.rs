//! Rows of draws, disputes and validators.

use super::{Amount, Json, Position, schema};
use crate::store::{column::word, table::table};
use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

word! {
    /// How far the draw of a batch is.
    #[derive(Default)]
    pub enum DrawStatus {
        /// Its round has not been drawn.
        #[default]
        Waiting = "waiting",
        /// The lot passed the batch by.
        Undrawn = "undrawn",
        /// The parties commit to their trace roots.
        Sealing = "sealing",
        /// They open them.
        Revealing = "revealing",
        /// Somebody dissented, and games decide.
        Disputed = "disputed",
        /// Nobody did, or games proved the dissenters wrong.
        Agreed = "agreed",
        /// The provider was silent or lost a game.
        Convicted = "convicted",
    }
}

word! {
    /// Where a dispute stands.
    #[derive(Default)]
    pub enum DisputeStatus {
        /// Sealed: what it is about is hidden.
        #[default]
        Sealed = "sealed",
        /// Not opened in time; the bond burned.
        Expired = "expired",
        /// Its batch was lost before it was opened; the challenger took its bond back.
        Withdrawn = "withdrawn",
        /// The game goes on.
        Open = "open",
        /// The challenger won.
        Won = "won",
        /// The challenger lost, and its bond went to the other side.
        Lost = "lost",
    }
}

word! {
    /// Whose move it is, and which.
    #[derive(Default)]
    pub enum GameStep {
        /// The provider answers with every operator's root.
        #[default]
        Opened = "opened",
        /// The challenger names an operator.
        Answered = "answered",
        /// The provider shows the hashes of its rows.
        OperatorNamed = "operator_named",
        /// The challenger names a row.
        RowsShown = "rows_shown",
        /// The provider shows the row.
        RowNamed = "row_named",
        /// The challenger proves one element false.
        RowShown = "row_shown",
    }
}

word! {
    /// What was done in a dispute.
    #[derive(Default)]
    pub enum MoveName {
        /// A challenge was sealed, with a bond.
        #[default]
        Sealed = "sealed",
        /// The seal was not opened in time.
        Expired = "expired",
        /// Its batch was lost before, and the bond was taken back.
        Withdrawn = "withdrawn",
        /// It was opened, and the game began.
        Opened = "opened",
        /// The roots of every operator were given.
        Answered = "answered",
        /// The challenger named an operator.
        OperatorNamed = "operator_named",
        /// The hashes of its rows were shown.
        RowsShown = "rows_shown",
        /// The challenger named a row.
        RowNamed = "row_named",
        /// The row was shown.
        RowShown = "row_shown",
        /// The referee found an element false.
        Proven = "proven",
        /// A side was silent, or another game over the task was won.
        Ended = "ended",
    }
}

/// Who was drawn for one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DrawnTask {
    /// Index in the order.
    pub index: u32,
    /// Who re-executes it.
    #[schema(value_type = Vec<schema::Account>)]
    pub validators: Vec<Address>,
}

table! {
    /// The draw of a batch.
    pub struct Draw in "draws" {
        key {
            /// The batch.
            #[schema(value_type = schema::Hash)]
            batch_id: B256,
        }
        /// Where it was requested.
        #[schema(value_type = schema::Position)]
        position: Position,
        /// How far it is.
        status: DrawStatus,
        /// The beacon round that draws it.
        round: u64,
        /// The first round was lost, so the batch is drawn whatever the rate.
        certain: bool,
        /// What the lot was drawn from.
        #[schema(value_type = Option<schema::Hash>)]
        seed: Option<B256>,
        /// The tasks that were drawn, with their validators.
        #[schema(value_type = Vec<DrawnTask>)]
        drawn: Json<Vec<DrawnTask>>,
        /// Last second of the phase (Unix seconds): to seal, to reveal, to open a game, or to challenge.
        phase_end: Option<u64>,
        /// Trace roots that were sealed.
        seals: u32,
        /// Seals that were opened.
        reveals: u32,
        /// Transaction in which the lot decided.
        #[schema(value_type = Option<schema::Hash>)]
        draw_transaction: Option<B256>,
        /// Transaction that ended the draw.
        #[schema(value_type = Option<schema::Hash>)]
        conclude_transaction: Option<B256>,
        /// Paid to validators.
        #[schema(value_type = schema::Amount)]
        paid: Amount,
        /// Returned to the customer of what was set aside.
        #[schema(value_type = schema::Amount)]
        refund: Amount,
    }
}

table! {
    /// What a party of a draw said about one task.
    pub struct Testimony in "testimonies" {
        key {
            /// The batch.
            #[schema(value_type = schema::Hash)]
            batch_id: B256,
            /// Index of the task in the order.
            task_index: u32,
            /// A validator that was drawn for it, or the provider.
            #[schema(value_type = schema::Account)]
            party: Address,
        }
        /// What it sealed: a hash over its trace root and a salt.
        #[schema(value_type = Option<schema::Hash>)]
        seal: Option<B256>,
        /// Transaction of the seal.
        #[schema(value_type = Option<schema::Hash>)]
        seal_transaction: Option<B256>,
        /// The trace root that it revealed.
        #[schema(value_type = Option<schema::Hash>)]
        trace_root: Option<B256>,
        /// Transaction of the reveal.
        #[schema(value_type = Option<schema::Hash>)]
        reveal_transaction: Option<B256>,
        /// It revealed another root than the provider, and had to win a game.
        dissented: bool,
        /// What its seat lost, if it was slashed for this task; 0 where the seat was gone already.
        #[schema(value_type = Option<schema::Amount>)]
        slashed: Option<Amount>,
        /// Transaction that slashed it.
        #[schema(value_type = Option<schema::Hash>)]
        slash_transaction: Option<B256>,
    }
}

table! {
    /// The reward of a conviction, held until every game that could have an earlier seal is over.
    pub struct Pot in "pots" {
        key {
            /// The batch.
            #[schema(value_type = schema::Hash)]
            batch_id: B256,
        }
        /// Who has the earliest seal so far.
        #[schema(value_type = schema::Account)]
        winner: Address,
        /// The seal's number.
        seal_number: u64,
        /// The reward.
        #[schema(value_type = schema::Amount)]
        amount: Amount,
        /// From when on it can be claimed (Unix seconds).
        claimable_at: u64,
        /// Transaction that paid it.
        #[schema(value_type = Option<schema::Hash>)]
        claim_transaction: Option<B256>,
    }
}

table! {
    /// A validator's seat for one service, or what is left of it.
    pub struct Validator in "validators" {
        key {
            /// The verification contract that draws from the seats.
            #[schema(value_type = schema::Account)]
            service: Address,
            /// Whose seat it is.
            #[schema(value_type = schema::Account)]
            validator: Address,
        }
        /// Where it first took the seat.
        #[schema(value_type = schema::Position)]
        position: Position,
        /// Place in the service's table, counted from 1; 0 while not seated.
        number: u32,
        /// Once it was left: when its stake comes free (Unix seconds); 0 while seated.
        releasable_at: u64,
        /// What it locks.
        #[schema(value_type = schema::Amount)]
        stake: Amount,
        /// Slashed in all.
        #[schema(value_type = schema::Amount)]
        slashed: Amount,
    }
}

table! {
    /// A challenge from its seal to its end. What the seal hides is null until it is opened.
    pub struct Dispute in "disputes" {
        key {
            /// The seal's hash, which is the game's id.
            #[schema(value_type = schema::Hash)]
            dispute_id: B256,
        }
        /// Where it was sealed.
        #[schema(value_type = schema::Position)]
        position: Position,
        /// Where it stands.
        status: DisputeStatus,
        /// Who says that the task is wrong.
        #[schema(value_type = schema::Account)]
        challenger: Address,
        /// Seals are numbered in the order of arrival.
        seal_number: u64,
        /// The challenger's bond, in native currency.
        #[schema(value_type = schema::Amount)]
        bond: Amount,
        /// The batch.
        #[schema(value_type = Option<schema::Hash>)]
        batch_id: Option<B256>,
        /// Index of the task in the order.
        task_index: Option<u32>,
        /// Whose batch it is.
        #[schema(value_type = Option<schema::Account>)]
        provider: Option<Address>,
        /// Who receives the bond if the challenger loses.
        #[schema(value_type = Option<schema::Account>)]
        defender: Option<Address>,
        /// Whose move it is, and which.
        step: Option<GameStep>,
        /// When the last move was made (Unix seconds).
        moved_at: u64,
        /// Seconds left to the provider's side for all its moves.
        provider_time: u32,
        /// Seconds left to the challenger for all its moves.
        challenger_time: u32,
        /// The operator named.
        operator: Option<u32>,
        /// The row named.
        row: Option<u32>,
        /// Moves made, the seal and the end included.
        moves: u32,
        /// Ended by the referee (true), or by silence or another game's verdict (false).
        proven: Option<bool>,
        /// Who received the bond.
        #[schema(value_type = Option<schema::Account>)]
        bond_to: Option<Address>,
    }
}

table! {
    /// A move of a dispute.
    pub struct Move in "moves" {
        key {
            /// The dispute.
            #[schema(value_type = schema::Hash)]
            dispute_id: B256,
            /// Counted from 0, which is the seal.
            number: u32,
        }
        /// What was done.
        name: MoveName,
        /// Where; what was shown is in the event there.
        #[schema(value_type = schema::Position)]
        position: Position,
        /// When (Unix seconds).
        moved_at: u64,
        /// The transaction.
        #[schema(value_type = schema::Hash)]
        transaction_hash: B256,
    }
}

table! {
    /// The games over one task, and the provider's answer, which serves all of them.
    pub struct DisputedTask in "disputed_tasks" {
        key {
            /// The batch.
            #[schema(value_type = schema::Hash)]
            batch_id: B256,
            /// Index of the task in the order.
            task_index: u32,
        }
        /// Root over the operators' roots, once it was answered.
        #[schema(value_type = Option<schema::Hash>)]
        trace_root: Option<B256>,
        /// A game over the task was won against the provider.
        lost: bool,
        /// The games, oldest first.
        #[schema(value_type = Vec<schema::Hash>)]
        disputes: Json<Vec<B256>>,
    }
}
