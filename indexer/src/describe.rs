//! Events in words: their names, their fields as JSON, and whom and what they are about.

mod networks;
mod nodes;
mod verification;

use crate::state::token_of;
use alloy::primitives::{Address, B256};
use assay_contracts::{
    AccessManager::AccessManagerEvents, FeeSchedule::FeeScheduleEvents, JobEscrow::JobEscrowEvents,
    Ledger::LedgerEvents, ModelRegistry::ModelRegistryEvents, SuiteEvent,
};
use serde_json::{Value, json};

/// An event as the API shows it.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    /// `Contract.Event`.
    pub(crate) name: &'static str,
    /// The event's fields; amounts are decimal strings, bytes hexadecimal.
    pub(crate) fields: Value,
}

/// Accounts (20 bytes) and orders, batches and models (32 bytes) that an event is about, each once.
pub(crate) fn subjects(event: &SuiteEvent) -> Vec<Vec<u8>> {
    let mut found = Subjects::default();
    match event {
        SuiteEvent::Ledger(event) => match event {
            LedgerEvents::Transfer(e) => found.accounts(&[e.sender, e.receiver]),
            LedgerEvents::Approval(e) => found.accounts(&[e.owner, e.spender]),
            LedgerEvents::OperatorSet(e) => found.accounts(&[e.owner, e.spender]),
        },
        SuiteEvent::Staking(event) => verification::staking_subjects(&mut found, event),
        SuiteEvent::Verification(event) => verification::verification_subjects(&mut found, event),
        SuiteEvent::DisputeGame(event) => verification::dispute_game_subjects(&mut found, event),
        SuiteEvent::ValidatorSeats(event) => verification::validator_seats_subjects(&mut found, event),
        SuiteEvent::ProgramRegistry(event) => verification::program_registry_subjects(&mut found, event),
        SuiteEvent::Beacon(event) => verification::beacon_subjects(&mut found, event),
        SuiteEvent::ModelRegistry(event) => match event {
            ModelRegistryEvents::ModelRegistered(e) => found.ids(&[e.modelId]).accounts(&[e.owner]),
            ModelRegistryEvents::RoyaltiesSet(e) => found.ids(&[e.modelId]),
            ModelRegistryEvents::PriceFloorSet(e) => found.ids(&[e.modelId]),
            ModelRegistryEvents::MetadataSet(e) => found.ids(&[e.modelId]),
            ModelRegistryEvents::ModelTransferred(e) => found.ids(&[e.modelId]).accounts(&[e.owner]),
        },
        SuiteEvent::JobEscrow(event) => job_escrow_subjects(&mut found, event),
        SuiteEvent::AccessManager(event) => access_manager_subjects(&mut found, event),
        SuiteEvent::NodeSale(sale, event) => nodes::node_sale_subjects(&mut found, event).accounts(&[*sale]),
        SuiteEvent::NodeLicense(sale, event) => nodes::node_license_subjects(&mut found, event).accounts(&[*sale]),
        // Of its contract as well, by which a network's history is read.
        SuiteEvent::Network(contract, event) => networks::network_subjects(&mut found, event).accounts(&[*contract]),
        SuiteEvent::FeeSchedule(_) => &mut found,
    };
    found.0
}

fn access_manager_subjects<'a>(found: &'a mut Subjects, event: &AccessManagerEvents) -> &'a mut Subjects {
    match event {
        AccessManagerEvents::RoleGranted(e) => found.accounts(&[e.account]),
        AccessManagerEvents::RoleRevoked(e) => found.accounts(&[e.account]),
        AccessManagerEvents::OperationScheduled(e) => found.ids(&[e.operationId]).accounts(&[e.caller, e.target]),
        AccessManagerEvents::OperationExecuted(e) => found.ids(&[e.operationId]),
        AccessManagerEvents::OperationCanceled(e) => found.ids(&[e.operationId]),
        AccessManagerEvents::TargetFunctionRoleUpdated(e) => found.accounts(&[e.target]),
        AccessManagerEvents::TargetAdminDelayUpdated(e) => found.accounts(&[e.target]),
        AccessManagerEvents::TargetClosed(e) => found.accounts(&[e.target]),
        AccessManagerEvents::RoleLabel(_)
        | AccessManagerEvents::RoleAdminChanged(_)
        | AccessManagerEvents::RoleGuardianChanged(_)
        | AccessManagerEvents::RoleGrantDelayChanged(_) => found,
    }
}

fn job_escrow_subjects<'a>(found: &'a mut Subjects, event: &JobEscrowEvents) -> &'a mut Subjects {
    match event {
        JobEscrowEvents::OrderOpened(e) => found.ids(&[e.orderId, e.modelId]).accounts(&[e.customer]),
        JobEscrowEvents::OrderCancelled(e) => found.ids(&[e.orderId]),
        JobEscrowEvents::OrderReclaimed(e) => found.ids(&[e.orderId]),
        JobEscrowEvents::Taken(e) => found.ids(&[e.orderId]).accounts(&[e.provider]),
        JobEscrowEvents::TakeExpired(e) => found.ids(&[e.orderId]).accounts(&[e.provider]),
        JobEscrowEvents::BatchCommitted(e) => found.ids(&[e.orderId, e.batchId]).accounts(&[e.provider]),
        JobEscrowEvents::BatchSettled(e) => found.ids(&[e.orderId, e.batchId]),
        JobEscrowEvents::BatchForfeited(e) => found.ids(&[e.orderId, e.batchId]).accounts(&[e.beneficiary]),
        JobEscrowEvents::Demanded(e) => found.ids(&[e.batchId]).accounts(&[e.demander]),
        JobEscrowEvents::Supplied(e) => found.ids(&[e.batchId]),
        JobEscrowEvents::DemandRefunded(e) => found.ids(&[e.batchId]).accounts(&[e.demander]),
        JobEscrowEvents::DrawFunded(e) => found.ids(&[e.batchId]),
        JobEscrowEvents::EIP712DomainChanged(_) => found,
    }
}

#[derive(Default)]
struct Subjects(Vec<Vec<u8>>);

impl Subjects {
    fn accounts(&mut self, accounts: &[Address]) -> &mut Self {
        accounts.iter().filter(|account| !account.is_zero()).for_each(|account| self.add(account.as_slice()));
        self
    }

    fn ids(&mut self, ids: &[B256]) -> &mut Self {
        ids.iter().for_each(|id| self.add(id.as_slice()));
        self
    }

    fn add(&mut self, subject: &[u8]) {
        if !self.0.iter().any(|known| known == subject) {
            self.0.push(subject.to_vec());
        }
    }
}

/// `{ field: value, .. }` with every value turned into a string or number by [`Shown`].
macro_rules! fields {
    ($event:ident: $($key:literal = $field:ident),*) => {
        json!({ $($key: $event.$field.shown(),)* })
    };
}

/// The event's name and fields.
pub(crate) fn describe(event: &SuiteEvent) -> Description {
    let (name, fields) = match event {
        SuiteEvent::Ledger(event) => ledger(event),
        SuiteEvent::AccessManager(event) => access_manager(event),
        SuiteEvent::FeeSchedule(event) => fee_schedule(event),
        SuiteEvent::Staking(event) => verification::staking(event),
        SuiteEvent::Verification(event) => verification::verification(event),
        SuiteEvent::DisputeGame(event) => verification::dispute_game(event),
        SuiteEvent::ValidatorSeats(event) => verification::validator_seats(event),
        SuiteEvent::ProgramRegistry(event) => verification::program_registry(event),
        SuiteEvent::Beacon(event) => verification::beacon(event),
        SuiteEvent::ModelRegistry(event) => model_registry(event),
        SuiteEvent::JobEscrow(event) => job_escrow(event),
        SuiteEvent::NodeSale(sale, event) => of_sale(*sale, nodes::node_sale(event)),
        SuiteEvent::NodeLicense(sale, event) => of_sale(*sale, nodes::node_license(event)),
        SuiteEvent::Network(_, event) => networks::network(event),
    };
    Description { name, fields }
}

/// Says of which sale an event is: there may be several.
fn of_sale(sale: Address, (name, mut fields): (&'static str, Value)) -> (&'static str, Value) {
    fields["sale"] = json!(sale);
    (name, fields)
}

fn ledger(event: &LedgerEvents) -> (&'static str, Value) {
    match event {
        LedgerEvents::Transfer(e) => (
            "Ledger.Transfer",
            json!({
                "caller": e.caller, "sender": e.sender, "receiver": e.receiver,
                "token": token_of(e.id), "amount": e.amount.shown(),
            }),
        ),
        LedgerEvents::Approval(e) => (
            "Ledger.Approval",
            json!({ "owner": e.owner, "spender": e.spender, "token": token_of(e.id), "amount": e.amount.shown() }),
        ),
        LedgerEvents::OperatorSet(e) => {
            ("Ledger.OperatorSet", fields!(e: "owner" = owner, "spender" = spender, "approved" = approved))
        }
    }
}

fn access_manager(event: &AccessManagerEvents) -> (&'static str, Value) {
    match event {
        AccessManagerEvents::RoleGranted(e) => (
            "AccessManager.RoleGranted",
            fields!(e: "role_id" = roleId, "account" = account, "delay" = delay, "since" = since,
                "new_member" = newMember),
        ),
        AccessManagerEvents::RoleRevoked(e) => {
            ("AccessManager.RoleRevoked", fields!(e: "role_id" = roleId, "account" = account))
        }
        AccessManagerEvents::RoleLabel(e) => {
            ("AccessManager.RoleLabel", fields!(e: "role_id" = roleId, "label" = label))
        }
        AccessManagerEvents::RoleAdminChanged(e) => {
            ("AccessManager.RoleAdminChanged", fields!(e: "role_id" = roleId, "admin" = admin))
        }
        AccessManagerEvents::RoleGuardianChanged(e) => {
            ("AccessManager.RoleGuardianChanged", fields!(e: "role_id" = roleId, "guardian" = guardian))
        }
        AccessManagerEvents::RoleGrantDelayChanged(e) => {
            ("AccessManager.RoleGrantDelayChanged", fields!(e: "role_id" = roleId, "delay" = delay, "since" = since))
        }
        AccessManagerEvents::TargetFunctionRoleUpdated(e) => (
            "AccessManager.TargetFunctionRoleUpdated",
            fields!(e: "target" = target, "selector" = selector, "role_id" = roleId),
        ),
        AccessManagerEvents::TargetAdminDelayUpdated(e) => {
            ("AccessManager.TargetAdminDelayUpdated", fields!(e: "target" = target, "delay" = delay, "since" = since))
        }
        AccessManagerEvents::TargetClosed(e) => {
            ("AccessManager.TargetClosed", fields!(e: "target" = target, "closed" = closed))
        }
        AccessManagerEvents::OperationScheduled(e) => (
            "AccessManager.OperationScheduled",
            fields!(e: "operation_id" = operationId, "nonce" = nonce, "schedule" = schedule, "caller" = caller,
                "target" = target, "data" = data),
        ),
        AccessManagerEvents::OperationExecuted(e) => {
            ("AccessManager.OperationExecuted", fields!(e: "operation_id" = operationId, "nonce" = nonce))
        }
        AccessManagerEvents::OperationCanceled(e) => {
            ("AccessManager.OperationCanceled", fields!(e: "operation_id" = operationId, "nonce" = nonce))
        }
    }
}

fn fee_schedule(event: &FeeScheduleEvents) -> (&'static str, Value) {
    match event {
        FeeScheduleEvents::DefaultRateSet(e) => ("FeeSchedule.DefaultRateSet", fields!(e: "rate" = rate)),
        FeeScheduleEvents::RateSet(e) => ("FeeSchedule.RateSet", fields!(e: "token" = token, "rate" = rate)),
        FeeScheduleEvents::AuthorityUpdated(e) => ("FeeSchedule.AuthorityUpdated", fields!(e: "authority" = authority)),
    }
}

fn model_registry(event: &ModelRegistryEvents) -> (&'static str, Value) {
    match event {
        ModelRegistryEvents::ModelRegistered(e) => (
            "ModelRegistry.ModelRegistered",
            fields!(e: "model_id" = modelId, "owner" = owner, "program_root" = programRoot,
                "weights_root" = weightsRoot, "unit_bytes" = unitBytes, "metadata_uri" = metadataURI),
        ),
        ModelRegistryEvents::RoyaltiesSet(e) => {
            let royalty = |royalty: &assay_contracts::ModelRegistry::Royalty| json!({ "account": royalty.account, "share": royalty.share });
            let royalties: Vec<_> = e.royalties.iter().map(royalty).collect();
            ("ModelRegistry.RoyaltiesSet", json!({ "model_id": e.modelId, "royalties": royalties }))
        }
        ModelRegistryEvents::PriceFloorSet(e) => (
            "ModelRegistry.PriceFloorSet",
            fields!(e: "model_id" = modelId, "token" = token, "accepted" = accepted, "unit_price" = unitPrice),
        ),
        ModelRegistryEvents::MetadataSet(e) => {
            ("ModelRegistry.MetadataSet", fields!(e: "model_id" = modelId, "metadata_uri" = metadataURI))
        }
        ModelRegistryEvents::ModelTransferred(e) => {
            ("ModelRegistry.ModelTransferred", fields!(e: "model_id" = modelId, "owner" = owner))
        }
    }
}

fn job_escrow(event: &JobEscrowEvents) -> (&'static str, Value) {
    match event {
        JobEscrowEvents::OrderOpened(e) => (
            "JobEscrow.OrderOpened",
            json!({
                "order_id": e.orderId, "customer": e.customer, "model_id": e.modelId, "escrowed": e.escrowed.shown(),
                "token": e.order.token, "count": e.order.count, "inputs_root": e.order.inputsRoot,
                "unit_price": e.order.unitPrice.shown(), "deadline": e.order.deadline.shown(),
            }),
        ),
        JobEscrowEvents::OrderCancelled(e) => {
            ("JobEscrow.OrderCancelled", fields!(e: "order_id" = orderId, "refund" = refund))
        }
        JobEscrowEvents::OrderReclaimed(e) => {
            ("JobEscrow.OrderReclaimed", fields!(e: "order_id" = orderId, "refund" = refund))
        }
        JobEscrowEvents::Taken(e) => (
            "JobEscrow.Taken",
            fields!(e: "order_id" = orderId, "provider" = provider, "first" = first, "count" = count,
                "stake" = stake, "expires_at" = expiresAt),
        ),
        JobEscrowEvents::TakeExpired(e) => (
            "JobEscrow.TakeExpired",
            fields!(e: "order_id" = orderId, "provider" = provider, "first" = first, "count" = count,
                "burned" = burned),
        ),
        JobEscrowEvents::BatchCommitted(e) => (
            "JobEscrow.BatchCommitted",
            fields!(e: "order_id" = orderId, "batch_id" = batchId, "provider" = provider, "first" = first,
                "count" = count, "units" = units, "root" = root, "stake" = stake, "committed_at" = committedAt),
        ),
        JobEscrowEvents::BatchSettled(e) => (
            "JobEscrow.BatchSettled",
            fields!(e: "order_id" = orderId, "batch_id" = batchId, "accepted" = accepted, "paid" = paid,
                "fee" = fee, "royalties" = royalties, "refund" = refund),
        ),
        JobEscrowEvents::BatchForfeited(e) => (
            "JobEscrow.BatchForfeited",
            json!({
                "order_id": e.orderId, "batch_id": e.batchId, "fault": crate::state::fault(e.fault),
                "beneficiary": e.beneficiary, "refund": e.refund.shown(), "slashed": e.slashed.shown(),
                "burned": e.burned.shown(),
            }),
        ),
        JobEscrowEvents::Demanded(e) => (
            "JobEscrow.Demanded",
            fields!(e: "batch_id" = batchId, "index" = index, "demander" = demander, "fee" = fee,
                "deadline" = deadline),
        ),
        JobEscrowEvents::Supplied(e) => (
            "JobEscrow.Supplied",
            json!({
                "batch_id": e.batchId, "index": e.index, "input_hash": e.task.inputHash, "output_hash": e.task.outputHash,
                "units_before": e.task.unitsBefore.shown(), "units": e.task.units, "proof": e.task.proof,
                "input": e.input.shown(), "output": e.output.shown(),
            }),
        ),
        JobEscrowEvents::DemandRefunded(e) => (
            "JobEscrow.DemandRefunded",
            fields!(e: "batch_id" = batchId, "index" = index, "demander" = demander, "fee" = fee),
        ),
        JobEscrowEvents::DrawFunded(e) => ("JobEscrow.DrawFunded", fields!(e: "batch_id" = batchId, "amount" = amount)),
        JobEscrowEvents::EIP712DomainChanged(_) => ("JobEscrow.EIP712DomainChanged", json!({})),
    }
}

/// A field as JSON: what may exceed 64 bits is a decimal string.
trait Shown {
    fn shown(&self) -> Value;
}

macro_rules! shown {
    ($($ty:ty => $show:expr;)*) => {$(
        impl Shown for $ty {
            fn shown(&self) -> Value {
                let show: fn(&$ty) -> Value = $show;
                show(self)
            }
        }
    )*};
}

shown! {
    bool => |value| json!(value);
    u8 => |value| json!(value);
    u16 => |value| json!(value);
    u32 => |value| json!(value);
    u64 => |value| json!(value);
    String => |value| json!(value);
    u128 => |value| json!(value.to_string());
    Address => |value| json!(value);
    B256 => |value| json!(value);
    alloy::primitives::U256 => |value| json!(value.to_string());
    alloy::primitives::Bytes => |value| json!(value);
    alloy::primitives::FixedBytes<4> => |value| json!(value);
    alloy::primitives::aliases::U40 => |value| json!(value.to::<u64>());
    alloy::primitives::aliases::U48 => |value| json!(value.to::<u64>());
}
