//! Proofs as the contracts take them.

use alloy::{
    primitives::{B256, Bytes, U256, aliases::U96},
    sol_types::SolCall,
};
use assay_contracts::{
    EpochRewards,
    Uptime::{self, Part},
};
use assay_epochs::{
    Hash, rewards,
    uptime::challenge::{Commission, LeafChallenge, LicenseChallenge, OperatorChallenge, ProvenRecord, TruthChallenge},
};

pub(super) fn words(hashes: &[Hash]) -> Vec<B256> {
    hashes.iter().copied().map(B256::from).collect()
}

pub(super) fn challenge_truth(epoch: u32, parts: TruthChallenge) -> Bytes {
    let TruthChallenge { round, seat, truth, answers } = parts;
    let (answers, proofs) = answers.into_iter().map(|(bytes, proof)| (Bytes::from(bytes), words(&proof))).unzip();
    Uptime::challengeTruthCall { epoch, round, seat, truth: truth.into(), answers, proofs }.abi_encode().into()
}

pub(super) fn challenge_total(epoch: u32, last: &ProvenRecord) -> Bytes {
    let (last, proof) = part(last);
    Uptime::challengeTotalCall { epoch, last, proof }.abi_encode().into()
}

pub(super) fn challenge_leaf(epoch: u32, challenge: LeafChallenge) -> Bytes {
    match challenge {
        LeafChallenge::License(parts) => challenge_license(epoch, parts),
        LeafChallenge::Operator(parts) => challenge_operator(epoch, parts),
    }
}

fn challenge_license(epoch: u32, parts: LicenseChallenge) -> Bytes {
    let LicenseChallenge { license: number, truth, answers, before, commission, leaf, proof } = parts;
    let (previous, previous_proof) = before.as_ref().map(part).unwrap_or_default();
    let Commission { amount, proof: commission_proof } = commission;
    let claimed = Uptime::LicenseChallenge {
        epoch,
        number,
        truth: truth.into(),
        answers: answers.into(),
        previous,
        previousProof: previous_proof,
        commission: amount,
        commissionProof: words(&commission_proof),
        leaf: leaf.into(),
        proof: words(&proof),
    };
    Uptime::challengeLicenseCall { claimed }.abi_encode().into()
}

fn challenge_operator(epoch: u32, parts: OperatorChallenge) -> Bytes {
    let OperatorChallenge { operator: number, last, commission, leaf, proof } = parts;
    let (last, last_proof) = part(&last);
    let claimed = Uptime::OperatorChallenge {
        epoch,
        number,
        last,
        lastProof: last_proof,
        commission: commission.amount,
        commissionProof: words(&commission.proof),
        leaf: leaf.into(),
        proof: words(&proof),
    };
    Uptime::challengeOperatorCall { claimed }.abi_encode().into()
}

pub(super) fn challenge_rewards(epoch: u32, parts: rewards::Challenge) -> Bytes {
    let rewards::Challenge { share, share_proof, previous, previous_proof, leaf, proof } = parts;
    let assay_epochs::Share { number, shares, detail } = share;
    let call = EpochRewards::challengeCall {
        epoch,
        share: EpochRewards::Share { number, shares, detail: detail.into() },
        shareProof: words(&share_proof),
        previous: U96::from(previous),
        previousProof: words(&previous_proof),
        leaf: leaf.into(),
        proof: words(&proof),
    };
    call.abi_encode().into()
}

/// What `demand` takes, which is the same in all contracts that post roots; so are those below.
pub(super) fn demand(epoch: u32, (tier, index): (u32, u32), node: B256, proof: &[Hash]) -> Bytes {
    let (tier, index) = (U256::from(tier), U256::from(index));
    Uptime::demandCall { epoch, tier, index, node, proof: words(proof) }.abi_encode().into()
}

pub(super) fn supply(epoch: u32, (tier, index): (u32, u32), nodes: &[Hash]) -> Bytes {
    let (tier, index) = (U256::from(tier), U256::from(index));
    Uptime::supplyCall { epoch, tier, index, nodes: words(nodes) }.abi_encode().into()
}

pub(super) fn expire(epoch: u32, (tier, index): (u32, u32)) -> Bytes {
    Uptime::expireCall { epoch, tier: U256::from(tier), index: U256::from(index) }.abi_encode().into()
}

pub(super) fn release(epoch: u32) -> Bytes {
    Uptime::releaseCall { epoch }.abi_encode().into()
}

fn part(proven: &ProvenRecord) -> (Part, Vec<B256>) {
    let ProvenRecord { record, share, proof } = proven;
    let part = Part {
        number: share.number,
        assigned: record.assigned,
        answered: record.answered,
        right: record.right,
        wrong: record.wrong,
        shares: share.shares,
        sum: record.sum,
        accumulators: record.accumulators.into(),
    };
    (part, words(proof))
}
