//! Whether an order suits the provider's own policy. Pure: the same terms, policy and time give the same answer.

use std::fmt;

use alloy::primitives::{Address, U256};
use assay_contracts::{JobEscrow::Order, protocol};

use super::config::Policy;

/// Why an order is left alone. The code is stable.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Refusal {
    /// Stable code.
    pub code: &'static str,
    /// What was found and what would do.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

pub(crate) fn refuse<T>(code: &'static str, message: String) -> Result<T, Refusal> {
    Err(Refusal { code, message })
}

/// What the provider receives for a unit, rounded down.
pub(crate) fn net_unit_price(order: &Order) -> u128 {
    let taken: u32 =
        u32::from(order.feeRate) + order.royalties.iter().map(|royalty| u32::from(royalty.share)).sum::<u32>();
    let kept = 10_000u32.saturating_sub(taken);
    (U256::from(order.unitPrice) * U256::from(kept) / U256::from(10_000)).to::<u128>()
}

/// Checks everything about an order that does not depend on its inputs or on the state of the chain, at chain time `now`.
pub(crate) fn check_terms(
    order: &Order,
    policy: &Policy,
    unit_bytes: u8,
    batch_limit: u32,
    now: u64,
) -> Result<(), Refusal> {
    check_price(order, policy)?;
    check_windows(order, policy, now)?;
    if order.unitBytes != unit_bytes {
        let found = order.unitBytes;
        return refuse(
            "unit_bytes",
            format!("a unit is {found} bytes of input, and the model reads units of {unit_bytes}"),
        );
    }
    if !policy.verifications.contains(&order.verification) {
        let found = order.verification;
        return refuse(
            "verification",
            format!("verification contract {found} is not among the accepted ones (policy.verifications)"),
        );
    }
    if order.demandFee < policy.min_demand_fee {
        let (found, least) = (order.demandFee, policy.min_demand_fee);
        return refuse(
            "demand_fee_under_floor",
            format!("a demand pays {found}, the floor is {least} (policy.min_demand_fee)"),
        );
    }
    if order.minBatch > batch_limit {
        let found = order.minBatch;
        return refuse(
            "batch_too_large",
            format!("its smallest batch is {found} tasks, the limit is {batch_limit} (work.batch_limit)"),
        );
    }
    let smallest = order.minBatch.min(order.count);
    match (protocol::stake_for(order, smallest), policy.max_stake_per_batch) {
        (None, _) => refuse("stake_too_high", format!("a batch of {smallest} tasks locks more than 2^128 of stake")),
        (Some(stake), Some(most)) if stake > most => refuse(
            "stake_too_high",
            format!("a batch of {smallest} tasks locks {stake}, the limit is {most} (policy.max_stake_per_batch)"),
        ),
        _ => Ok(()),
    }
}

fn check_price(order: &Order, policy: &Policy) -> Result<(), Refusal> {
    let token = order.token;
    let Some(floor) = policy.min_unit_price.get(&token).copied().or(policy.min_unit_price_other) else {
        let name = if token == Address::ZERO { "the native currency".to_owned() } else { format!("token {token}") };
        return refuse("token_not_accepted", format!("no floor is set for {name} (policy.min_unit_price)"));
    };
    let net = net_unit_price(order);
    if net < floor {
        let gross = order.unitPrice;
        return refuse(
            "price_under_floor",
            format!(
                "a unit pays {net} net of fee and royalties ({gross} gross), the floor is {floor} (policy.min_unit_price)"
            ),
        );
    }
    Ok(())
}

fn check_windows(order: &Order, policy: &Policy, now: u64) -> Result<(), Refusal> {
    let deadline = order.deadline.to::<u64>();
    let left = deadline.saturating_sub(now);
    if left < policy.min_time_left {
        let least = policy.min_time_left;
        return refuse(
            "deadline_too_near",
            format!("{left} s are left until the deadline {deadline}, the least is {least} s (policy.min_time_left)"),
        );
    }
    let (found, least) = (order.takeWindow, policy.min_take_window);
    if found < least {
        return refuse(
            "take_window_too_short",
            format!("takeWindow is {found} s, the least is {least} s (policy.min_take_window)"),
        );
    }
    let (found, most) = (order.settleWindow, policy.max_settle_window);
    if found > most {
        return refuse(
            "settle_window_too_long",
            format!("settleWindow is {found} s, the most is {most} s (policy.max_settle_window)"),
        );
    }
    let (found, least) = (order.demandWindow, policy.min_demand_window);
    if found < least {
        return refuse(
            "demand_window_too_short",
            format!("demandWindow is {found} s, the least is {least} s (policy.min_demand_window)"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{B256, aliases::U40};
    use assay_contracts::JobEscrow::{self, Royalty};

    use super::*;

    fn order() -> Order {
        Order {
            customer: Address::ZERO,
            token: Address::ZERO,
            modelId: B256::ZERO,
            inputsRoot: B256::ZERO,
            count: 100,
            unitCap: 256,
            unitBytes: 2,
            unitPrice: 1_000,
            minBatch: 32,
            deadline: U40::from(10_000u64),
            takeWindow: 60,
            settleWindow: 60,
            demandWindow: 60,
            demandFee: 5,
            stakePerBatch: 1_000,
            stakePerTask: 10,
            verification: Address::ZERO,
            policy: JobEscrow::Policy::default(),
            feeRecipient: Address::ZERO,
            feeRate: 250,
            royalties: vec![Royalty { account: Address::ZERO, share: 750 }],
            salt: B256::ZERO,
        }
    }

    fn policy() -> Policy {
        Policy { min_unit_price: [(Address::ZERO, 900)].into(), ..Policy::default() }
    }

    fn code(change: impl FnOnce(&mut Order, &mut Policy), now: u64) -> &'static str {
        let (mut order, mut policy) = (order(), policy());
        change(&mut order, &mut policy);
        check_terms(&order, &policy, 2, 10_000, now).map_or_else(|refusal| refusal.code, |()| "accepted")
    }

    #[test]
    fn each_bound_is_exact() {
        assert_eq!(code(|_, _| {}, 0), "accepted");
        assert_eq!(code(|order, _| order.unitPrice = 999, 0), "price_under_floor");
        assert_eq!(code(|order, _| order.feeRate = 251, 0), "price_under_floor");
        assert_eq!(code(|order, _| order.royalties[0].share = 751, 0), "price_under_floor");
        assert_eq!(code(|order, _| order.token = Address::repeat_byte(1), 0), "token_not_accepted");
        assert_eq!(
            code(
                |order, policy| {
                    order.token = Address::repeat_byte(1);
                    policy.min_unit_price_other = Some(900);
                },
                0
            ),
            "accepted"
        );
        assert_eq!(code(|_, _| {}, 10_000 - 15), "accepted");
        assert_eq!(code(|_, _| {}, 10_000 - 14), "deadline_too_near");
        assert_eq!(code(|_, _| {}, 20_000), "deadline_too_near");
        assert_eq!(code(|order, _| order.takeWindow = 14, 0), "take_window_too_short");
        assert_eq!(code(|order, _| order.settleWindow = 604_801, 0), "settle_window_too_long");
        assert_eq!(code(|order, _| order.demandWindow = 59, 0), "demand_window_too_short");
        assert_eq!(code(|order, _| order.unitBytes = 4, 0), "unit_bytes");
        assert_eq!(code(|order, _| order.verification = Address::repeat_byte(9), 0), "verification");
        assert_eq!(code(|_, policy| policy.min_demand_fee = 6, 0), "demand_fee_under_floor");
        assert_eq!(code(|order, _| order.minBatch = 10_001, 0), "batch_too_large");
        assert_eq!(code(|_, policy| policy.max_stake_per_batch = Some(1_320), 0), "accepted");
        assert_eq!(code(|_, policy| policy.max_stake_per_batch = Some(1_319), 0), "stake_too_high");
        assert_eq!(code(|order, _| order.stakePerTask = u128::MAX, 0), "stake_too_high");
    }

    #[test]
    fn a_refusal_says_what_was_found_and_what_would_do() {
        let mut cheap = order();
        cheap.unitPrice = 10;
        let refusal = check_terms(&cheap, &policy(), 2, 10_000, 0).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "price_under_floor: a unit pays 9 net of fee and royalties (10 gross), the floor is 900 (policy.min_unit_price)"
        );
    }
}
