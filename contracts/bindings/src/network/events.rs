//! A network's events, decoded.

use alloy::{
    primitives::Address,
    rpc::types::{Filter, Log},
    sol_types::{self, SolEventInterface},
};

use super::Network;
use crate::{Attestations, EpochRewards, LicenseStaking, Uptime};

/// An event of one of a network's contracts.
#[derive(Clone, Debug)]
pub enum NetworkEvent {
    /// Operators and delegations.
    LicenseStaking(LicenseStaking::LicenseStakingEvents),
    /// Seats, seeds, seals and answers.
    Attestations(Box<Attestations::AttestationsEvents>),
    /// Postings, strikes and bans.
    Uptime(Box<Uptime::UptimeEvents>),
    /// Postings and claims of the pool at an address.
    EpochRewards(Address, Box<EpochRewards::EpochRewardsEvents>),
}

impl NetworkEvent {
    /// Decodes `log`. `None` when it was not emitted by a contract of the network.
    ///
    /// # Errors
    /// When it is none of that contract's events: the record and the chain are of different versions.
    pub fn decode(network: &Network, log: &Log) -> Result<Option<Self>, sol_types::Error> {
        let (address, topics, data) = (log.address(), log.topics(), &log.data().data);
        Ok(Some(if address == network.license_staking {
            Self::LicenseStaking(SolEventInterface::decode_raw_log(topics, data)?)
        } else if address == network.attestations {
            Self::Attestations(Box::new(SolEventInterface::decode_raw_log(topics, data)?))
        } else if address == network.uptime {
            Self::Uptime(Box::new(SolEventInterface::decode_raw_log(topics, data)?))
        } else if network.pools.iter().any(|pool| pool.address == address) {
            Self::EpochRewards(address, Box::new(SolEventInterface::decode_raw_log(topics, data)?))
        } else {
            return Ok(None);
        }))
    }
}

/// All events of the network.
pub fn filter(network: &Network) -> Filter {
    Filter::new().address(network.event_sources())
}
