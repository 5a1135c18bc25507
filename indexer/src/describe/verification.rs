//! Events of draws, disputes and seats in words: their names, their fields as JSON, and whom and what they are about.

use super::{Shown, Subjects};
use assay_contracts::{
    DisputeGame::{self, DisputeGameEvents},
    PrevrandaoBeacon::PrevrandaoBeaconEvents,
    ProgramRegistry::ProgramRegistryEvents,
    Staking::StakingEvents,
    ValidatorSeats::ValidatorSeatsEvents,
    Verification::VerificationEvents,
};
use serde_json::{Value, json};

/// For each event of a contract: the accounts and the ids that it is about, and its fields.
macro_rules! contract {
    ($events:ident as $contract:literal, $describe:ident, $subjects:ident:
        $($name:ident(accounts: $accounts:tt, ids: $ids:tt): $($key:literal = $field:ident),*;)*) => {
        pub(super) fn $describe(event: &$events) -> (&'static str, Value) {
            match event {
                $($events::$name(e) => {
                    let _ = e;
                    (concat!($contract, ".", stringify!($name)), json!({ $($key: e.$field.shown(),)* }))
                })*
            }
        }

        pub(super) fn $subjects<'a>(found: &'a mut Subjects, event: &$events) -> &'a mut Subjects {
            match event {
                $($events::$name(e) => { contract!(@add found, e, accounts $accounts); contract!(@add found, e, ids $ids); })*
            }
            found
        }
    };
    (@add $found:ident, $event:ident, $method:ident [$($field:ident),*]) => {
        $( $found.$method(&[$event.$field]); )*
        let _ = $event;
    };
}

pub(super) use contract;

contract! {
    VerificationEvents as "Verification", verification, verification_subjects:
    Dissented(accounts: [validator], ids: [batchId]):
        "batch_id" = batchId, "index" = index, "validator" = validator, "open_end" = openEnd;
    DrawConcluded(accounts: [], ids: [batchId]):
        "batch_id" = batchId, "status" = status, "paid" = paid, "refund" = refund, "challenge_end" = challengeEnd;
    DrawPostponed(accounts: [], ids: [batchId]): "batch_id" = batchId, "round" = round;
    DrawRequested(accounts: [], ids: [batchId]): "batch_id" = batchId, "round" = round;
    Drawn(accounts: [], ids: [batchId, orderId]):
        "batch_id" = batchId, "order_id" = orderId, "seed" = seed, "tasks" = tasks, "validators" = validators, "seal_end" = sealEnd;
    PotAssigned(accounts: [winner], ids: [batchId]):
        "batch_id" = batchId, "winner" = winner, "seal" = seal, "amount" = amount, "claimable_at" = claimableAt;
    PotClaimed(accounts: [winner], ids: [batchId]): "batch_id" = batchId, "winner" = winner, "amount" = amount;
    RevealStarted(accounts: [], ids: [batchId]): "batch_id" = batchId, "reveal_end" = revealEnd;
    SealingExtended(accounts: [], ids: [batchId]): "batch_id" = batchId, "seal_end" = sealEnd;
    TraceRevealed(accounts: [party], ids: [batchId]):
        "batch_id" = batchId, "index" = index, "party" = party, "trace_root" = traceRoot;
    TraceSealed(accounts: [party], ids: [batchId]):
        "batch_id" = batchId, "index" = index, "party" = party, "value" = value;
    Undrawn(accounts: [], ids: [batchId]): "batch_id" = batchId, "refund" = refund;
    ValidatorSlashed(accounts: [validator], ids: [batchId]):
        "batch_id" = batchId, "index" = index, "validator" = validator, "amount" = amount;
}

contract! {
    DisputeGameEvents as "DisputeGame", dispute_game, dispute_game_subjects:
    Answered(accounts: [by], ids: [batchId]):
        "batch_id" = batchId, "index" = index, "by" = by, "trace_root" = traceRoot, "roots" = roots;
    ChallengeSealed(accounts: [challenger], ids: [sealHash]):
        "seal_hash" = sealHash, "challenger" = challenger, "number" = number, "bond" = bond;
    GameEnded(accounts: [bondTo], ids: [gameId, batchId]):
        "game_id" = gameId, "batch_id" = batchId, "index" = index, "challenger_won" = challengerWon, "proven" = proven, "bond_to" = bondTo, "bond" = bond;
    GameOpened(accounts: [], ids: [gameId, batchId]):
        "game_id" = gameId, "batch_id" = batchId, "index" = index, "answered" = answered, "game" = game;
    OperatorNamed(accounts: [], ids: [gameId]): "game_id" = gameId, "operator" = operator, "game" = game;
    RowNamed(accounts: [], ids: [gameId]): "game_id" = gameId, "row" = row, "game" = game;
    RowShown(accounts: [], ids: [gameId]): "game_id" = gameId, "row" = row, "game" = game;
    RowsShown(accounts: [], ids: [gameId]): "game_id" = gameId, "row_hashes" = rowHashes, "game" = game;
    SealExpired(accounts: [], ids: [sealHash]): "seal_hash" = sealHash, "bond" = bond;
    SealWithdrawn(accounts: [challenger], ids: [sealHash, batchId]):
        "seal_hash" = sealHash, "batch_id" = batchId, "challenger" = challenger, "bond" = bond;
}

contract! {
    ValidatorSeatsEvents as "ValidatorSeats", validator_seats, validator_seats_subjects:
    Evicted(accounts: [service, validator, delegator], ids: []):
        "service" = service, "validator" = validator, "delegator" = delegator, "overdue" = overdue;
    SeatReleased(accounts: [service, validator], ids: []):
        "service" = service, "validator" = validator, "stake" = stake;
    SeatSlashed(accounts: [service, validator, beneficiary, customer], ids: []):
        "service" = service, "validator" = validator, "stake" = stake, "beneficiary" = beneficiary, "reward" = reward, "customer" = customer;
    Seated(accounts: [service, validator], ids: []):
        "service" = service, "validator" = validator, "number" = number, "stake" = stake;
    Unseated(accounts: [service, validator, moved], ids: []):
        "service" = service, "validator" = validator, "number" = number, "moved" = moved, "releasable_at" = releasableAt;
}

contract! {
    ProgramRegistryEvents as "ProgramRegistry", program_registry, program_registry_subjects:
    ProgramRegistered(accounts: [pointer], ids: [programRoot]):
        "program_root" = programRoot, "pointer" = pointer, "max_units" = maxUnits, "tensors" = tensors, "operators" = operators;
}

contract! {
    PrevrandaoBeaconEvents as "Beacon", beacon, beacon_subjects:
    RoundRecorded(accounts: [recorder], ids: []): "round" = round, "value" = value, "recorder" = recorder;
}

contract! {
    StakingEvents as "Staking", staking, staking_subjects:
    CommissionSet(accounts: [operator, service], ids: []):
        "operator" = operator, "service" = service, "rate" = rate, "effective_at" = effectiveAt;
    Delegated(accounts: [operator, service, delegator], ids: []):
        "operator" = operator, "service" = service, "delegator" = delegator, "amount" = amount, "shares" = shares;
    DelegationLocked(accounts: [operator, service], ids: []):
        "operator" = operator, "service" = service, "amount" = amount;
    DelegationSlashed(accounts: [operator, service], ids: []):
        "operator" = operator, "service" = service, "amount" = amount;
    DelegationUnlocked(accounts: [operator, service], ids: []):
        "operator" = operator, "service" = service, "amount" = amount;
    DelegationWithdrawn(accounts: [operator, service, delegator], ids: []):
        "operator" = operator, "service" = service, "delegator" = delegator, "shares" = shares, "amount" = amount;
    Locked(accounts: [operator, service], ids: []): "operator" = operator, "service" = service, "amount" = amount;
    Rewarded(accounts: [operator, service], ids: []):
        "operator" = operator, "service" = service, "kept" = kept, "pooled" = pooled;
    RewardsClaimed(accounts: [operator, service, delegator], ids: []):
        "operator" = operator, "service" = service, "delegator" = delegator, "amount" = amount;
    Slashed(accounts: [operator, service], ids: []): "operator" = operator, "service" = service, "amount" = amount;
    Staked(accounts: [operator, service, from], ids: []):
        "operator" = operator, "service" = service, "from" = from, "amount" = amount;
    ThawStarted(accounts: [operator, service], ids: []):
        "operator" = operator, "service" = service, "amount" = amount, "thawed_at" = thawedAt;
    Undelegated(accounts: [operator, service, delegator], ids: []):
        "operator" = operator, "service" = service, "delegator" = delegator, "shares" = shares, "thawed_at" = thawedAt;
    Unlocked(accounts: [operator, service], ids: []): "operator" = operator, "service" = service, "amount" = amount;
    Withdrawn(accounts: [operator, service], ids: []): "operator" = operator, "service" = service, "amount" = amount;
}

impl Shown for DisputeGame::Game {
    fn shown(&self) -> Value {
        json!({
            "batch_id": self.batchId, "challenger": self.challenger, "provider": self.provider,
            "verification": self.verification, "defender": self.defender, "seal_number": self.sealNumber,
            "bond": self.bond.to_string(), "index": self.index, "units": self.units, "input_hash": self.inputHash,
            "output_hash": self.outputHash, "program_root": self.programRoot, "weights_root": self.weightsRoot,
            "step": self.step, "moved_at": self.movedAt.to::<u64>(), "provider_time": self.providerTime,
            "challenger_time": self.challengerTime, "operator": self.operator, "rows": self.rows,
            "operator_root": self.operatorRoot, "row": self.row, "row_hash": self.rowHash,
        })
    }
}

impl<T: Shown> Shown for Vec<T> {
    fn shown(&self) -> Value {
        self.iter().map(Shown::shown).collect()
    }
}
