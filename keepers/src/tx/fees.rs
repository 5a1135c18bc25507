//! EIP-1559 fees: what to offer, and by how much to outbid oneself.

use serde::{Deserialize, Serialize};

/// Fee limits.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct FeeConfig {
    /// Most that is ever offered for a unit of gas, in wei. Nothing is sent while the base fee is above it.
    pub max_fee_per_gas: u64,
    /// Tip for a unit of gas, in wei; unset: what the node suggests.
    pub priority_fee_per_gas: Option<u64>,
    /// A replacement offers this many percent more. Nodes want 10 at least.
    pub bump_percent: u32,
}

impl Default for FeeConfig {
    fn default() -> Self {
        Self { max_fee_per_gas: 300_000_000_000, priority_fee_per_gas: None, bump_percent: 13 }
    }
}

/// An offer for a unit of gas, in wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fees {
    /// `maxFeePerGas`.
    pub max_fee: u64,
    /// `maxPriorityFeePerGas`.
    pub priority_fee: u64,
}

impl FeeConfig {
    /// The offer at `base_fee` with the suggested `tip`, outbidding `floor` (the highest offer made for the same nonce).
    /// `None`: the limit does not allow it; what was offered before must do, or the base fee has to fall.
    pub fn offer(&self, base_fee: u64, tip: u64, floor: Option<Fees>) -> Option<Fees> {
        let tip = self.priority_fee_per_gas.unwrap_or(tip);
        // Twice the base fee stays valid through six full blocks.
        let mut offer = Fees { max_fee: base_fee.saturating_mul(2).saturating_add(tip), priority_fee: tip };
        if let Some(floor) = floor {
            offer.max_fee = offer.max_fee.max(self.bumped(floor.max_fee));
            offer.priority_fee = offer.priority_fee.max(self.bumped(floor.priority_fee));
        }
        let needed = floor.map_or(base_fee, |floor| base_fee.max(self.bumped(floor.max_fee)));
        offer.max_fee = offer.max_fee.min(self.max_fee_per_gas);
        offer.priority_fee = offer.priority_fee.min(offer.max_fee);
        let outbids_tip = floor.is_none_or(|floor| offer.priority_fee >= self.bumped(floor.priority_fee));
        (offer.max_fee >= needed && outbids_tip).then_some(offer)
    }

    /// `fee` raised by the bump, rounded up, by one at least.
    fn bumped(&self, fee: u64) -> u64 {
        let raise = u128::from(fee) * u128::from(self.bump_percent);
        let raise = u64::try_from(raise.div_ceil(100)).unwrap_or(u64::MAX);
        fee.saturating_add(raise.max(1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_offer_covers_twice_the_base_fee() {
        let config = FeeConfig { max_fee_per_gas: 1_000, ..Default::default() };
        assert_eq!(config.offer(100, 7, None), Some(Fees { max_fee: 207, priority_fee: 7 }));
        assert_eq!(config.offer(900, 7, None), Some(Fees { max_fee: 1_000, priority_fee: 7 }));
        assert_eq!(config.offer(1_001, 7, None), None);
    }

    proptest! {
        /// Nodes refuse a replacement that raises either fee by less than 10 %.
        #[test]
        fn a_replacement_raises_both_fees_by_ten_percent_and_never_passes_the_cap(
            base in 0u64..1_000_000_000_000, tip in 0u64..100_000_000_000, max in 1u64..2_000_000_000_000,
            floor_max in 0u64..1_000_000_000_000, floor_tip in 0u64..1_000_000_000,
        ) {
            let config = FeeConfig { max_fee_per_gas: max, ..Default::default() };
            let floor = Fees { max_fee: floor_max.max(floor_tip), priority_fee: floor_tip };
            if let Some(offer) = config.offer(base, tip, Some(floor)) {
                prop_assert!(offer.max_fee <= max && offer.priority_fee <= offer.max_fee && offer.max_fee >= base);
                prop_assert!(u128::from(offer.max_fee) * 10 >= u128::from(floor.max_fee) * 11);
                prop_assert!(u128::from(offer.priority_fee) * 10 >= u128::from(floor.priority_fee) * 11);
            }
        }
    }
}
