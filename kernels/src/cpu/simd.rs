//! The one kernel that is written for each instruction set: blocks of 8-bit dot products.
//!
//! Everything else is written once and compiled for each set (see [`multiversion`]). Integers leave the compiler no
//! freedom, so all versions make the same bits.

use super::pack::{LANES, Line};

/// Rows that a block of dot products takes at most.
pub(crate) const ROWS: usize = 6;

/// Dot products of up to [`ROWS`] rows with [`LANES`] lanes.
pub(crate) type Block = [[i32; LANES]; ROWS];

/// Dot products of `rows` rows of `x`, which start `stride` apart, with the lanes of `lines`: one sum of products of
/// signed `x` and unsigned lanes for each row and lane.
///
/// `lines` holds four bytes of each of [`LANES`] lanes at a time, and decides the length of the products.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operands<'a> {
    pub(crate) x: &'a [i8],
    pub(crate) stride: usize,
    pub(crate) rows: usize,
    pub(crate) lines: &'a [Line],
}

impl Operands<'_> {
    /// Panics unless every byte that a kernel will read is there.
    #[inline(always)]
    fn check(&self) {
        let depth = self.lines.len() / LINES * 4;
        assert!(self.lines.len().is_multiple_of(LINES) && (1..=ROWS).contains(&self.rows));
        assert!((self.rows - 1) * self.stride + depth <= self.x.len());
    }
}

/// Lines that hold one step of all lanes.
pub(crate) const LINES: usize = LANES / 16;

/// An instruction set as a type, for code that is compiled once for each.
pub(crate) trait Simd {
    fn dot(operands: Operands<'_>, out: &mut Block);
}

pub(crate) struct Portable;

impl Simd for Portable {
    #[inline(always)]
    fn dot(operands: Operands<'_>, out: &mut Block) {
        operands.check();
        let Operands { x, stride, rows, lines } = operands;
        let depth = lines.len() / LINES * 4;
        for (row, out) in out.iter_mut().enumerate().take(rows) {
            let x = &x[row * stride..][..depth];
            let mut sums = [0; LANES];
            for (x, lines) in x.as_chunks::<4>().0.iter().zip(lines.chunks_exact(LINES)) {
                let x = x.map(i32::from);
                for (sums, line) in sums.chunks_exact_mut(16).zip(lines) {
                    for (sum, w) in sums.iter_mut().zip(line.0.as_chunks::<4>().0) {
                        let w = w.map(i32::from);
                        *sum += x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3];
                    }
                }
            }
            *out = sums;
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Block, LINES, Operands, Simd};
    use crate::cpu::pack::{LANES, Line};

    pub(crate) struct Avx2;
    pub(crate) struct Avx512;

    impl Simd for Avx2 {
        #[inline(always)]
        fn dot(operands: Operands<'_>, out: &mut Block) {
            operands.check();
            // SAFETY: this type is used only where the processor has AVX2, and the reads were checked.
            unsafe {
                let mut row = 0;
                while row + 2 <= operands.rows {
                    dot_avx2::<2>(operands, row, out);
                    row += 2;
                }
                if row < operands.rows {
                    dot_avx2::<1>(operands, row, out);
                }
            }
        }
    }

    impl Simd for Avx512 {
        #[inline(always)]
        fn dot(operands: Operands<'_>, out: &mut Block) {
            operands.check();
            let Operands { x, stride, rows, lines } = operands;
            // SAFETY: this type is used only where the processor has AVX-512 with VNNI, and the reads were checked.
            unsafe {
                match rows {
                    1 => dot_avx512::<1>(x.as_ptr(), stride, lines, out),
                    2 => dot_avx512::<2>(x.as_ptr(), stride, lines, out),
                    3 => dot_avx512::<3>(x.as_ptr(), stride, lines, out),
                    4 => dot_avx512::<4>(x.as_ptr(), stride, lines, out),
                    5 => dot_avx512::<5>(x.as_ptr(), stride, lines, out),
                    _ => dot_avx512::<6>(x.as_ptr(), stride, lines, out),
                }
            }
        }
    }

    /// The weights of a step stay in registers for all rows; `vpdpbusd` adds four products without saturation.
    ///
    /// # Safety
    /// `x` must hold `N` rows, `stride` apart, of four bytes for each step of `lines`.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn dot_avx512<const N: usize>(x: *const i8, stride: usize, lines: &[Line], out: &mut Block) {
        let mut sums = [[_mm512_setzero_si512(); LINES]; N];
        let mut x = x;
        for step in lines.chunks_exact(LINES) {
            // SAFETY: a line has 64 aligned bytes; the caller vouches for `x`.
            let w: [__m512i; LINES] = std::array::from_fn(|i| unsafe { _mm512_load_si512(step[i].0.as_ptr().cast()) });
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: as above.
                let four = unsafe { x.add(row * stride).cast::<i32>().read_unaligned() };
                let four = _mm512_set1_epi32(four);
                for (sum, w) in sums.iter_mut().zip(w) {
                    *sum = _mm512_dpbusd_epi32(*sum, w, four);
                }
            }
            // SAFETY: as above; after the last step it points past the last byte of the first row at most.
            x = unsafe { x.add(4) };
        }
        for (out, sums) in out.iter_mut().zip(sums) {
            for (out, sum) in out.chunks_exact_mut(16).zip(sums) {
                // SAFETY: `out` has 16 integers.
                unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), sum) };
            }
        }
    }

    /// Widens to 16 bits, for `vpmaddubsw` would saturate.
    ///
    /// # Safety
    /// `operands` must have been checked, and hold `first + N` rows.
    #[target_feature(enable = "avx2")]
    unsafe fn dot_avx2<const N: usize>(operands: Operands<'_>, first: usize, out: &mut Block) {
        let Operands { x, stride, lines, .. } = operands;
        for line in 0..LINES {
            let mut sums = [[_mm256_setzero_si256(); 4]; N];
            for (step, lines) in lines.chunks_exact(LINES).enumerate() {
                for (row, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: the operands were checked.
                    let four =
                        unsafe { x.as_ptr().add((first + row) * stride + step * 4).cast::<i32>().read_unaligned() };
                    let four = _mm256_broadcastq_epi64(_mm_cvtepi8_epi16(_mm_cvtsi32_si128(four)));
                    for (quarter, sum) in sums.iter_mut().enumerate() {
                        // SAFETY: a line has 64 bytes.
                        let w = unsafe { _mm_load_si128(lines[line].0.as_ptr().add(quarter * 16).cast()) };
                        *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(_mm256_cvtepu8_epi16(w), four));
                    }
                }
            }
            for (row, sums) in sums.iter().enumerate() {
                let out: &mut [i32; LANES] = &mut out[first + row];
                for half in 0..2 {
                    let pairs = _mm256_hadd_epi32(sums[2 * half], sums[2 * half + 1]);
                    let ordered = _mm256_permute4x64_epi64(pairs, 0b11_01_10_00);
                    let at = &mut out[line * 16 + half * 8..][..8];
                    // SAFETY: `at` has 8 integers.
                    unsafe { _mm256_storeu_si256(at.as_mut_ptr().cast(), ordered) };
                }
            }
        }
    }
}

/// Compiles `fn name(args) = body` once for each instruction set, and adds a choice by [`crate::isa::Isa`] before the arguments.
/// `body` must be `#[inline(always)]` and generic over [`Simd`].
macro_rules! multiversion {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),* $(,)?) = $body:ident;) => {
        $(#[$doc])*
        pub(crate) fn $name(isa: $crate::isa::Isa, $($arg: $ty),*) {
            use $crate::{cpu::simd, isa::Isa};
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
            fn avx512($($arg: $ty),*) { $body::<simd::Avx512>($($arg),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($arg: $ty),*) { $body::<simd::Avx2>($($arg),*) }
            match isa {
                // SAFETY: an `Isa` is chosen among those that the processor has.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 | Isa::Amx => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => unsafe { avx2($($arg),*) },
                _ => $body::<simd::Portable>($($arg),*),
            }
        }
    };
}
pub(crate) use multiversion;
