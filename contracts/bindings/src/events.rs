//! The suite's events, decoded.

use alloy::{
    primitives::{Address, B256},
    rpc::types::{Filter, Log},
    sol_types::SolEventInterface,
};

use crate::{
    AccessManager, DisputeGame, FeeSchedule, JobEscrow, Ledger, ModelRegistry, NodeLicense, NodeSale, PrevrandaoBeacon,
    ProgramRegistry, Staking, Suite, ValidatorSeats, Verification, network::NetworkEvent,
};

/// An event of one of the suite's contracts.
#[derive(Clone, Debug)]
pub enum SuiteEvent {
    /// Who may set fee rates.
    AccessManager(AccessManager::AccessManagerEvents),
    /// Fee rates.
    FeeSchedule(FeeSchedule::FeeScheduleEvents),
    /// Balances.
    Ledger(Ledger::LedgerEvents),
    /// Provisions.
    Staking(Staking::StakingEvents),
    /// Models.
    ModelRegistry(ModelRegistry::ModelRegistryEvents),
    /// Orders, batches, demands.
    JobEscrow(Box<JobEscrow::JobEscrowEvents>),
    /// Programs.
    ProgramRegistry(ProgramRegistry::ProgramRegistryEvents),
    /// Recorded rounds: the one event of either beacon.
    Beacon(PrevrandaoBeacon::PrevrandaoBeaconEvents),
    /// Validators.
    ValidatorSeats(ValidatorSeats::ValidatorSeatsEvents),
    /// Games.
    DisputeGame(Box<DisputeGame::DisputeGameEvents>),
    /// Draws and convictions.
    Verification(Box<Verification::VerificationEvents>),
    /// Purchases, refunds and payments of the sale at an address.
    NodeSale(Address, NodeSale::NodeSaleEvents),
    /// Licences of the sale at an address: who holds and who runs them.
    NodeLicense(Address, NodeLicense::NodeLicenseEvents),
    /// Of the contract at an address, which is part of a node network: of more than one, where networks share their delegations.
    Network(Address, NetworkEvent),
}

/// A log of a suite contract that is none of its events: the record and the chain are of different versions.
#[derive(Debug, thiserror::Error)]
#[error("EVENT_UNKNOWN: log {index:?} of transaction {transaction:?} is no event of contract {contract}: {source}")]
pub struct UnknownEvent {
    contract: Address,
    transaction: Option<B256>,
    index: Option<u64>,
    source: alloy::sol_types::Error,
}

impl SuiteEvent {
    /// Decodes `log`. `None` when it was not emitted by a contract of the suite.
    pub fn decode(suite: &Suite, log: &Log) -> Result<Option<Self>, Box<UnknownEvent>> {
        let unknown = |source| {
            let (contract, transaction, index) = (log.address(), log.transaction_hash, log.log_index);
            Box::new(UnknownEvent { contract, transaction, index, source })
        };
        let (topics, data) = (log.topics(), &log.data().data);
        let address = log.address();
        let event = if address == suite.ledger {
            Self::Ledger(SolEventInterface::decode_raw_log(topics, data).map_err(unknown)?)
        } else if address == suite.job_escrow {
            Self::JobEscrow(Box::new(SolEventInterface::decode_raw_log(topics, data).map_err(unknown)?))
        } else if address == suite.staking {
            Self::Staking(SolEventInterface::decode_raw_log(topics, data).map_err(unknown)?)
        } else if address == suite.model_registry {
            Self::ModelRegistry(SolEventInterface::decode_raw_log(topics, data).map_err(unknown)?)
        } else if address == suite.fee_schedule {
            Self::FeeSchedule(SolEventInterface::decode_raw_log(topics, data).map_err(unknown)?)
        } else if address == suite.verification {
            Self::Verification(Box::new(SolEventInterface::decode_raw_log(topics, data).map_err(unknown)?))
        } else if address == suite.dispute_game {
            Self::DisputeGame(Box::new(SolEventInterface::decode_raw_log(topics, data).map_err(unknown)?))
        } else if address == suite.validator_seats {
            Self::ValidatorSeats(SolEventInterface::decode_raw_log(topics, data).map_err(unknown)?)
        } else if address == suite.beacon {
            Self::Beacon(SolEventInterface::decode_raw_log(topics, data).map_err(unknown)?)
        } else if address == suite.program_registry {
            Self::ProgramRegistry(SolEventInterface::decode_raw_log(topics, data).map_err(unknown)?)
        } else if address == suite.access_manager {
            Self::AccessManager(SolEventInterface::decode_raw_log(topics, data).map_err(unknown)?)
        } else if let Some(sale) = suite.sales.iter().find(|sale| address == sale.address) {
            Self::NodeSale(sale.address, SolEventInterface::decode_raw_log(topics, data).map_err(unknown)?)
        } else if let Some(sale) = suite.sales.iter().find(|sale| address == sale.license) {
            Self::NodeLicense(sale.address, SolEventInterface::decode_raw_log(topics, data).map_err(unknown)?)
        } else if let Some(network) = suite.networks.iter().find(|network| network.emits(address)) {
            return Ok(NetworkEvent::decode(network, log).map_err(unknown)?.map(|event| Self::Network(address, event)));
        } else {
            return Ok(None);
        };
        Ok(Some(event))
    }
}

/// All events of the suite.
pub fn filter(suite: &Suite) -> Filter {
    Filter::new().address(suite.event_sources())
}
