//! The state machine: what each event means for the state tables. Nothing else writes them, and nothing but events feeds it.

mod disputes;
mod draws;
mod ledger;
mod models;
mod networks;
mod nodes;
mod staking;
mod work;

pub(crate) use ledger::token_of;
pub(crate) use work::fault;

use crate::{
    rows::{
        Allowance, Balance, Ban, Batch, Bought, Commission, Demand, Dispute, DisputedTask, Draw, Earning, EpochRoot,
        FeeRate, LedgerOperator, License, Model, Move, Order, Payout, Position, Pot, PriceFloor, PromoUse, Provider,
        Provision, Purchase, RewardBooks, RewardPool, RoleMember, SaleMoney, Strike, Take, Testimony, TierSales, Token,
        Validator,
    },
    store::{
        table::{Row, Table},
        undo,
    },
};
use alloy::primitives::B256;
use assay_contracts::{AccessManager::AccessManagerEvents, FeeSchedule::FeeScheduleEvents, Suite, SuiteEvent};
use sqlx::SqliteConnection;

/// Where an event stands and what it is part of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) position: Position,
    pub(crate) timestamp: u64,
    pub(crate) transaction_hash: B256,
}

macro_rules! tables {
    ($($field:ident: $row:ty,)*) => {
        /// Every state table with its cache.
        #[derive(Debug, Default)]
        pub(crate) struct Tables { $(pub(crate) $field: Table<$row>,)* }

        impl Tables {
            /// The tables' names.
            pub(crate) const NAMES: &'static [&'static str] = &[$(<$row as Row>::TABLE,)*];

            /// What keeps the undo journal of every table.
            pub(crate) fn triggers() -> Vec<String> {
                [$(undo::triggers::<$row>(),)*].concat()
            }

            /// Forgets what is in memory and learns which tables are empty.
            pub(crate) async fn begin(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
                self.clear();
                $(self.$field.begin(connection).await?;)*
                Ok(())
            }

            /// Writes every changed row.
            pub(crate) async fn flush(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
                $(self.$field.flush(connection).await?;)*
                Ok(())
            }

            /// Forgets what is in memory, unwritten changes too.
            pub(crate) fn clear(&mut self) {
                $(self.$field.clear();)*
            }

            /// Rows in memory.
            pub(crate) fn len(&self) -> usize {
                [$(self.$field.len(),)*].iter().sum()
            }
        }
    };
}

tables! {
    orders: Order,
    takes: Take,
    batches: Batch,
    demands: Demand,
    models: Model,
    price_floors: PriceFloor,
    provisions: Provision,
    balances: Balance,
    allowances: Allowance,
    ledger_operators: LedgerOperator,
    tokens: Token,
    fee_rates: FeeRate,
    role_members: RoleMember,
    providers: Provider,
    earnings: Earning,
    draws: Draw,
    testimonies: Testimony,
    pots: Pot,
    validators: Validator,
    disputes: Dispute,
    moves: Move,
    disputed_tasks: DisputedTask,
    sale_tiers: TierSales,
    sale_money: SaleMoney,
    purchases: Purchase,
    licenses: License,
    sale_buyers: Bought,
    commissions: Commission,
    promo_uses: PromoUse,
    payouts: Payout,
    epoch_roots: EpochRoot,
    strikes: Strike,
    bans: Ban,
    reward_pools: RewardPool,
    reward_books: RewardBooks,
}

/// One event on its way into the tables.
pub(crate) struct Change<'a> {
    connection: &'a mut SqliteConnection,
    tables: &'a mut Tables,
    origin: Origin,
}

/// Applies `event` to `tables`; `connection` serves rows that are not in memory. Call [`Tables::flush`] to write.
pub(crate) async fn apply(
    connection: &mut SqliteConnection,
    tables: &mut Tables,
    suite: &Suite,
    origin: Origin,
    event: &SuiteEvent,
) -> Result<(), sqlx::Error> {
    let mut change = Change { connection, tables, origin };
    match event {
        SuiteEvent::Ledger(event) => change.ledger(event).await,
        SuiteEvent::AccessManager(event) => change.access_manager(event).await,
        SuiteEvent::FeeSchedule(event) => change.fee_schedule(event).await,
        SuiteEvent::Staking(event) => change.staking(event).await,
        SuiteEvent::ModelRegistry(event) => change.model_registry(event).await,
        SuiteEvent::JobEscrow(event) => change.job_escrow(event).await,
        SuiteEvent::Verification(event) => change.verification(event).await,
        SuiteEvent::ValidatorSeats(event) => change.validator_seats(event).await,
        SuiteEvent::DisputeGame(event) => change.dispute_game(event).await,
        SuiteEvent::NodeSale(sale, event) => change.node_sale(*sale, event).await,
        SuiteEvent::NodeLicense(sale, event) => change.node_license(*sale, event).await,
        SuiteEvent::Network(contract, event) => change.network(suite, *contract, event).await,
        // These are in the log.
        SuiteEvent::ProgramRegistry(_) | SuiteEvent::Beacon(_) => Ok(()),
    }
}

impl Change<'_> {
    /// Who holds which role. What else the manager logs is in the log.
    async fn access_manager(&mut self, event: &AccessManagerEvents) -> Result<(), sqlx::Error> {
        match event {
            AccessManagerEvents::RoleGranted(event) => self.tables.role_members.insert(RoleMember {
                role_id: event.roleId,
                account: event.account,
                member: true,
                delay: event.delay,
                since: event.since.to(),
            }),
            AccessManagerEvents::RoleRevoked(event) => {
                let key = (event.roleId, event.account);
                let row = self.tables.role_members.entry(self.connection, key).await?;
                (row.member, row.delay, row.since) = (false, 0, self.origin.timestamp);
            }
            _ => {}
        }
        Ok(())
    }

    async fn fee_schedule(&mut self, event: &FeeScheduleEvents) -> Result<(), sqlx::Error> {
        let (scope, rate) = match event {
            FeeScheduleEvents::DefaultRateSet(event) => ("default".to_owned(), event.rate),
            FeeScheduleEvents::RateSet(event) => (format!("{:#x}", event.token), event.rate),
            FeeScheduleEvents::AuthorityUpdated(_) => return Ok(()),
        };
        self.tables.fee_rates.entry(self.connection, (scope,)).await?.rate = rate;
        Ok(())
    }
}
