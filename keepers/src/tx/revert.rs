//! A simulated or mined revert, with the suite's custom errors decoded.

use std::fmt;

use alloy::{
    primitives::Bytes,
    sol_types::{Revert as SolRevert, SolError, SolInterface},
};
use assay_contracts::{
    Attestations, DisputeGame, DrandBeacon, EpochRewards, JobEscrow, Ledger, ModelRegistry, PrevrandaoBeacon, Referee,
    Staking, Uptime, ValidatorSeats, Verification,
};

/// Why the chain refuses a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revert {
    /// The revert data, for decoding by type.
    pub data: Bytes,
    /// The error's name and arguments in words.
    pub message: String,
}

impl Revert {
    /// Decodes `data`; `fallback` is what the node said about it.
    pub fn new(data: Bytes, fallback: &str) -> Self {
        let message = decode(&data)
            .unwrap_or_else(|| if data.is_empty() { fallback.to_owned() } else { format!("{fallback} (data {data})") });
        Self { data, message }
    }

    /// The escrow's error, if it is one.
    pub fn escrow(&self) -> Option<JobEscrow::JobEscrowErrors> {
        JobEscrow::JobEscrowErrors::abi_decode(&self.data).ok()
    }

    /// Whether it is an error of draws or games.
    pub fn is_verification(&self) -> bool {
        Verification::VerificationErrors::abi_decode(&self.data).is_ok()
            || DisputeGame::DisputeGameErrors::abi_decode(&self.data).is_ok()
    }

    /// The staking contract's error, if it is one.
    pub fn staking(&self) -> Option<Staking::StakingErrors> {
        Staking::StakingErrors::abi_decode(&self.data).ok()
    }
}

impl fmt::Display for Revert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

fn decode(data: &[u8]) -> Option<String> {
    None.or_else(|| describe(JobEscrow::JobEscrowErrors::abi_decode(data)))
        .or_else(|| describe(Staking::StakingErrors::abi_decode(data)))
        .or_else(|| describe(ModelRegistry::ModelRegistryErrors::abi_decode(data)))
        .or_else(|| describe(Ledger::LedgerErrors::abi_decode(data)))
        .or_else(|| describe(Verification::VerificationErrors::abi_decode(data)))
        .or_else(|| describe(DisputeGame::DisputeGameErrors::abi_decode(data)))
        .or_else(|| describe(Referee::RefereeErrors::abi_decode(data)))
        .or_else(|| describe(PrevrandaoBeacon::PrevrandaoBeaconErrors::abi_decode(data)))
        .or_else(|| describe(DrandBeacon::DrandBeaconErrors::abi_decode(data)))
        .or_else(|| describe(ValidatorSeats::ValidatorSeatsErrors::abi_decode(data)))
        .or_else(|| describe(Attestations::AttestationsErrors::abi_decode(data)))
        .or_else(|| describe(Uptime::UptimeErrors::abi_decode(data)))
        .or_else(|| describe(EpochRewards::EpochRewardsErrors::abi_decode(data)))
        .or_else(|| SolRevert::abi_decode(data).ok().map(|revert| revert.reason))
}

/// `Name { arguments }` out of `Name(Name { arguments })`, which is how the generated enums print.
fn describe<E: fmt::Debug>(error: Result<E, alloy::sol_types::Error>) -> Option<String> {
    let text = format!("{:?}", error.ok()?);
    match text.split_once('(') {
        Some((name, inner)) if inner.starts_with(name) => Some(inner.strip_suffix(')').unwrap_or(inner).to_owned()),
        _ => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, U256};

    use super::*;

    #[test]
    fn custom_errors_read_as_name_and_arguments() {
        let error = Staking::Staking_InsufficientStake {
            operator: Address::ZERO,
            service: Address::ZERO,
            free: U256::from(3),
            wanted: U256::from(8),
        };
        let revert = Revert::new(error.abi_encode().into(), "execution reverted");
        assert!(revert.message.starts_with("Staking_InsufficientStake {"), "{revert}");
        assert!(revert.message.contains("free: 3") && revert.message.contains("wanted: 8"), "{revert}");
        assert!(revert.staking().is_some());
    }

    #[test]
    fn what_is_unknown_is_shown_raw() {
        let revert = Revert::new(Bytes::from_static(&[1, 2, 3, 4]), "execution reverted");
        assert_eq!(revert.message, "execution reverted (data 0x01020304)");
        assert_eq!(Revert::new(Bytes::new(), "out of gas").message, "out of gas");
    }
}
