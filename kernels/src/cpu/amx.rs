//! Products of 8-bit numbers on the tiles of AMX: 16 rows of 64 bytes each.
//!
//! Four tiles of sums, two of activations and two of weights are all eight: 32 rows by 32 lanes at a time. The weights lie as for the
//! vectors, four bytes of each lane together, which is what a tile of weights wants.

use std::{arch::asm, sync::LazyLock};

use super::{
    pack::{LANES, Line},
    simd::{LINES, Operands},
};

/// Rows that are taken at a time.
pub(crate) const ROWS: usize = 32;
/// Bytes of a row that are taken at a time: the length of the products must be a multiple.
pub(crate) const DEPTH: usize = 64;
/// Rows of a tile.
const TILE_ROWS: usize = 16;
/// Bytes from a step of all lanes to the next.
const STEP: usize = LINES * size_of::<Line>();

/// Whether the processor has the tiles and the system lets this process use them, which it is asked for.
pub(crate) fn is_available() -> bool {
    static AVAILABLE: LazyLock<bool> = LazyLock::new(|| has_tiles() && may_use_tiles());
    *AVAILABLE
}

fn has_tiles() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    // EDX of leaf 7: bit 24 tiles, bit 25 their 8-bit products.
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx >> 24 & 0b11 == 0b11
}

/// Their state is large, so Linux saves it only for processes that asked (5.16 and later).
#[cfg(target_os = "linux")]
fn may_use_tiles() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;
    // SAFETY: this changes nothing but the permission.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn may_use_tiles() -> bool {
    false
}

/// What `ldtilecfg` reads: how many rows and bytes of each tile are used.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Tiles configured for some number of rows, until it is dropped.
pub(crate) struct Tiles {
    rows: usize,
}

impl Tiles {
    /// Configures the tiles for 1 to [`ROWS`] rows.
    ///
    /// # Panics
    /// Where there are no tiles, or with another number of rows.
    pub(crate) fn new(rows: usize) -> Self {
        assert!(is_available() && (1..=ROWS).contains(&rows));
        let (upper, lower) = (rows.min(TILE_ROWS) as u8, rows.saturating_sub(TILE_ROWS) as u8);
        let mut used = [0; 16];
        used[..8].copy_from_slice(&[upper, upper, lower, lower, upper, lower, TILE_ROWS as u8, TILE_ROWS as u8]);
        let row_bytes = used.map(|rows| if rows == 0 { 0 } else { DEPTH as u16 });
        let configuration = Configuration { palette: 1, start_row: 0, reserved: [0; 14], row_bytes, rows: used };
        // SAFETY: the tiles are there, and the configuration is one of theirs.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const configuration, options(nostack, readonly)) };
        Self { rows }
    }

    /// As `Simd::dot`, for as many rows as the tiles are configured for. What is coming is brought to the second-level cache, for the
    /// tiles wait for weights longer than they multiply.
    ///
    /// # Panics
    /// If the length of the products is not a multiple of [`DEPTH`], or bytes or room are missing.
    pub(crate) fn dot(&self, operands: Operands<'_>, out: &mut [[i32; LANES]; ROWS]) {
        let Operands { x, stride, rows, lines, coming } = operands;
        let depth = lines.len() / LINES * 4;
        assert!(rows == self.rows && depth > 0 && depth.is_multiple_of(DEPTH) && lines.len().is_multiple_of(LINES));
        assert!((rows - 1) * stride + depth <= x.len());
        let count = depth / DEPTH;
        let each = coming.len().div_ceil(2 * count);
        for half in 0..2 {
            let coming = Coming { lines: coming.as_ptr().wrapping_add(half * each * count), each };
            // SAFETY: checked above; half of the lanes are 128 bytes of a step and of a row of `out`.
            unsafe {
                let weights = lines.as_ptr().cast::<u8>().add(half * STEP / 2);
                let out = out.as_mut_ptr().cast::<u8>().add(half * STEP / 2);
                if rows > TILE_ROWS {
                    dot_32(x.as_ptr(), stride, weights, count, coming, out);
                } else {
                    dot_16(x.as_ptr(), stride, weights, count, coming, out);
                }
            }
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: the tiles were configured, and nothing reads them any more.
        unsafe { asm!("tilerelease", options(nomem, nostack)) };
    }
}

/// Multiplications of a round of [`multiply_only`].
pub(crate) const MULTIPLY_ONLY_MACS: u64 = 4 * (TILE_ROWS * TILE_ROWS * DEPTH) as u64;

/// The fastest that the tiles multiply: four products a round of what lies in them.
pub(crate) fn multiply_only(rounds: u64) {
    let tiles = Tiles::new(ROWS);
    // SAFETY: the tiles are configured, and no memory is touched, and there is at least one round.
    unsafe {
        asm!(
            "2:",
            "tdpbsud tmm0, tmm4, tmm6",
            "tdpbsud tmm1, tmm4, tmm7",
            "tdpbsud tmm2, tmm5, tmm6",
            "tdpbsud tmm3, tmm5, tmm7",
            "dec {rounds}",
            "jnz 2b",
            rounds = inout(reg) rounds.max(1) => _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            options(nomem, nostack),
        );
    }
    drop(tiles);
}

/// Brings the weights of the next step to the first-level cache: a tile waits for each of its 16 rows.
macro_rules! next_weights {
    () => {
        concat!(
            ".irp row, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n",
            "prefetcht0 [{weights} + 4096 + 256 * \\row]\n",
            "prefetcht0 [{weights} + 4096 + 256 * \\row + 64]\n",
            ".endr"
        )
    };
}

/// Brings some of the coming lines to the second-level cache.
macro_rules! coming_lines {
    () => {
        concat!(
            "mov {left}, {each}\n",
            "test {left}, {left}\n",
            "jz 4f\n",
            "3:\n",
            "prefetcht1 [{coming}]\n",
            "add {coming}, 64\n",
            "dec {left}\n",
            "jnz 3b\n",
            "4:"
        )
    };
}

/// Lines to bring to the second-level cache, some with each step. It does not matter whether they are there.
struct Coming {
    lines: *const Line,
    each: usize,
}

/// Sums of up to 32 rows and 32 lanes.
///
/// # Safety
/// The tiles must be configured for 17 to 32 rows; `x` must hold as many, `stride` apart, of `64 * count` bytes, `weights` 16 steps for
/// each of `count`, and `out` must have room.
#[inline]
unsafe fn dot_32(x: *const i8, stride: usize, weights: *const u8, count: usize, coming: Coming, out: *mut u8) {
    // SAFETY: as the caller vouches.
    unsafe {
        let (lower_x, lower_out) = (x.add(TILE_ROWS * stride), out.add(TILE_ROWS * STEP));
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            next_weights!(),
            "tileloadd tmm4, [{x} + {stride}*1]",
            "tileloadd tmm6, [{weights} + {step}*1]",
            "tdpbsud tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{weights} + {step}*1 + 64]",
            "tdpbsud tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{lower_x} + {stride}*1]",
            "tdpbsud tmm2, tmm5, tmm6",
            "tdpbsud tmm3, tmm5, tmm7",
            "add {x}, 64",
            "add {lower_x}, 64",
            "add {weights}, 4096",
            coming_lines!(),
            "dec {count}",
            "jnz 2b",
            "tilestored [{out} + {step}*1], tmm0",
            "tilestored [{out} + {step}*1 + 64], tmm1",
            "tilestored [{lower_out} + {step}*1], tmm2",
            "tilestored [{lower_out} + {step}*1 + 64], tmm3",
            x = inout(reg) x => _,
            lower_x = inout(reg) lower_x => _,
            weights = inout(reg) weights => _,
            count = inout(reg) count => _,
            coming = inout(reg) coming.lines => _,
            each = in(reg) coming.each,
            left = out(reg) _,
            stride = in(reg) stride,
            step = in(reg) STEP,
            out = in(reg) out,
            lower_out = in(reg) lower_out,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}

/// Sums of up to 16 rows and 32 lanes.
///
/// # Safety
/// As [`dot_32`], for up to 16 rows.
#[inline]
unsafe fn dot_16(x: *const i8, stride: usize, weights: *const u8, count: usize, coming: Coming, out: *mut u8) {
    // SAFETY: as the caller vouches.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "2:",
            next_weights!(),
            "tileloadd tmm4, [{x} + {stride}*1]",
            "tileloadd tmm6, [{weights} + {step}*1]",
            "tdpbsud tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{weights} + {step}*1 + 64]",
            "tdpbsud tmm1, tmm4, tmm7",
            "add {x}, 64",
            "add {weights}, 4096",
            coming_lines!(),
            "dec {count}",
            "jnz 2b",
            "tilestored [{out} + {step}*1], tmm0",
            "tilestored [{out} + {step}*1 + 64], tmm1",
            x = inout(reg) x => _,
            weights = inout(reg) weights => _,
            count = inout(reg) count => _,
            coming = inout(reg) coming.lines => _,
            each = in(reg) coming.each,
            left = out(reg) _,
            stride = in(reg) stride,
            step = in(reg) STEP,
            out = in(reg) out,
            out("tmm0") _, out("tmm1") _, out("tmm4") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}
