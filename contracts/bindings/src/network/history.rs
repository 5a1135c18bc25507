//! What a network's events say, epoch by epoch.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use alloy::{
    primitives::{Address, B256, Bytes, keccak256},
    sol_types::SolValue,
};
use assay_epochs::uptime::{Inputs, Operator, Reveal, Run, answers::Answers, is_silent};

use super::{Network, NetworkEvent, Postings, shared::SharedVec};
use crate::{Attestations::AttestationsEvents, LicenseStaking::LicenseStakingEvents, Uptime::UptimeEvents};

/// A value that changes with epochs: it holds from an epoch on, until another does.
#[derive(Clone, Debug)]
struct Timeline<T>(Vec<(u32, T)>);

impl<T> Default for Timeline<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Timeline<T> {
    /// Epochs never fall. What is said twice of an epoch holds as it was said last.
    fn set(&mut self, epoch: u32, value: T) {
        match self.0.last_mut() {
            Some((last, held)) if *last == epoch => *held = value,
            _ => self.0.push((epoch, value)),
        }
    }

    fn at(&self, epoch: u32) -> Option<&T> {
        let until = self.0.partition_point(|(from, _)| *from <= epoch);
        self.0[..until].last().map(|(_, value)| value)
    }

    /// What holds from the last change on.
    fn last(&self) -> Option<&T> {
        self.0.last().map(|(_, value)| value)
    }
}

/// A provider's seat in an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Who holds it.
    pub provider: Address,
    /// Whose signatures are its word.
    pub key: Address,
    /// Where it answers.
    pub endpoint: String,
}

/// An operator as it offers itself, and who attests for it in an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attester {
    /// Its number.
    pub number: u32,
    /// Who registered.
    pub account: Address,
    /// What it keeps of licences that are delegated now, in basis points.
    pub rate: u16,
    /// Licences that it takes on.
    pub cap: u32,
    /// The key that attests in the epoch; zero: none.
    pub key: Address,
}

/// An operator over time.
#[derive(Clone, Debug, Default)]
struct Registration {
    account: Address,
    rate: u16,
    cap: u32,
    /// Set with the registration, so that it counts from the first of them on.
    keys: Timeline<Address>,
    /// Until which epoch a ban that begins with one lasts.
    bans: Timeline<u32>,
    /// How many bans there were.
    banned: u32,
    /// Licences that it runs.
    delegated: Timeline<u32>,
}

/// What was said of one epoch.
#[derive(Clone, Debug, Default)]
struct Epoch {
    seed: Option<B256>,
    seals: HashMap<u32, B256>,
    reveals: BTreeMap<u32, Bytes>,
    /// By place of the list.
    voters: BTreeMap<u32, u32>,
    /// Stands for all of it but the seals.
    mark: B256,
}

/// Stands for everything that [`History::inputs`] of an epoch says: where it is the same, that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark([B256; 3]);

/// Makes a mark stand for one thing more.
fn extend(mark: &mut B256, said: impl SolValue) {
    *mark = keccak256((*mark, keccak256(said.abi_encode())).abi_encode());
}

/// An epoch of which not everything is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotKnown {
    /// Its seed was not drawn.
    #[error("the seed of epoch {0} is not drawn")]
    Seed(u32),
    /// It can be revealed still.
    #[error("answers of epoch {0} can still be revealed")]
    Answers(u32),
    /// An event says what the contracts would have refused.
    #[error("what operator {operator} revealed of epoch {epoch} has another length than the epoch's answers")]
    Length {
        /// The epoch.
        epoch: u32,
        /// The operator.
        operator: u32,
    },
}

/// Everything that a network's events say of operators, delegations, seats and answers.
///
/// Apply every event in the order of the chain. What holds in an epoch that has begun never changes by later events, so one history
/// answers for all epochs; answers of an epoch are whole when its time for revealing is over, which the chain's clock decides.
///
/// A copy is cheap, however many licences there are.
#[derive(Clone, Debug)]
pub struct History {
    licenses: u32,
    rounds: u32,
    operators: SharedVec<Registration>,
    /// By licence, from number 1 on; as far as any was delegated.
    runs: SharedVec<Timeline<Run>>,
    seats: SharedVec<Timeline<Option<Seat>>>,
    epochs: BTreeMap<u32, Arc<Epoch>>,
    /// Stands for all that is said of operators, runs and seats.
    mark: Timeline<B256>,
    /// By operator and epoch: wrong answers that are left of each strike.
    strikes: BTreeMap<(u32, u32), u32>,
    uptime: Postings,
    pools: HashMap<Address, Postings>,
}

impl History {
    /// Nothing yet.
    pub fn new(network: &Network) -> Self {
        Self {
            licenses: network.terms.licenses,
            rounds: network.terms.exam.rounds.into(),
            operators: SharedVec::default(),
            runs: SharedVec::default(),
            seats: SharedVec::default(),
            epochs: BTreeMap::new(),
            mark: Timeline::default(),
            strikes: BTreeMap::new(),
            uptime: Postings::new(network.terms.roots.answer_time),
            pools: network
                .pools
                .iter()
                .map(|pool| (pool.address, Postings::new(pool.terms.roots.answer_time)))
                .collect(),
        }
    }

    /// Wrong answers that are left of each strike after all appeals, by operator and epoch. Which of them led to a ban is the contract's to
    /// say.
    pub fn strikes(&self) -> &BTreeMap<(u32, u32), u32> {
        &self.strikes
    }

    /// How often an operator was banned.
    pub fn bans_of(&self, number: u32) -> u32 {
        self.operator(number).map_or(0, |operator| operator.banned)
    }

    /// What was posted of everybody's shares.
    pub fn uptime(&self) -> &Postings {
        &self.uptime
    }

    /// What was posted of a pool of the network.
    pub fn pool(&self, address: Address) -> Option<&Postings> {
        self.pools.get(&address)
    }

    /// Takes in the next event.
    pub fn apply(&mut self, event: &NetworkEvent) {
        match event {
            NetworkEvent::LicenseStaking(event) => self.licenses(event),
            NetworkEvent::Attestations(event) => self.attestations(event),
            NetworkEvent::Uptime(event) => {
                match &**event {
                    UptimeEvents::Banned(event) => self.ban(event.operator, event.from, event.until),
                    UptimeEvents::Struck(event) => {
                        self.strikes.insert((event.operator, event.epoch), event.wrong);
                    }
                    UptimeEvents::Appealed(event) => {
                        self.strikes.insert((event.operator, event.epoch), event.wrong);
                    }
                    _ => {}
                }
                self.uptime.uptime(event);
            }
            NetworkEvent::EpochRewards(pool, event) => {
                if let Some(postings) = self.pools.get_mut(pool) {
                    postings.rewards(event);
                }
            }
        }
    }

    fn licenses(&mut self, event: &LicenseStakingEvents) {
        match event {
            LicenseStakingEvents::Registered(event) => {
                self.operators.push(Registration { account: event.account, ..Registration::default() });
            }
            LicenseStakingEvents::OfferSet(event) => {
                if let Some(operator) = self.operator_mut(event.number) {
                    (operator.rate, operator.cap) = (event.rate, event.cap);
                }
            }
            LicenseStakingEvents::KeySet(event) => {
                if let Some(operator) = self.operator_mut(event.number) {
                    operator.keys.set(event.epoch, event.key);
                    self.note(event.epoch, ("key", event.number));
                }
            }
            LicenseStakingEvents::LicenseDelegated(event) => {
                self.run(event.id.saturating_to(), event.epoch, Run { operator: event.operator, rate: event.rate });
            }
            LicenseStakingEvents::LicenseUndelegated(event) => {
                self.run(event.id.saturating_to(), event.epoch, Run::default());
            }
        }
    }

    fn attestations(&mut self, event: &AttestationsEvents) {
        match event {
            AttestationsEvents::SeatTaken(event) => {
                let seat = Seat { provider: event.provider, key: event.key, endpoint: event.endpoint.clone() };
                self.seat(event.seat, event.epoch, Some(seat));
            }
            AttestationsEvents::SeatKeySet(event) => {
                self.change_seat(event.seat, event.epoch, |seat| seat.key = event.key);
            }
            AttestationsEvents::SeatEndpointSet(event) => {
                self.change_seat(event.seat, event.epoch, |seat| seat.endpoint.clone_from(&event.endpoint));
            }
            AttestationsEvents::SeatLeft(event) => self.seat(event.seat, event.epoch, None),
            AttestationsEvents::Seeded(event) => {
                let epoch = self.epoch(event.epoch);
                epoch.seed = Some(event.seed);
                extend(&mut epoch.mark, ("seed", event.seed));
            }
            AttestationsEvents::Sealed(event) => {
                self.epoch(event.epoch).seals.insert(event.operator, event.seal);
            }
            AttestationsEvents::Revealed(event) => {
                let epoch = self.epoch(event.epoch);
                epoch.reveals.insert(event.operator, event.answers.clone());
                extend(&mut epoch.mark, ("reveal", event.operator, keccak256(&event.answers)));
            }
            AttestationsEvents::Voting(event) => {
                let epoch = self.epoch(event.epoch);
                epoch.voters.insert(event.place, event.operator);
                extend(&mut epoch.mark, ("voter", event.place, event.operator));
            }
            AttestationsEvents::Begun(_)
            | AttestationsEvents::SeatReleased(_)
            | AttestationsEvents::SeatPenalised(_)
            | AttestationsEvents::EIP712DomainChanged(_) => {}
        }
    }

    fn epoch(&mut self, epoch: u32) -> &mut Epoch {
        Arc::make_mut(self.epochs.entry(epoch).or_default())
    }

    fn place_of(&self, number: u32) -> Option<usize> {
        Some(number.checked_sub(self.licenses)?.checked_sub(1)? as usize)
    }

    fn operator(&self, number: u32) -> Option<&Registration> {
        self.operators.get(self.place_of(number)?)
    }

    fn operator_mut(&mut self, number: u32) -> Option<&mut Registration> {
        self.operators.get_mut(self.place_of(number)?)
    }

    /// Something that inputs follow from holds from an epoch on.
    fn note(&mut self, epoch: u32, said: impl SolValue) {
        let mut mark = self.mark.last().copied().unwrap_or_default();
        extend(&mut mark, said);
        self.mark.set(epoch, mark);
    }

    fn ban(&mut self, number: u32, from: u32, until: u32) {
        if let Some(operator) = self.operator_mut(number) {
            operator.bans.set(from, until);
            operator.banned += 1;
            self.note(from, ("ban", number, until));
        }
    }

    fn run(&mut self, license: u32, epoch: u32, run: Run) {
        // A collection has no other ids; whatever else an event names counts nowhere.
        let Some(place) = license.checked_sub(1).filter(|place| *place < self.licenses) else { return };
        let timeline = self.runs.grown_to(place as usize);
        let before = timeline.last().copied().unwrap_or_default();
        timeline.set(epoch, run);
        self.count(before.operator, epoch, |delegated| delegated.saturating_sub(1));
        self.count(run.operator, epoch, |delegated| delegated + 1);
        self.note(epoch, ("run", license, run.operator, run.rate));
    }

    fn count(&mut self, operator: u32, epoch: u32, change: impl FnOnce(u32) -> u32) {
        if let Some(operator) = self.operator_mut(operator) {
            let delegated = operator.delegated.last().copied().unwrap_or_default();
            operator.delegated.set(epoch, change(delegated));
        }
    }

    fn seat(&mut self, seat: u32, epoch: u32, holder: Option<Seat>) {
        self.note(epoch, ("seat", seat, holder.is_some()));
        self.seats.grown_to(seat as usize).set(epoch, holder);
    }

    fn change_seat(&mut self, seat: u32, epoch: u32, change: impl FnOnce(&mut Seat)) {
        if let Some(mut holder) = self.seat_in(seat, epoch).cloned() {
            change(&mut holder);
            self.seat(seat, epoch, Some(holder));
        }
    }

    /// Who holds a seat in an epoch.
    pub fn seat_in(&self, seat: u32, epoch: u32) -> Option<&Seat> {
        self.seats.get(seat as usize)?.at(epoch)?.as_ref()
    }

    /// Seats of an epoch, empty ones included.
    pub fn seats_in(&self, epoch: u32) -> u32 {
        // A new place is taken when all others are, so those that exist come first.
        self.seats.iter().take_while(|seat| seat.at(epoch).is_some()).count() as u32
    }

    /// Operators that stand in an epoch: who registered before it began.
    pub fn operators_in(&self, epoch: u32) -> u32 {
        self.operators.iter().take_while(|operator| operator.keys.at(epoch).is_some()).count() as u32
    }

    /// All operators, with the keys that they attest with in an epoch.
    pub fn attesters(&self, epoch: u32) -> impl Iterator<Item = Attester> + '_ {
        (self.licenses + 1..).zip(self.operators.iter()).map(move |(number, operator)| Attester {
            number,
            account: operator.account,
            rate: operator.rate,
            cap: operator.cap,
            key: operator.keys.at(epoch).copied().unwrap_or_default(),
        })
    }

    /// Who runs a licence in an epoch.
    pub fn run_in(&self, license: u32, epoch: u32) -> Run {
        let timeline = license.checked_sub(1).and_then(|place| self.runs.get(place as usize));
        timeline.and_then(|timeline| timeline.at(epoch)).copied().unwrap_or_default()
    }

    /// Licences that each operator runs in an epoch, by its place.
    pub fn delegated_in(&self, epoch: u32) -> Vec<u32> {
        self.operators.iter().map(|operator| operator.delegated.at(epoch).copied().unwrap_or_default()).collect()
    }

    /// Whether an operator is banned in an epoch.
    pub fn is_banned(&self, number: u32, epoch: u32) -> bool {
        self.operator(number).and_then(|operator| operator.bans.at(epoch)).is_some_and(|until| *until > epoch)
    }

    /// The seed of an epoch, once it is drawn.
    pub fn seed_of(&self, epoch: u32) -> Option<B256> {
        self.epochs.get(&epoch)?.seed
    }

    /// What an operator sealed of an epoch last.
    pub fn seal_of(&self, epoch: u32, operator: u32) -> Option<B256> {
        self.epochs.get(&epoch)?.seals.get(&operator).copied()
    }

    /// Whether an operator revealed its answers of an epoch.
    pub fn has_revealed(&self, epoch: u32, operator: u32) -> bool {
        self.epochs.get(&epoch).is_some_and(|said| said.reveals.contains_key(&operator))
    }

    /// What [`Self::inputs`] of an epoch can be told by, without looking at every licence. `None` while the epoch's seed is not drawn.
    pub fn mark_of(&self, epoch: u32) -> Option<Mark> {
        let said = self.epochs.get(&epoch).filter(|said| said.seed.is_some())?;
        // Who revealed nothing two epochs before is silent.
        let before = epoch.checked_sub(2).and_then(|before| self.epochs.get(&before));
        let standing = self.mark.at(epoch).copied().unwrap_or_default();
        Some(Mark([said.mark, before.map_or(B256::ZERO, |before| before.mark), standing]))
    }

    /// Operators whose answers make the truth of an epoch, so far, by their places.
    pub fn voters_in(&self, epoch: u32) -> impl Iterator<Item = u32> + '_ {
        self.epochs.get(&epoch).into_iter().flat_map(|said| said.voters.values().copied())
    }

    /// Operators that revealed their answers of an epoch, so far.
    pub fn revealed_in(&self, epoch: u32) -> impl Iterator<Item = u32> + '_ {
        self.epochs.get(&epoch).into_iter().flat_map(|said| said.reveals.keys().copied())
    }

    /// Everything that the epoch's shares follow from, by the events that were applied. Whole once its time for revealing is over.
    ///
    /// # Errors
    /// When its seed is not drawn.
    pub fn inputs(&self, epoch: u32) -> Result<Inputs, NotKnown> {
        let said = self.epochs.get(&epoch).ok_or(NotKnown::Seed(epoch))?;
        let seed = said.seed.ok_or(NotKnown::Seed(epoch))?;
        let seats = self.seats_in(epoch);
        let reveal = |(&operator, answers): (&u32, &Bytes)| {
            let answers = Answers::from_bytes(self.rounds, seats, answers.to_vec());
            let answers = answers.ok_or(NotKnown::Length { epoch, operator })?;
            Ok(Reveal { operator, answers })
        };
        Ok(Inputs {
            epoch,
            seed: seed.0,
            rounds: self.rounds,
            occupied: (0..seats).map(|seat| self.seat_in(seat, epoch).is_some()).collect(),
            operators: self.standing(epoch),
            reveals: said.reveals.iter().map(reveal).collect::<Result<_, _>>()?,
            voters: said.voters.values().copied().collect(),
            runs: (1..=self.licenses).map(|license| self.run_in(license, epoch)).collect(),
        })
    }

    /// The operators of an epoch, with their weight and whether they are silent.
    fn standing(&self, epoch: u32) -> Vec<Operator> {
        let before = epoch.checked_sub(2);
        let delegated_before = before.map_or(Vec::new(), |before| self.delegated_in(before));
        let seats_before = before.map_or(0, |before| self.seats_in(before));
        let operator = |(number, (place, delegated)): (u32, (usize, u32))| {
            let ran = delegated_before.get(place).copied().unwrap_or_default();
            let revealed = before.is_some_and(|before| self.has_revealed(before, number));
            let silent = is_silent(epoch, self.is_banned(number, epoch), ran, seats_before, revealed);
            Operator { delegated, silent }
        };
        let delegated = self.delegated_in(epoch).into_iter().take(self.operators_in(epoch) as usize);
        (self.licenses + 1..).zip(delegated.enumerate()).map(operator).collect()
    }
}
