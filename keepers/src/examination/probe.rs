//! What is asked and answered, and what makes it right.

use alloy::{
    primitives::{Address, B256, Bytes, Signature, keccak256},
    sol,
    sol_types::{SolStruct, SolValue},
};
use assay_contracts::network::hashes::{Response, response_digest, response_domain};
use assay_kernels::{
    Hash, RunError,
    commit::TaskLeaf,
    merkle::{Tree, row_root},
    model::Model,
    prompt::Prompt,
};
use serde::{Deserialize, Serialize};

/// Where a seat answers.
pub const PATH: &str = "/v1/probe";
/// Units of a task, unless the model takes fewer.
const TASK_UNITS: u32 = 32;
/// Length of a signature: r, s and v.
pub const SIGNATURE_BYTES: usize = 65;

sol! {
    /// What an operator asks of a seat in a round (EIP-712, in the domain of responses), signed by the key that attests for it. No
    /// contract takes it.
    #[derive(Debug, PartialEq, Eq)]
    struct Probe {
        uint32 epoch;
        uint32 round;
        uint32 seat;
        uint32 operator;
        bytes32 model;
        uint32 tasks;
    }
}

/// A question: the body of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The epoch.
    pub epoch: u32,
    /// The round.
    pub round: u32,
    /// The seat that is asked.
    pub seat: u32,
    /// The operator that asks.
    pub operator: u32,
    /// Which model computes: see [`model_id`].
    pub model: B256,
    /// How many tasks.
    pub tasks: u32,
    /// Of the [`Probe`] by the operator's key.
    pub signature: Bytes,
}

/// An answer: the body of a response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Root of the output row of each task.
    pub leaves: Vec<B256>,
    /// Of the [`Response`] by the seat's key.
    pub signature: Bytes,
}

/// Names a model by what it computes.
pub fn model_id(model: &Model) -> B256 {
    keccak256((B256::from(model.program_root()), B256::from(model.weights_root())).abi_encode())
}

impl Probe {
    /// What the operator's key signs.
    pub fn digest(&self, chain_id: u64, attestations: Address) -> B256 {
        self.eip712_signing_hash(&response_domain(chain_id, attestations))
    }
}

impl Request {
    /// A question with its signature.
    pub fn new(probe: &Probe, signature: [u8; SIGNATURE_BYTES]) -> Self {
        let Probe { epoch, round, seat, operator, model, tasks } = *probe;
        Self { epoch, round, seat, operator, model, tasks, signature: signature.to_vec().into() }
    }

    /// What the signature is over.
    pub fn probe(&self) -> Probe {
        let Self { epoch, round, seat, operator, model, tasks, .. } = *self;
        Probe { epoch, round, seat, operator, model, tasks }
    }
}

/// Who signed, by a signature as the contracts take it: 65 bytes, the lower s, v of 27 or 28. Any other would be refused at the audit.
pub fn signer(digest: &B256, signature: &[u8]) -> Option<Address> {
    let parsed = Signature::from_raw(signature).ok()?;
    let canonical = parsed.as_bytes().as_slice() == signature && parsed.normalize_s().is_none();
    canonical.then(|| parsed.recover_address_from_prehash(digest).ok()).flatten()
}

/// The tasks of a probe.
#[derive(Debug)]
pub struct Challenge {
    id: B256,
    inputs: Vec<Vec<u8>>,
}

impl Challenge {
    /// The tasks that follow from the epoch's seed and a signed question.
    pub fn new(model: &Model, seed: &B256, digest: &B256, request: &Request) -> Self {
        let id = keccak256((*seed, *digest, request.signature.clone()).abi_encode());
        Self { id, inputs: (0..request.tasks).map(|task| input(model, &id, task)).collect() }
    }

    /// The input row of each task.
    pub fn inputs(&self) -> &[Vec<u8>] {
        &self.inputs
    }

    /// Computes all tasks: the root of each one's output row.
    ///
    /// # Errors
    /// None that a model can give here: it takes what was made for it.
    pub fn compute(&self, model: &Model) -> Result<Vec<B256>, RunError> {
        let inputs: Vec<_> = self.inputs.iter().map(Vec::as_slice).collect();
        Ok(model.run(&inputs)?.iter().map(|row| row_root(row).into()).collect())
    }

    /// Whether a task has this output, found out by computing it.
    ///
    /// # Errors
    /// As [`Self::compute`].
    pub fn is_right(&self, model: &Model, task: usize, leaf: &B256) -> Result<bool, RunError> {
        let row = model.run(&[&self.inputs[task]])?.remove(0);
        Ok(row_root(&row) == leaf.0)
    }

    /// What a provider signs of its outputs: the root of a batch of these tasks, in which the probe takes the place of the order.
    /// `None` when there are not as many outputs as tasks.
    pub fn result(&self, model: &Model, chain_id: u64, provider: Address, outputs: &[B256]) -> Option<B256> {
        if outputs.len() != self.inputs.len() {
            return None;
        }
        let mut units_before = 0;
        let leaf = |((index, row), output): ((u32, &Vec<u8>), &B256)| {
            let units = model.units(row).unwrap_or_default();
            let leaf = TaskLeaf {
                chain_id,
                order_id: self.id.0,
                provider: provider.into_array(),
                index,
                input_hash: row_root(row),
                output_hash: output.0,
                units_before,
                units,
            };
            units_before += u64::from(units);
            leaf.hash()
        };
        let leaves: Vec<Hash> = (0..).zip(&self.inputs).zip(outputs).map(leaf).collect();
        Some(Tree::new(leaves).root().into())
    }
}

/// The digest that the seat's key signs for a result.
pub fn response(chain_id: u64, attestations: Address, request: &Request, result: B256) -> B256 {
    let Request { epoch, round, seat, operator, .. } = *request;
    response_digest(chain_id, attestations, &Response { epoch, round, seat, operator, result })
}

/// The input row of a task. All tasks of a model are of one length, which is as much work as the next.
fn input(model: &Model, id: &B256, task: u32) -> Vec<u8> {
    let manifest = model.manifest();
    let units = model.tape().max_tokens().min(TASK_UNITS) as usize;
    let words = (0_u32..).flat_map(|block| keccak256((*id, task, block).abi_encode()).0.as_chunks::<2>().0.to_vec());
    // Which ids come a little more often than others does not matter.
    let mut ids = words.map(|word| (u32::from(u16::from_be_bytes(word)) % manifest.vocabulary) as u16);
    if model.tape().is_decoder() {
        let text: Vec<_> = ids.by_ref().take(units.div_ceil(2)).collect();
        return Prompt::new(&text, units + 1 - text.len(), 0, 0).encode();
    }
    ids.take(units).flat_map(u16::to_be_bytes).collect()
}

#[cfg(test)]
mod tests {
    use alloy::signers::{SignerSync, local::PrivateKeySigner};
    use assay_test_fixtures::{tiny_decoder_dir, tiny_model_dir};

    use super::*;

    const SEED: B256 = B256::repeat_byte(7);

    fn asked(key: &PrivateKeySigner, probe: &Probe) -> (Request, B256) {
        let digest = probe.digest(31_337, Address::repeat_byte(2));
        (Request::new(probe, key.sign_hash_sync(&digest).unwrap().as_bytes()), digest)
    }

    fn probe(model: &Model, seat: u32) -> Probe {
        Probe { epoch: 1, round: 2, seat, operator: 26, model: model_id(model), tasks: 5 }
    }

    #[test]
    fn tasks_follow_from_the_seed_the_question_and_who_signed_it() {
        let model = Model::open(&tiny_model_dir()).unwrap();
        let (key, other) = (PrivateKeySigner::random(), PrivateKeySigner::random());
        let (request, digest) = asked(&key, &probe(&model, 3));
        let tasks = |seed: &B256, (request, digest): &(Request, B256)| {
            Challenge::new(&model, seed, digest, request).inputs().to_vec()
        };
        let first = tasks(&SEED, &(request.clone(), digest));
        assert_eq!((first.len(), tasks(&SEED, &(request, digest))), (5, first.clone()));
        assert!(first.iter().all(|row| model.units(row).unwrap() == model.max_units().min(TASK_UNITS)));
        for another in [
            tasks(&B256::ZERO, &asked(&key, &probe(&model, 3))),
            tasks(&SEED, &asked(&key, &probe(&model, 4))),
            tasks(&SEED, &asked(&other, &probe(&model, 3))),
        ] {
            assert!(first.iter().zip(&another).all(|(one, other)| one != other), "nothing is known before");
        }
    }

    #[test]
    fn outputs_are_what_the_model_computes_and_results_are_one_providers() {
        for package in [tiny_model_dir(), tiny_decoder_dir()] {
            let model = Model::open(&package).unwrap();
            let (request, digest) = asked(&PrivateKeySigner::random(), &probe(&model, 0));
            let challenge = Challenge::new(&model, &SEED, &digest, &request);
            let outputs = challenge.compute(&model).unwrap();
            for (task, output) in outputs.iter().enumerate() {
                assert!(challenge.is_right(&model, task, output).unwrap());
                assert!(!challenge.is_right(&model, task, &B256::repeat_byte(1)).unwrap());
            }
            let result = |provider, outputs| challenge.result(&model, 31_337, provider, outputs);
            let (me, you) = (Address::repeat_byte(4), Address::repeat_byte(5));
            assert_ne!(result(me, &outputs).unwrap(), result(you, &outputs).unwrap());
            assert_eq!(result(me, &outputs[1..]), None, "all tasks must come back");
        }
    }

    #[test]
    fn only_signatures_that_the_contract_takes_are_signatures() {
        let (key, digest) = (PrivateKeySigner::random(), B256::repeat_byte(9));
        let signature = key.sign_hash_sync(&digest).unwrap();
        let bytes = signature.as_bytes();
        assert_eq!(signer(&digest, &bytes), Some(key.address()));
        assert_ne!(signer(&B256::ZERO, &bytes), Some(key.address()));
        let mut low = bytes;
        low[64] -= 27;
        assert_eq!(signer(&digest, &low), None, "v of 0 or 1");
        let order = alloy::primitives::uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
        let high = Signature::new(signature.r(), order - signature.s(), !signature.v());
        assert_eq!(high.recover_address_from_prehash(&digest).unwrap(), key.address());
        assert_eq!(signer(&digest, &high.as_bytes()), None, "the higher s");
        assert_eq!((signer(&digest, &bytes[..64]), signer(&digest, &[])), (None, None));
        assert_eq!(signer(&digest, &[bytes.as_slice(), &[0]].concat()), None);
    }
}
