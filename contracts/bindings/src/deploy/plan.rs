//! What will be deployed, and where: known before a chain is asked.

use std::{collections::BTreeMap, sync::LazyLock};

use alloy::{
    primitives::{Address, B256, Bytes, address, keccak256},
    sol_types::SolValue,
};

use super::{Artifact, DeployError};
use crate::{
    DisputeGame, Verification,
    beacon::{Beacon, Drand},
    suite::{Parameters, Suite, VerificationParameters},
};

/// The deterministic deployer (Arachnid's proxy): calldata is a salt of 32 bytes, then the creation code.
pub const CREATE2_DEPLOYER: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");

/// Version of the suite; its hash is the salt of every CREATE2, so that a later suite has other addresses.
pub const SUITE_VERSION: &str = "assay suite 1";

/// The one chain on which play money may exist.
pub const DEVNET_CHAIN_ID: u64 = 31_337;

/// Highest take rate that the fee schedule accepts, in basis points (`FeeSchedule.MAX_RATE`).
pub const MAX_RATE: u16 = 1_000;

/// The local devnet's parameters: play money is staked, thawing takes a minute, and the pool is an account apart.
pub fn devnet_parameters(admin: Address) -> Parameters {
    Parameters {
        admin,
        pool: address!("000000000000000000000000000000000000Fee5"),
        default_rate: 250,
        stake_token: dev_token(),
        thaw_period: 60,
        verification: devnet_verification(),
    }
}

/// Short clocks for people who watch, and amounts in play money of six decimals: a seat of 100, and gas at a price at which a whole
/// dispute costs 2.
pub fn devnet_verification() -> VerificationParameters {
    VerificationParameters {
        beacon: Beacon::Prevrandao { delay: 2 },
        seal_window: 60,
        reveal_window: 30,
        challenge_window: 30,
        exit_delay: 7_200,
        seat_stake: 100 * 10u128.pow(6),
        colluding: 3_334,
        gas_price: 1,
        dispute_time: 60,
        dispute_floor: 20,
        open_window: 60,
        bond_gas: 800_000,
        bond_multiple: 4,
        min_bond: 10u128.pow(15),
    }
}

/// What a suite on a real chain has where nothing else is chosen: amounts in a token of 18 decimals that is worth about as much as
/// the chain's own. `docs/economics.md` derives what they must satisfy.
pub fn chain_verification() -> VerificationParameters {
    VerificationParameters {
        // Four epochs and four slots: nobody who proposes a block then can know it at the commit (EIP-4399).
        beacon: Beacon::Prevrandao { delay: 132 },
        // A validator seals within the second half at the latest, and has the provider's answer to a demand beside.
        seal_window: 3_600,
        reveal_window: 1_800,
        // Longer than an order's demand window by default, so that a leaf is supplied before dissent is judged.
        challenge_window: 7_200,
        // Two weeks. Draw, games and their windows take 33 hours, which leaves orders 12 days of settle and demand windows.
        exit_delay: 1_209_600,
        // Some 600 fees of a validator's gas: two traps in a thousand roots that are handed out make copying lose.
        seat_stake: 10u128.pow(18),
        // A third, rounded up: at least three operators hold seats.
        colluding: 3_334,
        // 10 gwei. A batch then needs a stake of 0.16 at least, whose accuser's part pays two disputes.
        gas_price: 10 * 10u128.pow(9),
        // Four hours for all moves and half an hour for each: an outage loses no game, and the longest one takes 12 hours.
        dispute_time: 14_400,
        dispute_floor: 1_800,
        open_window: 3_600,
        // What the provider's moves in the longest game cost: answer, rows and row, 965,000.
        bond_gas: 1_000_000,
        // The base fee at most doubles in six blocks; a bond covers two doublings.
        bond_multiple: 4,
        // The same moves at the gas price above.
        min_bond: 10u128.pow(16),
    }
}

/// Refuses what the contracts would refuse.
fn check(parameters: &Parameters) -> Result<(), DeployError> {
    let bad = |field, value, expected| Err(DeployError::BadParameter { field, value, expected });
    match parameters {
        Parameters { admin: Address::ZERO, .. } => bad("admin", Address::ZERO.to_string(), "an account"),
        Parameters { pool: Address::ZERO, .. } => bad("pool", Address::ZERO.to_string(), "an account"),
        Parameters { default_rate, .. } if *default_rate > MAX_RATE => {
            bad("default_rate", default_rate.to_string(), "at most 1000 basis points")
        }
        Parameters { verification, .. } => check_verification(verification),
    }
}

fn check_verification(chosen: &VerificationParameters) -> Result<(), DeployError> {
    let bad = |field, expected| Err(DeployError::BadParameter { field, value: "0".into(), expected });
    match chosen {
        VerificationParameters { beacon: Beacon::Prevrandao { delay: 0 }, .. } => {
            bad("beacon.delay", "at least one block")
        }
        VerificationParameters { beacon: Beacon::Drand(Drand { period: 0, .. }), .. } => {
            bad("beacon.period", "seconds")
        }
        VerificationParameters { beacon: Beacon::Drand(Drand { public_key, .. }), .. } if public_key.len() != 256 => {
            let (field, value) = ("beacon.public_key", format!("of {} bytes", public_key.len()));
            Err(DeployError::BadParameter { field, value, expected: "a point of G2 in 256 bytes (EIP-2537)" })
        }
        VerificationParameters { seal_window: 0, .. } => bad("seal_window", "seconds"),
        VerificationParameters { reveal_window: 0, .. } => bad("reveal_window", "seconds"),
        VerificationParameters { challenge_window: 0, .. } => bad("challenge_window", "seconds"),
        VerificationParameters { exit_delay: 0, .. } => bad("exit_delay", "seconds"),
        VerificationParameters { seat_stake: 0, .. } => bad("seat_stake", "an amount"),
        VerificationParameters { dispute_time: 0, .. } => bad("dispute_time", "seconds"),
        VerificationParameters { dispute_floor: 0, .. } => bad("dispute_floor", "seconds"),
        VerificationParameters { open_window: 0, .. } => bad("open_window", "seconds"),
        VerificationParameters { colluding, .. } if !(1..10_000).contains(colluding) => {
            let (field, value, expected) = ("colluding", colluding.to_string(), "1 to 9,999 basis points");
            Err(DeployError::BadParameter { field, value, expected })
        }
        _ => Ok(()),
    }
}

/// One contract of the suite with its address.
#[derive(Clone, Debug)]
pub struct Contract {
    /// The compiled contract.
    pub artifact: &'static Artifact,
    /// Creation code followed by the encoded constructor arguments.
    pub init_code: Bytes,
    /// Where the deterministic deployer puts it.
    pub address: Address,
}

impl Contract {
    pub(super) fn new(artifact: &'static Artifact, arguments: Vec<u8>) -> Self {
        let init_code = Bytes::from([artifact.bytecode.as_ref(), &arguments].concat());
        let address = CREATE2_DEPLOYER.create2_from_code(salt(), &init_code);
        Self { artifact, init_code, address }
    }

    /// Calldata for the deterministic deployer.
    pub fn calldata(&self) -> Bytes {
        Bytes::from([salt().as_slice(), self.init_code.as_ref()].concat())
    }
}

/// The suite's contracts in the order of deployment.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Chain that it is for.
    pub chain_id: u64,
    /// Choices that it is made with.
    pub parameters: Parameters,
    /// Role manager (OpenZeppelin).
    pub access_manager: Contract,
    /// Take rates.
    pub fee_schedule: Contract,
    /// Custody.
    pub ledger: Contract,
    /// Provisions.
    pub staking: Contract,
    /// Tapes.
    pub program_registry: Contract,
    /// Models.
    pub model_registry: Contract,
    /// Orders.
    pub job_escrow: Contract,
    /// Judge of elements.
    pub referee: Contract,
    /// Public randomness: PREVRANDAO or drand.
    pub beacon: Contract,
    /// Validators.
    pub validator_seats: Contract,
    /// Games.
    pub dispute_game: Contract,
    /// Draws.
    pub verification: Contract,
    /// Play money, on the devnet alone.
    pub dev_token: Option<Contract>,
}

impl Plan {
    /// Computes every address for `chain_id`. They depend on `parameters` alone; the chain only decides whether play money
    /// is among the contracts.
    pub fn new(chain_id: u64, parameters: Parameters) -> Result<Self, DeployError> {
        check(&parameters)?;
        let Parameters { admin, pool, default_rate, stake_token, thaw_period, verification } = parameters.clone();
        let access_manager = Contract::new(&ACCESS_MANAGER, admin.abi_encode());
        let fee_schedule =
            Contract::new(&FEE_SCHEDULE, (access_manager.address, pool, default_rate).abi_encode_params());
        let ledger = Contract::new(&LEDGER, Vec::new());
        let staking = Contract::new(&STAKING, (ledger.address, stake_token, thaw_period).abi_encode_params());
        let program_registry = Contract::new(&PROGRAM_REGISTRY, Vec::new());
        let model_registry = Contract::new(&MODEL_REGISTRY, program_registry.address.abi_encode());
        let peers = (ledger.address, staking.address, model_registry.address, fee_schedule.address);
        let job_escrow = Contract::new(&JOB_ESCROW, peers.abi_encode_params());
        let referee = Contract::new(&REFEREE, Vec::new());
        let beacon = match &verification.beacon {
            Beacon::Prevrandao { delay } => Contract::new(&PREVRANDAO_BEACON, delay.abi_encode()),
            Beacon::Drand(Drand { genesis, period, drift, public_key, .. }) => {
                let arguments = (*genesis, *period, *drift, public_key.clone());
                Contract::new(&DRAND_BEACON, arguments.abi_encode_params())
            }
        };
        let seat = (verification.seat_stake, verification.exit_delay);
        let validator_seats =
            Contract::new(&VALIDATOR_SEATS, (staking.address, ledger.address, seat.0, seat.1).abi_encode_params());
        let peers = (job_escrow.address, program_registry.address, referee.address, clocks(&verification));
        let dispute_game = Contract::new(&DISPUTE_GAME, peers.abi_encode_params());
        let peers = (job_escrow.address, validator_seats.address, dispute_game.address, beacon.address);
        let arguments = (peers.0, peers.1, peers.2, peers.3, choices(&verification)).abi_encode_params();
        let verification = Contract::new(&VERIFICATION, arguments);
        let dev_token = (chain_id == DEVNET_CHAIN_ID).then(|| Contract::new(&DEV_TOKEN, Vec::new()));
        Ok(Self {
            chain_id,
            parameters,
            access_manager,
            fee_schedule,
            ledger,
            staking,
            program_registry,
            model_registry,
            job_escrow,
            referee,
            beacon,
            validator_seats,
            dispute_game,
            verification,
            dev_token,
        })
    }

    /// The record of a suite that stands as planned, whose first event is not before `block`.
    pub fn suite(self, block: u64, code_hashes: BTreeMap<String, B256>) -> Suite {
        Suite {
            chain_id: self.chain_id,
            block,
            access_manager: self.access_manager.address,
            fee_schedule: self.fee_schedule.address,
            ledger: self.ledger.address,
            staking: self.staking.address,
            program_registry: self.program_registry.address,
            model_registry: self.model_registry.address,
            job_escrow: self.job_escrow.address,
            referee: self.referee.address,
            beacon: self.beacon.address,
            validator_seats: self.validator_seats.address,
            dispute_game: self.dispute_game.address,
            verification: self.verification.address,
            dev_token: self.dev_token.map(|contract| contract.address),
            sales: Vec::new(),
            networks: Vec::new(),
            parameters: self.parameters,
            code_hashes,
        }
    }

    /// The contracts in the order of deployment.
    pub fn contracts(&self) -> impl Iterator<Item = &Contract> {
        let suite = [
            &self.access_manager,
            &self.fee_schedule,
            &self.ledger,
            &self.staking,
            &self.program_registry,
            &self.model_registry,
            &self.job_escrow,
            &self.referee,
            &self.beacon,
            &self.validator_seats,
            &self.dispute_game,
            &self.verification,
        ];
        suite.into_iter().chain(&self.dev_token)
    }
}

/// The dispute game's constructor argument.
fn clocks(chosen: &VerificationParameters) -> DisputeGame::Clocks {
    DisputeGame::Clocks {
        time: chosen.dispute_time,
        floor: chosen.dispute_floor,
        openWindow: chosen.open_window,
        bondGas: chosen.bond_gas,
        bondMultiple: chosen.bond_multiple,
        minBond: chosen.min_bond,
    }
}

/// The verification contract's constructor argument.
fn choices(chosen: &VerificationParameters) -> Verification::Parameters {
    Verification::Parameters {
        sealWindow: chosen.seal_window,
        revealWindow: chosen.reveal_window,
        challengeWindow: chosen.challenge_window,
        colluding: chosen.colluding,
        gasPrice: chosen.gas_price,
    }
}

/// Address of the devnet's play money.
pub fn dev_token() -> Address {
    Contract::new(&DEV_TOKEN, Vec::new()).address
}

/// The salt of every CREATE2 of this suite version.
pub fn salt() -> B256 {
    keccak256(SUITE_VERSION)
}

macro_rules! artifacts {
    ($($name:ident = $file:literal;)*) => {$(
        pub(super) static $name: LazyLock<Artifact> = LazyLock::new(|| Artifact::parse(include_str!(concat!("../../../abi/", $file, ".json"))));
    )*};
}

artifacts! {
    ACCESS_MANAGER = "AccessManager";
    FEE_SCHEDULE = "FeeSchedule";
    LEDGER = "Ledger";
    STAKING = "Staking";
    MODEL_REGISTRY = "ModelRegistry";
    JOB_ESCROW = "JobEscrow";
    PROGRAM_REGISTRY = "ProgramRegistry";
    REFEREE = "Referee";
    PREVRANDAO_BEACON = "PrevrandaoBeacon";
    DRAND_BEACON = "DrandBeacon";
    VALIDATOR_SEATS = "ValidatorSeats";
    DISPUTE_GAME = "DisputeGame";
    VERIFICATION = "Verification";
    DEV_TOKEN = "DevToken";
    NODE_SALE = "NodeSale";
    NODE_LICENSE = "NodeLicense";
    LICENSE_STAKING = "LicenseStaking";
    ATTESTATIONS = "Attestations";
    UPTIME = "Uptime";
    EPOCH_REWARDS = "EpochRewards";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters() -> Parameters {
        Parameters {
            admin: Address::repeat_byte(1),
            pool: Address::repeat_byte(2),
            default_rate: 100,
            stake_token: Address::ZERO,
            thaw_period: 86_400,
            verification: devnet_verification(),
        }
    }

    fn addresses(chain_id: u64, parameters: Parameters) -> Vec<Address> {
        Plan::new(chain_id, parameters).unwrap().contracts().map(|contract| contract.address).collect()
    }

    /// What `Verification.checkTerms` and `docs/economics.md` ask of the numbers for real chains.
    #[test]
    fn the_numbers_for_real_chains_satisfy_the_formulas() {
        let chosen = chain_verification();
        let [seal, reveal, challenge, time, floor, open] = [
            chosen.seal_window,
            chosen.reveal_window,
            chosen.challenge_window,
            chosen.dispute_time,
            chosen.dispute_floor,
            chosen.open_window,
        ];
        let longest_game = open + 2 * time + 6 * floor;
        assert_eq!(longest_game, 12 * 3_600);
        let bound = 2 * seal + reveal + 3 * challenge + 2 * longest_game;
        assert!(chosen.exit_delay - bound > 12 * 86_400, "what is left to an order's windows");

        let gas = |units: u128| units * chosen.gas_price;
        let dispute = 2 * gas(2_000_000);
        assert_eq!(dispute * 10_000 / 2_500, 16 * 10u128.pow(16), "the least stake of a batch");
        assert_eq!(10_000u32.div_ceil(chosen.colluding.into()), 3, "operators that must hold seats");
        // A seat V and a fee f of the gas alone: copying pays below a share c / (f + V) of traps, c at most f.
        let fee = gas(170_000);
        assert!(fee * 500 < chosen.seat_stake, "a trap in five hundred is enough");
        assert!(u128::from(chosen.bond_gas) >= 213_771 + 624_696 + 125_536, "contracts/snapshots/DisputeGame.json");
        assert!(chosen.min_bond >= gas(u128::from(chosen.bond_gas)));
    }

    #[test]
    fn every_artifact_has_code() {
        for contract in Plan::new(DEVNET_CHAIN_ID, parameters()).unwrap().contracts() {
            assert!(!contract.artifact.deployed_bytecode.is_empty(), "{}", contract.artifact.name);
            assert!(contract.artifact.deployed_bytecode.len() <= 24_576, "{}: beyond EIP-170", contract.artifact.name);
        }
    }

    #[test]
    fn addresses_depend_on_the_parameters_and_not_on_the_chain() {
        let devnet = addresses(DEVNET_CHAIN_ID, parameters());
        let mainnet = addresses(1, parameters());
        assert_eq!(mainnet, addresses(10, parameters()));
        assert_eq!(mainnet, devnet[..12], "play money comes last and moves nothing");

        let other = addresses(1, Parameters { admin: Address::repeat_byte(3), ..parameters() });
        assert_ne!(mainnet[0], other[0], "the manager's own admin");
        assert_ne!(mainnet[1], other[1], "the fee schedule binds the manager");
        assert_eq!(mainnet[2], other[2], "the ledger has no admin at all");
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        let by = |beacon| {
            let verification = VerificationParameters { beacon, ..devnet_verification() };
            Parameters { verification, ..parameters() }
        };
        let quicknet = Drand::quicknet(0);
        let key = Bytes::from(quicknet.public_key[..96].to_vec());
        for (parameters, field) in [
            (by(Beacon::Prevrandao { delay: 0 }), "beacon.delay"),
            (by(Beacon::Drand(Drand { period: 0, ..quicknet.clone() })), "beacon.period"),
            (by(Beacon::Drand(Drand { public_key: key, ..quicknet })), "beacon.public_key"),
            (Parameters { admin: Address::ZERO, ..parameters() }, "admin"),
            (Parameters { pool: Address::ZERO, ..parameters() }, "pool"),
            (Parameters { default_rate: 1_001, ..parameters() }, "default_rate"),
        ] {
            let error = Plan::new(1, parameters).unwrap_err();
            assert_eq!(error.code(), "bad_parameter");
            assert!(error.to_string().contains(field), "{error}");
        }
    }
}
