use alloy::primitives::U256;
use assay_epochs::{
    Rewards, Share, ShareTree,
    rewards::{Posted, Schedule, budget, challenge, earned, leaf},
};
use assay_kernels::merkle::{Tree, verify};
use proptest::prelude::*;

use super::nodes::descend;

const SCHEDULE: Schedule = Schedule { cap: 1_000, first: 100, halving: 4 };

fn tree(shares: &[u64]) -> ShareTree {
    let share = |(number, shares): (u32, &u64)| Share { number, shares: *shares, detail: [number as u8; 32] };
    ShareTree::new((1..).zip(shares).map(share).collect(), shares.iter().sum())
}

#[test]
fn a_schedule_halves_and_ends_at_its_cap() {
    let emitted = |schedule: &Schedule, epochs: &[u32]| epochs.iter().map(|e| schedule.during(*e)).collect::<Vec<_>>();
    assert_eq!(emitted(&SCHEDULE, &[0, 3, 4, 7, 8, 24, 28, 1_000_000]), [100, 100, 50, 50, 25, 1, 0, 0]);
    let linear = Schedule { halving: 0, ..SCHEDULE };
    assert_eq!(emitted(&linear, &[0, 9, 10]), [100, 100, 0]);
    let short = Schedule { cap: 430, ..SCHEDULE };
    assert_eq!(emitted(&short, &[3, 4, 5, u32::MAX]), [100, 30, 0, 0]);
    let large = Schedule { cap: (1 << 92) - 1, first: (1 << 96) - 1, halving: u32::MAX };
    assert_eq!(emitted(&large, &[0, 1, u32::MAX]), [(1 << 92) - 1, 0, 0]);
}

#[test]
fn a_budget_takes_what_came_back_and_what_nobody_earned() {
    let posted = |budget, returned, skipped| Posted { budget, returned, skipped };
    let none = Posted::default();
    assert_eq!(budget(&SCHEDULE, 0, &posted(9, 9, true), &posted(9, 9, true)), 100, "nothing was before");
    assert_eq!(budget(&SCHEDULE, 1, &posted(100, 7, false), &posted(0, 5, false)), 107);
    assert_eq!(budget(&SCHEDULE, 2, &posted(107, 12, true), &posted(100, 7, false)), 100 + 5 + 107);
    // What came back is counted modulo 2^96.
    let max = (1 << 96) - 1;
    assert_eq!(budget(&SCHEDULE, 4, &posted(0, 2, false), &posted(0, max, false)), 50 + 3);
    assert_eq!(budget(&SCHEDULE, 4, &none, &none), 50);
}

#[test]
fn leaves_are_the_number_and_the_cumulative_reward() {
    let mut bytes = [0; 16];
    (bytes[3], bytes[15]) = (7, 9);
    assert_eq!(leaf(7, 9), assay_kernels::merkle::leaf_hash(&bytes));
    let rewards = Rewards::new(&[5, 6], 100, &tree(&[1, 0, 2]));
    assert_eq!(rewards.cumulative(), [5 + 33, 6, 66], "a new beneficiary had nothing");
    assert_eq!(rewards.tree().leaves(), [leaf(1, 38), leaf(2, 6), leaf(3, 66)]);
    assert_eq!(rewards.claim(3), Some((66, rewards.tree().proof(2))));
    assert_eq!((rewards.claim(0), rewards.claim(4)), (None, None));
    assert_eq!(Rewards::new(&[5, 6], 100, &tree(&[0, 0])).cumulative(), [5, 6], "nobody has shares");
}

proptest! {
    #[test]
    fn earned_is_the_product_by_the_total(budget in 0_u128..1 << 100, shares: u64, total: u64) {
        let expected = match total {
            0 => U256::ZERO,
            _ => U256::from(budget) * U256::from(shares) / U256::from(total) % (U256::from(1) << 96),
        };
        prop_assert_eq!(U256::from(earned(budget, shares, total)), expected);
    }

    #[test]
    fn what_all_earn_is_at_most_the_budget(
        budgets in prop::collection::vec(0_u128..1 << 92, 1..5),
        parts in prop::collection::vec(prop::collection::vec(0_u64..1 << 50, 1..60), 5),
    ) {
        let mut last: Vec<u128> = Vec::new();
        for (budget, shares) in budgets.into_iter().zip(parts) {
            // Their number never falls.
            let shares: Vec<_> = (0..shares.len().max(last.len())).map(|at| shares.get(at).copied().unwrap_or(0)).collect();
            let next = Rewards::new(&last, budget, &tree(&shares));
            let (sum, before) = (next.cumulative().iter().sum::<u128>(), last.iter().sum::<u128>());
            prop_assert!(sum - before <= budget);
            prop_assert!(shares.iter().all(|shares| *shares == 0) || sum - before + shares.len() as u128 > budget);
            last = next.cumulative().to_vec();
        }
    }

    /// As `EpochRewards.challenge` does it.
    #[test]
    fn what_is_altered_is_challenged_and_nothing_else(
        shares in prop::collection::vec(0_u64..1_000, 1..600),
        known in 0_usize..600,
        pick in any::<prop::sample::Index>(),
        by in 1_u128..1_000,
    ) {
        let (shares, budget) = (tree(&shares), 1_000_000_007);
        let count = shares.shares().len();
        let previous = Rewards::from_cumulative((0..known.min(count) as u128).map(|at| 3 * at).collect());
        let honest = Rewards::new(previous.cumulative(), budget, &shares);
        let mut wrong = honest.cumulative().to_vec();
        let at = pick.index(count);
        wrong[at] += by;
        let posted = Rewards::from_cumulative(wrong);

        let (number, leaf_found, proof, _) = descend(honest.tree(), posted.tree());
        let parts = challenge(&shares, Some(&previous), number, leaf_found, proof).unwrap();
        prop_assert!(expected(&shares, &previous, budget, &parts)? != parts.leaf);
        prop_assert!(verify(&posted.root(), count as u64, at as u64, &parts.leaf, &parts.proof));

        let (stands, proof) = (honest.tree().leaves()[at], honest.tree().proof(at));
        let parts = challenge(&shares, Some(&previous), number, stands, proof).unwrap();
        prop_assert_eq!(expected(&shares, &previous, budget, &parts)?, parts.leaf);
    }
}

/// The leaf that should be there, after what the contract requires of the parts.
fn expected(
    shares: &ShareTree,
    previous: &Rewards,
    budget: u128,
    parts: &assay_epochs::rewards::Challenge,
) -> Result<[u8; 32], TestCaseError> {
    let (number, count) = (parts.share.number, shares.shares().len() as u64);
    let place = u64::from(number) - 1;
    prop_assert!(verify(&shares.root(), count, place, &parts.share.hash(), &parts.share_proof));
    let before: &Tree = previous.tree();
    if u64::from(number) > before.len() as u64 {
        prop_assert!(parts.previous == 0 && parts.previous_proof.is_empty());
    } else {
        let stands = leaf(number, parts.previous);
        prop_assert!(verify(&previous.root(), before.len() as u64, place, &stands, &parts.previous_proof));
    }
    let gain =
        if shares.total() == 0 { 0 } else { budget * u128::from(parts.share.shares) / u128::from(shares.total()) };
    Ok(leaf(number, parts.previous + gain))
}
