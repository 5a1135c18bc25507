//! What each party wants in each situation, move by move. The chain is played by the test.

use std::{collections::BTreeSet, sync::Arc};

use alloy::{
    primitives::{Address, B256, U256, aliases::U40},
    sol_types::SolCall,
};
use assay_contracts::{
    DisputeGame::{self, DisputeGameEvents, Game},
    JobEscrow::{self, Batch, JobEscrowEvents, Order},
    ModelRegistry::{ModelRegistered, ModelRegistryEvents},
    PrevrandaoBeacon::{PrevrandaoBeaconEvents, RoundRecorded},
    Suite, SuiteEvent,
    Verification::{self, VerificationEvents},
    beacon::{Beacon, Drand},
    deploy, protocol,
};
use assay_kernels::{
    commit::{self, BatchScope, TaskOutput, inputs_tree},
    merkle::row_root,
    model::Model,
};
use assay_test_fixtures::tiny_model_dir;

use super::{
    Secret,
    bench::{Known, Need, TaskResult},
    plan::{Duty, Plan, Situation, plan},
    rounds::Recording,
    tamper::{Forgery, Stage, Tamper},
    testimony::Testimony,
};
use crate::view::{At, ChainView, step};

const PROVIDER: Address = Address::repeat_byte(1);
const CHALLENGER: Address = Address::repeat_byte(2);
const VALIDATORS: [Address; 2] = [Address::repeat_byte(3), Address::repeat_byte(4)];
const MODEL: B256 = B256::repeat_byte(5);
const ROUND: u64 = 20;

/// An order of two tasks whose only batch is committed.
struct World {
    suite: Suite,
    model: Arc<Model>,
    view: ChainView,
    order_id: B256,
    batch: Batch,
    batch_id: B256,
    rows: Vec<Vec<u8>>,
    head: u64,
    time: u64,
    lie: Tamper,
}

fn suite() -> Suite {
    let at = Address::repeat_byte;
    Suite {
        chain_id: 31_337,
        block: 0,
        access_manager: at(101),
        fee_schedule: at(102),
        ledger: at(103),
        staking: at(104),
        model_registry: at(105),
        program_registry: at(106),
        job_escrow: at(107),
        referee: at(108),
        beacon: at(109),
        validator_seats: at(110),
        dispute_game: at(111),
        verification: at(112),
        dev_token: None,
        parameters: deploy::devnet_parameters(at(100)),
        sales: Vec::new(),
        networks: Vec::new(),
        code_hashes: Default::default(),
    }
}

fn order(suite: &Suite, rows: &[Vec<u8>]) -> Order {
    Order {
        customer: Address::repeat_byte(9),
        token: Address::ZERO,
        modelId: MODEL,
        inputsRoot: inputs_tree(rows).root().into(),
        count: 2,
        unitCap: 8,
        unitBytes: 2,
        unitPrice: 10,
        minBatch: 2,
        deadline: U40::from(100_000u64),
        takeWindow: 100,
        settleWindow: 50,
        demandWindow: 60,
        demandFee: 0,
        stakePerBatch: 5,
        stakePerTask: 1,
        verification: suite.verification,
        policy: JobEscrow::Policy { rate: 10_000, tasks: 1, validators: 2, fee: 1 },
        feeRecipient: Address::ZERO,
        feeRate: 0,
        royalties: vec![],
        salt: B256::ZERO,
    }
}

impl World {
    /// A world whose provider has this `lie`.
    fn new(lie: Tamper) -> Self {
        Self::with(lie, |_| {})
    }

    /// The same with changed terms.
    fn with(lie: Tamper, change: impl FnOnce(&mut Order)) -> Self {
        let (suite, model) = (suite(), Arc::new(Model::open(&tiny_model_dir()).unwrap()));
        let rows = vec![vec![0, 1, 0, 2], vec![0, 3, 0, 4, 0, 5]];
        let mut order = order(&suite, &rows);
        change(&mut order);
        let order_id = protocol::order_id(suite.chain_id, suite.job_escrow, &order);
        let leaves = leaves(&model, order_id, &rows, &lie);
        let batch = Batch {
            orderId: order_id,
            provider: PROVIDER,
            first: 0,
            count: 2,
            units: 5,
            root: leaves.root().into(),
            stake: 7,
            committedAt: U40::from(1_000u64),
        };
        let view = ChainView::new(vec![(model.program_root().into(), model.weights_root().into())]);
        let batch_id = protocol::batch_id(&batch);
        let mut world = Self { suite, model, view, order_id, batch, batch_id, rows, head: 10, time: 1_000, lie };
        world.commit(order);
        world
    }

    fn commit(&mut self, order: Order) {
        self.view.registry(&ModelRegistryEvents::ModelRegistered(ModelRegistered {
            modelId: MODEL,
            owner: PROVIDER,
            programRoot: self.model.program_root().into(),
            weightsRoot: self.model.weights_root().into(),
            unitBytes: 2,
            metadataURI: String::new(),
        }));
        let Batch { orderId, provider, first, count, units, root, stake, committedAt } = self.batch.clone();
        let opened =
            JobEscrow::OrderOpened { orderId, customer: order.customer, modelId: MODEL, escrowed: U256::ZERO, order };
        self.event(SuiteEvent::JobEscrow(Box::new(JobEscrowEvents::OrderOpened(opened))));
        let batchId = self.batch_id;
        let committed =
            JobEscrow::BatchCommitted { orderId, batchId, provider, first, count, units, root, stake, committedAt };
        self.event(SuiteEvent::JobEscrow(Box::new(JobEscrowEvents::BatchCommitted(committed))));
        self.draw(VerificationEvents::DrawRequested(Verification::DrawRequested { batchId, round: ROUND }));
    }

    fn event(&mut self, event: SuiteEvent) {
        let at = At { event, block: self.head, timestamp: self.time, tx_hash: B256::ZERO };
        self.view.fold(&at);
    }

    fn draw(&mut self, event: VerificationEvents) {
        self.event(SuiteEvent::Verification(Box::new(event)));
    }

    fn game(&mut self, event: DisputeGameEvents) {
        self.event(SuiteEvent::DisputeGame(Box::new(event)));
    }

    /// The batch is lost, by whatever.
    fn forfeited(&mut self) {
        let (orderId, batchId) = (self.order_id, self.batch_id);
        let event = JobEscrow::BatchForfeited {
            orderId,
            batchId,
            fault: 0,
            beneficiary: Address::ZERO,
            refund: U256::ZERO,
            slashed: U256::from(7),
            burned: U256::ZERO,
        };
        self.event(SuiteEvent::JobEscrow(Box::new(JobEscrowEvents::BatchForfeited(event))));
    }

    /// The customer signed its receipt.
    fn settled(&mut self) {
        let (orderId, batchId, none) = (self.order_id, self.batch_id, U256::ZERO);
        let (accepted, paid, fee, royalties, refund) = (true, none, none, none, none);
        let event = JobEscrow::BatchSettled { orderId, batchId, accepted, paid, fee, royalties, refund };
        self.event(SuiteEvent::JobEscrow(Box::new(JobEscrowEvents::BatchSettled(event))));
    }

    /// Task 1 is drawn, with both validators.
    fn drawn(&mut self) {
        let sealEnd = U40::from(self.time + 60);
        let validators = vec![VALIDATORS.to_vec()];
        let (batchId, orderId, seed) = (self.batch_id, self.order_id, B256::ZERO);
        self.draw(VerificationEvents::Drawn(Verification::Drawn {
            batchId,
            orderId,
            seed,
            tasks: vec![1],
            validators,
            sealEnd,
        }));
    }

    fn sealed(&mut self, party: Address) {
        let (batchId, index, value) = (self.batch_id, 1, B256::ZERO);
        self.draw(VerificationEvents::TraceSealed(Verification::TraceSealed { batchId, index, party, value }));
    }

    fn revealed(&mut self, party: Address, traceRoot: B256) {
        let (batchId, index) = (self.batch_id, 1);
        self.draw(VerificationEvents::TraceRevealed(Verification::TraceRevealed { batchId, index, party, traceRoot }));
    }

    /// Task 1 is demanded, to be supplied within so many seconds.
    fn demanded(&mut self, demander: Address, seconds: u64) {
        let (batchId, fee, deadline) = (self.batch_id, U256::ZERO, U40::from(self.time + seconds));
        let event = JobEscrow::Demanded { batchId, index: 1, demander, fee, deadline };
        self.event(SuiteEvent::JobEscrow(Box::new(JobEscrowEvents::Demanded(event))));
    }

    /// A task is supplied on demand.
    fn supplied(&mut self, leaves: &commit::Batch, index: u32) {
        let leaf = leaves.leaves()[index as usize];
        let task = JobEscrow::Task {
            index,
            inputHash: leaf.input_hash.into(),
            outputHash: leaf.output_hash.into(),
            unitsBefore: leaf.units_before,
            units: leaf.units,
            proof: leaves.proof(index as usize).into_iter().map(B256::from).collect(),
        };
        let (input, output) = (self.rows[index as usize].clone().into(), Default::default());
        let event = JobEscrow::Supplied { batchId: self.batch_id, index, task, input, output };
        self.event(SuiteEvent::JobEscrow(Box::new(JobEscrowEvents::Supplied(event))));
    }

    /// All that a keeper with this `tamper` can have on its bench.
    fn bench(&self, tamper: &Tamper) -> Known {
        let mut known = Known::default();
        known.leaves.insert(self.batch_id, Arc::new(leaves(&self.model, self.order_id, &self.rows, &self.lie)));
        known.inputs.insert(self.order_id, Arc::new(self.rows.clone()));
        known.rounds.insert(ROUND, Recording { data: vec![1].into(), since: 1_000, read_at: None });
        for (index, row) in (0..).zip(&self.rows) {
            let (said, trace) = Testimony::make(&self.model, row, index, tamper).unwrap();
            let task = TaskResult { said, trace: Some(Arc::new(trace)) };
            known.tasks.insert((self.order_id, index), task);
        }
        known
    }

    fn plan(&self, me: Address, duty: Duty, known: &Known, tamper: &Tamper) -> Plan {
        self.plan_beside(&BTreeSet::new(), me, duty, known, tamper)
    }

    /// The plan while the actions of these keys have not ended.
    fn plan_beside(
        &self,
        under_way: &BTreeSet<String>,
        me: Address,
        duty: Duty,
        known: &Known,
        tamper: &Tamper,
    ) -> Plan {
        plan(&Situation {
            me,
            duty,
            suite: &self.suite,
            view: &self.view,
            head_number: self.head,
            head_time: self.time,
            likely_time: self.time,
            known,
            models: std::slice::from_ref(&self.model),
            under_way,
            secret: &Secret::of(7),
            tamper,
        })
    }

    fn provider(&self) -> Plan {
        self.plan(PROVIDER, Duty::Provider, &self.bench(&self.lie), &self.lie)
    }

    fn challenger(&self) -> Plan {
        let honest = Tamper::default();
        self.plan(CHALLENGER, Duty::Challenger { rate: 1.0 }, &self.bench(&honest), &honest)
    }

    fn validator(&self, number: usize, tamper: &Tamper) -> Plan {
        self.plan(VALIDATORS[number], Duty::Validator { spread: 0 }, &self.bench(tamper), tamper)
    }

    fn said_root(&self, tamper: &Tamper) -> B256 {
        self.bench(tamper).tasks[&(self.order_id, 1)].said.trace_root()
    }
}

fn leaves(model: &Model, order_id: B256, rows: &[Vec<u8>], lie: &Tamper) -> commit::Batch {
    let scope = BatchScope { chain_id: 31_337, order_id: order_id.0, provider: PROVIDER.into_array(), first: 0 };
    let inputs: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
    let outputs = model.run(&inputs).unwrap();
    let tasks = (0..).zip(rows.iter().zip(outputs)).map(|(index, (input, row))| TaskOutput {
        input_hash: row_root(input),
        units: input.len() as u32 / 2,
        row: lie.output(index, row),
    });
    commit::Batch::new(scope, tasks.collect()).unwrap()
}

/// The provider's lie about task 1.
fn lie(stage: Stage, output: bool) -> Tamper {
    Tamper { tasks: Some([1].into()), forgery: Some(Forgery { stage, output }), ..Tamper::default() }
}

fn kinds(plan: &Plan) -> Vec<&'static str> {
    plan.actions.iter().map(|action| action.kind).collect()
}

/// The only action of a plan, decoded.
fn only<C: SolCall>(plan: &Plan) -> C {
    assert_eq!(plan.actions.len(), 1, "{:?}", kinds(plan));
    C::abi_decode(&plan.actions[0].data).unwrap()
}

/// Seals the challenge of task 1, as the challenger's plan asks for.
fn seal(world: &mut World, number: u64) -> B256 {
    let DisputeGame::sealCall { sealHash } = only(&world.challenger());
    let (challenger, bond) = (CHALLENGER, U256::from(1));
    let event = DisputeGame::ChallengeSealed { sealHash, challenger, number, bond };
    world.game(DisputeGameEvents::ChallengeSealed(event));
    sealHash
}

/// Opens the challenger's game over task 1, as its plans ask for.
fn open(world: &mut World) -> (B256, Game) {
    let sealHash = seal(world, 1);
    open_sealed(world, sealHash)
}

/// The same under a seal that was made.
fn open_sealed(world: &mut World, sealHash: B256) -> (B256, Game) {
    let opened: DisputeGame::openCall = only(&world.challenger());
    assert_eq!(protocol::challenge_seal(world.batch_id, opened.task.index, opened.salt, CHALLENGER), sealHash);
    let game = Game {
        batchId: world.batch_id,
        challenger: CHALLENGER,
        provider: PROVIDER,
        verification: world.suite.verification,
        defender: PROVIDER,
        sealNumber: 1,
        bond: 1,
        index: opened.task.index,
        units: opened.task.units,
        inputHash: opened.task.inputHash,
        outputHash: opened.task.outputHash,
        programRoot: world.model.program_root().into(),
        weightsRoot: world.model.weights_root().into(),
        step: step::OPENED,
        movedAt: U40::from(world.time),
        providerTime: 60,
        challengerTime: 60,
        ..Game::default()
    };
    let (batchId, index) = (world.batch_id, 1);
    let event = DisputeGame::GameOpened { gameId: sealHash, batchId, index, answered: false, game: game.clone() };
    world.game(DisputeGameEvents::GameOpened(event));
    (sealHash, game)
}

/// Answers the game as the provider's plan asks for.
fn answer(world: &mut World) {
    let DisputeGame::answerCall { roots, .. } = only(&world.provider());
    let (batchId, index, by, traceRoot) = (world.batch_id, 1, PROVIDER, B256::repeat_byte(1));
    world.game(DisputeGameEvents::Answered(DisputeGame::Answered { batchId, index, by, traceRoot, roots }));
}

#[test]
fn a_game_is_played_to_its_element_wherever_the_lie_is() {
    for (stage, output) in [(Stage::First, true), (Stage::Middle, true), (Stage::Last, true)] {
        let mut world = World::new(lie(stage, output));
        let (id, mut game) = open(&mut world);
        assert!(world.challenger().actions.is_empty(), "it waits for the answer");
        answer(&mut world);
        assert!(world.provider().actions.is_empty(), "it waits for the challenger");

        let named: DisputeGame::nameOperatorCall = only(&world.challenger());
        let first = world.lie.operators(1, world.model.tape().operators().len())[0];
        assert_eq!(usize::from(named.operator), first);
        (game.step, game.operator) = (step::OPERATOR_NAMED, named.operator);
        let event = DisputeGame::OperatorNamed { gameId: id, operator: named.operator, game: game.clone() };
        world.game(DisputeGameEvents::OperatorNamed(event));

        let shown: DisputeGame::showRowsCall = only(&world.provider());
        (game.step, game.rows) = (step::ROWS_SHOWN, shown.rowHashes.len() as u32);
        let event = DisputeGame::RowsShown { gameId: id, rowHashes: shown.rowHashes, game: game.clone() };
        world.game(DisputeGameEvents::RowsShown(event));

        let named: DisputeGame::nameRowCall = only(&world.challenger());
        (game.step, game.row) = (step::ROW_NAMED, named.row);
        world.game(DisputeGameEvents::RowNamed(DisputeGame::RowNamed {
            gameId: id,
            row: named.row,
            game: game.clone(),
        }));

        let shown: DisputeGame::showRowCall = only(&world.provider());
        game.step = step::ROW_SHOWN;
        let row = shown.row.clone();
        world.game(DisputeGameEvents::RowShown(DisputeGame::RowShown { gameId: id, row, game: game.clone() }));

        let proof: DisputeGame::proveCall = only(&world.challenger());
        assert_eq!((proof.row, proof.game.step), (shown.row, step::ROW_SHOWN));
        assert!(world.provider().actions.is_empty());

        let (batchId, index, bondTo) = (world.batch_id, 1, CHALLENGER);
        let event = DisputeGame::GameEnded {
            gameId: id,
            batchId,
            index,
            challengerWon: true,
            proven: true,
            bondTo,
            bond: U256::from(1),
        };
        world.game(DisputeGameEvents::GameEnded(event));
        assert!(world.challenger().actions.is_empty(), "one game is enough");
    }
}

#[test]
fn nothing_is_played_against_the_truth() {
    let world = World::new(Tamper::default());
    let plan = world.challenger();
    assert!(plan.actions.is_empty() && plan.needs.is_empty(), "{:?}", kinds(&plan));
}

#[test]
fn who_lets_the_clock_run_out_is_timed_out_by_the_other_and_moves_no_more() {
    let mut world = World::new(lie(Stage::Last, true));
    open(&mut world);
    world.time += 60;
    assert_eq!(kinds(&world.provider()), ["answer"], "its last second");
    assert!(world.challenger().actions.is_empty());
    world.time += 1;
    assert!(world.provider().actions.is_empty());
    assert_eq!(kinds(&world.challenger()), ["timeout"]);

    let mut world = World::new(lie(Stage::Last, true));
    open(&mut world);
    answer(&mut world);
    world.time += 61;
    assert!(!kinds(&world.challenger()).contains(&"nameOperator"));
    assert_eq!(kinds(&world.provider()), ["timeout"]);
}

#[test]
fn a_seal_that_was_not_opened_in_time_is_made_anew_with_another_salt() {
    let mut world = World::new(lie(Stage::Last, true));
    let first: DisputeGame::sealCall = only(&world.challenger());
    assert_eq!(seal(&mut world, 5), first.sealHash);
    world.time += 60;
    assert_eq!(kinds(&world.challenger()), ["open"], "the last second");
    world.time += 1;
    let second: DisputeGame::sealCall = only(&world.challenger());
    assert_ne!(first.sealHash, second.sealHash);
    let event = DisputeGame::SealExpired { sealHash: first.sealHash, bond: U256::from(1) };
    world.game(DisputeGameEvents::SealExpired(event));
    let again: DisputeGame::sealCall = only(&world.challenger());
    assert_eq!(again.sealHash, second.sealHash, "burned or not");
}

/// Somebody's game is opened under the seal `number` over task 0.
fn opened_by_another(world: &mut World, number: u64) {
    let (gameId, batchId, index) = (B256::repeat_byte(66), world.batch_id, 0);
    let game = Game { batchId, sealNumber: number, index, ..Game::default() };
    let event = DisputeGame::GameOpened { gameId, batchId, index, answered: false, game };
    world.game(DisputeGameEvents::GameOpened(event));
    let (challengerWon, proven, bondTo, bond) = (true, true, VALIDATORS[0], U256::from(1));
    let event = DisputeGame::GameEnded { gameId, batchId, index, challengerWon, proven, bondTo, bond };
    world.game(DisputeGameEvents::GameEnded(event));
}

#[test]
fn a_seal_that_a_conviction_overtook_is_taken_back() {
    let mut world = World::new(lie(Stage::Last, true));
    let sealHash = seal(&mut world, 5);
    opened_by_another(&mut world, 4);
    world.forfeited();
    let end = world.time + 60;
    let withdrawn: DisputeGame::withdrawSealCall = only(&world.challenger());
    let DisputeGame::withdrawSealCall { batchId, index, salt } = withdrawn;
    assert_eq!(protocol::challenge_seal(batchId, index, salt, CHALLENGER), sealHash);
    assert_eq!(world.challenger().actions[0].deadline, Some(end));
    world.time = end + 1;
    assert!(world.challenger().actions.is_empty(), "it burns");

    world.time = end;
    let (challenger, bond) = (CHALLENGER, U256::from(1));
    let event = DisputeGame::SealWithdrawn { sealHash, batchId, challenger, bond };
    world.game(DisputeGameEvents::SealWithdrawn(event));
    assert!(world.challenger().actions.is_empty(), "once");
}

#[test]
fn a_seal_before_that_of_another_game_does_not_come_back() {
    let mut world = World::new(lie(Stage::Last, true));
    seal(&mut world, 5);
    opened_by_another(&mut world, 6);
    world.forfeited();
    assert!(world.challenger().actions.is_empty());
}

/// A customer in league with the provider signs its receipt when it sees the seal.
#[test]
fn a_seal_that_a_receipt_overtook_is_opened_all_the_same() {
    let mut world = World::new(lie(Stage::Last, true));
    world.settled();
    assert!(world.challenger().actions.is_empty(), "nothing is begun");
    let mut world = World::new(lie(Stage::Last, true));
    let sealHash = seal(&mut world, 5);
    world.settled();
    let opened: DisputeGame::openCall = only(&world.challenger());
    assert_eq!(protocol::challenge_seal(world.batch_id, opened.task.index, opened.salt, CHALLENGER), sealHash);
    assert!(world.provider().actions.is_empty());
    world.time += 61;
    assert!(world.challenger().actions.is_empty(), "it burns");
    world.time -= 61;
    open_sealed(&mut world, sealHash);
    answer(&mut world);
    assert_eq!(kinds(&world.challenger()), ["nameOperator"], "the game is played as any");
}

#[test]
fn a_seal_long_after_the_receipt_is_not_opened() {
    let mut world = World::new(lie(Stage::Last, true));
    let DisputeGame::sealCall { sealHash } = only(&world.challenger());
    world.settled();
    world.time += 21;
    let (challenger, number, bond) = (CHALLENGER, 5, U256::from(1));
    world.game(DisputeGameEvents::ChallengeSealed(DisputeGame::ChallengeSealed { sealHash, challenger, number, bond }));
    assert!(world.challenger().actions.is_empty());
}

#[test]
fn a_batch_that_is_lost_is_not_challenged() {
    let mut world = World::new(lie(Stage::Last, true));
    assert_eq!(kinds(&world.challenger()), ["sealChallenge"]);
    world.forfeited();
    assert!(world.challenger().actions.is_empty());
}

/// After a restart the other false task may be computed again first, while the chain does not show the seal yet.
#[test]
fn one_batch_is_challenged_once_whichever_task_is_known() {
    let world = World::new(Tamper { tasks: None, ..lie(Stage::Last, true) });
    let honest = Tamper::default();
    let plan = |under_way: &[&String], unknown: Option<u32>| {
        let mut known = world.bench(&honest);
        known.tasks.retain(|(_, index), _| Some(*index) != unknown);
        let under_way = under_way.iter().map(|key| (*key).clone()).collect();
        let plan = world.plan_beside(&under_way, CHALLENGER, Duty::Challenger { rate: 1.0 }, &known, &honest);
        plan.actions.into_iter().map(|action| action.key).collect::<Vec<_>>()
    };
    let (first, second) = (plan(&[], Some(1)), plan(&[], Some(0)));
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
    assert_eq!(plan(&[], None), first);
    assert_eq!(plan(&[&second[0]], None), second, "what is on its way is still wanted, and nothing else is");
    assert_eq!(plan(&[&first[0]], Some(0)), Vec::<String>::new());
}

#[test]
fn a_won_task_wins_every_game_over_it() {
    let mut world = World::new(lie(Stage::Last, true));
    open(&mut world);
    let (batchId, index, bondTo, bond) = (world.batch_id, 1, VALIDATORS[0], U256::from(1));
    let (gameId, challengerWon, proven) = (B256::repeat_byte(77), true, true);
    let event = DisputeGame::GameEnded { gameId, batchId, index, challengerWon, proven, bondTo, bond };
    world.game(DisputeGameEvents::GameEnded(event));
    assert_eq!(kinds(&world.challenger()), ["joinVerdict"]);
}

#[test]
fn a_draw_starts_with_its_rounds_header() {
    let mut world = World::new(Tamper::default());
    world.head = ROUND;
    assert!(world.provider().actions.is_empty(), "the round's block has no hash yet");
    world.head = ROUND + 1;
    let mut known = world.bench(&Tamper::default());
    known.rounds.clear();
    let plan = world.plan(PROVIDER, Duty::Provider, &known, &Tamper::default());
    assert!(plan.actions.is_empty() && matches!(plan.needs[..], [Need::Round { round: ROUND, .. }]));
    assert_eq!(kinds(&world.provider()), ["record"]);
    assert_eq!(kinds(&world.validator(0, &Tamper::default())), ["record"]);
    // A reorganisation may replace the block until it is recorded.
    known.rounds.insert(ROUND, Recording { data: vec![1].into(), since: 1_000, read_at: Some(world.head) });
    assert!(world.plan(PROVIDER, Duty::Provider, &known, &Tamper::default()).needs.is_empty());
    world.head += 1;
    let plan = world.plan(PROVIDER, Duty::Provider, &known, &Tamper::default());
    assert!(matches!(plan.needs[..], [Need::Round { round: ROUND, head }] if head == world.head));
    assert_eq!(kinds(&plan), ["record"], "meanwhile by the header that is known");
    world.head = ROUND + 257;
    assert_eq!(kinds(&world.provider()), ["record", "postpone"]);
    let (round, value, recorder) = (ROUND, B256::ZERO, PROVIDER);
    let event = PrevrandaoBeaconEvents::RoundRecorded(RoundRecorded { round, value, recorder });
    world.event(SuiteEvent::Beacon(event));
    assert_eq!(kinds(&world.provider()), ["draw"]);
}

#[test]
fn a_round_of_drand_is_asked_for_once_it_is_published_and_never_lost() {
    let mut world = World::new(Tamper::default());
    let network = Drand { genesis: 1_500, period: 10, ..Drand::quicknet(0) };
    world.suite.parameters.verification.beacon = Beacon::Drand(network);
    // Nineteen periods after the first.
    world.time = 1_689;
    world.head = ROUND + 1_000;
    assert!(world.provider().actions.is_empty(), "rounds are no blocks");
    world.time += 1;
    let mut known = world.bench(&Tamper::default());
    known.rounds.clear();
    let plan = world.plan(PROVIDER, Duty::Provider, &known, &Tamper::default());
    assert!(plan.actions.is_empty() && matches!(plan.needs[..], [Need::Round { round: ROUND, .. }]));
    assert_eq!(kinds(&world.provider()), ["record"], "and no postpone");
}

#[test]
fn seals_hide_what_is_revealed_and_nothing_else_is() {
    let honest = Tamper::default();
    let mut world = World::new(honest.clone());
    world.drawn();
    let sealed: Verification::sealCall = only(&world.validator(1, &honest));
    assert_eq!(sealed.roots[0].place, 0);
    for party in [PROVIDER, VALIDATORS[0], VALIDATORS[1]] {
        world.sealed(party);
    }
    let end = world.time + 30;
    let (batchId, revealEnd) = (world.batch_id, U40::from(end));
    world.draw(VerificationEvents::RevealStarted(Verification::RevealStarted { batchId, revealEnd }));
    let revealed: Verification::revealCall = only(&world.validator(1, &honest));
    let Verification::Revealed { party, index, traceRoot, salt } = revealed.roots[0].clone();
    assert_eq!((party, index, traceRoot), (2, 1, world.said_root(&honest)));
    let suite = &world.suite;
    let value = protocol::trace_seal(31_337, suite.verification, batchId, 1, VALIDATORS[1], traceRoot, salt);
    assert_eq!(sealed.roots[0].value, value, "what was sealed is what is revealed, with nothing stored in between");

    let bound: Verification::revealBoundCall = only(&world.provider());
    assert_eq!((bound.roots[0].party, bound.bindings.len()), (0, 1));
    let (gameId, index, answered) = (B256::repeat_byte(66), 1, false);
    let (provider, movedAt, providerTime) = (PROVIDER, U40::from(world.time), 60);
    let game = Game { batchId, provider, index, movedAt, providerTime, ..Game::default() };
    world.game(DisputeGameEvents::GameOpened(DisputeGame::GameOpened { gameId, batchId, index, answered, game }));
    answer(&mut world);
    let _: Verification::revealBoundCall = only(&world.provider());
    for party in [PROVIDER, VALIDATORS[0], VALIDATORS[1]] {
        world.revealed(party, traceRoot);
    }
    assert_eq!(kinds(&world.validator(1, &honest)), ["conclude"], "nobody is waited for any more");
}

#[test]
fn who_did_not_seal_does_not_reveal_and_the_draw_ends_by_the_clock() {
    let honest = Tamper::default();
    let mut world = World::new(honest.clone());
    world.drawn();
    world.time += 61;
    assert!(world.validator(0, &honest).actions.is_empty());
    world.time += 30;
    assert_eq!(kinds(&world.validator(0, &honest)), ["conclude"]);
}

#[test]
fn missing_inputs_are_demanded_and_more_time_with_them() {
    let honest = Tamper::default();
    let mut world = World::new(honest.clone());
    world.drawn();
    let mut known = world.bench(&honest);
    known.tasks.clear();
    let validator =
        |world: &World, known: &Known| world.plan(VALIDATORS[0], Duty::Validator { spread: 0 }, known, &honest);
    let plan = validator(&world, &known);
    assert!(plan.actions.is_empty() && matches!(plan.needs[..], [Need::Task { .. }]));
    known.fail((world.order_id, 1));
    assert_eq!(kinds(&validator(&world, &known)), ["demand"]);
    world.demanded(VALIDATORS[0], 60);
    let batchId = world.batch_id;
    assert_eq!(kinds(&validator(&world, &known)), ["extend"]);
    let provider = world.plan(PROVIDER, Duty::Provider, &known, &honest);
    assert!(provider.actions.is_empty(), "the provider has to supply, not to wait");
    let sealEnd = U40::from(world.time + 120);
    world.draw(VerificationEvents::SealingExtended(Verification::SealingExtended { batchId, sealEnd }));
    assert!(validator(&world, &known).actions.is_empty());
}

#[test]
fn an_unanswered_demand_forfeits_the_batch_for_who_made_it() {
    let honest = Tamper::default();
    let mut world = World::new(honest.clone());
    world.demanded(VALIDATORS[0], 60);
    world.time += 60;
    assert!(!kinds(&world.validator(0, &honest)).contains(&"forfeit"), "the answer's last second");
    world.time += 1;
    assert!(kinds(&world.validator(0, &honest)).contains(&"forfeit"));
    assert!(!kinds(&world.validator(1, &honest)).contains(&"forfeit"));
    assert!(!kinds(&world.challenger()).contains(&"forfeit"));
    world.forfeited();
    assert!(!kinds(&world.validator(0, &honest)).contains(&"forfeit"), "nothing was prepaid");
}

#[test]
fn what_a_demand_prepaid_comes_back_from_a_batch_that_is_lost() {
    let mut world = World::with(Tamper::default(), |order| order.demandFee = 7);
    world.demanded(CHALLENGER, 60);
    assert_eq!(kinds(&world.challenger()), Vec::<&str>::new());
    world.forfeited();
    assert_eq!(kinds(&world.challenger()), ["forfeit"]);
    let (batchId, demander, fee) = (world.batch_id, CHALLENGER, U256::from(7));
    let event = JobEscrow::DemandRefunded { batchId, index: 1, demander, fee };
    world.event(SuiteEvent::JobEscrow(Box::new(JobEscrowEvents::DemandRefunded(event))));
    assert!(world.challenger().actions.is_empty());
}

#[test]
fn results_that_are_withheld_are_demanded_and_judged_by_what_is_supplied() {
    let honest = Tamper::default();
    let mut world = World::new(Tamper { tasks: None, ..lie(Stage::Last, true) });
    let mut known = world.bench(&honest);
    let leaves = known.leaves.remove(&world.batch_id).unwrap();
    let challenger =
        |world: &World, known: &Known| world.plan(CHALLENGER, Duty::Challenger { rate: 1.0 }, known, &honest);
    let plan = challenger(&world, &known);
    assert!(plan.actions.is_empty() && matches!(plan.needs[..], [Need::Leaves { .. }]), "it tries for a while");
    known.fail_leaves(world.batch_id);
    let JobEscrow::demandCall { index, .. } = only(&challenger(&world, &known));

    world.supplied(&leaves, index);
    assert_eq!(kinds(&challenger(&world, &known)), ["sealChallenge"]);
    let plan = world.plan(CHALLENGER, Duty::Challenger { rate: 1e-9 }, &known, &honest);
    assert_eq!(kinds(&plan), ["sealChallenge"], "whatever its sample");
}

/// A provider that publishes nothing, and may be a contract whose calldata shows nothing, has the validator dissent without a leaf.
#[test]
fn a_validator_has_the_leaf_before_it_seals() {
    let honest = Tamper::default();
    let mut world = World::new(lie(Stage::Middle, true));
    world.drawn();
    let mut known = world.bench(&honest);
    let leaves = known.leaves.remove(&world.batch_id).unwrap();
    let duty = Duty::Validator { spread: 0 };
    let validator = |world: &World, known: &Known| world.plan(VALIDATORS[0], duty, known, &honest);
    let plan = validator(&world, &known);
    assert!(plan.actions.is_empty() && matches!(plan.needs[..], [Need::Leaves { .. }]), "it tries for a while");
    known.fail_leaves(world.batch_id);
    world.time += 30;
    assert!(validator(&world, &known).actions.is_empty(), "the provider may be late");
    world.time += 1;
    let JobEscrow::demandCall { index, .. } = only(&validator(&world, &known));
    assert_eq!(index, 1);
    world.demanded(VALIDATORS[1], 60);
    assert_eq!(kinds(&validator(&world, &known)), ["extend"], "one demand serves all who are drawn");
    let (batchId, sealEnd) = (world.batch_id, U40::from(world.time + 120));
    world.draw(VerificationEvents::SealingExtended(Verification::SealingExtended { batchId, sealEnd }));
    assert!(validator(&world, &known).actions.is_empty());
    world.supplied(&leaves, 1);
    assert_eq!(kinds(&validator(&world, &known)), ["sealTrace"]);
}

#[test]
fn a_validator_that_gets_no_leaf_seals_all_the_same() {
    let honest = Tamper::default();
    let mut world = World::new(honest.clone());
    world.drawn();
    let mut known = world.bench(&honest);
    known.leaves.clear();
    known.fail_leaves(world.batch_id);
    world.time += 46;
    let duty = Duty::Validator { spread: 0 };
    assert_eq!(kinds(&world.plan(VALIDATORS[0], duty, &known, &honest)), ["sealTrace"], "silence costs the seat");
    world.time -= 16;
    world.forfeited();
    assert_eq!(kinds(&world.plan(VALIDATORS[0], duty, &known, &honest)), ["sealTrace"], "nothing is to be disputed");
}

/// Its blob was there when it sealed, and is gone when the keeper comes back.
#[test]
fn a_dissenter_without_a_leaf_demands_it() {
    let (honest, lie) = (Tamper::default(), lie(Stage::Middle, false));
    let mut world = disputed(&lie, [&honest, &lie]);
    let mut known = world.bench(&honest);
    let leaves = known.leaves.remove(&world.batch_id).unwrap();
    let duty = Duty::Validator { spread: 0 };
    let validator = |world: &World, known: &Known| world.plan(VALIDATORS[0], duty, known, &honest);
    assert_eq!(kinds(&validator(&world, &known)), Vec::<&str>::new());
    known.fail_leaves(world.batch_id);
    let JobEscrow::demandCall { index, .. } = only(&validator(&world, &known));
    assert_eq!(index, 1);
    world.supplied(&leaves, 1);
    assert_eq!(kinds(&validator(&world, &known)), ["sealChallenge"]);
}

/// A draw in which the provider revealed `theirs` and each validator what its tamper says.
fn disputed(lie_of_provider: &Tamper, tampers: [&Tamper; 2]) -> World {
    let mut world = World::new(lie_of_provider.clone());
    world.drawn();
    let roots = [lie_of_provider, tampers[0], tampers[1]].map(|tamper| world.said_root(tamper));
    for (party, root) in [PROVIDER, VALIDATORS[0], VALIDATORS[1]].into_iter().zip(roots) {
        world.sealed(party);
        world.revealed(party, root);
    }
    world
}

#[test]
fn a_dissenter_accuses_and_who_agreed_does_not() {
    let (honest, lie) = (Tamper::default(), lie(Stage::Middle, false));
    let world = disputed(&lie, [&honest, &lie]);
    assert!(kinds(&world.validator(0, &honest)).contains(&"sealChallenge"));
    assert!(!kinds(&world.validator(1, &lie)).contains(&"sealChallenge"));
}

#[test]
fn a_validator_that_agreed_answers_for_a_late_provider() {
    let honest = Tamper::default();
    let mut world = disputed(&honest, [&honest, &honest]);
    // A false accusation: the game is opened by a stranger.
    let game = Game {
        batchId: world.batch_id,
        challenger: CHALLENGER,
        provider: PROVIDER,
        index: 1,
        step: step::OPENED,
        movedAt: U40::from(world.time),
        providerTime: 60,
        challengerTime: 60,
        ..Game::default()
    };
    let (gameId, batchId) = (B256::repeat_byte(8), world.batch_id);
    let event = DisputeGame::GameOpened { gameId, batchId, index: 1, answered: false, game };
    world.game(DisputeGameEvents::GameOpened(event));
    assert!(kinds(&world.provider()).contains(&"answer"));
    assert!(!kinds(&world.validator(0, &honest)).contains(&"answer"), "the provider's turn first");
    world.time += 31;
    assert!(kinds(&world.validator(0, &honest)).contains(&"answer"));
}

/// The draw was agreed upon, and then a game showed that everybody had lied.
#[test]
fn who_won_has_those_slashed_who_agreed_with_the_lie() {
    let lie = lie(Stage::Last, true);
    let mut world = disputed(&lie, [&lie, &Tamper::default()]);
    let (batchId, index, amount, challengeEnd) = (world.batch_id, 1, U256::ZERO, U40::from(world.time));
    let (status, paid, refund) = (6, amount, amount);
    world.draw(VerificationEvents::DrawConcluded(Verification::DrawConcluded {
        batchId,
        status,
        paid,
        refund,
        challengeEnd,
    }));
    let (gameId, bondTo, bond) = (B256::repeat_byte(77), CHALLENGER, U256::from(1));
    let ended = DisputeGame::GameEnded { gameId, batchId, index, challengerWon: true, proven: true, bondTo, bond };
    world.game(DisputeGameEvents::GameEnded(ended));
    let (winner, seal, claimableAt) = (CHALLENGER, 1, U40::from(world.time + 1_000));
    world.draw(VerificationEvents::PotAssigned(Verification::PotAssigned {
        batchId,
        winner,
        seal,
        amount,
        claimableAt,
    }));
    world.forfeited();
    assert_eq!(kinds(&world.challenger()), ["conclude"]);
    assert!(world.provider().actions.is_empty());
    let slashed = Verification::ValidatorSlashed { batchId, index, validator: VALIDATORS[0], amount };
    world.draw(VerificationEvents::ValidatorSlashed(slashed));
    assert!(world.challenger().actions.is_empty(), "the other one dissented");
}

#[test]
fn a_winner_claims_the_pot_in_time() {
    let mut world = World::new(Tamper::default());
    let (batchId, winner, seal, amount) = (world.batch_id, CHALLENGER, 1, U256::from(5));
    let claimableAt = U40::from(world.time + 10);
    let event = Verification::PotAssigned { batchId, winner, seal, amount, claimableAt };
    world.draw(VerificationEvents::PotAssigned(event));
    assert!(world.challenger().actions.is_empty());
    world.time += 10;
    assert_eq!(kinds(&world.challenger()), ["claimPot"]);
    world.draw(VerificationEvents::PotClaimed(Verification::PotClaimed { batchId, winner, amount }));
    assert!(world.challenger().actions.is_empty());
}
