//! Events of node networks in words.

use super::{Shown, Subjects, verification::contract};
use assay_contracts::{
    Attestations::AttestationsEvents, EpochRewards::EpochRewardsEvents, LicenseStaking::LicenseStakingEvents,
    Uptime::UptimeEvents, network::NetworkEvent,
};
use serde_json::{Value, json};

pub(super) fn network(event: &NetworkEvent) -> (&'static str, Value) {
    match event {
        NetworkEvent::LicenseStaking(event) => license_staking(event),
        NetworkEvent::Attestations(event) => attestations(event),
        NetworkEvent::Uptime(event) => uptime(event),
        NetworkEvent::EpochRewards(_, event) => epoch_rewards(event),
    }
}

pub(super) fn network_subjects<'a>(found: &'a mut Subjects, event: &NetworkEvent) -> &'a mut Subjects {
    match event {
        NetworkEvent::LicenseStaking(event) => license_staking_subjects(found, event),
        NetworkEvent::Attestations(event) => attestations_subjects(found, event),
        NetworkEvent::Uptime(event) => uptime_subjects(found, event),
        NetworkEvent::EpochRewards(_, event) => epoch_rewards_subjects(found, event),
    }
}

contract! {
    LicenseStakingEvents as "LicenseStaking", license_staking, license_staking_subjects:
    KeySet(accounts: [key], ids: []): "operator" = number, "key" = key, "epoch" = epoch;
    LicenseDelegated(accounts: [owner], ids: []):
        "license" = id, "operator" = operator, "owner" = owner, "rate" = rate, "epoch" = epoch;
    LicenseUndelegated(accounts: [], ids: []):
        "license" = id, "operator" = operator, "epoch" = epoch, "free_at" = freeAt;
    OfferSet(accounts: [], ids: []): "operator" = number, "rate" = rate, "cap" = cap;
    Registered(accounts: [account], ids: []): "operator" = number, "account" = account;
}

contract! {
    AttestationsEvents as "Attestations", attestations, attestations_subjects:
    Begun(accounts: [], ids: []): "epoch" = epoch, "round" = round;
    EIP712DomainChanged(accounts: [], ids: []):;
    Revealed(accounts: [], ids: []):
        "epoch" = epoch, "operator" = operator, "answers" = answers, "answers_root" = answersRoot, "evidence_root" = evidenceRoot;
    Sealed(accounts: [], ids: []): "epoch" = epoch, "operator" = operator, "seal" = seal;
    SeatEndpointSet(accounts: [provider], ids: []):
        "seat" = seat, "provider" = provider, "endpoint" = endpoint, "epoch" = epoch;
    SeatKeySet(accounts: [provider, key], ids: []): "seat" = seat, "provider" = provider, "key" = key, "epoch" = epoch;
    SeatLeft(accounts: [provider], ids: []): "seat" = seat, "provider" = provider, "epoch" = epoch, "free_at" = freeAt;
    SeatPenalised(accounts: [provider, to], ids: []):
        "seat" = seat, "provider" = provider, "amount" = amount, "to" = to, "reward" = reward;
    SeatReleased(accounts: [provider], ids: []): "provider" = provider, "stake" = stake;
    SeatTaken(accounts: [provider, key], ids: []):
        "seat" = seat, "provider" = provider, "key" = key, "endpoint" = endpoint, "epoch" = epoch;
    Seeded(accounts: [], ids: []): "epoch" = epoch, "seed" = seed;
    Voting(accounts: [], ids: []): "epoch" = epoch, "place" = place, "operator" = operator, "weight" = weight;
}

contract! {
    UptimeEvents as "Uptime", uptime, uptime_subjects:
    Appealed(accounts: [], ids: []): "operator" = operator, "epoch" = epoch, "wrong" = wrong;
    Banned(accounts: [], ids: []): "operator" = operator, "from" = from, "until" = until;
    BondReleased(accounts: [publisher], ids: []): "epoch" = epoch, "publisher" = publisher, "bond" = bond;
    DemandRefunded(accounts: [demander], ids: []):
        "epoch" = epoch, "tier" = tier, "index" = index, "demander" = demander;
    Demanded(accounts: [demander], ids: []):
        "epoch" = epoch, "tier" = tier, "index" = index, "node" = node, "demander" = demander, "answer_by" = answerBy;
    OutcomePosted(accounts: [], ids: []): "epoch" = epoch, "total" = total, "truth" = truth;
    Posted(accounts: [publisher], ids: [root]):
        "epoch" = epoch, "publisher" = publisher, "root" = root, "count" = count, "window_end" = windowEnd;
    Removed(accounts: [publisher, by], ids: [root]):
        "epoch" = epoch, "publisher" = publisher, "root" = root, "by" = by, "reward" = reward, "burned" = burned;
    Struck(accounts: [], ids: []): "operator" = operator, "epoch" = epoch, "wrong" = wrong;
    Supplied(accounts: [], ids: []): "epoch" = epoch, "tier" = tier, "index" = index, "nodes" = nodes;
}

contract! {
    EpochRewardsEvents as "EpochRewards", epoch_rewards, epoch_rewards_subjects:
    AgentSet(accounts: [owner, agent], ids: []): "owner" = owner, "agent" = agent, "allowed" = allowed;
    BondReleased(accounts: [publisher], ids: []): "epoch" = epoch, "publisher" = publisher, "bond" = bond;
    Claimed(accounts: [owner], ids: []):
        "number" = number, "epoch" = epoch, "owner" = owner, "amount" = amount, "forfeited" = forfeited, "unpaid" = unpaid,
        "from" = from, "until" = until;
    Collected(accounts: [owner], ids: []): "number" = number, "owner" = owner, "amount" = amount;
    DemandRefunded(accounts: [demander], ids: []):
        "epoch" = epoch, "tier" = tier, "index" = index, "demander" = demander;
    Demanded(accounts: [demander], ids: []):
        "epoch" = epoch, "tier" = tier, "index" = index, "node" = node, "demander" = demander, "answer_by" = answerBy;
    Emitted(accounts: [], ids: []): "epoch" = epoch, "budget" = budget, "emitted" = emitted;
    Funded(accounts: [from], ids: []): "from" = from, "amount" = amount;
    Posted(accounts: [publisher], ids: [root]):
        "epoch" = epoch, "publisher" = publisher, "root" = root, "count" = count, "window_end" = windowEnd;
    Removed(accounts: [publisher, by], ids: [root]):
        "epoch" = epoch, "publisher" = publisher, "root" = root, "by" = by, "reward" = reward, "burned" = burned;
    Returned(accounts: [], ids: []): "number" = number, "amount" = amount;
    Supplied(accounts: [], ids: []): "epoch" = epoch, "tier" = tier, "index" = index, "nodes" = nodes;
}
