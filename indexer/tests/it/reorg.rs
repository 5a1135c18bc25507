//! Reorganisations under random traffic: the tables end as if the final chain had been the only one.

use crate::{
    life::compare,
    world::{Committed, World, assert_same},
};
use alloy::{primitives::U256, providers::Provider};
use assay_contracts::JobEscrow::Order;

/// A small generator of repeatable choices (SplitMix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub(crate) fn roll(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// What the traffic has done; much of it may have been reorganised away, and then later moves fail, as they would for people.
#[derive(Default)]
pub(crate) struct Traffic {
    orders: Vec<(Order, u32)>,
    batches: Vec<Committed>,
    salt: u64,
}

impl Traffic {
    /// One random move.
    pub(crate) async fn act(&mut self, world: &World, dice: &mut Dice) {
        let provider = world.providers[dice.roll(2) as usize];
        match dice.roll(10) {
            0 | 1 => {
                self.salt += 1;
                let order = world.terms(1 + dice.roll(9) as u32, 1_000 + self.salt).await;
                world.may(world.customer, world.escrow.open(order.clone()).into_transaction_request()).await;
                self.orders.push((order, 0));
            }
            2..=4 => self.work(world, dice).await,
            5 | 6 => {
                if let Some(batch) = self.some_batch(dice) {
                    world.accept(&batch).await;
                }
            }
            7 => {
                if let Some(batch) = self.some_batch(dice) {
                    let index = batch.batch.first + dice.roll(u64::from(batch.batch.count)) as u32;
                    world.demand(&batch, index).await;
                    world.anvil.increase_time(dice.roll(80)).await;
                    world.forfeit(&batch, index).await;
                }
            }
            8 => {
                let stake = world.staking.thaw(world.suite.job_escrow, U256::from(1 + dice.roll(50)));
                world.may(provider, stake.into_transaction_request()).await;
            }
            _ => {
                let deposit = world.ledger.depositNative(provider).value(U256::from(1 + dice.roll(1_000)));
                world.may(world.customer, deposit.into_transaction_request()).await;
            }
        }
    }

    async fn work(&mut self, world: &World, dice: &mut Dice) {
        let provider = world.providers[dice.roll(2) as usize];
        let Some(at) = self.orders.len().checked_sub(1) else { return };
        let (order, done) = self.orders[at - dice.roll(at as u64 + 1) as usize].clone();
        if done == order.count {
            return;
        }
        let count = 1 + dice.roll(u64::from(order.count - done)) as u32;
        let at_once = dice.roll(2) == 0;
        if !at_once && (!world.take(provider, &order, done, count).await || dice.roll(4) == 0) {
            return;
        }
        let Some(batch) = world.commit(provider, &order, done, count, at_once).await else { return };
        self.batches.push(batch);
        if let Some(entry) = self.orders.iter_mut().find(|(known, _)| known.salt == order.salt) {
            entry.1 += count;
        }
    }

    fn some_batch(&self, dice: &mut Dice) -> Option<Committed> {
        let count = self.batches.len() as u64;
        (count > 0).then(|| self.batches[dice.roll(count) as usize].clone())
    }
}

async fn storm(seed: u64) {
    let world = World::new().await;
    let indexer = world.index("storm").await;
    let (mut dice, mut traffic) = (Dice::new(seed), Traffic::default());
    let genesis = world.provider.get_block_number().await.unwrap();
    for _ in 0..4 {
        for _ in 0..10 + dice.roll(10) {
            traffic.act(&world, &mut dice).await;
        }
        // Sometimes the indexer has seen it all, sometimes it is in the midst of it.
        if dice.roll(2) == 0 {
            world.synced(&indexer).await;
        }
        let head = world.provider.get_block_number().await.unwrap();
        world.anvil.reorg((1 + dice.roll(20)).min(head - genesis)).await;
        if dice.roll(2) == 0 {
            traffic.act(&world, &mut dice).await;
        }
    }
    world.synced(&indexer).await;
    compare(&world, &indexer).await;
    let fresh = world.index("fresh").await;
    world.synced(&fresh).await;
    assert_same(&indexer.config.database, &fresh.config.database, &format!("seed {seed}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reorganisations_leave_nothing_behind_seed_1() {
    storm(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reorganisations_leave_nothing_behind_seed_2() {
    storm(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reorganisations_leave_nothing_behind_seed_3() {
    storm(3).await;
}
