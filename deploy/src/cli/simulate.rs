//! `assay simulate`

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `assay simulate …`
#[derive(Debug, Subcommand)]
pub enum SimulateCommand {
    /// Find the stakes for which cheating loses, by formula and by Monte Carlo, and draw the frontier
    #[command(
        after_help = "Amounts are in prices of a batch. Fails when a formula lies outside the simulation's interval.\n
Examples:
  assay simulate posp
  assay simulate posp --rate 8% --batch 1 --tasks 1 --colluding 10% --stake 30
  assay simulate posp --json | jq -r .smallest_stake"
    )]
    Posp(PospArgs),
}

/// `assay simulate posp`
#[derive(Args, Clone, Debug)]
pub struct PospArgs {
    /// Rounds a scenario
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub rounds: u32,
    /// Seed of the random numbers
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub seed: u64,
    /// Probability that a batch is drawn (p); shares are written 0.08, 8% or 2/25
    #[arg(long, value_name = "P", default_value = "1", value_parser = share)]
    pub rate: f64,
    /// Tasks of a batch (N)
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub batch: u32,
    /// Distinct tasks that are drawn from it (s)
    #[arg(long, value_name = "S", default_value_t = 4)]
    pub tasks: u32,
    /// Distinct validators that re-execute each drawn task (v)
    #[arg(long, value_name = "V", default_value_t = 2)]
    pub validators: u32,
    /// Share of the seats that will not object, because they collude or copy (r)
    #[arg(long, value_name = "R", default_value = "1/3", value_parser = share)]
    pub colluding: f64,
    /// Share of slashed stake that is burned (B)
    #[arg(long, value_name = "B", default_value = "50%", value_parser = share)]
    pub burned: f64,
    /// Share of slashed stake that the accuser gets
    #[arg(long, value_name = "X", default_value = "25%", value_parser = share)]
    pub reward: f64,
    /// Stake that a batch locks
    #[arg(long, value_name = "STAKE", default_value_t = 3.2)]
    pub stake: f64,
    /// Gas of a whole dispute at the order's gas-price cap
    #[arg(long, value_name = "COST", default_value_t = 0.1)]
    pub dispute_cost: f64,
    /// What a validator is paid for a task, in prices of a task
    #[arg(long, value_name = "FEE", default_value_t = 1.0)]
    pub fee: f64,
    /// What a validator's seat loses for a false root
    #[arg(long, value_name = "STAKE", default_value_t = 1.0)]
    pub seat_stake: f64,
    /// Share of a lost seat that goes to the provider that set the ringer
    #[arg(long, value_name = "X", default_value = "25%", value_parser = share)]
    pub trap_share: f64,
    /// What setting a ringer costs the provider, in prices of a task
    #[arg(long, value_name = "COST", default_value_t = 1.0)]
    pub trap_cost: f64,
    /// Share of the validators who copy whatever it costs them
    #[arg(long, value_name = "X", default_value = "5%", value_parser = share)]
    pub lazy: f64,
    /// Folder that posp-frontier.svg and posp-frontier.png are written to
    #[arg(long, value_name = "DIR", default_value = "docs/images")]
    pub out: PathBuf,
}

/// A share: 0.08, 8% or 2/25.
fn share(text: &str) -> Result<f64, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let value = match (text.strip_suffix('%'), text.split_once('/')) {
        (Some(percent), _) => number(percent).map(|percent| percent / 100.0),
        (_, Some((above, below))) => number(above).zip(number(below).filter(|below| *below != 0.0)).map(|(a, b)| a / b),
        _ => number(text),
    };
    value.ok_or_else(|| "expected a share such as 0.08, 8% or 2/25".into())
}
