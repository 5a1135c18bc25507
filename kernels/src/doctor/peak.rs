//! How many 8-bit multiplications a second the processor does in a loop that does nothing else.

use std::{hint::black_box, time::Instant};

use crate::isa::Isa;

/// Rounds of a loop: milliseconds.
const ROUNDS: u64 = 1 << 18;
/// How often it is tried; the fastest counts, for the processor may have slept.
const TRIES: usize = 20;

/// A loop of so many rounds, and the multiplications of a round.
type Loop = (fn(u64), u64);

/// Multiplications with their additions a second on all threads, where there is a loop for the instruction set.
pub(super) fn of(isa: Isa) -> Option<f64> {
    let (run, macs) = loop_of(isa)?;
    let once = || {
        let start = Instant::now();
        rayon::broadcast(|_| run(ROUNDS));
        start.elapsed().as_secs_f64()
    };
    let fastest = (0..TRIES).map(|_| once()).fold(f64::INFINITY, f64::min);
    Some((ROUNDS * macs) as f64 * rayon::current_num_threads() as f64 / fastest)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn loop_of(_: Isa) -> Option<Loop> {
    None
}

#[cfg(target_arch = "aarch64")]
fn loop_of(isa: Isa) -> Option<Loop> {
    use crate::cpu::neon;
    match isa {
        Isa::Portable => None,
        // SAFETY: an `Isa` is chosen among those that the processor has.
        Isa::Neon => Some((|rounds| unsafe { neon::multiply_only(rounds) }, neon::MULTIPLY_ONLY_MACS)),
    }
}

#[cfg(target_arch = "x86_64")]
fn loop_of(isa: Isa) -> Option<Loop> {
    match isa {
        Isa::Portable => None,
        // SAFETY: an `Isa` is chosen among those that the processor has; so for the others.
        Isa::Avx2 => Some((|rounds| unsafe { x86::avx2(rounds) }, x86::AVX2_MACS)),
        // SAFETY: as above.
        Isa::Avx512 => Some((|rounds| unsafe { x86::avx512(rounds) }, x86::AVX512_MACS)),
        Isa::Amx => Some((crate::cpu::amx::multiply_only, crate::cpu::amx::MULTIPLY_ONLY_MACS)),
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::black_box;

    /// Sums that do not wait for each other.
    const SUMS: usize = 12;
    pub(super) const AVX2_MACS: u64 = 16 * SUMS as u64;
    pub(super) const AVX512_MACS: u64 = 64 * SUMS as u64;

    /// `vpmaddwd` on bytes widened before, for `vpmaddubsw` would saturate. What is multiplied is the sum, so that every round
    /// has to.
    #[target_feature(enable = "avx2")]
    pub(super) fn avx2(rounds: u64) {
        let w = black_box(_mm256_set1_epi16(5));
        let mut sums = black_box([_mm256_set1_epi16(3); SUMS]);
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(*sum, w));
            }
        }
        black_box(sums);
    }

    /// `vpdpbusd`.
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) fn avx512(rounds: u64) {
        let (x, w) = (black_box(_mm512_set1_epi8(3)), black_box(_mm512_set1_epi8(5)));
        let mut sums = black_box([_mm512_setzero_si512(); SUMS]);
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_dpbusd_epi32(*sum, x, w);
            }
        }
        black_box(sums);
    }
}
