//! `assay nodes show`

use alloy::primitives::U256;
use assay_contracts::{
    LicenseStaking, Network,
    network::{Attester, History},
};
use serde_json::{Value, json};

use super::{
    super::{Context, sale},
    find, history,
};
use crate::{
    chain::{Chain, from_call},
    cli::NetworkArgs,
    error::{Error, Result},
    output::{list, say},
};

/// How a network stands.
struct Standing {
    now: u64,
    epoch: u32,
    history: History,
    /// The epoch that is posted next.
    due: u32,
    /// Licences by operator, as last said: from the next epoch on.
    delegated: Vec<u32>,
    licenses: Vec<License>,
}

/// How a licence stands.
struct License {
    id: u32,
    delegation: LicenseStaking::LicenseDelegation,
    /// The operator of this epoch.
    runs: u32,
}

pub(super) async fn run(context: &Context, ids: &[u32], args: &NetworkArgs) -> Result<()> {
    let chain = context.reader().await?;
    let network = find(&chain, args)?;
    let standing = Standing::read(&chain, network, ids).await?;
    context.output.result(&report(network, &standing), || print(network, &standing));
    Ok(())
}

impl Standing {
    async fn read(chain: &Chain, network: &Network, ids: &[u32]) -> Result<Self> {
        let now = sale::now(chain).await?;
        let epoch = network.epoch_at(now);
        let (history, _) = history(chain, network).await?;
        let due = chain.uptime(network).nextEpoch().call().await.map_err(from_call)?;
        let mut licenses = Vec::new();
        for &id in ids {
            if id == 0 || id > network.terms.licenses {
                let message = format!("no licence {id}: expected 1 to {}", network.terms.licenses);
                return Err(Error::usage("bad_license", message));
            }
            let staking = chain.license_staking(network);
            let delegation = staking.delegationOf(U256::from(id)).call().await.map_err(from_call)?;
            let runs = if now < network.terms.genesis { 0 } else { history.run_in(id, epoch).operator };
            licenses.push(License { id, delegation, runs });
        }
        let delegated = history.delegated_in(u32::MAX);
        Ok(Self { now, epoch, history, due, delegated, licenses })
    }

    fn operators(&self) -> impl Iterator<Item = (Attester, u32)> + '_ {
        self.history.attesters(u32::MAX).zip(self.delegated.iter().copied())
    }

    /// Seats that are taken in this epoch, or in the first.
    fn taken(&self) -> usize {
        (0..self.history.seats_in(self.epoch)).filter(|seat| self.history.seat_in(*seat, self.epoch).is_some()).count()
    }
}

fn report(network: &Network, standing: &Standing) -> Value {
    let operator = |(operator, delegated): (Attester, u32)| {
        json!({
            "number": operator.number, "account": operator.account, "rate": operator.rate, "cap": operator.cap,
            "attester": operator.key, "delegated": delegated,
        })
    };
    let license = |license: &License| {
        json!({
            "id": license.id, "runs": license.runs, "delegated_to": license.delegation.operator,
            "delegated_by": license.delegation.owner, "free_at": license.delegation.freeAt,
        })
    };
    json!({
        "network": network,
        "time": standing.now,
        "epoch": standing.epoch,
        "next_epoch_at": next(network, standing),
        "due": standing.due,
        "seats": standing.taken(),
        "operators": standing.operators().map(operator).collect::<Vec<_>>(),
        "licenses": standing.licenses.iter().map(license).collect::<Vec<_>>(),
    })
}

/// When the next epoch begins.
fn next(network: &Network, standing: &Standing) -> u64 {
    if standing.now < network.terms.genesis { network.terms.genesis } else { network.begins(standing.epoch + 1) }
}

fn print(network: &Network, standing: &Standing) {
    let Standing { now, epoch, due, .. } = standing;
    let left = next(network, standing).saturating_sub(*now);
    if *now < network.terms.genesis {
        say!("epoch 0 begins in {left} s");
    } else {
        say!("epoch {epoch}, the next one begins in {left} s; epoch {due} is posted next");
    }
    say!(
        "Uptime         {}\nAttestations   {}\nLicenseStaking {}",
        network.uptime,
        network.attestations,
        network.license_staking
    );
    for pool in &network.pools {
        say!("EpochRewards   {}", pool.address);
    }
    say!("{} of {} seats are taken\n", standing.taken(), network.terms.exam.max_seats);
    let mut operators = list(["operator", "account", "rate", "delegated", "cap", "attests with"]);
    for (operator, delegated) in standing.operators() {
        operators.add_row([
            operator.number.to_string(),
            operator.account.to_string(),
            operator.rate.to_string(),
            delegated.to_string(),
            operator.cap.to_string(),
            operator.key.to_string(),
        ]);
    }
    say!("{operators}");
    if !standing.licenses.is_empty() {
        let mut licenses = list(["licence", "run by", "delegated to", "by", "free at epoch"]);
        let number = |number: u32| if number == 0 { "nobody".to_owned() } else { number.to_string() };
        for License { id, delegation, runs } in &standing.licenses {
            let (to, by) = (number(delegation.operator), delegation.owner.to_string());
            licenses.add_row([id.to_string(), number(*runs), to, by, delegation.freeAt.to_string()]);
        }
        say!("\n{licenses}");
    }
}
