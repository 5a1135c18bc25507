//! Products of 8-bit numbers with the dot products of Armv8.2 (FEAT_DotProd).

use std::{
    arch::{aarch64::*, asm},
    hint::black_box,
};

use super::{
    pack::{LANES, Line},
    simd::{Block, LINES, Operands, Simd, WEIGHED, WIDE, Weighed, vectors_as_arrays, zip},
};
use crate::fixed;

pub(crate) struct Neon;

impl Simd for Neon {
    vectors_as_arrays!();

    #[inline(always)]
    fn dot(operands: Operands<'_>, out: &mut Block) {
        operands.check();
        // SAFETY: this type is used only where the processor has dot products, and the reads were checked.
        unsafe {
            match operands.rows {
                1 => dot_neon::<1>(operands, out),
                2 => dot_neon::<2>(operands, out),
                3 => dot_neon::<3>(operands, out),
                4 => dot_neon::<4>(operands, out),
                5 => dot_neon::<5>(operands, out),
                _ => dot_neon::<6>(operands, out),
            }
        }
    }
}

/// `sdot` takes signed factors only. So 128 is taken from the weights, and 128 times the sum of the row added again: the sums of
/// 16 lanes of six rows and a step's weights fit the 32 registers.
///
/// # Safety
/// `operands` must have been checked, and hold `N` rows.
#[target_feature(enable = "neon,dotprod")]
unsafe fn dot_neon<const N: usize>(operands: Operands<'_>, out: &mut Block) {
    let Operands { x, stride, lines, .. } = operands;
    let depth = lines.len() / LINES * 4;
    let offsets: [i32; N] =
        std::array::from_fn(|row| 128 * x[row * stride..][..depth].iter().map(|&x| i32::from(x)).sum::<i32>());
    for line in 0..LINES {
        let mut sums = offsets.map(|offset| [vdupq_n_s32(offset); 4]);
        for (step, lines) in lines.chunks_exact(LINES).enumerate() {
            let w: [int8x16_t; 4] = std::array::from_fn(|quarter| {
                // SAFETY: a line has 64 bytes.
                let w = unsafe { vld1q_u8(lines[line].0.as_ptr().add(quarter * 16)) };
                vreinterpretq_s8_u8(veorq_u8(w, vdupq_n_u8(128)))
            });
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: the operands were checked.
                let four = unsafe { x.as_ptr().add(row * stride + step * 4).cast::<i32>().read_unaligned() };
                let four = vreinterpretq_s8_s32(vdupq_n_s32(four));
                for (sum, w) in sums.iter_mut().zip(w) {
                    *sum = sdot(*sum, w, four);
                }
            }
        }
        for (out, sums) in out.iter_mut().zip(sums) {
            for (out, sum) in out[line * 16..].chunks_exact_mut(4).zip(sums) {
                // SAFETY: `out` has four integers.
                unsafe { vst1q_s32(out.as_mut_ptr(), sum) };
            }
        }
    }
}

/// Adds four products to each sum. As text, for the intrinsic is not stable.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn sdot(mut sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: it reads and writes nothing but these registers.
    unsafe {
        asm!("sdot {:v}.4s, {:v}.16b, {:v}.16b", inout(vreg) sum, in(vreg) a, in(vreg) b, options(pure, nomem, nostack, preserves_flags));
    }
    sum
}

/// Sums of [`multiply_only`] that do not wait for each other.
const SUMS: usize = 16;
/// Multiplications of a round of [`multiply_only`].
pub(crate) const MULTIPLY_ONLY_MACS: u64 = 16 * SUMS as u64;

/// The fastest that dot products go: those of what lies in the registers.
#[target_feature(enable = "neon,dotprod")]
pub(crate) fn multiply_only(rounds: u64) {
    let (x, w) = (black_box(vdupq_n_s8(3)), black_box(vdupq_n_s8(5)));
    let mut sums = black_box([vdupq_n_s32(0); SUMS]);
    for _ in 0..rounds {
        sums = sums.map(|sum| sdot(sum, x, w));
    }
    black_box(sums);
}
