//! Threads that work on one thing after the other without sleeping in between.
//!
//! A step of a text has hundreds of matrix products of some microseconds each: less than it takes to wake a thread. So the other
//! threads of the pool are called once a step and look for work until it is over. Nobody waits for one that does not come: what
//! it did not take, the others do.

use std::{
    ptr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering},
    },
};

/// Looks for work in a row before a thread lets others have its core: some 50 µs.
const LOOKS: u32 = 1000;

/// Bits of a number of parts.
const PART: u32 = 16;
/// The most parts.
const PARTS: u64 = (1 << PART) - 1;

/// Threads at work together.
#[derive(Debug, Default)]
pub(crate) struct Crew {
    /// Number of the job, and which of its parts nobody has taken: the first ([`PART`] bits), and where they end (the lowest bits).
    state: AtomicU64,
    /// Parts of the job that are done.
    done: AtomicUsize,
    job: AtomicPtr<Job<'static>>,
    is_over: AtomicBool,
}

/// What is done with each part.
struct Job<'a>(&'a (dyn Fn(Turn) + Sync));

/// A part that a thread has taken.
///
/// Who leads takes the first that is open, the others the last: so a thread goes through what lies together, and knows what it will
/// most likely need next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) part: usize,
    /// What this thread takes next unless another does, if anything was left.
    pub(crate) next: Option<usize>,
    /// Whether it leads.
    pub(crate) leads: bool,
}

impl Crew {
    /// Runs `lead`, whom the pool's other threads help.
    pub(crate) fn gather<T: Send>(lead: impl FnOnce(&Self) -> T + Send) -> T {
        let crew = Self::default();
        rayon::scope(|scope| {
            for _ in 1..rayon::current_num_threads() {
                scope.spawn(|_| crew.help());
            }
            let _over = OnDrop(|| crew.is_over.store(true, Ordering::Release));
            lead(&crew)
        })
    }

    /// Calls `make` with the place and the numbers of each run of `size` of `all`.
    pub(crate) fn parts<T: Send>(&self, all: &mut [T], size: usize, make: impl Fn(usize, &mut [T]) + Sync) {
        let parts: Vec<Mutex<&mut [T]>> = all.chunks_mut(size).map(Mutex::new).collect();
        self.run(parts.len(), &|turn| {
            make(turn.part, &mut parts[turn.part].lock().unwrap_or_else(PoisonError::into_inner));
        });
    }

    /// Calls `each` for every number below `count`.
    pub(crate) fn run(&self, count: usize, each: &(dyn Fn(Turn) + Sync)) {
        if count <= 1 {
            return (0..count).for_each(|part| each(Turn { part, next: None, leads: true }));
        }
        assert!(count as u64 <= PARTS, "{count} parts");
        let job = Job(each);
        self.done.store(0, Ordering::Relaxed);
        self.job.store(ptr::from_ref(&job).cast_mut().cast(), Ordering::Relaxed);
        let number = (self.state.load(Ordering::Relaxed) >> (2 * PART)).wrapping_add(1);
        // Whatever happens here, nobody is left with the job when it goes.
        let _end = OnDrop(|| {
            let (first, end) = open(self.state.fetch_and(!PARTS, Ordering::Relaxed));
            let mut looks = 0;
            while self.done.load(Ordering::Acquire) < count - end.saturating_sub(first) {
                pause(&mut looks);
            }
        });
        self.state.store(number << (2 * PART) | count as u64, Ordering::Release);
        while self.take(true) {}
    }

    fn help(&self) {
        let mut looks = 0;
        while !self.is_over.load(Ordering::Acquire) {
            if self.take(false) {
                looks = 0;
            } else {
                pause(&mut looks);
            }
        }
    }

    /// Does a part that is open. Whether there may be more.
    fn take(&self, leads: bool) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        let (first, end) = open(state);
        if first >= end {
            return false;
        }
        let left = if leads { state + (1 << PART) } else { state - 1 };
        if self.state.compare_exchange_weak(state, left, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            let _done = OnDrop(|| {
                self.done.fetch_add(1, Ordering::Release);
            });
            let (part, next) = if leads { (first, first + 1) } else { (end - 1, end.wrapping_sub(2)) };
            // SAFETY: whoever set the job waits for this part to be done before it goes.
            let job = unsafe { &*self.job.load(Ordering::Relaxed) };
            job.0(Turn { part, next: (end - first > 1).then_some(next), leads });
        }
        true
    }
}

/// The first open part of a state, and where they end.
fn open(state: u64) -> (usize, usize) {
    ((state >> PART & PARTS) as usize, (state & PARTS) as usize)
}

fn pause(looks: &mut u32) {
    *looks += 1;
    if *looks < LOOKS {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
}

/// Does something when it goes, also when it is by a panic.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        self.0();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    #[test]
    fn every_part_is_made_once_by_any_number_of_threads() {
        for threads in [1, 2, 3, 8] {
            let made = pool(threads).install(|| {
                Crew::gather(|crew| {
                    let mut all = vec![0u32; 1000];
                    for round in 0..2000 {
                        let size = 1 + round % 97;
                        crew.parts(&mut all, size, |at, part| {
                            part.iter_mut().zip(at * size..).for_each(|(x, place)| *x += place as u32);
                        });
                    }
                    all
                })
            });
            assert!(made.iter().zip(0..).all(|(&x, place)| x == 2000 * place), "{threads} threads");
        }
    }

    #[test]
    fn a_part_that_panics_ends_the_whole_and_nothing_hangs() {
        let pool = pool(3);
        for wrong in 0..20 {
            let run = || {
                Crew::gather(|crew| {
                    crew.parts(&mut [0; 20], 1, |at, part| {
                        assert_ne!(at, wrong);
                        part[0] = at;
                    });
                });
            };
            assert!(catch_unwind(AssertUnwindSafe(|| pool.install(run))).is_err(), "{wrong}");
        }
        assert_eq!(pool.install(|| Crew::gather(|_| 7)), 7);
    }

    #[test]
    fn crews_of_one_pool_do_not_wait_for_each_other() {
        let pool = pool(2);
        let work = || -> usize {
            let mut all = vec![0; 64];
            (0..200).for_each(|_| Crew::gather(|crew| crew.parts(&mut all, 4, |_, part| part[0] += 1)));
            all.iter().sum()
        };
        let sums: Vec<usize> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| pool.install(work))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(sums, [200 * 16; 4]);
    }
}
