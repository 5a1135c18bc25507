//! What seats lock, what their providers lost of it, and when what thaws comes free: what events say beside the history.

use alloy::primitives::{Address, B256};
use assay_contracts::{
    Attestations::AttestationsEvents, LicenseStaking::LicenseStakingEvents, Network, network::NetworkEvent,
};
use std::collections::HashMap;

/// A provider's stake in a seat that it holds or has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Locked {
    pub(crate) provider: Address,
    pub(crate) seat: u32,
    /// What is left of it.
    pub(crate) stake: u128,
    /// From which epoch on it sits there no more, and when the stake can be released; `None` while it stays.
    pub(crate) left: Option<(u32, u64)>,
}

/// A penalty that a provider paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Penalty {
    pub(crate) seat: u32,
    pub(crate) provider: Address,
    pub(crate) amount: u128,
    /// Of it, what whoever showed the fault was paid. The rest was burned.
    pub(crate) reward: u128,
    pub(crate) to: Address,
    /// When (Unix seconds).
    pub(crate) at: u64,
    pub(crate) transaction: B256,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stakes {
    locked: HashMap<Address, Locked>,
    penalties: Vec<Penalty>,
    /// By licence: the epochs from which on nobody runs it, and from which on whoever ended that may delegate it anew.
    thawing: HashMap<u32, (u32, u32)>,
}

impl Stakes {
    /// Takes in an event in the order of the chain, with its block's time.
    pub(super) fn apply(&mut self, network: &Network, event: &NetworkEvent, at: u64, transaction: B256) {
        match event {
            NetworkEvent::Attestations(event) => self.attested(network, event, at, transaction),
            NetworkEvent::LicenseStaking(LicenseStakingEvents::LicenseUndelegated(event)) => {
                // Who bought the licence, and had the delegation ended, waits for nothing.
                self.thawing.insert(event.id.saturating_to(), (event.epoch, event.freeAt.max(event.epoch)));
            }
            NetworkEvent::LicenseStaking(LicenseStakingEvents::LicenseDelegated(event)) => {
                self.thawing.remove(&event.id.saturating_to());
            }
            _ => {}
        }
    }

    fn attested(&mut self, network: &Network, event: &AttestationsEvents, at: u64, transaction: B256) {
        match event {
            AttestationsEvents::SeatTaken(event) => {
                let (provider, seat, stake) = (event.provider, event.seat, network.terms.exam.seat_stake);
                self.locked.insert(provider, Locked { provider, seat, stake, left: None });
            }
            AttestationsEvents::SeatLeft(event) => {
                if let Some(locked) = self.locked.get_mut(&event.provider) {
                    locked.left = Some((event.epoch, event.freeAt.to()));
                }
            }
            AttestationsEvents::SeatReleased(event) => {
                self.locked.remove(&event.provider);
            }
            AttestationsEvents::SeatPenalised(event) => {
                let (seat, provider, to) = (event.seat, event.provider, event.to);
                let [amount, reward] = [event.amount, event.reward].map(|amount| amount.saturating_to());
                self.penalties.push(Penalty { seat, provider, amount, reward, to, at, transaction });
                let rest = self.locked.get_mut(&provider).map(|locked| {
                    locked.stake = locked.stake.saturating_sub(amount);
                    locked.stake
                });
                // Of a seat that has lost everything nothing comes free.
                if rest == Some(0) {
                    self.locked.remove(&provider);
                }
            }
            _ => {}
        }
    }

    /// What a provider has locked.
    pub(crate) fn of(&self, provider: Address) -> Option<&Locked> {
        self.locked.get(&provider)
    }

    /// Who left a seat and has stake there still, who leaves last first.
    pub(crate) fn leaving(&self, seat: u32) -> Vec<&Locked> {
        let mut leaving: Vec<_> =
            self.locked.values().filter(|locked| locked.seat == seat && locked.left.is_some()).collect();
        leaving.sort_by_key(|locked| (std::cmp::Reverse(locked.left), locked.provider));
        leaving
    }

    /// Penalties paid in a seat, newest first.
    pub(crate) fn penalties(&self, seat: u32) -> impl Iterator<Item = &Penalty> {
        self.penalties.iter().rev().filter(move |penalty| penalty.seat == seat)
    }

    /// Since when nobody runs a licence whose delegation was ended, and from which epoch on whoever did so may delegate it anew.
    pub(crate) fn thawing(&self, license: u32) -> Option<(u32, u32)> {
        self.thawing.get(&license).copied()
    }
}
