//! What proves a posting false: the pieces that each challenge of `Uptime` takes beside the epoch.

use assay_kernels::Hash;

use super::{Record, Uptime, accumulators, answers::Answers};
use crate::{Share, nodes};

/// The truth of a seat in a round is not what the voters say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TruthChallenge {
    /// Where.
    pub round: u32,
    /// Where.
    pub seat: u32,
    /// The truth as it was posted.
    pub truth: Vec<u8>,
    /// Of each voter in the order of the list: the round's bytes, and their proof under its root of answers.
    pub answers: Vec<(Vec<u8>, Vec<Hash>)>,
}

/// A record, and the proof that its share stands in the posted tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenRecord {
    /// The record.
    pub record: Record,
    /// The share that holds it.
    pub share: Share,
    /// Of the share.
    pub proof: Vec<Hash>,
}

/// A commission, and the proof that it stands under the accumulators' root of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commission {
    /// How much.
    pub amount: u64,
    /// By the operators' order.
    pub proof: Vec<Hash>,
}

/// A leaf of a licence is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenseChallenge {
    /// The licence.
    pub license: u32,
    /// The truth as it was posted, which is right.
    pub truth: Vec<u8>,
    /// All answers of its operator; none when nobody runs it or the operator revealed nothing.
    pub answers: Vec<u8>,
    /// The licence before; none for the first.
    pub before: Option<ProvenRecord>,
    /// Its operator's under the record before, all zero before the first; nothing when nobody runs it.
    pub commission: Commission,
    /// The leaf that stands there.
    pub leaf: Hash,
    /// Of the leaf.
    pub proof: Vec<Hash>,
}

/// A leaf of an operator is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorChallenge {
    /// The operator's number.
    pub operator: u32,
    /// The last licence.
    pub last: ProvenRecord,
    /// The operator's under that record.
    pub commission: Commission,
    /// The leaf that stands there.
    pub leaf: Hash,
    /// Of the leaf.
    pub proof: Vec<Hash>,
}

/// A challenge of a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeafChallenge {
    /// Of a licence.
    License(LicenseChallenge),
    /// Of an operator.
    Operator(OperatorChallenge),
}

impl Uptime {
    /// The first round and seat at which a posted truth is false; `None` when it is right.
    pub fn challenge_truth(&self, posted: &Answers) -> Option<TruthChallenge> {
        let (inputs, truth) = (self.inputs(), self.truth());
        let mut places = (0..inputs.rounds).flat_map(|round| (0..inputs.seats()).map(move |seat| (round, seat)));
        let (round, seat) = places.find(|&(round, seat)| posted.get(round, seat) != truth.get(round, seat))?;
        let shown = |answers: &Answers| (answers.round(round).to_vec(), answers.tree().proof(round as usize));
        let answers = inputs.voters.iter().filter_map(|voter| inputs.answers_of(*voter)).map(shown).collect();
        Some(TruthChallenge { round, seat, truth: posted.bytes().to_vec(), answers })
    }

    /// The challenge of the first `leaf` that is false in a posted tree, as [`OpenedTree::difference`](nodes::OpenedTree::difference)
    /// finds it, with its proof; `None` when there is no such number. The posted truth must be right.
    pub fn challenge_leaf(&self, number: u32, leaf: Hash, proof: Vec<Hash>) -> Option<LeafChallenge> {
        let inputs = self.inputs();
        if number == 0 || number as usize > self.shares().shares().len() {
            return None;
        }
        let before = |license: u32| {
            let (place, found) = (license as usize - 1, number as usize - 1);
            let proof = nodes::earlier_proof(self.shares().tree(), place, found, &leaf, &proof);
            Some(ProvenRecord { record: *self.record(license)?, share: self.shares().shares()[place], proof })
        };
        if number > inputs.licenses() {
            let (last, commission) = (before(inputs.licenses())?, self.commission_after(inputs.licenses(), number));
            return Some(LeafChallenge::Operator(OperatorChallenge {
                operator: number,
                last,
                commission,
                leaf,
                proof,
            }));
        }
        let operator = inputs.run(number).operator;
        Some(LeafChallenge::License(LicenseChallenge {
            license: number,
            truth: self.truth().bytes().to_vec(),
            answers: inputs.answers_of(operator).map_or(Vec::new(), |answers| answers.bytes().to_vec()),
            before: (number > 1).then(|| before(number - 1)).flatten(),
            commission: self.commission_after(number - 1, operator),
            leaf,
            proof,
        }))
    }

    /// What proves that a total is not that of the posted tree, which is right itself.
    pub fn challenge_total(&self) -> Option<ProvenRecord> {
        let last = self.inputs().licenses();
        let (share, proof) = self.shares().share(last)?;
        Some(ProvenRecord { record: *self.record(last)?, share, proof })
    }

    /// An operator's commission after a licence.
    fn commission_after(&self, license: u32, operator: u32) -> Commission {
        let Some(index) = self.inputs().operator_index(operator) else { return Commission::default() };
        let commissions = self.commissions_after(license);
        Commission { amount: commissions[index], proof: accumulators::tree(&commissions).proof(index) }
    }
}
