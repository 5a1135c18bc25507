//! Examines every seat in every round, and writes down at once what it answers.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, B256, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use assay_contracts::{
    Network,
    network::{Seat, read::Snapshot},
};
use assay_epochs::uptime::answers::{GOOD, OFFLINE, SLOW};
use assay_kernels::model::Model;
use tokio::{
    sync::{Semaphore, broadcast, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    Examined,
    answers::{Answer, Ledger, Word},
    duty::Duty,
    latency::Latencies,
};
use crate::{
    error::{KeeperError, Result},
    examination::{
        Challenge, Probe, Reply, Request, Rounds,
        endpoint::{Asker, Failure},
        probe,
    },
    supervise::while_progressing,
    verification::Secret,
};

/// How often it looks whether somebody is to be asked, when no block arrives.
const TICK: Duration = Duration::from_secs(1);
/// First pause before a seat that was not reached is asked again in the same probe; doubles each time, up to [`PAUSE_MOST`].
const PAUSE_FIRST: Duration = Duration::from_millis(250);
const PAUSE_MOST: Duration = Duration::from_secs(4);

/// See the module.
#[derive(Debug)]
pub(super) struct Examiner {
    pub(super) network: Network,
    pub(super) chain_id: u64,
    pub(super) key: PrivateKeySigner,
    pub(super) only: Option<u32>,
    pub(super) model: Arc<Model>,
    pub(super) tasks: u32,
    /// How many of them are computed anew.
    pub(super) rechecks: u32,
    /// Until then an answer is good.
    pub(super) deadline: Duration,
    /// Until then it is slow.
    pub(super) patience: Duration,
    pub(super) asker: Asker,
    pub(super) secret: Secret,
    pub(super) ledger: Ledger,
    pub(super) latencies: Arc<Latencies>,
    pub(super) events: broadcast::Sender<Examined>,
    pub(super) snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    /// Probes at once.
    pub(super) lines: Arc<Semaphore>,
    /// Answers are computed anew one at a time.
    pub(super) machine: Semaphore,
    pub(super) looks: AtomicU64,
}

/// The epoch that is examined, and whom nobody has to ask any more.
struct Course {
    duty: Arc<Duty>,
    seats: B256,
    asked: HashSet<(u32, u32)>,
}

impl Examiner {
    pub(super) async fn run(self: Arc<Self>, cancel: CancellationToken) -> Result<()> {
        tokio::select! {
            () = cancel.cancelled() => Ok(()),
            result = while_progressing(&self.looks, || self.examine()) => result,
        }
    }

    /// Whoever is being asked when this ends is asked again: a seat shows the same answer to the same question.
    async fn examine(self: &Arc<Self>) -> Result<()> {
        let mut snapshots = self.snapshots.clone();
        let mut course = None;
        let mut probes = JoinSet::new();
        loop {
            let snapshot = snapshots.borrow_and_update().clone();
            if let Some(snapshot) = snapshot {
                self.ask_due(&snapshot, &mut course, &mut probes).await?;
            }
            self.looks.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                Some(ended) = probes.join_next(), if !probes.is_empty() => {
                    let panicked = |error: tokio::task::JoinError| {
                        KeeperError::Panicked { task: "probe", message: error.to_string() }
                    };
                    ended.map_err(panicked)??;
                }
                changed = snapshots.changed() => if changed.is_err() { return Ok(()) },
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// Asks every seat of the current round whose moment has come.
    async fn ask_due(
        self: &Arc<Self>,
        snapshot: &Snapshot,
        course: &mut Option<Course>,
        probes: &mut JoinSet<Result<()>>,
    ) -> Result<()> {
        let Some(rounds) = Rounds::at(&self.network, snapshot.time) else { return Ok(()) };
        let (epoch, history) = (rounds.epoch(), &snapshot.history);
        let (Some(round), Some(seed)) = (rounds.round_at(snapshot.time), history.seed_of(epoch)) else { return Ok(()) };
        let Ok(duty) = Duty::of(&self.network, history, epoch, self.key.address(), self.only) else { return Ok(()) };
        let course = self.follow(duty, course).await?;
        for (index, seat) in (0_u32..).zip(&course.duty.seats) {
            let Some(seat) = seat else { continue };
            let random = self.secret.derive("moment", seed, round, index);
            let moment = rounds.moment(round, u64::from_be_bytes(random.0[..8].try_into().unwrap_or_default()));
            if moment <= snapshot.time && course.asked.insert((round, index)) {
                let place = Place { duty: course.duty.clone(), seed, round, index, seat: seat.clone() };
                probes.spawn(self.clone().probe(place));
            }
        }
        Ok(())
    }

    /// The course of the duty: the one before, or a new one that knows what is stored.
    async fn follow<'a>(&self, duty: Duty, course: &'a mut Option<Course>) -> Result<&'a mut Course> {
        let (name, seats) = ((duty.epoch, duty.operator), duty.seats_hash());
        let kept =
            course.take().filter(|old| (old.duty.epoch, old.duty.operator, old.seats) == (name.0, name.1, seats));
        let next = match kept {
            Some(kept) => kept,
            None => {
                let stored = self.ledger.of(duty.epoch, duty.operator).await?;
                let asked = stored.iter().map(|answer| (answer.round, answer.seat)).collect();
                Course { duty: Arc::new(duty), seats, asked }
            }
        };
        Ok(course.insert(next))
    }

    async fn probe(self: Arc<Self>, place: Place) -> Result<()> {
        let Ok(_line) = self.lines.clone().acquire_owned().await else { return Ok(()) };
        // Who waited too long for others is not to blame.
        let Some(limit) = self.time_left(&place) else { return Ok(()) };
        let outcome = self.ask(&place, limit).await?;
        let Place { duty, round, index, seat, .. } = &place;
        let (answer, word, latency, reason) = match outcome {
            Ok((word, time)) => {
                let answer = if time <= self.deadline { GOOD } else { SLOW };
                (answer, Some(word), Some(time.as_millis().try_into().unwrap_or(u32::MAX)), None)
            }
            Err(why) => (OFFLINE, None, None, Some(why)),
        };
        let answer = Answer { round: *round, seat: *index, key: seat.key, answer, word, latency, reason };
        self.ledger.put(duty, &answer).await?;
        self.tell(duty, answer);
        Ok(())
    }

    /// How long a seat can take: no longer than its round lasts, since it answers in no other. `None` when it has less time than a good
    /// answer may take.
    fn time_left(&self, place: &Place) -> Option<Duration> {
        let now = self.snapshots.borrow().as_ref()?.time;
        let rounds = Rounds::at(&self.network, now).filter(|rounds| rounds.epoch() == place.duty.epoch)?;
        let left = Duration::from_secs(rounds.span(place.round).end.checked_sub(now)?);
        (left >= self.deadline).then(|| left.min(self.patience))
    }

    fn tell(&self, duty: &Duty, answer: Answer) {
        let Answer { round, seat, answer, latency, reason, .. } = answer;
        let name = match answer {
            GOOD => "good",
            SLOW => "slow",
            _ => "offline",
        };
        metrics::counter!("assay_checker_answers_total", "answer" => name).increment(1);
        if let Some(latency) = latency {
            let seconds = f64::from(latency) / 1e3;
            metrics::histogram!("assay_checker_latency_seconds", "seat" => seat.to_string()).record(seconds);
            self.latencies.add(seat, latency);
        }
        tracing::info!(epoch = duty.epoch, round, seat, answer = name, latency, reason, "examined");
        let epoch = duty.epoch;
        // Nobody may be listening.
        let _ = self.events.send(Examined { epoch, round, seat, answer: name, latency_ms: latency, reason });
    }

    /// A provider's word and the time that it took, or why there is none.
    async fn ask(self: &Arc<Self>, place: &Place, limit: Duration) -> Result<Result<(Word, Duration), String>> {
        let Place { duty, seed, round, index, seat } = place;
        let probe = Probe {
            epoch: duty.epoch,
            round: *round,
            seat: *index,
            operator: duty.operator,
            model: probe::model_id(&self.model),
            tasks: self.tasks,
        };
        let digest = probe.digest(self.chain_id, self.network.attestations);
        let request = Request::new(&probe, self.key.sign_hash_sync(&digest)?.as_bytes());
        let started = Instant::now();
        let mut why = "no answer".to_owned();
        let replied = tokio::time::timeout(limit, self.reply(&seat.endpoint, &request, &mut why)).await;
        let time = started.elapsed();
        let reply = match replied {
            Ok(Ok(reply)) => reply,
            Ok(Err(wrong)) => return Ok(Err(wrong)),
            Err(_) => return Ok(Err(format!("nothing in {} ms: {why}", limit.as_millis()))),
        };
        let Ok(_turn) = self.machine.acquire().await else { return Ok(Err("stopped".into())) };
        let (me, seed, provider, key) = (self.clone(), *seed, seat.provider, seat.key);
        let judged = tokio::task::spawn_blocking(move || {
            let challenge = Challenge::new(&me.model, &seed, &digest, &request);
            me.judge(&request, &challenge, &reply, provider, key)
        });
        let judged =
            judged.await.map_err(|error| KeeperError::Panicked { task: "probe", message: error.to_string() })?;
        Ok(judged.map(|word| (word, time)))
    }

    /// Asks until there is an answer of any kind; `why` says what kept it from that.
    async fn reply(&self, endpoint: &str, request: &Request, why: &mut String) -> Result<Reply, String> {
        let mut pause = PAUSE_FIRST;
        loop {
            match self.asker.ask(endpoint, request).await {
                Ok(reply) => return Ok(reply),
                Err(Failure::Wrong(wrong)) => return Err(wrong),
                Err(Failure::Absent(absent)) => *why = absent,
            }
            tokio::time::sleep(pause).await;
            pause = PAUSE_MOST.min(2 * pause);
        }
    }

    /// Whether an answer is right. Which of the tasks are computed anew is drawn after it came.
    fn judge(
        &self,
        request: &Request,
        challenge: &Challenge,
        reply: &Reply,
        provider: Address,
        key: Address,
    ) -> Result<Word, String> {
        let result = challenge
            .result(&self.model, self.chain_id, provider, &reply.leaves)
            .ok_or_else(|| format!("{} results of {} tasks", reply.leaves.len(), request.tasks))?;
        let digest = probe::response(self.chain_id, self.network.attestations, request, result);
        if probe::signer(&digest, &reply.signature) != Some(key) {
            return Err("not signed by the seat's key".into());
        }
        for task in drawn(reply.leaves.len(), self.rechecks) {
            let right = challenge.is_right(&self.model, task, &reply.leaves[task]);
            if !right.map_err(|error| error.to_string())? {
                return Err(format!("task {task} is wrong"));
            }
        }
        Ok(Word { result, signature: reply.signature.to_vec() })
    }
}

/// Whom to ask.
struct Place {
    duty: Arc<Duty>,
    seed: B256,
    round: u32,
    index: u32,
    seat: Seat,
}

/// So many of the tasks, each at most once, by fresh randomness.
fn drawn(tasks: usize, count: u32) -> Vec<usize> {
    let mut word = PrivateKeySigner::random().to_bytes();
    let mut left: Vec<usize> = (0..tasks).collect();
    let mut next = || {
        word = keccak256(word);
        let number = u64::from_be_bytes(word.0[..8].try_into().unwrap_or_default());
        (!left.is_empty()).then(|| left.swap_remove((number % left.len() as u64) as usize))
    };
    (0..count).map_while(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_task_is_drawn_as_often_as_the_next() {
        let mut counts = [0; 8];
        for _ in 0..4_000 {
            let drawn = drawn(8, 2);
            assert!(drawn.len() == 2 && drawn[0] != drawn[1]);
            drawn.iter().for_each(|task| counts[*task] += 1);
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
        assert_eq!((drawn(3, 9).len(), drawn(0, 2).len(), drawn(5, 0).len()), (3, 0, 0));
    }
}
