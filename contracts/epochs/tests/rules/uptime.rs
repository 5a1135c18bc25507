use alloy::{
    primitives::{Address, B256, U256, keccak256},
    sol_types::SolValue,
};
use assay_epochs::{
    Hash, Inputs, Share, ShareTree, Uptime,
    uptime::{
        Operator, Record, Run,
        accumulators::{self, Accumulators},
        answers::{Answers, Seal, audited, evidence_tree},
        assignment::deputy,
        challenge::{Commission, LeafChallenge, ProvenRecord},
        is_silent,
        records::Verdict,
        truth::decide,
    },
};
use assay_kernels::merkle::{Tree, leaf_hash, verify};

use super::{
    nodes::descend,
    world::{Dice, inputs, many},
};

/// What each licence's checks come to, as `Uptime.challengeLicense` computes it, one after the other.
fn plain(inputs: &Inputs, truth: &Answers) -> (Vec<Hash>, u64) {
    let licenses = inputs.licenses();
    let mut commissions = vec![0; inputs.operators.len()];
    let (mut sum, mut leaves) = (0, Vec::new());
    let run = |license: u32| inputs.runs[license as usize - 1];
    let silent = |license: u32| inputs.operators[(run(license).operator - licenses - 1) as usize].silent;
    for license in 1..=licenses {
        let half = licenses / 2;
        let deputy = match license {
            _ if license <= half => license + half,
            _ if license <= 2 * half => license - half,
            _ => 0,
        };
        let mut examined = Vec::new();
        if run(license).operator != 0 && !silent(license) {
            examined.push(license);
            if deputy != 0 && run(deputy).operator != 0 && silent(deputy) {
                examined.push(deputy);
            }
        }
        let (mut assigned, mut answered, mut right, mut wrong) = (0_u32, 0_u32, 0_u32, 0_u32);
        for (of, round) in examined.iter().flat_map(|of| (0..inputs.rounds).map(move |round| (of, round))) {
            if inputs.seats() == 0 {
                continue;
            }
            let hash = keccak256((B256::from(inputs.seed), U256::from(*of), U256::from(round)).abi_encode());
            let seat = (U256::from_be_bytes(hash.0) % U256::from(inputs.seats())).to::<u32>();
            if !inputs.occupied[seat as usize] {
                continue;
            }
            assigned += 1;
            let reveal = inputs.reveals.iter().find(|reveal| reveal.operator == run(license).operator);
            let answer = reveal.map_or(0, |reveal| reveal.answers.get(round, seat));
            let is = truth.get(round, seat);
            answered += u32::from(answer != 0);
            right += u32::from(answer != 0 && is != 0 && (answer >= 2) == (is >= 2));
            wrong += u32::from(answer != 0 && is != 0 && (answer >= 2) != (is >= 2));
        }
        sum += u64::from(right) * 10_000;
        let rate = u64::from(run(license).rate);
        if run(license).operator != 0 {
            commissions[(run(license).operator - licenses - 1) as usize] += u64::from(right) * rate;
        }
        let detail = detail(assigned, answered, right, wrong, sum, root_of(&commissions));
        leaves.push(share_leaf(license, u64::from(right) * (10_000 - rate), detail));
    }
    for (number, commission) in (licenses + 1..).zip(&commissions) {
        leaves.push(share_leaf(number, *commission, root_of(&commissions)));
    }
    (leaves, sum)
}

fn detail(assigned: u32, answered: u32, right: u32, wrong: u32, sum: u64, accumulators: Hash) -> Hash {
    let encoded = (
        U256::from(assigned),
        U256::from(answered),
        U256::from(right),
        U256::from(wrong),
        U256::from(sum),
        B256::from(accumulators),
    );
    keccak256(encoded.abi_encode()).0
}

fn share_leaf(number: u32, shares: u64, detail: Hash) -> Hash {
    leaf_hash(&(number, shares, B256::from(detail)).abi_encode_packed())
}

fn root_of(commissions: &[u64]) -> Hash {
    if commissions.is_empty() {
        return [0; 32];
    }
    Tree::new(commissions.iter().map(|commission| leaf_hash(&commission.to_be_bytes())).collect()).root()
}

fn plain_truth(inputs: &Inputs) -> Answers {
    let mut truth = Answers::empty(inputs.rounds, inputs.seats());
    for (round, seat) in (0..inputs.rounds).flat_map(|round| (0..inputs.seats()).map(move |seat| (round, seat))) {
        let weight = |wanted: &[u8]| -> u32 {
            let votes = inputs.reveals.iter().filter(|reveal| inputs.voters.contains(&reveal.operator));
            let votes = votes.filter(|reveal| wanted.contains(&reveal.answers.get(round, seat)));
            votes.map(|vote| inputs.operators[(vote.operator - inputs.licenses() - 1) as usize].delegated).sum()
        };
        let (up, down, all) = (weight(&[2, 3]), weight(&[1]), weight(&[0, 1, 2, 3]));
        let is = match () {
            () if !inputs.occupied[seat as usize] => 0,
            () if up != 0 && 2 * up >= all => 2 + u8::from(weight(&[3]) >= weight(&[2])),
            () => u8::from(2 * down > all),
        };
        truth.set(round, seat, is);
    }
    truth
}

#[test]
fn epochs_are_those_of_the_plain_rule() {
    let (mut right, mut wrong, mut covered, mut offline) = (0, 0, 0, 0);
    for inputs in many() {
        let truth = plain_truth(&inputs);
        let (leaves, total) = plain(&inputs, &truth);
        offline += truth.bytes().iter().filter(|byte| **byte & 3 == 1).count();
        let epoch = Uptime::new(inputs.clone()).unwrap();
        assert_eq!(epoch.truth(), &truth);
        assert_eq!(epoch.shares().tree().leaves(), leaves);
        assert_eq!(epoch.shares().total(), total);
        assert_eq!(epoch.shares().shares().iter().map(|share| share.shares).sum::<u64>(), total, "nothing is lost");
        for license in 1..=inputs.licenses() {
            let record = epoch.record(license).unwrap();
            (right, wrong) = (right + record.right, wrong + record.wrong);
            covered += u32::from(record.assigned > inputs.rounds);
        }
    }
    // The epochs have some of everything.
    assert!(right > 500 && wrong > 50 && covered > 10 && offline > 50, "{right} {wrong} {covered} {offline}");
}

#[test]
fn truth_needs_half_of_all_weight() {
    for (weights, is) in [
        ([0, 0, 0, 0], 0),
        ([9, 0, 0, 0], 0),
        ([0, 5, 0, 5], 3),
        ([0, 5, 5, 0], 2),
        ([0, 6, 0, 5], 1),
        ([0, 5, 3, 3], 3),
        ([0, 5, 4, 3], 2),
        ([5, 0, 0, 5], 3),
        ([6, 0, 0, 5], 0),
        ([5, 5, 0, 0], 0),
        ([5, 6, 0, 0], 1),
    ] {
        assert_eq!(decide(weights), is, "{weights:?}");
    }
}

#[test]
fn silence_is_of_who_ran_licences_and_could_reveal() {
    assert!(is_silent(2, false, 1, 1, false) && is_silent(0, true, 0, 0, true));
    for (epoch, delegated, seats, revealed) in [(1, 1, 1, false), (2, 0, 1, false), (2, 1, 0, false), (2, 1, 1, true)] {
        assert!(!is_silent(epoch, false, delegated, seats, revealed));
    }
}

#[test]
fn deputies_are_half_of_all_apart() {
    let deputies = |licenses| (1..=licenses).map(|license| deputy(licenses, license)).collect::<Vec<_>>();
    assert_eq!(deputies(5), [Some(3), Some(4), Some(1), Some(2), None]);
    assert_eq!((deputies(1), deputies(2)), (vec![None], vec![Some(2), Some(1)]));
    assert_eq!((deputy(4, 0), deputy(4, 5)), (None, None));
}

#[test]
fn accumulators_added_at_once_are_those_of_one_after_the_other() {
    let mut dice = Dice::new(1);
    for operators in (1..20).chain([255, 256, 257]) {
        let mut all = Accumulators::new(operators);
        let mut commissions = vec![0; operators];
        assert_eq!(all.root(), root_of(&commissions));
        for _ in 0..3 {
            let additions: Vec<_> =
                (0..dice.roll(40)).map(|_| (dice.roll(operators as u64) as usize, dice.roll(1 << 40))).collect();
            let expected = additions.iter().map(|(operator, added)| {
                commissions[*operator] += added;
                root_of(&commissions)
            });
            assert_eq!(all.add(&additions), expected.collect::<Vec<_>>(), "{operators} operators");
        }
        assert_eq!((all.root(), all.into_commissions()), (root_of(&commissions), commissions));
    }
    assert_eq!(Accumulators::new(0).root(), [0; 32]);
}

/// The leaf that `Uptime` expects at a challenged place, after everything that it requires of the parts.
fn expected(epoch: &Uptime, posted: &ShareTree, challenge: &LeafChallenge) -> Hash {
    let (inputs, count) = (epoch.inputs(), posted.shares().len() as u64);
    let operators = inputs.operators.len() as u64;
    let proven = |part: &ProvenRecord, license: u32| {
        let record = &part.record;
        let detail =
            detail(record.assigned, record.answered, record.right, record.wrong, record.sum, record.accumulators);
        let leaf = share_leaf(license, part.share.shares, detail);
        assert!(verify(&posted.root(), count, u64::from(license) - 1, &leaf, &part.proof));
    };
    let commission = |root: &Hash, operator: u32, shown: &Commission| {
        let leaf = leaf_hash(&shown.amount.to_be_bytes());
        let place = u64::from(operator - inputs.licenses() - 1);
        assert!(verify(root, operators, place, &leaf, &shown.proof));
    };
    match challenge {
        LeafChallenge::Operator(parts) => {
            proven(&parts.last, inputs.licenses());
            commission(&parts.last.record.accumulators, parts.operator, &parts.commission);
            share_leaf(parts.operator, parts.commission.amount, parts.last.record.accumulators)
        }
        LeafChallenge::License(parts) => {
            assert_eq!(parts.truth, epoch.truth().bytes());
            let before = match &parts.before {
                Some(part) => {
                    proven(part, parts.license - 1);
                    part.record
                }
                None => {
                    assert_eq!(parts.license, 1);
                    Record { accumulators: root_of(&vec![0; operators as usize]), ..Record::default() }
                }
            };
            let (own, run) = (*epoch.record(parts.license).unwrap(), inputs.run(parts.license));
            if own.commission(run.rate) != 0 {
                assert_eq!(parts.answers, inputs.answers_of(run.operator).unwrap().bytes());
                commission(&before.accumulators, run.operator, &parts.commission);
            }
            let sum = before.sum + u64::from(own.right) * 10_000;
            let detail = detail(own.assigned, own.answered, own.right, own.wrong, sum, own.accumulators);
            share_leaf(parts.license, own.shares(run.rate), detail)
        }
    }
}

#[test]
fn every_false_leaf_is_challenged_and_no_other() {
    for inputs in many().filter(|inputs| inputs.seats() > 0) {
        let epoch = Uptime::new(inputs).unwrap();
        let honest = epoch.shares();
        for at in (0..honest.shares().len()).step_by(honest.shares().len() / 20 + 1) {
            let alter: [fn(&mut Share); 3] =
                [|share| share.shares += 1, |share| share.detail[5] ^= 1, |share| share.detail = [0; 32]];
            for (which, alter) in alter.into_iter().enumerate() {
                let mut shares = honest.shares().to_vec();
                alter(&mut shares[at]);
                // What comes after may be false as well.
                let end = if which == 1 { shares.len() } else { at + 1 };
                shares[at + 1..end].iter_mut().for_each(|share| share.detail[9] ^= 2);
                let posted = ShareTree::new(shares, honest.total());
                let (number, leaf, proof, _) = descend(honest.tree(), posted.tree());
                assert_eq!(number as usize, at + 1);
                let challenge = epoch.challenge_leaf(number, leaf, proof).unwrap();
                assert_ne!(expected(&epoch, &posted, &challenge), leaf);
            }
            let (share, proof) = honest.share(at as u32 + 1).unwrap();
            let challenge = epoch.challenge_leaf(share.number, share.hash(), proof).unwrap();
            assert_eq!(expected(&epoch, honest, &challenge), share.hash(), "an honest leaf");
        }
        assert_eq!(epoch.challenge_leaf(0, [0; 32], vec![]), None);
        assert_eq!(epoch.challenge_leaf(honest.shares().len() as u32 + 1, [0; 32], vec![]), None);
        let last = epoch.challenge_total().unwrap();
        assert_eq!((last.record.sum, last.share.number), (honest.total(), epoch.inputs().licenses()));
    }
}

#[test]
fn a_false_truth_is_challenged_at_its_first_place() {
    let epoch = Uptime::new(inputs(5, 30, 8, 6, 9)).unwrap();
    assert_eq!(epoch.challenge_truth(epoch.truth()), None);
    let mut posted = epoch.truth().clone();
    for (round, seat) in [(5, 8), (3, 1), (3, 0)] {
        posted.set(round, seat, posted.get(round, seat) ^ 1);
        let parts = epoch.challenge_truth(&posted).unwrap();
        assert_eq!((parts.round, parts.seat, &parts.truth[..]), (round, seat, posted.bytes()));
        let (voters, rounds) = (&epoch.inputs().voters, u64::from(epoch.inputs().rounds));
        assert!(voters.len() > 2 && parts.answers.len() == voters.len());
        let mut weights = [0; 4];
        for ((bytes, proof), voter) in parts.answers.iter().zip(voters) {
            let root = epoch.inputs().answers_of(*voter).unwrap().tree().root();
            assert!(verify(&root, rounds, u64::from(round), &leaf_hash(bytes), proof));
            let index = epoch.inputs().operator_index(*voter).unwrap();
            let weight = u64::from(epoch.inputs().operators[index].delegated);
            weights[usize::from(bytes[seat as usize / 4] >> (2 * (seat % 4)) & 3)] += weight;
        }
        let is = if epoch.inputs().occupied[seat as usize] { decide(weights) } else { 0 };
        assert_ne!(is, posted.get(round, seat));
    }
}

#[test]
fn answers_are_two_bits_each_and_nothing_beyond() {
    let mut answers = Answers::empty(2, 5);
    answers.set(0, 0, 3);
    answers.set(0, 4, 1);
    answers.set(1, 3, 2);
    answers.set(1, 3, 1);
    assert_eq!(answers.bytes(), [0b11, 0b01, 0b0100_0000, 0]);
    assert_eq!((answers.get(0, 4), answers.get(1, 3), answers.round(1)), (1, 1, &[0b0100_0000, 0][..]));
    assert_eq!(answers.tree().root(), Tree::new(vec![leaf_hash(&[3, 1]), leaf_hash(&[64, 0])]).root());
    assert!(Answers::from_bytes(2, 5, vec![3, 1, 64, 0]).is_some_and(|read| read == answers));
    for bytes in [vec![3, 1, 64], vec![3, 4, 64, 0], vec![3, 1, 64, 128], vec![0; 5]] {
        assert_eq!(Answers::from_bytes(2, 5, bytes), None);
    }
    assert!(Answers::from_bytes(3, 0, vec![]).is_some_and(|empty| empty.tree().leaves() == [leaf_hash(&[]); 3]));
}

#[test]
fn seals_and_audits_are_those_of_the_contract() {
    let seal = Seal {
        chain_id: 31_337,
        attestations: [7; 20],
        epoch: 3,
        operator: 9,
        answers: [1; 32],
        evidence: evidence_tree(&[vec![], vec![1; 65]]).root(),
        salt: [2; 32],
    };
    let evidence = Tree::new(vec![leaf_hash(&[]), leaf_hash(&[1; 65])]).root();
    let words = (B256::from(seal.answers), B256::from(evidence), B256::from(seal.salt));
    let place = (U256::from(31_337), Address::from([7; 20]), U256::from(3), U256::from(9));
    let encoded = (place.0, place.1, place.2, place.3, words.0, words.1, words.2).abi_encode();
    assert_eq!(seal.hash(), keccak256(encoded).0);

    let answers = &inputs(5, 30, 8, 6, 9).reveals[0].answers;
    let places = (0..6).flat_map(|round| (0..9).map(move |seat| (round, seat)));
    let up: Vec<_> = places.filter(|(round, seat)| answers.get(*round, *seat) >= 2).collect();
    let drawn = (0..9_u32).map(|at| {
        let hash = keccak256((B256::repeat_byte(4), U256::from(31), U256::from(at)).abi_encode());
        up[(U256::from_be_bytes(hash.0) % U256::from(up.len())).to::<usize>()]
    });
    assert_eq!(audited(answers, &[4; 32], 31, 9), drawn.collect::<Vec<_>>());
    assert!(audited(&Answers::empty(2, 3), &[4; 32], 31, 9).is_empty());
}

#[test]
fn an_explanation_adds_up() {
    let epoch = Uptime::new(inputs(11, 60, 5, 12, 16)).unwrap();
    let (mut covering, mut silent) = (0, 0);
    for license in 1..=60 {
        let told = epoch.explain(license).unwrap();
        let mut record = Record { sum: told.record.sum, accumulators: told.record.accumulators, ..Record::default() };
        told.checks.iter().for_each(|check| record.add(check.verdict));
        assert_eq!(record, told.record);
        assert_eq!(
            told.checks.len(),
            12 * (usize::from(told.record.assigned > 0) + usize::from(told.stood_in_for.is_some()))
        );
        for check in &told.checks {
            assert_eq!(check.verdict == Verdict::Empty, !epoch.inputs().occupied[check.seat as usize]);
            assert!(check.license == license || Some(check.license) == told.stood_in_for);
        }
        let (share, run) = (epoch.shares().shares()[license as usize - 1], epoch.inputs().run(license));
        assert_eq!((told.shares, told.total), (share.shares, epoch.shares().total()));
        let (right, rate) = (record.right, run.rate);
        let formula = told.formula();
        assert!(
            formula
                .starts_with(&format!("shares: {right} right * (10000 - {rate}) = {} of {}", told.shares, told.total))
        );
        (covering, silent) = (covering + u32::from(told.stood_in_for.is_some()), silent + u32::from(told.silent));
    }
    assert!(covering > 0 && silent > 0, "{covering} {silent}");
    assert_eq!((epoch.explain(0), epoch.explain(61)), (None, None));
}

#[test]
fn inputs_that_no_epoch_has_are_refused() {
    let good = inputs(5, 30, 8, 6, 9);
    let refused = |alter: &dyn Fn(&mut Inputs), what: &str| {
        let mut inputs = good.clone();
        alter(&mut inputs);
        let error = Uptime::new(inputs).unwrap_err().to_string();
        assert!(error.contains(what), "{error}, expected {what}");
    };
    refused(&|inputs| inputs.rounds = 65, "rounds: 65, expected 1 to 64");
    refused(&|inputs| inputs.rounds = 5, "other rounds or seats in the reveal of operator");
    refused(&|inputs| inputs.occupied = vec![true; 1025], "seats: 1025");
    refused(&|inputs| inputs.runs.clear(), "licences: 0");
    refused(
        &|inputs| inputs.operators = vec![Operator { delegated: 0, silent: false }; (1 << 16) + 1],
        "operators: 65537",
    );
    refused(&|inputs| inputs.reveals.swap(0, 1), "a reveal of operator");
    refused(&|inputs| inputs.reveals[0].operator = 30, "a reveal of operator 30");
    refused(&|inputs| inputs.reveals.last_mut().unwrap().operator = 39, "a reveal of operator 39");
    refused(&|inputs| inputs.voters[1] = inputs.voters[0], "a vote of operator");
    refused(&|inputs| inputs.voters[0] = 30, "a vote of operator 30");
    refused(&|inputs| inputs.runs[3] = Run { operator: 39, rate: 0 }, "a licence is run by operator 39");
    refused(&|inputs| inputs.runs[3].rate = 10_001, "a licence's rate: 10001, expected at most 10000");
}

#[test]
fn a_tree_of_commissions_proves_each() {
    let tree = accumulators::tree(&[3, 1, 4]);
    assert_eq!(tree.root(), root_of(&[3, 1, 4]));
    assert!(verify(&tree.root(), 3, 2, &leaf_hash(&4_u64.to_be_bytes()), &tree.proof(2)));
}
