//! Draws and disputes, played through the contracts, compared with what they say.

use crate::{
    document::conforms,
    world::{Committed, NATIVE, Running, World, assert_same, dump},
};
use alloy::{
    primitives::{Address, B256, U256, keccak256},
    providers::{DynProvider, Provider},
    sol_types::SolEvent,
};
use assay_contracts::{
    DisputeGame, JobEscrow::Policy, PrevrandaoBeacon, ValidatorSeats, Verification, beacon, protocol,
};
use assay_kernels::merkle::{Tree, leaf_hash};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::collections::BTreeSet;

const ETHER: u128 = 1_000_000_000_000_000_000;
const FEE: u128 = 1_000_000_000_000_000;
/// What hides a seal that is opened later.
const SALT: B256 = B256::repeat_byte(0x5a);

/// The contracts of draws and disputes, and who plays.
struct Court<'a> {
    world: &'a World,
    verification: Verification::VerificationInstance<DynProvider>,
    game: DisputeGame::DisputeGameInstance<DynProvider>,
    seats: ValidatorSeats::ValidatorSeatsInstance<DynProvider>,
    validators: [Address; 5],
}

impl<'a> Court<'a> {
    fn new(world: &'a World) -> Self {
        let (suite, provider) = (&world.suite, &world.provider);
        Self {
            world,
            verification: Verification::new(suite.verification, provider.clone()),
            game: DisputeGame::new(suite.dispute_game, provider.clone()),
            seats: ValidatorSeats::new(suite.validator_seats, provider.clone()),
            validators: [1u8, 2, 3, 4, 5].map(|number| Address::repeat_byte(0x50 + number)),
        }
    }

    /// Five validators take seats, and the second leaves, so that the last moves to its place.
    async fn seat(&self) {
        let (world, suite) = (self.world, &self.world.suite);
        world.anvil.rpc("anvil_autoImpersonateAccount", json!([true])).await;
        let seat = U256::from(1_000 * ETHER);
        for validator in self.validators {
            world.anvil.rpc("anvil_setBalance", json!([validator, U256::from(2_000 * ETHER)])).await;
            let deposit = world.ledger.depositNative(validator).value(seat);
            world.must(validator, deposit.into_transaction_request()).await;
            let approve = world.ledger.approve(suite.staking, U256::ZERO, seat);
            world.must(validator, approve.into_transaction_request()).await;
            let stake = world.staking.stake(validator, suite.validator_seats, seat);
            world.must(validator, stake.into_transaction_request()).await;
            world.must(validator, self.seats.takeSeat(suite.verification).into_transaction_request()).await;
        }
        world.must(self.validators[1], self.seats.leaveSeat(suite.verification).into_transaction_request()).await;
        let deposit = world.ledger.depositNative(world.author).value(U256::from(ETHER));
        world.must(world.author, deposit.into_transaction_request()).await;
        let approve = world.ledger.approve(suite.dispute_game, U256::ZERO, U256::MAX);
        world.must(world.author, approve.into_transaction_request()).await;
        world.anvil.increase_time(5).await;
    }

    /// A batch of four tasks under an order that is drawn at `rate`.
    async fn commit(&self, provider: Address, salt: u64, rate: u16) -> Committed {
        let world = self.world;
        let mut order = world.terms(4, salt).await;
        assert_eq!(order.token, NATIVE);
        order.verification = world.suite.verification;
        order.policy = Policy { rate, tasks: 2, validators: 2, fee: FEE };
        order.stakePerBatch = ETHER / 10;
        order.settleWindow = 2_000;
        world.must(world.customer, world.escrow.open(order.clone()).into_transaction_request()).await;
        world.commit(provider, &order, 0, 4, true).await.unwrap()
    }

    fn parts(&self, batch: &Committed) -> (Verification::Order, Verification::Batch) {
        (protocol::recast(&batch.order), protocol::recast(&batch.batch))
    }

    /// Records the batch's round and draws it. Who was drawn for which task.
    async fn draw(&self, batch: &Committed) {
        let world = self.world;
        let round = self.verification.drawOf(batch.id).call().await.unwrap().round;
        while world.anvil.block_number().await <= round {
            world.anvil.mine(1).await;
        }
        let beacon = PrevrandaoBeacon::new(world.suite.beacon, world.provider.clone());
        let (_, header) = beacon::header_rlp(&world.provider, round).await.unwrap();
        world.must(world.author, beacon.record(header).into_transaction_request()).await;
        let (order, drawn) = self.parts(batch);
        world.must(world.author, self.verification.draw(order, drawn).into_transaction_request()).await;
    }

    async fn lot(&self, batch: &Committed) -> Vec<Verification::DrawnTask> {
        let (order, drawn) = self.parts(batch);
        self.verification.lotOf(order, drawn).call().await.unwrap()
    }

    /// Roots of a made-up trace of a task, from its input to its output.
    async fn trace(&self, batch: &Committed, index: u32) -> Vec<B256> {
        let results = self.world.results(batch.batch.provider, &batch.order, 0, 4);
        let leaf = results.leaves()[index as usize];
        let count = self.game.operatorsOf(self.world.model).call().await.unwrap();
        let mut roots: Vec<B256> = (0..count).map(|operator| keccak256(operator.to_be_bytes())).collect();
        roots[0] = leaf.input_hash.into();
        *roots.last_mut().unwrap() = leaf.output_hash.into();
        roots
    }

    async fn tree(&self, batch: &Committed, index: u32) -> Tree {
        Tree::new(self.trace(batch, index).await.iter().map(|root| leaf_hash(root.as_slice())).collect())
    }

    /// Everybody who was drawn seals and reveals, but `silent`; `liar` reveals another root than the provider.
    async fn testify(&self, batch: &Committed, silent: Option<Address>, liar: Option<Address>) {
        let (world, lot) = (self.world, self.lot(batch).await);
        let drawn: BTreeSet<Address> = lot.iter().flat_map(|task| task.validators.clone()).collect();
        let speakers: Vec<_> = drawn.into_iter().filter(|party| Some(*party) != silent).collect();
        for party in speakers.iter().copied().chain([batch.batch.provider]) {
            let mut seals = Vec::new();
            for (place, task, _) in places(&lot, party, batch.batch.provider) {
                let root = self.root(batch, task.index, Some(party) == liar).await;
                let (chain, verification) = (world.suite.chain_id, world.suite.verification);
                let value = protocol::trace_seal(chain, verification, batch.id, task.index, party, root, SALT);
                seals.push(Verification::Sealed { place, value });
            }
            let (order, sealed) = self.parts(batch);
            world.must(party, self.verification.seal(order, sealed, seals).into_transaction_request()).await;
        }
        if silent.is_some() {
            world.anvil.increase_time(u64::from(world.suite.parameters.verification.seal_window) + 1).await;
        }
        self.reveal_bound(batch, &lot).await;
        for party in speakers {
            let mut roots = Vec::new();
            for (place, task, number) in places(&lot, party, batch.batch.provider) {
                let root = self.root(batch, task.index, Some(party) == liar).await;
                roots.push(Verification::Revealed {
                    party: place * 3 + number,
                    index: task.index,
                    traceRoot: root,
                    salt: SALT,
                });
            }
            world.must(party, self.verification.reveal(batch.id, roots).into_transaction_request()).await;
        }
    }

    async fn root(&self, batch: &Committed, index: u32, lie: bool) -> B256 {
        if lie { B256::repeat_byte(0x11) } else { self.tree(batch, index).await.root().into() }
    }

    async fn reveal_bound(&self, batch: &Committed, lot: &[Verification::DrawnTask]) {
        let (mut roots, mut bindings) = (Vec::new(), Vec::new());
        for (place, task) in lot.iter().enumerate() {
            let tree = self.tree(batch, task.index).await;
            let proof = |leaf: usize| tree.proof(leaf).into_iter().map(B256::from).collect();
            roots.push(Verification::Revealed {
                party: place as u8 * 3,
                index: task.index,
                traceRoot: tree.root().into(),
                salt: SALT,
            });
            bindings.push(Verification::Binding {
                task: protocol::recast(&self.task(batch, task.index)),
                inputProof: proof(0),
                outputProof: proof(tree.len() - 1),
            });
        }
        let (order, revealed) = self.parts(batch);
        let reveal = self.verification.revealBound(order, revealed, roots, bindings);
        self.world.must(batch.batch.provider, reveal.into_transaction_request()).await;
    }

    fn task(&self, batch: &Committed, index: u32) -> DisputeGame::Task {
        let results = self.world.results(batch.batch.provider, &batch.order, 0, 4);
        let leaf = results.leaves()[index as usize];
        DisputeGame::Task {
            index,
            inputHash: leaf.input_hash.into(),
            outputHash: leaf.output_hash.into(),
            unitsBefore: leaf.units_before,
            units: leaf.units,
            proof: results.proof(index as usize).into_iter().map(B256::from).collect(),
        }
    }

    /// Waits until the phase is over, and concludes.
    async fn conclude(&self, batch: &Committed, wait: u32) {
        self.world.anvil.increase_time(u64::from(wait) + 1).await;
        let (order, concluded) = self.parts(batch);
        let conclude = self.verification.conclude(order, concluded);
        self.world.must(self.world.author, conclude.into_transaction_request()).await;
    }

    /* DISPUTES */

    /// Seals a challenge of a task. The game's id.
    async fn seal(&self, batch: &Committed, index: u32, salt: u8) -> B256 {
        let id = protocol::challenge_seal(batch.id, index, B256::repeat_byte(salt), self.world.author);
        self.world.must(self.world.author, self.game.seal(id).into_transaction_request()).await;
        id
    }

    async fn open(&self, batch: &Committed, index: u32, salt: u8) -> (B256, DisputeGame::Game) {
        let id = self.seal(batch, index, salt).await;
        self.world.anvil.increase_time(2).await;
        let (order, opened) = (protocol::recast(&batch.order), protocol::recast(&batch.batch));
        let open = self.game.open(order, opened, self.task(batch, index), B256::repeat_byte(salt));
        self.world.must(self.world.author, open.into_transaction_request()).await;
        let game = self.last::<DisputeGame::GameOpened>().await.game;
        (id, game)
    }

    async fn answer(&self, batch: &Committed, id: B256, game: &DisputeGame::Game) {
        let roots = self.trace(batch, game.index).await;
        let answer = self.game.answer(id, game.clone(), roots);
        self.world.must(batch.batch.provider, answer.into_transaction_request()).await;
    }

    /// Ends a game by the silence of whoever has to move.
    async fn time_out(&self, batch: &Committed, id: B256, game: &DisputeGame::Game) {
        self.world.anvil.increase_time(61).await;
        let (order, ended) = (protocol::recast(&batch.order), protocol::recast(&batch.batch));
        let timeout = self.game.timeout(id, game.clone(), order, ended);
        self.world.must(self.world.customer, timeout.into_transaction_request()).await;
    }

    /// The newest event of its kind.
    async fn last<E: SolEvent>(&self) -> E {
        let filter = alloy::rpc::types::Filter::new()
            .address(self.world.suite.dispute_game)
            .event_signature(E::SIGNATURE_HASH)
            .from_block(0);
        let logs = self.world.provider.get_logs(&filter).await.unwrap();
        E::decode_log(&logs.last().unwrap().inner).unwrap().data
    }
}

/// The places that `party` holds, with its number there.
fn places(
    lot: &[Verification::DrawnTask],
    party: Address,
    provider: Address,
) -> Vec<(u8, &Verification::DrawnTask, u8)> {
    let number = |task: &Verification::DrawnTask| match party == provider {
        true => Some(0),
        false => task.validators.iter().position(|validator| *validator == party).map(|at| at as u8 + 1),
    };
    (0u8..).zip(lot).filter_map(|(place, task)| Some((place, task, number(task)?))).collect()
}

/// What was played.
struct Played {
    /// Agreed, with a silent validator; then convicted by a game.
    convicted: Committed,
    /// Disputed by a dissenter who opened no game.
    agreed: Committed,
    undrawn: Committed,
    waiting: Committed,
    won: B256,
    lost: B256,
    open: B256,
    expired: B256,
    withdrawn: B256,
    sealed: B256,
}

/// Every end of a draw and of a dispute but a referee's verdict.
async fn play(world: &World) -> Played {
    let court = Court::new(world);
    let [ada, bob] = world.providers;
    court.seat().await;
    let convicted = court.commit(ada, 1, 10_000).await;
    let agreed = court.commit(bob, 2, 10_000).await;
    let undrawn = court.commit(bob, 3, 1).await;
    let waiting = court.commit(ada, 4, 10_000).await;
    court.draw(&undrawn).await;

    court.draw(&agreed).await;
    let liar = court.lot(&agreed).await[0].validators[0];
    court.testify(&agreed, None, Some(liar)).await;
    court.conclude(&agreed, 0).await;

    court.draw(&convicted).await;
    let silent = court.lot(&convicted).await[1].validators[1];
    court.testify(&convicted, Some(silent), None).await;
    court.conclude(&convicted, 0).await;
    court.conclude(&agreed, world.suite.parameters.verification.challenge_window).await;

    let index = court.lot(&agreed).await[0].index;
    let (lost, game) = court.open(&agreed, index, 1).await;
    court.answer(&agreed, lost, &game).await;
    court.time_out(&agreed, lost, &game).await;

    let index = court.lot(&convicted).await[0].index;
    let (won, game) = court.open(&convicted, index, 2).await;
    court.answer(&convicted, won, &game).await;
    let name = court.game.nameOperator(won, game, 1);
    world.must(world.author, name.into_transaction_request()).await;
    let game = court.last::<DisputeGame::OperatorNamed>().await.game;
    court.time_out(&convicted, won, &game).await;
    // Those who agreed on the lost task are slashed.
    court.conclude(&convicted, 0).await;
    let withdrawn = court.seal(&convicted, 3, 6).await;
    let withdraw = court.game.withdrawSeal(convicted.id, 3, B256::repeat_byte(6));
    world.must(world.author, withdraw.into_transaction_request()).await;
    world.anvil.increase_time(court.game.longestGame().call().await.unwrap().to()).await;
    world.must(bob, court.verification.claimPot(convicted.id).into_transaction_request()).await;

    let expired = court.seal(&undrawn, 0, 3).await;
    world.anvil.increase_time(61).await;
    world.must(bob, court.game.expireSeal(expired).into_transaction_request()).await;
    let (open, _) = court.open(&undrawn, 2, 4).await;
    let sealed = court.seal(&undrawn, 3, 5).await;
    Played { convicted, agreed, undrawn, waiting, won, lost, open, expired, withdrawn, sealed }
}

/// A sealed challenge of nothing in particular.
pub(crate) async fn challenge(world: &World) -> B256 {
    let id = B256::repeat_byte(0x77);
    let approve = world.ledger.approve(world.suite.dispute_game, U256::ZERO, U256::from(ETHER));
    world.must(world.customer, approve.into_transaction_request()).await;
    let game = DisputeGame::new(world.suite.dispute_game, world.provider.clone());
    world.must(world.customer, game.seal(id).into_transaction_request()).await;
    id
}

fn number(value: &Value) -> U256 {
    match value {
        Value::String(digits) => digits.parse().unwrap(),
        digits => U256::from(digits.as_u64().unwrap()),
    }
}

fn parse<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().unwrap().parse().unwrap()
}

/// Compares draws, testimonies, pots, disputes and seats with what the contracts answer.
async fn compare(world: &World, indexer: &Running) {
    let court = Court::new(world);
    for batch in indexer.all("/v1/batches", 50).await {
        let id: B256 = parse(&batch["batch_id"]);
        let view = indexer.ok(&format!("/v1/batches/{id}")).await;
        let (draw, read) = (&view["draw"], court.verification.drawOf(id).call().await.unwrap());
        let words = ["none", "waiting", "undrawn", "sealing", "revealing", "disputed", "agreed", "convicted"];
        assert_eq!(draw["status"], words[read.status as usize], "{draw}");
        assert_eq!(number(&draw["round"]), U256::from(read.round), "{draw}");
        assert_eq!(draw["certain"], read.certain, "{draw}");
        let end = draw["phase_end"].as_u64().unwrap_or_default();
        assert_eq!(U256::from(end), U256::from(read.phaseEnd), "{draw}");
        for testimony in draw["testimonies"].as_array().unwrap() {
            if parse::<Address>(&testimony["party"]) == parse::<Address>(&batch["provider"]) {
                let index = testimony["task_index"].as_u64().unwrap() as u32;
                let root = court.verification.revealedRoot(id, index).call().await.unwrap();
                assert_eq!(testimony["trace_root"].as_str().map_or(B256::ZERO, |root| root.parse().unwrap()), root);
            }
        }
        let (pot, read) = (&draw["pot"], court.verification.potOf(id).call().await.unwrap());
        let open = !pot.is_null() && pot["claim_transaction"].is_null();
        assert_eq!(open, read.amount != 0, "{pot}");
        compare_games(&court, indexer, id).await;
    }
    for validator in indexer.all("/v1/validators", 2).await {
        let (service, account) = (parse(&validator["service"]), parse(&validator["validator"]));
        let read = court.seats.seatOf(service, account).call().await.unwrap();
        assert_eq!(number(&validator["number"]), U256::from(read.number), "{validator}");
        assert_eq!(number(&validator["releasable_at"]), U256::from(read.releasableAt), "{validator}");
        assert_eq!(number(&validator["stake"]), U256::from(read.stake), "{validator}");
    }
}

/// The open games of a batch, and the answers for its tasks.
async fn compare_games(court: &Court<'_>, indexer: &Running, id: B256) {
    let games = indexer.all(&format!("/v1/disputes?batch={id}"), 1).await;
    let open = games.iter().filter(|game| game["status"] == "open").count();
    assert_eq!(U256::from(open), court.game.openGames(id).call().await.unwrap());
    for game in games {
        let dispute: B256 = parse(&game["dispute_id"]);
        let hash = court.game.gameHash(dispute).call().await.unwrap();
        assert_eq!(game["status"] == "open", !hash.is_zero(), "{game}");
        let index = game["task_index"].as_u64().unwrap() as u32;
        let answer = court.game.answerOf(id, index).call().await.unwrap();
        let audit = indexer.ok(&format!("/v1/batches/{id}/tasks/{index}")).await["audit"].clone();
        assert_eq!(audit["lost"], answer.lost, "{audit}");
        assert_eq!(audit["answer"].as_str().map_or(B256::ZERO, |root| root.parse().unwrap()), answer.traceRoot);
        assert!(audit["disputes"].as_array().unwrap().contains(&game), "{audit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn draws_and_disputes_are_as_the_contracts_say() {
    let world = World::new().await;
    let indexer = world.index("court").await;
    let played = play(&world).await;
    world.synced(&indexer).await;
    compare(&world, &indexer).await;

    for (batch, status) in [
        (&played.convicted, "convicted"),
        (&played.agreed, "agreed"),
        (&played.undrawn, "undrawn"),
        (&played.waiting, "waiting"),
    ] {
        assert_eq!(indexer.ok(&format!("/v1/batches/{}", batch.id)).await["draw"]["status"], status);
    }
    let moves = |dispute: &Value| -> Vec<String> {
        dispute["history"].as_array().unwrap().iter().map(|made| parse(&made["name"])).collect()
    };
    for (id, status, expected) in [
        (played.won, "won", &["sealed", "opened", "answered", "operator_named", "ended"][..]),
        (played.lost, "lost", &["sealed", "opened", "answered", "ended"]),
        (played.open, "open", &["sealed", "opened"]),
        (played.expired, "expired", &["sealed", "expired"]),
        (played.withdrawn, "withdrawn", &["sealed", "withdrawn"]),
        (played.sealed, "sealed", &["sealed"]),
    ] {
        let dispute = indexer.ok(&format!("/v1/disputes/{id}")).await;
        assert_eq!(
            (&dispute["status"], moves(&dispute)),
            (&status.into(), expected.iter().map(|name| (*name).to_owned()).collect())
        );
        assert_eq!(dispute["moves"], expected.len());
        for made in dispute["history"].as_array().unwrap() {
            let receipt = world.provider.get_transaction_receipt(parse(&made["transaction_hash"])).await.unwrap();
            let block = made["position"].as_str().unwrap().split('-').next().unwrap().parse().ok();
            assert_eq!(receipt.unwrap().block_number, block, "{made}");
        }
    }
    audits(&world, &indexer, &played).await;
    let document = indexer.ok("/openapi.json").await;
    for (path, concrete) in [
        ("/v1/batches/{batch_id}", format!("/v1/batches/{}", played.convicted.id)),
        ("/v1/batches/{batch_id}/tasks/{index}", format!("/v1/batches/{}/tasks/0", played.convicted.id)),
        ("/v1/disputes/{dispute_id}", format!("/v1/disputes/{}", played.won)),
        ("/v1/disputes", "/v1/disputes".to_owned()),
        ("/v1/validators", "/v1/validators".to_owned()),
    ] {
        let schema = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        conforms(&document, schema, &indexer.ok(&concrete).await, path);
    }

    let all = indexer.all("/v1/disputes", 2).await;
    assert_eq!(all.len(), 6);
    assert_eq!(indexer.all(&format!("/v1/disputes?account={}", world.author), 2).await, all);
    assert_eq!(indexer.all(&format!("/v1/disputes?account={}", world.providers[0]), 2).await.len(), 1);
    assert_eq!(indexer.all("/v1/disputes?status=won", 2).await.len(), 1);
    for (path, status, code) in [
        ("/v1/disputes?status=maybe", 400, "bad_status"),
        ("/v1/disputes?account=0x1", 400, "bad_address"),
        (&format!("/v1/disputes/{}", B256::ZERO), 404, "dispute_unknown"),
    ] {
        let (answered, body) = indexer.get(path).await;
        assert_eq!((answered, body["code"].as_str()), (status, Some(code)), "{path}: {body}");
    }
}

/// Who was silent, who dissented and who agreed with a lie is told of the task, and was slashed for it.
async fn audits(world: &World, indexer: &Running, played: &Played) {
    let court = Court::new(world);
    let lot = court.lot(&played.convicted).await;
    for task in &lot {
        let view = indexer.ok(&format!("/v1/batches/{}/tasks/{}", played.convicted.id, task.index)).await;
        let audit = &view["audit"];
        assert_eq!((&audit["drawn"], &audit["draw"]), (&true.into(), &"convicted".into()), "{audit}");
        let said = audit["testimonies"].as_array().unwrap();
        assert_eq!(said.len(), 3);
        for validator in &task.validators {
            let own = said.iter().find(|own| parse::<Address>(&own["party"]) == *validator).unwrap();
            let silent = *validator == lot[1].validators[1];
            assert_eq!(own["trace_root"].is_null(), silent, "{own}");
            // The lost task is the first of the lot.
            assert_eq!(!own["slashed"].is_null(), silent || task.index == lot[0].index, "{own}");
            assert_eq!(own["slashed"].is_null(), own["slash_transaction"].is_null());
        }
    }
    let drawn: Vec<u32> = lot.iter().map(|task| task.index).collect();
    let other = (0..4).find(|index| !drawn.contains(index)).unwrap();
    let view = indexer.ok(&format!("/v1/batches/{}/tasks/{other}", played.convicted.id)).await;
    assert_eq!((&view["audit"]["drawn"], &view["audit"]["testimonies"]), (&false.into(), &json!([])));

    let lot = court.lot(&played.agreed).await;
    let view = indexer.ok(&format!("/v1/batches/{}/tasks/{}", played.agreed.id, lot[0].index)).await;
    let liar = lot[0].validators[0];
    let said = view["audit"]["testimonies"].as_array().unwrap();
    let own = said.iter().find(|own| parse::<Address>(&own["party"]) == liar).unwrap();
    assert_eq!(own["dissented"], true, "{own}");
    assert!(!own["slashed"].is_null(), "{own}");
    let view = indexer.ok(&format!("/v1/batches/{}/tasks/0", played.waiting.id)).await;
    assert_eq!((&view["audit"]["drawn"], &view["audit"]["draw"]), (&Value::Null, &"waiting".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn draws_and_disputes_are_taken_back() {
    let world = World::new().await;
    let indexer = world.index("storm").await;
    play(&world).await;
    world.synced(&indexer).await;
    let mut rows = about_verification(&indexer).await;
    // Each goes deeper into the play than the one before: into its disputes, its draws, its commits.
    for depth in [7, 25, 58] {
        world.anvil.reorg(depth).await;
        world.anvil.mine(1).await;
        world.synced(&indexer).await;
        compare(&world, &indexer).await;
        let fresh = world.index(&format!("fresh{depth}")).await;
        world.synced(&fresh).await;
        assert_same(&indexer.config.database, &fresh.config.database, &format!("{depth} blocks taken back")).await;
        let left = about_verification(&indexer).await;
        assert!(left != rows, "{depth} blocks held nothing of the play");
        rows = left;
    }
}

/// The rows of the play.
async fn about_verification(indexer: &Running) -> Vec<String> {
    let tables = ["draws:", "testimonies:", "pots:", "validators:", "disputes:", "moves:", "disputed_tasks:"];
    let mut rows = dump(&indexer.config.database).await;
    rows.retain(|row| tables.iter().any(|table| row.starts_with(table)));
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn draws_and_disputes_are_rebuilt_from_the_log() {
    let world = World::new().await;
    play(&world).await;
    let indexer = world.index("rebuilt").await;
    world.synced(&indexer).await;
    let config = indexer.config.clone();
    indexer.stop().await.unwrap();
    let before = dump(&config.database).await;
    let options = SqliteConnectOptions::new().filename(&config.database);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("DELETE FROM moves; DROP TABLE draws; UPDATE meta SET value = '2' WHERE key = 'state_version'")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let mut offline = config.clone();
    offline.rpc_url = "http://127.0.0.1:9".to_owned();
    Running::start(offline).await.unwrap().stop().await.unwrap();
    assert_eq!(dump(&config.database).await, before);
}
