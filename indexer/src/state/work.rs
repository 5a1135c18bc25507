//! Orders, takes, batches and demands from the escrow's events, with what they add to models, providers and tokens.

use super::Change;
use crate::rows::{
    Batch, BatchStatus, ClosedBy, Demand, DemandStatus, Fault, Json, Order, OrderStatus, Provider, Royalty, Take,
    TakeStatus, Terms,
};
use alloy::primitives::{Address, B256, U256};
use assay_contracts::JobEscrow::{
    self, BatchCommitted, BatchForfeited, BatchSettled, Demanded, JobEscrowEvents, OrderOpened, Supplied, TakeExpired,
    Taken,
};

impl Change<'_> {
    pub(super) async fn job_escrow(&mut self, event: &JobEscrowEvents) -> Result<(), sqlx::Error> {
        match event {
            JobEscrowEvents::OrderOpened(event) => self.order_opened(event).await,
            JobEscrowEvents::OrderCancelled(event) => {
                self.order_closed(event.orderId, event.refund, ClosedBy::Cancelled).await
            }
            JobEscrowEvents::OrderReclaimed(event) => {
                self.order_closed(event.orderId, event.refund, ClosedBy::Reclaimed).await
            }
            JobEscrowEvents::Taken(event) => self.taken(event).await,
            JobEscrowEvents::TakeExpired(event) => self.take_expired(event).await,
            JobEscrowEvents::BatchCommitted(event) => self.batch_committed(event).await,
            JobEscrowEvents::BatchSettled(event) => self.batch_settled(event).await,
            JobEscrowEvents::BatchForfeited(event) => self.batch_forfeited(event).await,
            JobEscrowEvents::Demanded(event) => self.demanded(event).await,
            JobEscrowEvents::Supplied(event) => self.supplied(event).await,
            JobEscrowEvents::DemandRefunded(event) => {
                self.demand_ended(event.batchId, event.index, DemandStatus::Refunded).await
            }
            // What a draw was funded with is in the log.
            JobEscrowEvents::DrawFunded(_) | JobEscrowEvents::EIP712DomainChanged(_) => Ok(()),
        }
    }

    async fn order_opened(&mut self, event: &OrderOpened) -> Result<(), sqlx::Error> {
        let order = &event.order;
        self.tables.orders.insert(Order {
            order_id: event.orderId,
            position: self.origin.position,
            opened_at: self.origin.timestamp,
            transaction_hash: self.origin.transaction_hash,
            customer: order.customer,
            model_id: order.modelId,
            token: order.token,
            inputs_root: order.inputsRoot,
            count: order.count,
            unit_cap: order.unitCap,
            unit_price: order.unitPrice.into(),
            deadline: order.deadline.to(),
            terms: Json(terms(order)),
            escrowed: event.escrowed.into(),
            ..Order::default()
        });
        self.tables.tokens.entry(self.connection, (order.token,)).await?.escrowed.add(event.escrowed);
        if let Some(model) = self.tables.models.find(self.connection, (order.modelId,)).await? {
            model.orders += 1;
        }
        Ok(())
    }

    async fn order_closed(&mut self, order_id: B256, refund: U256, by: ClosedBy) -> Result<(), sqlx::Error> {
        let Some(order) = self.tables.orders.find(self.connection, (order_id,)).await? else { return Ok(()) };
        order.status = OrderStatus::Closed;
        order.closed_by = Some(by);
        order.refunded.add(refund);
        let token = order.token;
        self.tables.tokens.entry(self.connection, (token,)).await?.refunded.add(refund);
        Ok(())
    }

    async fn taken(&mut self, event: &Taken) -> Result<(), sqlx::Error> {
        self.tables.takes.insert(Take {
            order_id: event.orderId,
            first: event.first,
            position: self.origin.position,
            provider: event.provider,
            count: event.count,
            stake: event.stake.into(),
            expires_at: event.expiresAt.to(),
            ..Take::default()
        });
        self.advance(event.orderId, event.first, event.count).await?;
        self.provider(event.provider).await?.takes += 1;
        Ok(())
    }

    async fn take_expired(&mut self, event: &TakeExpired) -> Result<(), sqlx::Error> {
        if let Some(take) = self.tables.takes.find(self.connection, (event.orderId, event.first)).await? {
            take.status = TakeStatus::Expired;
            take.burned.add(event.burned);
        }
        let provider = self.provider_record(event.provider).await?;
        provider.takes_expired += 1;
        provider.slashed.add(event.burned);
        Ok(())
    }

    async fn batch_committed(&mut self, event: &BatchCommitted) -> Result<(), sqlx::Error> {
        self.advance(event.orderId, event.first, event.count).await?;
        let mut settle_window = 0;
        if let Some(order) = self.tables.orders.find(self.connection, (event.orderId,)).await? {
            order.committed += event.count;
            order.batches += 1;
            settle_window = u64::from(order.terms.settle_window);
        }
        // `takeAndCommit` announces no take of its own.
        let take = self.tables.takes.find(self.connection, (event.orderId, event.first)).await?;
        let announced = take.map(|take| take.status = TakeStatus::Committed).is_some();

        let committed_at: u64 = event.committedAt.to();
        self.tables.batches.insert(Batch {
            batch_id: event.batchId,
            position: self.origin.position,
            order_id: event.orderId,
            provider: event.provider,
            first: event.first,
            count: event.count,
            units: event.units,
            root: event.root,
            stake: event.stake.into(),
            committed_at,
            settles_at: committed_at + settle_window,
            commit_transaction: self.origin.transaction_hash,
            ..Batch::default()
        });
        let provider = self.provider(event.provider).await?;
        provider.batches += 1;
        provider.takes += u64::from(!announced);
        Ok(())
    }

    async fn batch_settled(&mut self, event: &BatchSettled) -> Result<(), sqlx::Error> {
        let origin = self.origin;
        let Some(batch) = self.tables.batches.find(self.connection, (event.batchId,)).await? else { return Ok(()) };
        batch.status = BatchStatus::Settled;
        batch.closed_at = Some(origin.timestamp);
        batch.close_transaction = Some(origin.transaction_hash);
        batch.accepted = Some(event.accepted);
        batch.paid = event.paid.into();
        batch.fee = event.fee.into();
        batch.royalties = event.royalties.into();
        batch.refund = event.refund.into();
        let (provider, count, units) = (batch.provider, batch.count, batch.units);

        let Some(order) = self.tables.orders.find(self.connection, (event.orderId,)).await? else { return Ok(()) };
        order.settled += count;
        order.paid.add(event.paid);
        order.fees.add(event.fee);
        order.royalties.add(event.royalties);
        order.refunded.add(event.refund);
        complete(order);
        let (token, model_id) = (order.token, order.model_id);

        let totals = self.tables.tokens.entry(self.connection, (token,)).await?;
        totals.paid.add(event.paid);
        totals.fees.add(event.fee);
        totals.royalties.add(event.royalties);
        totals.refunded.add(event.refund);
        if let Some(model) = self.tables.models.find(self.connection, (model_id,)).await? {
            model.tasks_settled += u64::from(count);
            model.units_settled += units;
        }
        let record = self.provider(provider).await?;
        record.batches_settled += 1;
        record.tasks_settled += u64::from(count);
        record.units_settled += units;
        self.tables.earnings.entry(self.connection, (provider, token)).await?.paid.add(event.paid);
        Ok(())
    }

    async fn batch_forfeited(&mut self, event: &BatchForfeited) -> Result<(), sqlx::Error> {
        let origin = self.origin;
        let Some(batch) = self.tables.batches.find(self.connection, (event.batchId,)).await? else { return Ok(()) };
        batch.status = BatchStatus::Forfeited;
        batch.closed_at = Some(origin.timestamp);
        batch.close_transaction = Some(origin.transaction_hash);
        batch.fault = Some(fault(event.fault));
        batch.beneficiary = Some(event.beneficiary);
        batch.refund = event.refund.into();
        batch.slashed = event.slashed.into();
        batch.burned = event.burned.into();
        let (provider, count) = (batch.provider, batch.count);

        let Some(order) = self.tables.orders.find(self.connection, (event.orderId,)).await? else { return Ok(()) };
        order.forfeited += count;
        order.refunded.add(event.refund);
        complete(order);
        let token = order.token;
        self.tables.tokens.entry(self.connection, (token,)).await?.refunded.add(event.refund);

        let record = self.provider_record(provider).await?;
        record.batches_forfeited += 1;
        record.slashed.add(event.slashed);
        Ok(())
    }

    async fn demanded(&mut self, event: &Demanded) -> Result<(), sqlx::Error> {
        self.tables.demands.insert(Demand {
            batch_id: event.batchId,
            task_index: event.index,
            position: self.origin.position,
            demander: event.demander,
            fee: event.fee.into(),
            deadline: event.deadline.to(),
            status: DemandStatus::Open,
        });
        if let Some(batch) = self.tables.batches.find(self.connection, (event.batchId,)).await? {
            batch.demands_open += 1;
        }
        Ok(())
    }

    async fn supplied(&mut self, event: &Supplied) -> Result<(), sqlx::Error> {
        self.demand_ended(event.batchId, event.index, DemandStatus::Supplied).await?;
        let Some(batch) = self.tables.batches.find(self.connection, (event.batchId,)).await? else { return Ok(()) };
        let order = self.tables.orders.peek(self.connection, (batch.order_id,)).await?;
        let demand_window = order.map_or(0, |order| u64::from(order.terms.demand_window));
        batch.settles_at = batch.settles_at.max(self.origin.timestamp + demand_window);
        Ok(())
    }

    async fn demand_ended(&mut self, batch_id: B256, index: u32, status: DemandStatus) -> Result<(), sqlx::Error> {
        if let Some(demand) = self.tables.demands.find(self.connection, (batch_id, index)).await? {
            demand.status = status;
        }
        if let Some(batch) = self.tables.batches.find(self.connection, (batch_id,)).await? {
            batch.demands_open = batch.demands_open.saturating_sub(1);
        }
        Ok(())
    }

    /// Moves an order's frontier past `[first, first + count)`.
    async fn advance(&mut self, order_id: B256, first: u32, count: u32) -> Result<(), sqlx::Error> {
        if let Some(order) = self.tables.orders.find(self.connection, (order_id,)).await? {
            order.frontier = order.frontier.max(first.saturating_add(count));
        }
        Ok(())
    }

    /// The provider's record.
    async fn provider_record(&mut self, provider: Address) -> Result<&mut Provider, sqlx::Error> {
        let position = self.origin.position;
        let record = self.tables.providers.entry(self.connection, (provider,)).await?;
        if record.position == Default::default() {
            record.position = position;
        }
        Ok(record)
    }

    /// The record of a provider that has just acted or been paid.
    async fn provider(&mut self, provider: Address) -> Result<&mut Provider, sqlx::Error> {
        let now = self.origin.timestamp;
        let record = self.provider_record(provider).await?;
        record.last_active_at = now;
        Ok(record)
    }
}

fn complete(order: &mut Order) {
    if order.status == OrderStatus::Open && order.settled + order.forfeited == order.count {
        order.status = OrderStatus::Complete;
    }
}

fn terms(order: &JobEscrow::Order) -> Terms {
    let royalty = |royalty: &JobEscrow::Royalty| Royalty { account: royalty.account, share: royalty.share };
    Terms {
        unit_bytes: order.unitBytes,
        min_batch: order.minBatch,
        take_window: order.takeWindow,
        settle_window: order.settleWindow,
        demand_window: order.demandWindow,
        demand_fee: order.demandFee.to_string(),
        stake_per_batch: order.stakePerBatch.to_string(),
        stake_per_task: order.stakePerTask.to_string(),
        verification: order.verification,
        fee_recipient: order.feeRecipient,
        fee_rate: order.feeRate,
        royalties: order.royalties.iter().map(royalty).collect(),
        salt: order.salt,
    }
}

/// Faults in the order of the contract's enum.
pub(crate) fn fault(code: u8) -> Fault {
    match code {
        0 => Fault::Withheld,
        1 => Fault::UnitsGap,
        2 => Fault::UnitsBound,
        3 => Fault::WrongUnits,
        4 => Fault::WrongInput,
        _ => Fault::Convicted,
    }
}
