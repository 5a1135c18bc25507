//! The ways to cheat that can be played, and what each must cost.

use std::collections::BTreeSet;

use assay_keepers::verification::{Forgery, Stage, Tamper};

/// Validators on the devnet; the first `k` of a [`Play`] may cheat.
pub const VALIDATORS: usize = 4;

/// A way to cheat.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens.
    pub about: &'static str,
    play: fn() -> Play,
}

/// Who does what.
#[derive(Clone, Debug)]
pub struct Play {
    /// What the provider does.
    pub provider: Tamper,
    /// What the first validators do; the others are honest.
    pub validators: Vec<Tamper>,
    /// What a challenger does, where one plays.
    pub challenger: Option<Tamper>,
    /// Whether the challenger is the provider's own second account.
    pub is_self_accusation: bool,
    /// Whether nobody draws the batch: a challenger acts before.
    pub is_undrawn: bool,
    /// Whether the validators come only when a game is over.
    pub are_validators_late: bool,
    /// Whether the customer is in league with the provider, and the inputs disappear once the batch is committed.
    pub hides_inputs: bool,
    /// Whether the provider sends a false row where it is to show one.
    pub shows_false_row: bool,
    /// Tasks that are drawn of the [`TASKS`](super::TASKS).
    pub drawn: u8,
    /// What must be lost, and nothing else.
    pub losses: Losses,
}

/// What a cheat must cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Stake of the provider's batch.
    pub stake: bool,
    /// Seats of cheating validators.
    pub seats: bool,
    /// Bonds of cheating validators.
    pub bonds: bool,
}

const STAKE: Losses = Losses { stake: true, seats: false, bonds: false };

impl Kind {
    /// Who does what.
    pub fn play(&self) -> Play {
        (self.play)()
    }

    /// The kind of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name)
    }
}

/// All kinds.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "wrong-output",
        about: "an output is wrong; a challenger without stake or seat proves it before the batch is drawn",
        play: || undrawn(one_lie(Stage::Middle)),
    },
    Kind {
        name: "forged-trace",
        about: "the outputs are right, the trace is not; a drawn validator proves it",
        play: || provider(lies(Stage::Middle, false)),
    },
    Kind {
        name: "first-operator",
        about: "wrong from the first operator on",
        play: || provider(lies(Stage::First, true)),
    },
    Kind {
        name: "middle-operator",
        about: "wrong from the middle of the model on",
        play: || provider(lies(Stage::Middle, true)),
    },
    Kind { name: "last-operator", about: "wrong at the last operator", play: || provider(lies(Stage::Last, true)) },
    Kind {
        name: "one-bit",
        about: "one bit of one number of one task's output is wrong",
        play: || Play { drawn: super::TASKS, ..provider(one_lie(Stage::Last)) },
    },
    Kind {
        name: "cheaper-weights",
        about: "the provider runs the model with weights rounded to four bits",
        play: || provider(Tamper { rounds_weights: true, ..honest() }),
    },
    Kind {
        name: "wrong-units",
        about: "the provider bills a unit more than each input holds; the escrow counts them",
        play: || undrawn(Tamper { wrong_units: true, ..honest() }),
    },
    Kind {
        name: "wrong-input",
        about: "the provider commits to other inputs than were ordered; the escrow sees it by their hash",
        play: || undrawn(Tamper { wrong_input: true, ..honest() }),
    },
    Kind {
        name: "withheld-output",
        about: "the provider publishes no results, and does not supply a task that is demanded on chain",
        play: || undrawn(Tamper { withholds: true, ..silent(&["supply"]) }),
    },
    Kind {
        name: "withheld-input",
        about: "the inputs disappear, and the provider does not supply them to the validators who demand them",
        play: || Play { hides_inputs: true, ..provider(silent(&["supply"])) },
    },
    Kind {
        name: "silent-provider",
        about: "the provider commits, and seals no trace when it is drawn",
        play: || provider(silent(&["sealTrace", "conclude"])),
    },
    Kind {
        name: "silent-reveal",
        about: "the provider seals its traces and does not reveal them",
        play: || provider(silent(&["revealBound", "conclude"])),
    },
    Kind {
        name: "silent-answer",
        about: "the provider does not answer the challenge of its lie",
        play: || provider(silent_liar("answer")),
    },
    Kind {
        name: "silent-rows",
        about: "the provider does not show the row hashes of the operator named",
        play: || provider(silent_liar("showRows")),
    },
    Kind {
        name: "silent-row",
        about: "the provider does not show the row named",
        play: || provider(silent_liar("showRow")),
    },
    Kind {
        name: "false-row",
        about: "the provider shows a row that does not hash to what it committed to",
        play: || Play { shows_false_row: true, ..provider(silent_liar("showRow")) },
    },
    Kind {
        name: "silent-validator",
        about: "validators seal nothing when they are drawn",
        play: || validators(silent(&["sealTrace"]), 3, false),
    },
    Kind {
        name: "silent-validator-reveal",
        about: "validators seal trace roots and do not reveal them",
        play: || validators(silent(&["reveal"]), 3, false),
    },
    Kind {
        name: "silent-opener",
        about: "validators dissent and seal a challenge, and then do not open it",
        play: || validators(silent_accuser("open"), 3, true),
    },
    Kind {
        name: "silent-accuser",
        about: "validators dissent and dispute, and then do not name an operator",
        play: || validators(silent_accuser("nameOperator"), 3, true),
    },
    Kind {
        name: "silent-accuser-row",
        about: "validators dissent and dispute, and then do not name a row",
        play: || validators(silent_accuser("nameRow"), 3, true),
    },
    Kind {
        name: "silent-accuser-proof",
        about: "validators dissent and dispute to the last move, and then prove nothing",
        play: || validators(silent_accuser("prove"), 3, true),
    },
    Kind {
        name: "false-accusation",
        about: "validators say that true tasks are false, and dispute them: no element can be proved",
        play: || validators(lies(Stage::Middle, false), 3, true),
    },
    Kind {
        name: "trapped-copy",
        about: "an honest provider hands a false root to validators, who copy it instead of re-executing",
        play: || {
            let silent = ["sealChallenge".to_owned()].into();
            validators(Tamper { silent, ..lies(Stage::Middle, false) }, 3, false)
        },
    },
    Kind {
        name: "colluding-validators",
        about: "two validators confirm the provider's lie",
        play: || Play {
            validators: vec![lies(Stage::Last, true); 2],
            drawn: super::TASKS,
            losses: Losses { seats: true, ..STAKE },
            ..provider(lies(Stage::Last, true))
        },
    },
    Kind {
        name: "self-accusation",
        about: "the provider accuses itself from a second account, before others can, to win its own stake",
        play: || Play {
            challenger: Some(honest()),
            is_self_accusation: true,
            is_undrawn: true,
            ..provider(one_lie(Stage::Middle))
        },
    },
    Kind {
        name: "self-accusation-lost",
        about: "the provider accuses itself from a second account and loses the game on purpose, to be acquitted",
        play: || Play {
            challenger: Some(silent(&["nameOperator"])),
            is_self_accusation: true,
            are_validators_late: true,
            drawn: super::TASKS,
            losses: Losses { bonds: true, ..STAKE },
            // Nobody may draw the batch as long as the validators would miss it.
            ..provider(Tamper { silent: before_draw(), ..one_lie(Stage::Middle) })
        },
    },
];

fn honest() -> Tamper {
    Tamper::default()
}

fn lies(stage: Stage, output: bool) -> Tamper {
    Tamper { forgery: Some(Forgery { stage, output }), ..Tamper::default() }
}

/// A lie about one task, from `stage` on.
fn one_lie(stage: Stage) -> Tamper {
    Tamper { tasks: Some([1].into()), ..lies(stage, true) }
}

fn silent(kinds: &[&str]) -> Tamper {
    Tamper { silent: kinds.iter().map(|kind| (*kind).to_owned()).collect(), ..Tamper::default() }
}

fn silent_liar(kind: &str) -> Tamper {
    Tamper { silent: [kind.to_owned()].into(), ..lies(Stage::Middle, true) }
}

/// What brings a draw about.
pub(super) fn before_draw() -> BTreeSet<String> {
    ["record", "draw"].map(str::to_owned).into()
}

fn silent_accuser(kind: &str) -> Tamper {
    Tamper { silent: [kind.to_owned()].into(), ..lies(Stage::Middle, false) }
}

/// A provider that cheats before a challenger alone.
fn undrawn(tamper: Tamper) -> Play {
    Play { challenger: Some(honest()), is_undrawn: true, ..provider(tamper) }
}

/// A provider that cheats among honest validators.
fn provider(tamper: Tamper) -> Play {
    Play {
        provider: tamper,
        validators: Vec::new(),
        challenger: None,
        is_self_accusation: false,
        is_undrawn: false,
        are_validators_late: false,
        hides_inputs: false,
        shows_false_row: false,
        drawn: 1,
        losses: STAKE,
    }
}

/// `count` validators that cheat with an honest provider. Of two that are drawn of four, one of three cheats.
fn validators(tamper: Tamper, count: usize, bonds: bool) -> Play {
    let losses = Losses { stake: false, seats: true, bonds };
    Play { validators: vec![tamper; count], losses, ..provider(honest()) }
}
