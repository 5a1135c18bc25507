//! What operators seal and providers sign, as `Attestations` computes it. Trees over answers and evidence are in
//! [`assay_epochs::uptime::answers`].

use alloy::{
    primitives::{Address, B256},
    sol,
    sol_types::{Eip712Domain, SolStruct, eip712_domain},
};
use assay_epochs::uptime::answers::Seal;

sol! {
    /// A provider's word that it answered an operator (EIP-712), signed by the key of its seat.
    #[derive(Debug, PartialEq, Eq)]
    struct Response {
        uint32 epoch;
        uint32 round;
        uint32 seat;
        uint32 operator;
        bytes32 result;
    }
}

/// EIP-712 domain of responses.
pub fn response_domain(chain_id: u64, attestations: Address) -> Eip712Domain {
    eip712_domain! {
        name: "Assay Attestations",
        version: "1",
        chain_id: chain_id,
        verifying_contract: attestations,
    }
}

/// The digest that the seat's key signs.
pub fn response_digest(chain_id: u64, attestations: Address, response: &Response) -> B256 {
    response.eip712_signing_hash(&response_domain(chain_id, attestations))
}

/// What an operator seals: roots of its answers and of the evidence, and a salt that nobody else knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The epoch.
    pub epoch: u32,
    /// The operator's number.
    pub operator: u32,
    /// Root over the rounds of its answers.
    pub answers: B256,
    /// Root over providers' signatures.
    pub evidence: B256,
    /// Random.
    pub salt: B256,
}

/// What `Attestations.seal` takes.
pub fn seal_hash(chain_id: u64, attestations: Address, sealed: &Sealed) -> B256 {
    let Sealed { epoch, operator, answers, evidence, salt } = *sealed;
    let attestations = attestations.into_array();
    Seal { chain_id, attestations, epoch, operator, answers: answers.0, evidence: evidence.0, salt: salt.0 }
        .hash()
        .into()
}
