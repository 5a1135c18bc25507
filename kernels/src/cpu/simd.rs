//! What is written for each instruction set: blocks of 8-bit dot products, and vectors of integers.
//!
//! Everything else is written once over these and compiled for each set (see [`multiversion`]). Integers leave no freedom, so all
//! versions make the same bits.

use super::pack::{LANES, Line};
use crate::fixed;

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
    /// What will be read after `lines`, or some of it: brought nearer meanwhile where that pays.
    pub(crate) coming: &'a [Line],
}

impl Operands<'_> {
    /// Panics unless every byte that a kernel will read is there.
    #[inline(always)]
    pub(crate) fn check(&self) {
        let depth = self.lines.len() / LINES * 4;
        assert!(self.lines.len().is_multiple_of(LINES) && (1..=ROWS).contains(&self.rows));
        assert!((self.rows - 1) * self.stride + depth <= self.x.len());
    }
}

/// Lines that hold one step of all lanes.
pub(crate) const LINES: usize = LANES / 16;

/// Rows of a [`Weighed`].
pub(crate) const WEIGHED: usize = 8;

/// What [`Simd::weigh`] makes: 32 lanes of each row.
pub(crate) type Weighed = [[i32; 32]; WEIGHED];

/// Integers of a vector.
pub(crate) const WIDE: usize = 16;

/// An instruction set as a type, for code that is compiled once for each.
pub(crate) trait Simd {
    /// [`WIDE`] integers of 32 bits. Sums and products wrap.
    type Vector: Copy;

    fn dot(operands: Operands<'_>, out: &mut Block);
    /// Sums, over four unsigned `x` of each row from `first` on and four signed `y` of each lane at a time, of their products.
    fn weigh(x: &[[Line; LINES]], first: usize, y: &[[Line; 2]], out: &mut Weighed);

    fn splat(x: i32) -> Self::Vector;
    fn load(x: &[i32; WIDE]) -> Self::Vector;
    fn widen(x: &[i16; WIDE]) -> Self::Vector;
    fn store(x: Self::Vector) -> [i32; WIDE];
    /// The low 16 bits of each.
    fn narrow16(x: Self::Vector) -> [i16; WIDE];
    /// The low 8 bits of each.
    fn narrow8(x: Self::Vector) -> [i8; WIDE];
    fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn min(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn max(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a << b`, each `b` from 0 to 31.
    fn shl(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a >> b`, each `b` from 0 to 31.
    fn shr(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn and(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Products of numbers from 0 to 32,767.
    fn mul16(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `rsh64(rsh64(x · by, shift) · mul, then)`; both quotients must fit 32 bits.
    fn scale(x: Self::Vector, by: i32, shift: u32, mul: Self::Vector, then: u32) -> Self::Vector;
    /// [`fixed::gelu`], for numbers of 16 bits.
    fn gelu(x: Self::Vector) -> Self::Vector;

    /// Limits to `±max`.
    #[inline(always)]
    fn clamp(x: Self::Vector, max: i32) -> Self::Vector {
        Self::max(Self::min(x, Self::splat(max)), Self::splat(-max))
    }
}

/// Vectors as arrays, which the compiler turns into what the instruction set has.
macro_rules! vectors_as_arrays {
    () => {
        type Vector = [i32; WIDE];

        #[inline(always)]
        fn splat(x: i32) -> Self::Vector {
            [x; WIDE]
        }
        #[inline(always)]
        fn load(x: &[i32; WIDE]) -> Self::Vector {
            *x
        }
        #[inline(always)]
        fn widen(x: &[i16; WIDE]) -> Self::Vector {
            x.map(i32::from)
        }
        #[inline(always)]
        fn store(x: Self::Vector) -> [i32; WIDE] {
            x
        }
        #[inline(always)]
        fn narrow16(x: Self::Vector) -> [i16; WIDE] {
            x.map(|x| x as i16)
        }
        #[inline(always)]
        fn narrow8(x: Self::Vector) -> [i8; WIDE] {
            x.map(|x| x as i8)
        }
        #[inline(always)]
        fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector {
            zip(a, b, i32::wrapping_add)
        }
        #[inline(always)]
        fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector {
            zip(a, b, i32::wrapping_sub)
        }
        #[inline(always)]
        fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector {
            zip(a, b, i32::wrapping_mul)
        }
        #[inline(always)]
        fn min(a: Self::Vector, b: Self::Vector) -> Self::Vector {
            zip(a, b, i32::min)
        }
        #[inline(always)]
        fn max(a: Self::Vector, b: Self::Vector) -> Self::Vector {
            zip(a, b, i32::max)
        }
        #[inline(always)]
        fn shl(a: Self::Vector, b: Self::Vector) -> Self::Vector {
            zip(a, b, |a, b| a << (b & 31))
        }
        #[inline(always)]
        fn shr(a: Self::Vector, b: Self::Vector) -> Self::Vector {
            zip(a, b, |a, b| a >> (b & 31))
        }
        #[inline(always)]
        fn and(a: Self::Vector, b: Self::Vector) -> Self::Vector {
            zip(a, b, |a, b| a & b)
        }
        #[inline(always)]
        fn mul16(a: Self::Vector, b: Self::Vector) -> Self::Vector {
            zip(a, b, i32::wrapping_mul)
        }
        #[inline(always)]
        fn scale(x: Self::Vector, by: i32, shift: u32, mul: Self::Vector, then: u32) -> Self::Vector {
            zip(x, mul, |x, mul| {
                let scaled = fixed::rsh64(i64::from(x) * i64::from(by), shift) as i32;
                fixed::rsh64(i64::from(scaled) * i64::from(mul), then) as i32
            })
        }
        #[inline(always)]
        fn gelu(x: Self::Vector) -> Self::Vector {
            x.map(fixed::gelu)
        }
        #[inline(always)]
        fn weigh(x: &[[Line; LINES]], first: usize, y: &[[Line; 2]], out: &mut Weighed) {
            *out = [[0; 32]; WEIGHED];
            for (x, y) in x.iter().zip(y) {
                for (row, out) in (first..).zip(out.iter_mut()) {
                    let x: [i32; 4] = std::array::from_fn(|at| x[row / 16].0[row % 16 * 4 + at].into());
                    for (out, y) in out.chunks_exact_mut(16).zip(y) {
                        for (out, y) in out.iter_mut().zip(y.0.as_chunks::<4>().0) {
                            let y = y.map(|y| i32::from(y.cast_signed()));
                            *out += x[0] * y[0] + x[1] * y[1] + x[2] * y[2] + x[3] * y[3];
                        }
                    }
                }
            }
        }
    };
}

#[cfg(target_arch = "aarch64")]
pub(crate) use vectors_as_arrays;

#[inline(always)]
pub(crate) fn zip(a: [i32; WIDE], b: [i32; WIDE], f: impl Fn(i32, i32) -> i32) -> [i32; WIDE] {
    let mut out = [0; WIDE];
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = f(a, b);
    }
    out
}

pub(crate) struct Portable;

impl Simd for Portable {
    vectors_as_arrays!();

    #[inline(always)]
    fn dot(operands: Operands<'_>, out: &mut Block) {
        operands.check();
        let Operands { x, stride, rows, lines, .. } = operands;
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

#[cfg(target_arch = "aarch64")]
pub(crate) use super::neon::Neon;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Block, LINES, Operands, Simd, WEIGHED, WIDE, Weighed, zip};
    use crate::{
        cpu::pack::{LANES, Line},
        fixed,
    };

    pub(crate) struct Avx2;
    pub(crate) struct Avx512;

    impl Simd for Avx2 {
        vectors_as_arrays!();

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

    /// Calls intrinsics of AVX-512.
    macro_rules! avx512 {
        ($calls:expr) => {
            // SAFETY: this type is used only where the processor has AVX-512 with VNNI; arrays have as many bytes as are read.
            unsafe { $calls }
        };
    }

    impl Simd for Avx512 {
        type Vector = __m512i;

        #[inline(always)]
        fn splat(x: i32) -> __m512i {
            avx512!(_mm512_set1_epi32(x))
        }
        #[inline(always)]
        fn load(x: &[i32; WIDE]) -> __m512i {
            avx512!(_mm512_loadu_si512(x.as_ptr().cast()))
        }
        #[inline(always)]
        fn widen(x: &[i16; WIDE]) -> __m512i {
            avx512!(_mm512_cvtepi16_epi32(_mm256_loadu_si256(x.as_ptr().cast())))
        }
        #[inline(always)]
        fn store(x: __m512i) -> [i32; WIDE] {
            avx512!(std::mem::transmute(x))
        }
        #[inline(always)]
        fn narrow16(x: __m512i) -> [i16; WIDE] {
            avx512!(std::mem::transmute(_mm512_cvtepi32_epi16(x)))
        }
        #[inline(always)]
        fn narrow8(x: __m512i) -> [i8; WIDE] {
            avx512!(std::mem::transmute(_mm512_cvtepi32_epi8(x)))
        }
        #[inline(always)]
        fn add(a: __m512i, b: __m512i) -> __m512i {
            avx512!(_mm512_add_epi32(a, b))
        }
        #[inline(always)]
        fn sub(a: __m512i, b: __m512i) -> __m512i {
            avx512!(_mm512_sub_epi32(a, b))
        }
        #[inline(always)]
        fn mul(a: __m512i, b: __m512i) -> __m512i {
            avx512!(_mm512_mullo_epi32(a, b))
        }
        #[inline(always)]
        fn min(a: __m512i, b: __m512i) -> __m512i {
            avx512!(_mm512_min_epi32(a, b))
        }
        #[inline(always)]
        fn max(a: __m512i, b: __m512i) -> __m512i {
            avx512!(_mm512_max_epi32(a, b))
        }
        #[inline(always)]
        fn shl(a: __m512i, b: __m512i) -> __m512i {
            avx512!(_mm512_sllv_epi32(a, b))
        }
        #[inline(always)]
        fn shr(a: __m512i, b: __m512i) -> __m512i {
            avx512!(_mm512_srav_epi32(a, b))
        }
        #[inline(always)]
        fn and(a: __m512i, b: __m512i) -> __m512i {
            avx512!(_mm512_and_si512(a, b))
        }
        #[inline(always)]
        fn mul16(a: __m512i, b: __m512i) -> __m512i {
            avx512!(_mm512_madd_epi16(a, b))
        }
        #[inline(always)]
        fn weigh(x: &[[Line; LINES]], first: usize, y: &[[Line; 2]], out: &mut Weighed) {
            avx512!(weigh_avx512(x, first, y, out));
        }
        #[inline(always)]
        fn scale(x: __m512i, by: i32, shift: u32, mul: __m512i, then: u32) -> __m512i {
            avx512!(scale_avx512(x, by, shift, mul, then))
        }
        #[inline(always)]
        fn gelu(x: __m512i) -> __m512i {
            avx512!(gelu_avx512(x))
        }

        #[inline(always)]
        fn dot(operands: Operands<'_>, out: &mut Block) {
            operands.check();
            let Operands { x, stride, rows, lines, coming } = operands;
            // SAFETY: this type is used only where the processor has AVX-512 with VNNI, and the reads were checked.
            unsafe {
                match rows {
                    1 => dot_avx512::<1>(x.as_ptr(), stride, lines, coming, out),
                    2 => dot_avx512::<2>(x.as_ptr(), stride, lines, coming, out),
                    3 => dot_avx512::<3>(x.as_ptr(), stride, lines, coming, out),
                    4 => dot_avx512::<4>(x.as_ptr(), stride, lines, coming, out),
                    5 => dot_avx512::<5>(x.as_ptr(), stride, lines, coming, out),
                    _ => dot_avx512::<6>(x.as_ptr(), stride, lines, coming, out),
                }
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    fn weigh_avx512(x: &[[Line; LINES]], first: usize, y: &[[Line; 2]], out: &mut Weighed) {
        let mut sums = [[_mm512_setzero_si512(); 2]; WEIGHED];
        for (x, y) in x.iter().zip(y) {
            // SAFETY: a line has 64 aligned bytes.
            let y = [0, 1].map(|i| unsafe { _mm512_load_si512(y[i].0.as_ptr().cast()) });
            for (row, sums) in (first..).zip(&mut sums) {
                let four = x[row / 16].0[row % 16 * 4..].first_chunk().map_or(0, |x| i32::from_le_bytes(*x));
                let four = _mm512_set1_epi32(four);
                for (sum, y) in sums.iter_mut().zip(y) {
                    *sum = _mm512_dpbusd_epi32(*sum, four, y);
                }
            }
        }
        for (out, sums) in out.iter_mut().zip(sums) {
            for (out, sum) in out.chunks_exact_mut(16).zip(sums) {
                // SAFETY: `out` has 16 integers.
                unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), sum) };
            }
        }
    }

    /// Products of 64 bits, of the even lanes and of the odd ones. Of the first quotient only the low half is read, so its shift may
    /// bring in zeros.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    fn scale_avx512(x: __m512i, by: i32, shift: u32, mul: __m512i, then: u32) -> __m512i {
        let half = |shift: u32| _mm512_set1_epi64(1 << (shift - 1));
        // A shift by one count for all lanes is slower than one by a count for each.
        let count = |shift: u32| _mm512_set1_epi64(shift.into());
        let by = _mm512_set1_epi32(by);
        let scale = |x: __m512i, mul: __m512i| {
            let scaled = _mm512_srlv_epi64(_mm512_add_epi64(_mm512_mul_epi32(x, by), half(shift)), count(shift));
            _mm512_srav_epi64(_mm512_add_epi64(_mm512_mul_epi32(scaled, mul), half(then)), count(then))
        };
        let (even, odd) = (scale(x, mul), scale(_mm512_srli_epi64(x, 32), _mm512_srli_epi64(mul, 32)));
        _mm512_mask_shuffle_epi32(even, 0xaaaa, odd, _MM_PERM_CCAA)
    }

    /// The table lies in four registers. An entry times a small number, 16 bits by 16 bits, is its slope times that number, for the
    /// small number has no high half.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    fn gelu_avx512(x: __m512i) -> __m512i {
        // SAFETY: the table has 64 entries and more.
        let table = |at: usize| unsafe { _mm512_loadu_si512(fixed::GELU_TAIL[at..at + 16].as_ptr().cast()) };
        let a = _mm512_abs_epi32(x);
        let segment = _mm512_srli_epi32(a, 6);
        let low = _mm512_permutex2var_epi32(table(0), segment, table(16));
        let high = _mm512_permutex2var_epi32(table(32), segment, table(48));
        let entry = _mm512_mask_blend_epi32(_mm512_test_epi32_mask(segment, _mm512_set1_epi32(32)), low, high);
        let entry = _mm512_maskz_mov_epi32(_mm512_cmplt_epi32_mask(segment, _mm512_set1_epi32(64)), entry);
        let rise = _mm512_srai_epi32(_mm512_madd_epi16(entry, _mm512_and_si512(a, _mm512_set1_epi32(63))), 6);
        let tail = _mm512_add_epi32(_mm512_add_epi32(_mm512_srai_epi32(entry, 16), rise), _mm512_set1_epi32(32));
        _mm512_sub_epi32(_mm512_max_epi32(x, _mm512_setzero_si512()), _mm512_srai_epi32(tail, 6))
    }

    /// The weights of a step stay in registers for all rows; `vpdpbusd` adds four products without saturation.
    ///
    /// # Safety
    /// `x` must hold `N` rows, `stride` apart, of four bytes for each step of `lines`.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn dot_avx512<const N: usize>(
        x: *const i8,
        stride: usize,
        lines: &[Line],
        coming: &[Line],
        out: &mut Block,
    ) {
        let mut coming = if coming.is_empty() { lines } else { coming }.as_ptr();
        let mut sums = [[_mm512_setzero_si512(); LINES]; N];
        let mut x = x;
        for step in lines.chunks_exact(LINES) {
            // To the second-level cache. Any address may be named: behind the portion lie the next one, or others' bytes.
            _mm_prefetch::<_MM_HINT_T1>(coming.cast());
            coming = coming.wrapping_add(1);
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
            #[cfg(target_arch = "aarch64")]
            #[target_feature(enable = "neon,dotprod")]
            fn neon($($arg: $ty),*) { $body::<simd::Neon>($($arg),*) }
            match isa {
                // SAFETY: an `Isa` is chosen among those that the processor has.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 | Isa::Amx => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "aarch64")]
                Isa::Neon => unsafe { neon($($arg),*) },
                _ => $body::<simd::Portable>($($arg),*),
            }
        }
    };
}
pub(crate) use multiversion;
