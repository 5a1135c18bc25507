//! The report as a whole: formula and simulation, and what the numbers say.

use super::{scenarios::Scenario, *};

/// Few rounds: the intervals widen with them, and agreement is asked within the intervals.
fn quick() -> Parameters {
    Parameters { rounds: 20_000, ..Parameters::default() }
}

fn of<'a>(report: &'a Report, group: &'a str) -> impl Iterator<Item = &'a Scenario> {
    report.scenarios.iter().filter(move |scenario| scenario.group == group)
}

#[test]
fn formula_and_simulation_agree_whatever_the_policy() {
    let policies = [
        Parameters { rate: 0.08, colluding: 0.1, batch: 1, tasks: 1, ..quick() },
        Parameters { rate: 0.3, colluding: 0.0, burned: 0.25, reward: 0.75, ..quick() },
        Parameters { rate: 0.5, colluding: 0.5, burned: 0.6, reward: 0.4, validators: 5, ..quick() },
        Parameters { rate: 1.0, colluding: 0.2, burned: 1.0 - 0.1, reward: 0.1, batch: 37, tasks: 37, ..quick() },
        Parameters { colluding: 0.0, tasks: 1, stake: 0.5, ..quick() },
    ];
    for parameters in policies {
        let report = posp(&parameters).unwrap();
        assert!(report.agrees, "{parameters:?}: {:?}", report.disagreements);
    }
}

#[test]
fn a_formula_that_is_wrong_is_named() {
    let mut report = posp(&quick()).unwrap();
    // As if a provider that accuses itself lost all its stake.
    report.scenarios[0].closed = formula::smallest_stake(1.0, 2.0 / 3.0, 1.0);
    let named = disagreements(&report.scenarios, &report.frontier, &report.equilibria, &report.responses);
    assert_eq!(named.len(), 1, "{named:?}");
    assert!(named[0].contains(&report.scenarios[0].name) && named[0].contains("formula 0.5"), "{named:?}");
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_claim() {
    // A hundred seeds, one interval of 95 % each: fewer than 88 hits have a chance of 2 in 1,000.
    let lot = Parameters { rate: 0.5, ..quick() }.lot();
    let provider = rounds::Provider::Cheats { hits: 1000, flights: 1, saved: 1.0, lost: 0.5 };
    let truth = formula::smallest_stake(1.0, formula::found(0.5, 1.0 / 3.0, 1000, 1000, 4), 0.5);
    let deviates = rounds::deviates(0.95, 1);
    let hits = (0..100)
        .filter(|seed| {
            let rounds = rounds::Rounds::play(provider, &lot, 2000, rounds::Dice::new(*seed, 0));
            rounds.smallest_stake(deviates).unwrap().holds(truth)
        })
        .count();
    assert!((88..100).contains(&hits), "{hits} of 100");
}

#[test]
fn the_default_policy_stops_every_cheat_with_a_stake_of_its_own() {
    let report = posp(&quick()).unwrap();
    assert!(report.conditions.iter().all(|condition| condition.holds));
    assert!((report.smallest_stake - 3.0).abs() < 1e-9, "bribery asks for most: {}", report.smallest_stake);
    for scenario in of(&report, "policy") {
        let shared = scenario.name.contains("on one stake");
        assert_eq!(scenario.stopped, !shared, "{}", scenario.name);
        assert_eq!(scenario.profit.value < 0.0, !shared, "{}: {:?}", scenario.name, scenario.profit);
    }
}

#[test]
fn no_part_of_a_batch_wants_more_than_the_whole() {
    let report = posp(&quick()).unwrap();
    let whole = of(&report, "policy").next().unwrap().simulated;
    let parts: Vec<_> = of(&report, "policy").filter(|scenario| scenario.name.contains("all but")).collect();
    assert_eq!(parts.len(), 4);
    for part in parts {
        assert!(part.simulated.value - part.simulated.margin < whole.value + whole.margin, "{part:?}");
    }
}

#[test]
fn the_published_example_does_not_hold() {
    let report = posp(&Parameters::default()).unwrap();
    for scenario in of(&report, "published") {
        assert!(!scenario.stopped, "{}", scenario.name);
        assert!(scenario.profit.value > scenario.profit.margin, "{}: {:?}", scenario.name, scenario.profit);
    }
    let stakes: Vec<f64> = of(&report, "published").map(|scenario| scenario.closed * 1.2).collect();
    // In costs C, where 10 C were staked: 12.7, and more if computing costs the price, the cheat accuses itself, or ten
    // tasks stand on one stake.
    assert!((stakes[0] - (1.0 / 0.072 - 1.2)).abs() < 1e-9, "{stakes:?}");
    assert!((stakes[1] - 1.2 * (1.0 / 0.072 - 1.0)).abs() < 1e-9, "{stakes:?}");
    assert!((stakes[2] - 2.0 * stakes[0]).abs() < 1e-9, "{stakes:?}");
    assert!(stakes[3] > stakes[2], "{stakes:?}");
}

#[test]
fn drawing_every_batch_is_cheaper_than_drawing_some() {
    let report = posp(&quick()).unwrap();
    let [drawn, .., whole_at_8, _, single_at_8] = report.policies.as_slice() else { panic!("six policies") };
    assert!(drawn.cost < 0.01, "{drawn:?}");
    assert!(whole_at_8.stake > 10.0 * drawn.stake && whole_at_8.cost > 10.0 * drawn.cost, "{whole_at_8:?}");
    assert_eq!((single_at_8.batch, single_at_8.rate), (1, 0.08));
    assert!(drawn.finds_one < 0.003, "one false task of a thousand is all but safe: {drawn:?}");
}

#[test]
fn ringers_leave_no_reason_to_lie_or_to_copy() {
    let report = posp(&quick()).unwrap();
    let [without, with] = report.equilibria.as_slice() else { panic!("without and with") };
    assert_eq!((without.deviation, with.deviation), (validators::Deviation::Lie, validators::Deviation::Trap));
    assert!(without.copying > 0.4 && without.false_and_paid > 0.0, "{without:?}");
    assert!(with.copying < 0.01 && with.false_and_paid == 0.0, "{with:?}");
    let shares: Vec<f64> = report.responses.iter().map(|response| response.copying).collect();
    assert!(shares.is_sorted_by(|more, less| more >= less), "{shares:?}");
    assert_eq!((shares[0], shares[8]), (1.0, 0.05), "all without traps, the lazy with many");
}

#[test]
fn equilibria_without_mixing_are_named_so() {
    let equilibrium = |parameters: Parameters| posp(&parameters).unwrap().equilibria[0].clone();
    let poor = equilibrium(Parameters { stake: 0.1, ..quick() });
    assert_eq!((poor.copying, poor.deviating, poor.copying_simulated), (0.0, 1.0, None), "lying pays in any case");
    let single = Parameters { batch: 1, tasks: 1, ..quick() };
    let idle = equilibrium(single);
    assert_eq!((idle.copying, idle.deviating), (1.0, 1.0), "a share of the stake is less than the work");
}

#[test]
fn one_seed_gives_one_report() {
    let report = |seed| serde_json::to_string(&posp(&Parameters { seed, ..quick() }).unwrap().scenarios).unwrap();
    assert_eq!(report(7), report(7));
    assert_ne!(report(7), report(8));
}

#[test]
fn parameters_that_mean_nothing_are_refused() {
    let good = quick();
    let bad = [
        ("bad_rounds", Parameters { rounds: 10, ..good.clone() }),
        ("bad_rate", Parameters { rate: 0.0, ..good.clone() }),
        ("bad_rate", Parameters { rate: 1.01, ..good.clone() }),
        ("bad_rate", Parameters { rate: f64::NAN, ..good.clone() }),
        ("bad_tasks", Parameters { tasks: 0, ..good.clone() }),
        ("bad_tasks", Parameters { tasks: 5, batch: 4, ..good.clone() }),
        ("bad_validators", Parameters { validators: 1, ..good.clone() }),
        ("bad_colluding", Parameters { colluding: 1.0, ..good.clone() }),
        ("bad_colluding", Parameters { colluding: -0.1, ..good.clone() }),
        ("bad_burned", Parameters { burned: 0.0, ..good.clone() }),
        ("bad_reward", Parameters { reward: 0.0, ..good.clone() }),
        ("bad_reward", Parameters { reward: 0.6, ..good.clone() }),
        ("bad_share", Parameters { lazy: 2.0, ..good.clone() }),
        ("bad_amount", Parameters { stake: -1.0, ..good.clone() }),
        ("bad_amount", Parameters { fee: f64::INFINITY, ..good.clone() }),
        ("bad_trap", Parameters { seat_stake: 0.0, ..good.clone() }),
    ];
    for (code, parameters) in bad {
        let error = posp(&parameters).unwrap_err();
        assert_eq!((error.code(), error.exit()), (code, crate::Exit::Usage), "{parameters:?}");
    }
    let rare = posp(&Parameters { rate: 1e-6, ..good }).unwrap_err();
    assert_eq!(rare.code(), "too_few_rounds");
}

#[test]
fn the_picture_shows_each_curve_and_the_marks() {
    let parameters = quick();
    let report = posp(&parameters).unwrap();
    let picture = report.frontier.draw(&parameters);
    let svg = picture.svg();
    for text in
        ["cheating, r = 33.3 %", "bribery, v = 2, r = 33.3 %", "4 tasks drawn", "published", ">policy<", "simulated"]
    {
        assert!(svg.contains(text), "{text} is not in the picture");
    }
    assert!(svg.matches("<polyline").count() > 20);
    assert!(picture.png().starts_with(b"\x89PNG"));
}

#[test]
fn a_picture_comes_of_batches_of_one_and_of_rare_draws() {
    for parameters in [
        Parameters { batch: 1, tasks: 1, ..quick() },
        Parameters { rate: 0.004, batch: 3, tasks: 2, stake: 5000.0, colluding: 0.0, ..quick() },
    ] {
        let report = posp(&parameters).unwrap();
        assert!(!report.frontier.draw(&parameters).svg().contains("NaN"), "{parameters:?}");
    }
}
