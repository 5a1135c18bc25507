//! Votes: while an epoch is revealed, the heaviest operators that did so are brought into its list, whoever came first.

use alloy::{primitives::U256, sol_types::SolCall};
use assay_contracts::Attestations;

use super::look::{DUE, Look};
use crate::error::Result;

impl Look<'_> {
    pub(super) async fn votes(&mut self) -> Result<()> {
        let (network, history) = (&self.means.network, self.now.history);
        // The epoch whose reveals began with the newest seed.
        let next = network.epoch_at(self.now.time);
        let Some(epoch) = next.checked_sub(1).filter(|_| history.seed_of(next).is_some()) else { return Ok(()) };
        let voters: Vec<u32> = history.voters_in(epoch).collect();
        if voters.len() < usize::from(network.terms.exam.max_voters) {
            return Ok(());
        }
        let delegated = history.delegated_in(epoch);
        let first = network.terms.licenses + 1;
        let weight = |number: u32| number.checked_sub(first).and_then(|place| delegated.get(place as usize)).copied();
        let lightest = (0..).zip(&voters).min_by_key(|(_, voter)| weight(**voter));
        let has_no_vote = |number: &u32| !voters.contains(number) && !history.is_banned(*number, epoch);
        let heaviest = history.revealed_in(epoch).filter(has_no_vote).max_by_key(|number| weight(*number));
        let (Some((place, &voter)), Some(operator)) = (lightest, heaviest) else { return Ok(()) };
        if weight(operator) <= weight(voter) {
            return Ok(());
        }
        let contract = Attestations::new(network.attestations, &self.means.rpc);
        let end: U256 = contract.revealEnd(epoch).block(self.at()).call().await?;
        if U256::from(self.now.time) < end && self.is_turn(format!("outvote:{epoch}:{operator}:{voter}")) {
            let call = Attestations::outvoteCall { epoch, operator, place };
            let (key, by) = (format!("{epoch}:{operator}:{voter}"), Some(end.saturating_to::<u64>().saturating_sub(1)));
            self.want_by("outvote", key, DUE, network.attestations, call.abi_encode().into(), by);
        }
        Ok(())
    }
}
