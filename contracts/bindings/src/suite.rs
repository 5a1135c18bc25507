//! Where a deployed suite lives: the record that `assay deploy` writes for each chain.

use std::{collections::BTreeMap, path::Path};

use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use crate::{Network, Sale, beacon::Beacon};

/// The contracts of one chain, as deployed and verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suite {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// A block at or before the first of the suite's events; histories start here.
    pub block: u64,
    /// OpenZeppelin AccessManager that may change fee rates.
    pub access_manager: Address,
    /// Take rates.
    pub fee_schedule: Address,
    /// Custody of all tokens.
    pub ledger: Address,
    /// Operators' provisions.
    pub staking: Address,
    /// Models.
    pub model_registry: Address,
    /// Tapes that the referee can judge.
    pub program_registry: Address,
    /// Orders and batches.
    pub job_escrow: Address,
    /// Recomputes one element.
    pub referee: Address,
    /// Public randomness for draws.
    pub beacon: Address,
    /// Who validates.
    pub validator_seats: Address,
    /// Games over single tasks.
    pub dispute_game: Address,
    /// Draws and convictions.
    pub verification: Address,
    /// Play money, on the local devnet only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dev_token: Option<Address>,
    /// Sales of node licences, in the order of deployment.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub sales: Vec<Sale>,
    /// Node networks over the licences of sales, in the order of deployment.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub networks: Vec<Network>,
    /// What the suite was deployed with; part of every address.
    pub parameters: Parameters,
    /// keccak256 of the code found at each contract, by contract name.
    pub code_hashes: BTreeMap<String, B256>,
}

/// Constructor parameters of a suite. The same parameters give the same addresses on every chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameters {
    /// Administrator of the AccessManager.
    pub admin: Address,
    /// Ledger account that receives protocol fees.
    pub pool: Address,
    /// Default take rate in basis points.
    pub default_rate: u16,
    /// Token that is staked; zero is the native currency.
    pub stake_token: Address,
    /// Seconds that stake thaws.
    pub thaw_period: u32,
    /// How batches are verified.
    pub verification: VerificationParameters,
}

/// Choices of a suite about draws and disputes; times are in seconds, amounts in the stake token unless they say otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationParameters {
    /// Where draws get their randomness.
    pub beacon: Beacon,
    /// To seal trace roots after a draw.
    pub seal_window: u32,
    /// To reveal them.
    pub reveal_window: u32,
    /// To open a game after a dissent, and to challenge an agreed draw.
    pub challenge_window: u32,
    /// From leaving a validator's seat until its stake comes free.
    pub exit_delay: u32,
    /// What a seat locks.
    #[serde(with = "decimal")]
    pub seat_stake: u128,
    /// Share of the seats that is assumed to collude, in basis points.
    pub colluding: u16,
    /// What a unit of gas is reckoned at.
    #[serde(with = "decimal")]
    pub gas_price: u128,
    /// Each side's time for all its moves in a game.
    pub dispute_time: u32,
    /// The least time for one move.
    pub dispute_floor: u32,
    /// To open a sealed challenge.
    pub open_window: u32,
    /// Gas that a challenger's bond covers.
    pub bond_gas: u32,
    /// How many times the base fee a bond reckons with.
    pub bond_multiple: u32,
    /// The smallest bond, in wei.
    #[serde(with = "decimal")]
    pub min_bond: u128,
}

/// Amounts as decimal strings: JSON's numbers end at 64 bits.
pub(crate) mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(amount: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(amount)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A suite record that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// No such file, or it cannot be read.
    #[error(
        "SUITE_UNREADABLE: cannot read {path}: {source}; deploy with `assay deploy`, or name the record with --suite"
    )]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a suite record.
    #[error("SUITE_MALFORMED: {path} is not a deployment record: {source}")]
    Malformed {
        /// The file.
        path: String,
        /// Why.
        source: serde_json::Error,
    },
}

impl Suite {
    /// Reads a record from a JSON file.
    pub fn load(path: &Path) -> Result<Self, SuiteError> {
        let name = path.display().to_string();
        let text = std::fs::read(path).map_err(|source| SuiteError::Unreadable { path: name.clone(), source })?;
        serde_json::from_slice(&text).map_err(|source| SuiteError::Malformed { path: name, source })
    }

    /// The contracts whose events make up the suite's state.
    pub fn event_sources(&self) -> Vec<Address> {
        let mut sources = vec![
            self.access_manager,
            self.fee_schedule,
            self.ledger,
            self.staking,
            self.model_registry,
            self.program_registry,
            self.job_escrow,
            self.beacon,
            self.validator_seats,
            self.dispute_game,
            self.verification,
        ];
        sources.extend(self.sales.iter().flat_map(|sale| [sale.address, sale.license]));
        sources.extend(self.networks.iter().flat_map(Network::event_sources));
        sources
    }
}
