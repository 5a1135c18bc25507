//! `assay simulate`

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Context;
use crate::{
    cli::{PospArgs, SimulateCommand},
    error::{Error, Result},
    output::{list, say},
    simulate::{self, Parameters, Report, rounds::Estimate, scenarios::Scenario, validators::Deviation},
};

pub(super) fn run(context: &Context, command: SimulateCommand) -> Result<()> {
    match command {
        SimulateCommand::Posp(args) => posp(context, &args),
    }
}

/// The report with the pictures that were drawn.
#[derive(Serialize)]
struct Drawn<'a> {
    #[serde(flatten)]
    report: &'a Report,
    files: &'a [PathBuf],
}

fn posp(context: &Context, args: &PospArgs) -> Result<()> {
    let parameters = parameters(args);
    let report = simulate::posp(&parameters)?;
    let picture = report.frontier.draw(&parameters);
    let files = [
        write(&args.out, "posp-frontier.svg", picture.svg().as_bytes())?,
        write(&args.out, "posp-frontier.png", &picture.png())?,
    ];
    context.output.result(&Drawn { report: &report, files: &files }, || print(&report));
    for file in &files {
        context.output.note(format!("drawn: {}", file.display()));
    }
    if report.agrees {
        return Ok(());
    }
    let error = Error::failure("simulation_disagrees", report.disagreements.join("; "));
    Err(error.hint("one seed in twenty does so by chance; what other seeds and more --rounds repeat is an error"))
}

fn parameters(args: &PospArgs) -> Parameters {
    Parameters {
        rounds: args.rounds,
        seed: args.seed,
        rate: args.rate,
        batch: args.batch,
        tasks: args.tasks,
        validators: args.validators,
        colluding: args.colluding,
        burned: args.burned,
        reward: args.reward,
        stake: args.stake,
        dispute_cost: args.dispute_cost,
        fee: args.fee,
        seat_stake: args.seat_stake,
        trap_share: args.trap_share,
        trap_cost: args.trap_cost,
        lazy: args.lazy,
    }
}

fn write(folder: &Path, name: &str, content: &[u8]) -> Result<PathBuf> {
    let path = folder.join(name);
    std::fs::create_dir_all(folder).map_err(|error| Error::file(folder, &error))?;
    std::fs::write(&path, content).map_err(|error| Error::file(&path, &error))?;
    Ok(path)
}

fn print(report: &Report) {
    let Parameters { rounds, seed, rate, batch, tasks, validators, colluding, burned, reward, .. } = report.parameters;
    say!(
        "p = {}, {tasks} of {batch} tasks drawn, {validators} validators each, r = {}, burned {}, accuser {}",
        percent(rate),
        percent(colluding),
        percent(burned),
        percent(reward)
    );
    say!("amounts in prices of a batch; {rounds} rounds each, seed {seed}; ± holds all intervals at once with 95 %\n");
    print_conditions(report);
    print_scenarios("What cheating takes and earns", report, "policy");
    print_scenarios("The published example: p = 8 %, r = 10 %, R = 1.2 C, S = 10 C", report, "published");
    print_policies(report);
    print_equilibria(report);
    print_responses(report);
    say!("{}", if report.agrees { "every formula lies in its interval" } else { "FORMULA AND SIMULATION DISAGREE" });
}

fn print_conditions(report: &Report) {
    say!("What the escrow enforces");
    let mut table = list(["against", "inequality", "stake", "policy"]);
    for condition in &report.conditions {
        table.add_row([
            condition.against.to_owned(),
            condition.inequality.to_owned(),
            format!("{:.2}", condition.stake),
            format!("{:.2} {}", report.parameters.stake, if condition.holds { "holds" } else { "TOO LITTLE" }),
        ]);
    }
    say!("{table}");
    say!("smallest stake: {:.2}\n", report.smallest_stake);
}

fn print_scenarios(title: &str, report: &Report, group: &str) {
    say!("{title}");
    let mut table = list(["a provider that", "stake: formula", "simulated", "faces", "earns there", ""]);
    let rows: Vec<&Scenario> = report.scenarios.iter().filter(|scenario| scenario.group == group).collect();
    for row in rows {
        table.add_row([
            row.name.clone(),
            format!("{:.2}", row.closed),
            estimate(row.simulated, 2),
            format!("{:.2}", row.stake),
            estimate(row.profit, 3),
            (if row.stopped { "loses" } else { "GAINS" }).to_owned(),
        ]);
    }
    say!("{table}\n");
}

fn print_policies(report: &Report) {
    say!("What other policies cost");
    let mut table = list(["policy", "stake", "validators' pay", "finds 1", "finds 10 %", "finds all"]);
    for policy in &report.policies {
        table.add_row([
            policy.name.clone(),
            format!("{:.2}", policy.stake),
            format!("{} of the price", percent(policy.cost)),
            percent(policy.finds_one),
            percent(policy.finds_tenth),
            percent(policy.finds_all),
        ]);
    }
    say!("{table}\n");
}

fn print_equilibria(report: &Report) {
    say!("Where validators and providers settle when roots are handed out");
    let mut table = list(["ringers", "validators copy", "simulated", "providers", "simulated", "false and paid"]);
    for equilibrium in &report.equilibria {
        let what = match equilibrium.deviation {
            Deviation::Lie => "lie in",
            Deviation::Trap => "trap in",
        };
        let simulated = |share: Option<Estimate>| share.map_or("pure".to_owned(), shares);
        table.add_row([
            (if equilibrium.ringers { "with" } else { "without" }).to_owned(),
            percent(equilibrium.copying),
            simulated(equilibrium.copying_simulated),
            format!("{what} {}", percent(equilibrium.deviating)),
            simulated(equilibrium.deviating_simulated),
            percent(equilibrium.false_and_paid),
        ]);
    }
    say!("{table}\n");
}

fn print_responses(report: &Report) {
    let lazy = percent(report.parameters.lazy);
    say!("How many validators copy, by how many of the roots handed out are traps ({lazy} copy whatever it costs)");
    let mut table = list(["traps", "copy: formula", "simulated"]);
    for response in &report.responses {
        table.add_row([percent(response.traps), percent(response.copying), shares(response.copying_simulated)]);
    }
    say!("{table}");
    let colluding = percent(report.colluding_beside_lazy);
    say!("beside {lazy} lazy seats, r leaves room for {colluding} that collude\n");
}

fn estimate(estimate: Estimate, digits: usize) -> String {
    format!("{:.digits$} ± {:.digits$}", estimate.value, estimate.margin)
}

fn shares(share: Estimate) -> String {
    format!("{} ± {}", percent(share.value), percent(share.margin))
}

/// A share in per cent with three significant digits.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let digits = if percent == 0.0 { 0 } else { (2 - percent.abs().log10().floor() as i32).clamp(0, 6) as usize };
    let text = format!("{percent:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}
