//! Several messages of one length side by side: word `i` of every state is in one vector, a lane a message (FIPS 202, 1600 bits).

use crate::{Hash, isa::Isa};

/// Most messages side by side.
const MOST: usize = 8;
/// Bytes that a permutation takes in.
const RATE: usize = 136;
/// Words of a block, for every lane.
type Block = [[u64; MOST]; RATE / 8];

/// Constants of step iota, by round.
const CONSTANTS: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// Messages that go side by side on this instruction set; 1: none do.
pub(super) fn count(isa: Isa) -> usize {
    match isa {
        Isa::Portable => 1,
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => 1,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => 4,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 | Isa::Amx => 8,
    }
}

/// Hashes `prefix ‖ row(lane)` for each lane of `out`. All rows have one length, and there is one for each of [`count`] lanes.
pub(super) fn hash<'a>(isa: Isa, prefix: u8, row: impl Fn(usize) -> &'a [u8], out: &mut [Hash]) {
    let rows: [&[u8]; MOST] = std::array::from_fn(|lane| row(lane % count(isa)));
    match isa {
        Isa::Portable => unreachable!("nothing goes side by side there"),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => unreachable!("nothing goes side by side there"),
        // SAFETY: an `Isa` is chosen among those that the processor has.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { x86::hash_avx2(prefix, rows, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 | Isa::Amx => unsafe { x86::hash_avx512(prefix, rows, out) },
    }
}

/// A vector of words, one a message.
trait Lanes: Copy {
    const COUNT: usize;
    fn splat(word: u64) -> Self;
    fn load(words: &[u64; MOST]) -> Self;
    fn store(self, words: &mut [u64; MOST]);
    fn xor(self, other: Self) -> Self;
    /// To the left, by less than 64 bits.
    fn rotate(self, bits: u32) -> Self;
    /// `self ^ (!b & c)`.
    fn chi(self, b: Self, c: Self) -> Self;
}

#[inline(always)]
fn hash_of<V: Lanes>(prefix: u8, rows: [&[u8]; MOST], out: &mut [Hash]) {
    let message = 1 + rows[0].len();
    let mut state = [V::splat(0); 25];
    let mut block: Block = [[0; MOST]; RATE / 8];
    for start in (0..=message).step_by(RATE) {
        // Of the last block nothing but its end follows the padding.
        let words = (message + 1 - start).div_ceil(8).min(RATE / 8);
        let is_last = message < start + RATE;
        for (lane, row) in rows.iter().enumerate().take(V::COUNT) {
            for (at, words) in block.iter_mut().enumerate().take(words) {
                words[lane] = word(prefix, row, start + 8 * at);
            }
        }
        for (word, words) in state.iter_mut().zip(&block[..words]) {
            *word = word.xor(V::load(words));
        }
        if is_last {
            state[RATE / 8 - 1] = state[RATE / 8 - 1].xor(V::splat(0x80 << 56));
        }
        permute(&mut state);
    }
    let mut words = [[0; MOST]; 4];
    for (words, vector) in words.iter_mut().zip(state) {
        vector.store(words);
    }
    for (lane, out) in out.iter_mut().enumerate() {
        for (out, words) in out.as_chunks_mut::<8>().0.iter_mut().zip(&words) {
            *out = words[lane].to_le_bytes();
        }
    }
}

/// The word from byte `at` on of `prefix ‖ row ‖ 0x01 ‖ 0x00 …`.
#[inline(always)]
fn word(prefix: u8, row: &[u8], at: usize) -> u64 {
    if at > 0
        && let Some(bytes) = row.get(at - 1..at + 7)
        && let Ok(bytes) = bytes.try_into()
    {
        return u64::from_le_bytes(bytes);
    }
    let byte = |at: usize| match at.checked_sub(1) {
        None => prefix,
        Some(at) if at == row.len() => 0x01,
        Some(at) => row.get(at).copied().unwrap_or(0),
    };
    u64::from_le_bytes(std::array::from_fn(|i| byte(at + i)))
}

#[inline(always)]
fn permute<V: Lanes>(a: &mut [V; 25]) {
    for constant in CONSTANTS {
        // theta
        let c: [V; 5] = std::array::from_fn(|x| a[x].xor(a[x + 5]).xor(a[x + 10]).xor(a[x + 15]).xor(a[x + 20]));
        let d: [V; 5] = std::array::from_fn(|x| c[(x + 4) % 5].xor(c[(x + 1) % 5].rotate(1)));
        let b = rho_pi(a, &d);
        // chi
        for row in (0..25).step_by(5) {
            for x in 0..5 {
                a[row + x] = b[row + x].chi(b[row + (x + 1) % 5], b[row + (x + 2) % 5]);
            }
        }
        // iota
        a[0] = a[0].xor(V::splat(constant));
    }
}

/// Steps rho and pi after theta's last: which word comes to each place, and by how much it is rotated. In a loop the words would
/// go through memory.
#[rustfmt::skip]
#[inline(always)]
fn rho_pi<V: Lanes>(a: &[V; 25], d: &[V; 5]) -> [V; 25] {
    macro_rules! from {
        ($word:literal, $bits:literal) => { a[$word].xor(d[$word % 5]).rotate($bits) };
    }
    [
        from!(0, 0), from!(6, 44), from!(12, 43), from!(18, 21), from!(24, 14),
        from!(3, 28), from!(9, 20), from!(10, 3), from!(16, 45), from!(22, 61),
        from!(1, 1), from!(7, 6), from!(13, 25), from!(19, 8), from!(20, 18),
        from!(4, 27), from!(5, 36), from!(11, 10), from!(17, 15), from!(23, 56),
        from!(2, 62), from!(8, 55), from!(14, 39), from!(15, 41), from!(21, 2),
    ]
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Hash, Lanes, MOST, hash_of};

    /// # Safety
    /// The processor must have AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) unsafe fn hash_avx512(prefix: u8, rows: [&[u8]; MOST], out: &mut [Hash]) {
        hash_of::<Eight>(prefix, rows, out);
    }

    /// # Safety
    /// The processor must have AVX2.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn hash_avx2(prefix: u8, rows: [&[u8]; MOST], out: &mut [Hash]) {
        hash_of::<Four>(prefix, rows, out);
    }

    #[derive(Clone, Copy)]
    struct Eight(__m512i);

    // SAFETY of all below: used by `hash_avx512` alone; `words` has eight.
    impl Lanes for Eight {
        const COUNT: usize = 8;

        #[inline(always)]
        fn splat(word: u64) -> Self {
            unsafe { Self(_mm512_set1_epi64(word.cast_signed())) }
        }

        #[inline(always)]
        fn load(words: &[u64; MOST]) -> Self {
            unsafe { Self(_mm512_loadu_si512(words.as_ptr().cast())) }
        }

        #[inline(always)]
        fn store(self, words: &mut [u64; MOST]) {
            unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), self.0) }
        }

        #[inline(always)]
        fn xor(self, other: Self) -> Self {
            unsafe { Self(_mm512_xor_si512(self.0, other.0)) }
        }

        #[inline(always)]
        fn rotate(self, bits: u32) -> Self {
            unsafe { Self(_mm512_rolv_epi64(self.0, _mm512_set1_epi64(bits.into()))) }
        }

        #[inline(always)]
        fn chi(self, b: Self, c: Self) -> Self {
            // The table of a ^ (!b & c) for (a, b, c) = 0b111 to 0b000.
            unsafe { Self(_mm512_ternarylogic_epi64::<0b1101_0010>(self.0, b.0, c.0)) }
        }
    }

    #[derive(Clone, Copy)]
    struct Four(__m256i);

    // SAFETY of all below: used by `hash_avx2` alone; `words` has at least four.
    impl Lanes for Four {
        const COUNT: usize = 4;

        #[inline(always)]
        fn splat(word: u64) -> Self {
            unsafe { Self(_mm256_set1_epi64x(word.cast_signed())) }
        }

        #[inline(always)]
        fn load(words: &[u64; MOST]) -> Self {
            unsafe { Self(_mm256_loadu_si256(words.as_ptr().cast())) }
        }

        #[inline(always)]
        fn store(self, words: &mut [u64; MOST]) {
            unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), self.0) }
        }

        #[inline(always)]
        fn xor(self, other: Self) -> Self {
            unsafe { Self(_mm256_xor_si256(self.0, other.0)) }
        }

        #[inline(always)]
        fn rotate(self, bits: u32) -> Self {
            // A shift by 64 gives zero.
            let (left, right) = (i64::from(bits), 64 - i64::from(bits));
            unsafe {
                let left = _mm256_sllv_epi64(self.0, _mm256_set1_epi64x(left));
                let right = _mm256_srlv_epi64(self.0, _mm256_set1_epi64x(right));
                Self(_mm256_or_si256(left, right))
            }
        }

        #[inline(always)]
        fn chi(self, b: Self, c: Self) -> Self {
            unsafe { Self(_mm256_xor_si256(self.0, _mm256_andnot_si256(b.0, c.0))) }
        }
    }
}
