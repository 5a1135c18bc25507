//! The rows of the state tables, which are also the objects that the HTTP API returns.

mod networks;
mod nodes;
mod verification;

pub use networks::*;
pub use nodes::*;
pub use verification::*;

pub use crate::store::column::{Amount, Json, Position};
use crate::store::{column::word, table::table};
use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the API writes values; these types exist for the OpenAPI document alone.
pub mod schema {
    use utoipa::ToSchema;

    /// 32 bytes.
    #[derive(Debug, ToSchema)]
    #[schema(value_type = String, pattern = "^0x[0-9a-f]{64}$",
        example = "0x9c22ff5f21f0b81b113e63f7db6da94fedef11b2119b4088b89664fb9a3cb658")]
    pub struct Hash(pub String);

    /// An account or contract; lower case, no checksum.
    #[derive(Debug, ToSchema)]
    #[schema(value_type = String, pattern = "^0x[0-9a-fA-F]{40}$", example = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8")]
    pub struct Account(pub String);

    /// A whole number of a token's smallest part, in decimal: it may exceed 64 bits.
    #[derive(Debug, ToSchema)]
    #[schema(value_type = String, pattern = "^[0-9]+$", example = "1000000000000000000")]
    pub struct Amount(pub String);

    /// Where an event stands: `<block>-<log index>`.
    #[derive(Debug, ToSchema)]
    #[schema(value_type = String, pattern = "^[0-9]+-[0-9]+$", example = "1204-3")]
    pub struct Position(pub String);
}

word! {
    /// Where an order stands.
    pub enum OrderStatus {
        /// Tasks can be taken, or batches are not final yet.
        Open = "open",
        /// Cancelled by the customer, or reclaimed after the deadline.
        Closed = "closed",
        /// Every task is settled or forfeited.
        Complete = "complete",
    }
}

word! {
    /// What closed an order.
    pub enum ClosedBy {
        /// The customer, before any take.
        Cancelled = "cancelled",
        /// Anyone, after the deadline.
        Reclaimed = "reclaimed",
    }
}

word! {
    /// Where a take stands.
    pub enum TakeStatus {
        /// The provider may commit until `expires_at`.
        Live = "live",
        /// Committed as a batch.
        Committed = "committed",
        /// Ran out; part of its stake was burned.
        Expired = "expired",
    }
}

word! {
    /// Where a batch stands.
    pub enum BatchStatus {
        /// Waits for a receipt or for its window to pass.
        Committed = "committed",
        /// Paid.
        Settled = "settled",
        /// Lost: the customer was refunded and the stake slashed.
        Forfeited = "forfeited",
    }
}

word! {
    /// Why a batch was forfeited.
    pub enum Fault {
        /// Demanded data was not supplied.
        Withheld = "withheld",
        /// Two neighbours' unit counts disagree.
        UnitsGap = "units_gap",
        /// The first task does not start at 0, the last does not end at the batch's units, or a task bills none or too many.
        UnitsBound = "units_bound",
        /// A task bills other units than its input has.
        WrongUnits = "wrong_units",
        /// A task's input is not the one ordered.
        WrongInput = "wrong_input",
        /// The verification contract found the batch false.
        Convicted = "convicted",
    }
}

word! {
    /// Where a demand stands.
    pub enum DemandStatus {
        /// The provider's clock runs.
        Open = "open",
        /// Answered with the rows.
        Supplied = "supplied",
        /// The batch was forfeited and the fee went back.
        Refunded = "refunded",
    }
}

#[cfg(test)]
#[test]
fn words_are_alike_in_tables_and_in_json() {
    let spoken = serde_json::to_value([Fault::Withheld, Fault::UnitsGap, Fault::WrongInput, Fault::Convicted]).unwrap();
    assert_eq!(spoken, serde_json::json!(["withheld", "units_gap", "wrong_input", "convicted"]));
    assert_eq!(Fault::WrongInput.as_str(), "wrong_input");
}

macro_rules! first_is_default {
    ($($name:ident::$variant:ident),*) => {$(
        impl Default for $name {
            fn default() -> Self { Self::$variant }
        }
    )*};
}
first_is_default!(OrderStatus::Open, TakeStatus::Live, BatchStatus::Committed, DemandStatus::Open);

/// A share of a model's gross revenue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Royalty {
    /// Who receives it.
    #[schema(value_type = schema::Account)]
    pub account: Address,
    /// Basis points.
    pub share: u16,
}

/// The terms of an order beside those that are columns of their own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Terms {
    /// Bytes of an input row that make one unit.
    pub unit_bytes: u8,
    /// Smallest number of tasks a provider may take.
    pub min_batch: u32,
    /// Seconds between a take and its commit.
    pub take_window: u32,
    /// Seconds between a commit and settlement without a receipt.
    pub settle_window: u32,
    /// Seconds a provider has to supply demanded data.
    pub demand_window: u32,
    /// What a demander prepays, in the order's token. Decimal.
    pub demand_fee: String,
    /// Stake that a batch locks. Decimal.
    pub stake_per_batch: String,
    /// Stake that each of its tasks adds. Decimal.
    pub stake_per_task: String,
    /// Contract that draws and judges batches; zero: settled by receipt or window alone.
    #[schema(value_type = schema::Account)]
    pub verification: Address,
    /// The community pool at opening.
    #[schema(value_type = schema::Account)]
    pub fee_recipient: Address,
    /// The protocol's take rate at opening, basis points.
    pub fee_rate: u16,
    /// The model's royalty split at opening.
    pub royalties: Vec<Royalty>,
    /// Chosen by the customer.
    #[schema(value_type = schema::Hash)]
    pub salt: B256,
}

table! {
    /// A customer's escrowed budget and how far it has come.
    pub struct Order in "orders" {
        key {
            /// The order's id: the hash of its terms.
            #[schema(value_type = schema::Hash)]
            order_id: B256,
        }
        /// Where it was opened.
        #[schema(value_type = schema::Position)]
        position: Position,
        /// When it was opened (Unix seconds).
        opened_at: u64,
        /// Transaction that opened it.
        #[schema(value_type = schema::Hash)]
        transaction_hash: B256,
        /// Who pays.
        #[schema(value_type = schema::Account)]
        customer: Address,
        /// The model.
        #[schema(value_type = schema::Hash)]
        model_id: B256,
        /// Payment token; zero: the native currency.
        #[schema(value_type = schema::Account)]
        token: Address,
        /// Merkle root over the tasks' input hashes.
        #[schema(value_type = schema::Hash)]
        inputs_root: B256,
        /// Tasks ordered.
        count: u32,
        /// Units that one task may bill at most.
        unit_cap: u32,
        /// Price of a unit.
        #[schema(value_type = schema::Amount)]
        unit_price: Amount,
        /// Nothing is taken or committed after it (Unix seconds).
        deadline: u64,
        /// The remaining terms.
        #[schema(value_type = Terms)]
        terms: Json<Terms>,
        /// What moved into escrow at opening.
        #[schema(value_type = schema::Amount)]
        escrowed: Amount,
        /// Where it stands.
        status: OrderStatus,
        /// What closed it.
        closed_by: Option<ClosedBy>,
        /// First index that was never taken.
        frontier: u32,
        /// Tasks in committed batches, whatever became of them.
        committed: u32,
        /// Tasks in settled batches.
        settled: u32,
        /// Tasks in forfeited batches.
        forfeited: u32,
        /// Batches committed.
        batches: u32,
        /// Paid to providers so far.
        #[schema(value_type = schema::Amount)]
        paid: Amount,
        /// Paid to the community pool so far.
        #[schema(value_type = schema::Amount)]
        fees: Amount,
        /// Paid to royalty accounts so far.
        #[schema(value_type = schema::Amount)]
        royalties: Amount,
        /// Returned to the customer so far.
        #[schema(value_type = schema::Amount)]
        refunded: Amount,
    }
}

table! {
    /// A range of an order that a provider holds or held last.
    pub struct Take in "takes" {
        key {
            /// The order.
            #[schema(value_type = schema::Hash)]
            order_id: B256,
            /// First index of the range.
            first: u32,
        }
        /// Where it was taken.
        #[schema(value_type = schema::Position)]
        position: Position,
        /// Who took it.
        #[schema(value_type = schema::Account)]
        provider: Address,
        /// Tasks in the range.
        count: u32,
        /// Stake it locked.
        #[schema(value_type = schema::Amount)]
        stake: Amount,
        /// Last second to commit.
        expires_at: u64,
        /// Where it stands.
        status: TakeStatus,
        /// Stake that its expiry burned.
        #[schema(value_type = schema::Amount)]
        burned: Amount,
    }
}

table! {
    /// Results that a provider committed with one Merkle root.
    pub struct Batch in "batches" {
        key {
            /// The batch's id: the hash of its fields.
            #[schema(value_type = schema::Hash)]
            batch_id: B256,
        }
        /// Where it was committed.
        #[schema(value_type = schema::Position)]
        position: Position,
        /// The order.
        #[schema(value_type = schema::Hash)]
        order_id: B256,
        /// Who computed it.
        #[schema(value_type = schema::Account)]
        provider: Address,
        /// Index in the order of its first task.
        first: u32,
        /// Tasks.
        count: u32,
        /// Units billed in all.
        units: u64,
        /// Merkle root over its task leaves.
        #[schema(value_type = schema::Hash)]
        root: B256,
        /// Stake locked for it.
        #[schema(value_type = schema::Amount)]
        stake: Amount,
        /// Block time of the commit (Unix seconds).
        committed_at: u64,
        /// First second of settlement without a receipt (Unix seconds); a late supply moves it on.
        settles_at: u64,
        /// Transaction of the commit.
        #[schema(value_type = schema::Hash)]
        commit_transaction: B256,
        /// Where it stands.
        status: BatchStatus,
        /// Demands that are open.
        demands_open: u32,
        /// When it became final (Unix seconds).
        closed_at: Option<u64>,
        /// Transaction that made it final.
        #[schema(value_type = Option<schema::Hash>)]
        close_transaction: Option<B256>,
        /// Settled by the customer's receipt (true) or because its window passed (false).
        accepted: Option<bool>,
        /// Paid to the provider.
        #[schema(value_type = schema::Amount)]
        paid: Amount,
        /// Paid to the community pool.
        #[schema(value_type = schema::Amount)]
        fee: Amount,
        /// Paid to royalty accounts.
        #[schema(value_type = schema::Amount)]
        royalties: Amount,
        /// Returned to the customer.
        #[schema(value_type = schema::Amount)]
        refund: Amount,
        /// Why it was forfeited.
        fault: Option<Fault>,
        /// Who proved the fault.
        #[schema(value_type = Option<schema::Account>)]
        beneficiary: Option<Address>,
        /// Stake slashed.
        #[schema(value_type = schema::Amount)]
        slashed: Amount,
        /// Part of it that was burned.
        #[schema(value_type = schema::Amount)]
        burned: Amount,
    }
}

table! {
    /// A demand for the data of one task; the latest of its (batch, index).
    pub struct Demand in "demands" {
        key {
            /// The batch.
            #[schema(value_type = schema::Hash)]
            batch_id: B256,
            /// Index of the task in the order.
            task_index: u32,
        }
        /// Where it was made.
        #[schema(value_type = schema::Position)]
        position: Position,
        /// Who made it.
        #[schema(value_type = schema::Account)]
        demander: Address,
        /// What was prepaid.
        #[schema(value_type = schema::Amount)]
        fee: Amount,
        /// When the provider's clock runs out (Unix seconds).
        deadline: u64,
        /// Where it stands.
        status: DemandStatus,
    }
}

table! {
    /// A registered model.
    pub struct Model in "models" {
        key {
            /// The model's id.
            #[schema(value_type = schema::Hash)]
            model_id: B256,
        }
        /// Where it was registered.
        #[schema(value_type = schema::Position)]
        position: Position,
        /// When it was registered (Unix seconds).
        registered_at: u64,
        /// Transaction that registered it.
        #[schema(value_type = schema::Hash)]
        transaction_hash: B256,
        /// Who may change floors, royalties and metadata.
        #[schema(value_type = schema::Account)]
        owner: Address,
        /// Merkle root of the program tape.
        #[schema(value_type = schema::Hash)]
        program_root: B256,
        /// Merkle root of the weights.
        #[schema(value_type = schema::Hash)]
        weights_root: B256,
        /// Bytes of an input row that make one billed unit.
        unit_bytes: u8,
        /// Where the model is described.
        metadata_uri: String,
        /// The royalty split of later orders.
        #[schema(value_type = Vec<Royalty>)]
        royalties: Json<Vec<Royalty>>,
        /// Orders opened for it.
        orders: u64,
        /// Tasks of it that were settled.
        tasks_settled: u64,
        /// Units of it that were settled.
        units_settled: u64,
    }
}

table! {
    /// The least unit price at which a model may be ordered in a token.
    pub struct PriceFloor in "price_floors" {
        key {
            /// The model.
            #[schema(value_type = schema::Hash)]
            model_id: B256,
            /// The token; zero: the native currency.
            #[schema(value_type = schema::Account)]
            token: Address,
        }
        /// Whether the model is sold for this token.
        accepted: bool,
        /// The floor.
        #[schema(value_type = schema::Amount)]
        unit_price: Amount,
    }
}

table! {
    /// What an operator has put behind one service.
    pub struct Provision in "provisions" {
        key {
            /// Whose stake it is.
            #[schema(value_type = schema::Account)]
            operator: Address,
            /// Contract that may lock and slash it.
            #[schema(value_type = schema::Account)]
            service: Address,
        }
        /// Everything provisioned, locked and thawing parts included.
        #[schema(value_type = schema::Amount)]
        stake: Amount,
        /// Part that open obligations hold.
        #[schema(value_type = schema::Amount)]
        locked: Amount,
        /// Part on its way out.
        #[schema(value_type = schema::Amount)]
        thawing: Amount,
        /// When the thawing part may be withdrawn (Unix seconds); 0 when nothing thaws.
        thawed_at: u64,
        /// Slashed in all.
        #[schema(value_type = schema::Amount)]
        slashed: Amount,
    }
}

table! {
    /// A ledger balance.
    pub struct Balance in "balances" {
        key {
            /// The ledger account.
            #[schema(value_type = schema::Account)]
            account: Address,
            /// The token; zero: the native currency.
            #[schema(value_type = schema::Account)]
            token: Address,
        }
        /// The balance.
        #[schema(value_type = schema::Amount)]
        amount: Amount,
    }
}

table! {
    /// What a spender may move out of an owner's ledger account.
    pub struct Allowance in "allowances" {
        key {
            /// Whose account.
            #[schema(value_type = schema::Account)]
            owner: Address,
            /// Who may spend.
            #[schema(value_type = schema::Account)]
            spender: Address,
            /// The token; zero: the native currency.
            #[schema(value_type = schema::Account)]
            token: Address,
        }
        /// What is left; 2^256 - 1 never shrinks.
        #[schema(value_type = schema::Amount)]
        amount: Amount,
    }
}

table! {
    /// An ERC-6909 operator: may move every token of the owner.
    pub struct LedgerOperator in "ledger_operators" {
        key {
            /// Whose account.
            #[schema(value_type = schema::Account)]
            owner: Address,
            /// The operator.
            #[schema(value_type = schema::Account)]
            spender: Address,
        }
        /// Whether it is one now.
        approved: bool,
    }
}

table! {
    /// What the ledger holds of a token and what orders have moved in it.
    pub struct Token in "tokens" {
        key {
            /// The token; zero: the native currency.
            #[schema(value_type = schema::Account)]
            token: Address,
        }
        /// Sum of all ledger balances.
        #[schema(value_type = schema::Amount)]
        supply: Amount,
        /// Escrowed by orders in all.
        #[schema(value_type = schema::Amount)]
        escrowed: Amount,
        /// Paid to providers in all.
        #[schema(value_type = schema::Amount)]
        paid: Amount,
        /// Paid to the community pool in all.
        #[schema(value_type = schema::Amount)]
        fees: Amount,
        /// Paid to royalty accounts in all.
        #[schema(value_type = schema::Amount)]
        royalties: Amount,
        /// Returned to customers in all.
        #[schema(value_type = schema::Amount)]
        refunded: Amount,
    }
}

table! {
    /// The protocol's take rate.
    pub struct FeeRate in "fee_rates" {
        key {
            /// A token's address, or `default`.
            scope: String,
        }
        /// Basis points.
        rate: u16,
    }
}

table! {
    /// An account that holds, or held, a role of the access manager, which governs the take rates.
    pub struct RoleMember in "role_members" {
        key {
            /// The role; 0 is the administrator's.
            role_id: u64,
            /// Whose it is.
            #[schema(value_type = schema::Account)]
            account: Address,
        }
        /// Whether it holds the role now.
        member: bool,
        /// Seconds between announcing an operation and executing it.
        delay: u32,
        /// From when on membership and delay are as stated (Unix seconds).
        since: u64,
    }
}

table! {
    /// A provider's record.
    pub struct Provider in "providers" {
        key {
            /// The provider.
            #[schema(value_type = schema::Account)]
            provider: Address,
        }
        /// Where it was first seen.
        #[schema(value_type = schema::Position)]
        position: Position,
        /// Ranges taken, those of `takeAndCommit` included.
        takes: u64,
        /// Takes that ran out.
        takes_expired: u64,
        /// Batches committed.
        batches: u64,
        /// Batches paid.
        batches_settled: u64,
        /// Batches lost.
        batches_forfeited: u64,
        /// Tasks paid.
        tasks_settled: u64,
        /// Units paid.
        units_settled: u64,
        /// Stake lost by expiry and forfeiture.
        #[schema(value_type = schema::Amount)]
        slashed: Amount,
        /// Its last take, commit or settlement (Unix seconds).
        last_active_at: u64,
    }
}

table! {
    /// What a provider was paid in one token.
    pub struct Earning in "earnings" {
        key {
            /// The provider.
            #[schema(value_type = schema::Account)]
            provider: Address,
            /// The token; zero: the native currency.
            #[schema(value_type = schema::Account)]
            token: Address,
        }
        /// Paid in all.
        #[schema(value_type = schema::Amount)]
        paid: Amount,
    }
}
