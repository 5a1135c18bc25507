//! What node networks promise, and what histories say of their epochs. That contracts and histories agree is tested on a chain, with the
//! command.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use alloy::primitives::{Address, B256, Bytes, U256};
use assay_contracts::{
    Attestations::{self, AttestationsEvents},
    LicenseStaking::{self, LicenseStakingEvents},
    Network,
    Uptime::{self, UptimeEvents},
    deploy::{chain_network, devnet_network},
    network::{Exam, Fault, Faults, History, MAX_LICENSES, NetworkEvent, NotKnown, Roots, Seat, Terms},
};
use assay_epochs::uptime::{Operator, Run};

const LICENSES: u32 = 4;
const ALICE: u32 = LICENSES + 1;
const BOB: u32 = LICENSES + 2;

fn at(byte: u8) -> Address {
    Address::repeat_byte(byte)
}

fn history() -> History {
    history_of(LICENSES)
}

fn history_of(licenses: u32) -> History {
    History::new(&Network {
        license_staking: at(1),
        uptime: at(2),
        attestations: at(3),
        block: 0,
        code_hashes: BTreeMap::new(),
        terms: devnet_network(at(4), licenses, 0),
        pools: Vec::new(),
    })
}

/// Events by what they say.
trait Tell {
    fn tell(&mut self, event: &NetworkEvent);

    fn staking(&mut self, event: LicenseStakingEvents) {
        self.tell(&NetworkEvent::LicenseStaking(event));
    }

    fn attested(&mut self, event: AttestationsEvents) {
        self.tell(&NetworkEvent::Attestations(Box::new(event)));
    }

    /// An operator that stands from `epoch` on.
    fn register(&mut self, number: u32, epoch: u32) {
        self.staking(LicenseStakingEvents::Registered(LicenseStaking::Registered {
            number,
            account: at(number as u8),
        }));
        self.staking(LicenseStakingEvents::OfferSet(LicenseStaking::OfferSet { number, rate: 500, cap: 9 }));
        self.staking(LicenseStakingEvents::KeySet(LicenseStaking::KeySet { number, key: at(0x40), epoch }));
    }

    fn delegate(&mut self, id: u32, operator: u32, epoch: u32) {
        let (id, owner) = (U256::from(id), at(9));
        let event = LicenseStaking::LicenseDelegated { id, operator, owner, rate: 500, epoch };
        self.staking(LicenseStakingEvents::LicenseDelegated(event));
    }

    fn take_seat(&mut self, seat: u32, provider: u8, epoch: u32) {
        let (provider, key, endpoint) = (at(provider), at(provider + 1), format!("10.0.0.{provider}:9000"));
        let event = Attestations::SeatTaken { seat, provider, key, endpoint, epoch };
        self.attested(AttestationsEvents::SeatTaken(event));
    }

    fn leave_seat(&mut self, seat: u32, provider: u8, epoch: u32) {
        let event = Attestations::SeatLeft { seat, provider: at(provider), epoch, freeAt: Default::default() };
        self.attested(AttestationsEvents::SeatLeft(event));
    }

    fn reveal(&mut self, epoch: u32, operator: u32, answers: Vec<u8>) {
        let (answers, root) = (Bytes::from(answers), B256::ZERO);
        let event = Attestations::Revealed { epoch, operator, answers, answersRoot: root, evidenceRoot: root };
        self.attested(AttestationsEvents::Revealed(event));
    }

    fn seed(&mut self, epoch: u32) {
        let seed = B256::repeat_byte(epoch as u8 + 1);
        self.attested(AttestationsEvents::Seeded(Attestations::Seeded { epoch, seed }));
    }
}

impl Tell for History {
    fn tell(&mut self, event: &NetworkEvent) {
        self.apply(event);
    }
}

#[test]
fn what_is_said_in_an_epoch_holds_from_the_next_one_on() {
    let mut history = history();
    history.register(ALICE, 0);
    history.register(BOB, 2);
    assert_eq!((history.operators_in(0), history.operators_in(1), history.operators_in(2)), (1, 1, 2));

    history.delegate(1, ALICE, 1);
    history.delegate(2, ALICE, 1);
    let ended = LicenseStaking::LicenseUndelegated { id: U256::from(1), operator: ALICE, epoch: 2, freeAt: 4 };
    history.staking(LicenseStakingEvents::LicenseUndelegated(ended));
    // Sold, and delegated anew in the same epoch: the last word counts.
    history.delegate(1, BOB, 2);
    assert_eq!(history.run_in(1, 0), Run::default());
    assert_eq!(history.run_in(1, 1), Run { operator: ALICE, rate: 500 });
    assert_eq!((history.run_in(1, 2).operator, history.run_in(1, 9).operator), (BOB, BOB));
    assert_eq!(
        (history.delegated_in(0), history.delegated_in(1), history.delegated_in(2)),
        (vec![0, 0], vec![2, 0], vec![1, 1])
    );
    history.delegate(LICENSES + 1, BOB, 2);
    assert_eq!(history.delegated_in(2), [1, 1], "there is no such licence");

    history.staking(LicenseStakingEvents::KeySet(LicenseStaking::KeySet { number: ALICE, key: at(0x50), epoch: 3 }));
    let keys = |epoch| history.attesters(epoch).map(|operator| operator.key).collect::<Vec<_>>();
    assert_eq!(
        (keys(0), keys(2), keys(3)),
        (vec![at(0x40), Address::ZERO], vec![at(0x40); 2], vec![at(0x50), at(0x40)])
    );
}

#[test]
fn seats_keep_their_places_and_change_hands() {
    let mut history = history();
    history.take_seat(0, 10, 1);
    history.take_seat(1, 20, 2);
    assert_eq!((history.seats_in(0), history.seats_in(1), history.seats_in(2)), (0, 1, 2));
    history.leave_seat(0, 10, 3);
    let (seat, provider, epoch) = (1, at(20), 3);
    history.attested(AttestationsEvents::SeatKeySet(Attestations::SeatKeySet { seat, provider, key: at(77), epoch }));
    let endpoint = "there:1".to_owned();
    history.attested(AttestationsEvents::SeatEndpointSet(Attestations::SeatEndpointSet {
        seat,
        provider,
        endpoint,
        epoch,
    }));
    history.take_seat(0, 30, 4);
    assert_eq!(history.seats_in(3), 2, "an empty place stays");
    let provider_in = |epoch| history.seat_in(0, epoch).map(|seat| seat.provider);
    assert_eq!((provider_in(2), provider_in(3), provider_in(4)), (Some(at(10)), None, Some(at(30))));
    assert_eq!(history.seat_in(1, 2).unwrap().key, at(21));
    assert_eq!(history.seat_in(1, 3).unwrap(), &Seat { provider, key: at(77), endpoint: "there:1".into() });
}

#[test]
fn inputs_are_what_the_events_of_an_epoch_say() {
    let mut history = history();
    history.register(ALICE, 0);
    history.register(BOB, 0);
    history.delegate(1, ALICE, 0);
    history.delegate(2, BOB, 0);
    history.take_seat(0, 10, 0);
    assert_eq!(history.inputs(0).unwrap_err(), NotKnown::Seed(0));
    history.seed(0);
    let sealed = Attestations::Sealed { epoch: 0, operator: ALICE, seal: B256::repeat_byte(8) };
    history.attested(AttestationsEvents::Sealed(sealed));
    assert_eq!((history.seal_of(0, ALICE), history.seal_of(0, BOB)), (Some(B256::repeat_byte(8)), None));
    history.reveal(0, ALICE, vec![3; 4]);
    let vote = |operator| AttestationsEvents::Voting(Attestations::Voting { epoch: 0, place: 0, operator, weight: 1 });
    history.attested(vote(BOB));
    history.attested(vote(ALICE));
    let inputs = history.inputs(0).unwrap();
    assert_eq!(
        (inputs.seed, inputs.occupied.as_slice(), inputs.voters.as_slice()),
        ([1; 32], &[true][..], &[ALICE][..])
    );
    assert_eq!(inputs.reveals.len(), 1);
    assert_eq!(inputs.runs.iter().map(|run| run.operator).collect::<Vec<_>>(), [ALICE, BOB, 0, 0]);
    assert_eq!(inputs.operators, [Operator { delegated: 1, silent: false }; 2]);
    assert!(assay_epochs::Uptime::new(inputs).is_ok());

    // Who revealed nothing of epoch 0 is silent in epoch 2, and who is banned as long as that lasts.
    let silent = |history: &History, epoch| {
        let operators = history.inputs(epoch).unwrap().operators;
        operators.iter().map(|operator| operator.silent).collect::<Vec<_>>()
    };
    history.seed(2);
    assert_eq!(silent(&history, 2), [false, true]);
    history.reveal(1, ALICE, vec![0; 4]);
    history.reveal(1, BOB, vec![0; 4]);
    history.seed(3);
    let banned = Uptime::Banned { operator: ALICE, from: 3, until: 5 };
    history.apply(&NetworkEvent::Uptime(Box::new(UptimeEvents::Banned(banned))));
    assert_eq!((silent(&history, 2), silent(&history, 3)), (vec![false, true], vec![true, false]));
    assert!(history.is_banned(ALICE, 4) && !history.is_banned(ALICE, 5) && !history.is_banned(ALICE, 2));

    history.reveal(0, BOB, vec![3; 5]);
    assert_eq!(history.inputs(0).unwrap_err(), NotKnown::Length { epoch: 0, operator: BOB });
}

/// What follows from an epoch is computed anew when its mark is another one, and not before.
#[test]
fn the_mark_of_an_epoch_changes_with_its_inputs_alone() {
    let mut history = history();
    assert_eq!(history.mark_of(0), None);
    history.register(ALICE, 0);
    history.take_seat(0, 10, 0);
    for epoch in 0..3 {
        history.seed(epoch);
    }
    let vote = |operator| AttestationsEvents::Voting(Attestations::Voting { epoch: 1, place: 0, operator, weight: 1 });
    let banned = UptimeEvents::Banned(Uptime::Banned { operator: ALICE, from: 2, until: 5 });
    let sealed = Attestations::Sealed { epoch: 1, operator: ALICE, seal: B256::repeat_byte(8) };
    type Event<'a> = (&'a str, [bool; 3], &'a dyn Fn(&mut History));
    let events: [Event<'_>; 9] = [
        ("a delegation", [false, true, true], &|history| history.delegate(1, ALICE, 1)),
        ("a seat", [false, true, true], &|history| history.take_seat(1, 20, 1)),
        ("a vote", [false, true, false], &|history| history.attested(vote(ALICE))),
        ("a reveal", [false, true, false], &|history| history.reveal(1, ALICE, vec![0; 4])),
        ("other answers", [false, true, false], &|history| history.reveal(1, ALICE, vec![1; 4])),
        ("a reveal two epochs before", [true, false, true], &|history| history.reveal(0, ALICE, vec![0; 4])),
        ("a seal", [false; 3], &|history| history.attested(AttestationsEvents::Sealed(sealed.clone()))),
        ("a ban", [false, false, true], &|history| history.apply(&NetworkEvent::Uptime(Box::new(banned.clone())))),
        ("an operator", [false, false, true], &|history| history.register(BOB, 2)),
    ];
    for (name, expected, tell) in events {
        let marks = [0, 1, 2].map(|epoch| history.mark_of(epoch));
        tell(&mut history);
        let changed = [0, 1, 2].map(|epoch| history.mark_of(epoch as u32) != marks[epoch]);
        assert_eq!(changed, expected, "{name}");
    }
}

/// A keeper copies what is final, and adds what may be taken back, at each block.
#[test]
fn a_look_at_a_million_licences_goes_not_through_them() {
    const MANY: u32 = 1_000_000;
    let mut settled = history_of(MANY);
    let alice = MANY + 1;
    settled.register(alice, 0);
    for id in 1..=MANY {
        settled.delegate(id, alice, 0);
    }
    settled.seed(0);
    let look = |id| {
        let started = Instant::now();
        let mut history = settled.clone();
        history.delegate(id, alice, 1);
        let seen = (history.mark_of(0), history.delegated_in(0));
        drop(history);
        (started.elapsed(), seen)
    };
    let looks: Vec<_> = (0..20).map(|n| look(1 + n * 40_000)).collect();
    assert!(looks.iter().all(|(_, seen)| *seen == (settled.mark_of(0), vec![MANY])));
    let best: Duration = looks.iter().map(|(took, _)| *took).min().unwrap();
    let started = Instant::now();
    assert_eq!(settled.inputs(0).unwrap().runs.len(), MANY as usize);
    let through = started.elapsed();
    println!("a look takes {best:?}, going through all licences once {through:?}");
    assert!(best * 20 < through, "a look takes {best:?}, going through all licences once {through:?}");
}

fn fields(faults: &[Fault]) -> Vec<&str> {
    faults.iter().map(|fault| fault.field).collect()
}

#[test]
fn what_is_deployed_without_choices_can_be_promised() {
    let license = Address::repeat_byte(1);
    for terms in [chain_network(license, 100_000, 0), devnet_network(license, 1_000, 0)] {
        assert_eq!(terms.faults(), [], "{terms:?}");
    }
}

#[test]
fn every_fault_is_named_with_what_would_do() {
    let good = chain_network(Address::repeat_byte(1), 100, 0);
    let bad = Terms {
        license: Address::ZERO,
        licenses: MAX_LICENSES + 1,
        epoch_length: 0,
        exam: Exam { rounds: 65, max_seats: 0, seat_stake: 0, ..good.exam.clone() },
        faults: Faults { offline_limit: 66, offline_slash: 10_001, ..good.faults.clone() },
        roots: Roots { bond: 0, ..good.roots.clone() },
        ..good.clone()
    };
    let faults = bad.faults();
    let expected = [
        "license",
        "licenses",
        "epoch_length",
        "rounds",
        "max_seats",
        "seat_stake",
        "offline_limit",
        "offline_slash",
        "bond",
        "reveal_time",
        "window",
    ];
    assert_eq!(fields(&faults), expected);
    assert_eq!(faults[1].to_string(), format!("licenses is {}: expected 1 to {MAX_LICENSES}", MAX_LICENSES + 1));

    let short = Terms { exam: Exam { exit_delay: 3_600, ..good.exam.clone() }, ..good.clone() };
    assert_eq!(fields(&short.faults()), ["exit_delay"]);
    let slow = Terms { roots: Roots { window: good.epoch_length + 1, ..good.roots.clone() }, ..good };
    assert_eq!(fields(&slow.faults()), ["window"]);
}
