//! Instruction sets.

use std::sync::LazyLock;

/// The instruction sets that there is code for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "only the portable code runs on other processors"))]
pub(crate) enum Isa {
    /// What every processor of the target has.
    Portable,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ, VL and VNNI.
    Avx512,
    /// That with the 8-bit tiles of AMX, where the system lets a process use them.
    Amx,
}

impl Isa {
    /// The best that this processor can run.
    pub(crate) fn detect() -> Self {
        static BEST: LazyLock<Isa> = LazyLock::new(|| Isa::available().pop().unwrap_or(Isa::Portable));
        *BEST
    }

    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable code",
            Self::Avx2 => "AVX2",
            Self::Avx512 => "AVX-512 VNNI",
            Self::Amx => "AMX",
        }
    }

    /// All that this processor can run, the best last.
    pub(crate) fn available() -> Vec<Self> {
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut, reason = "more are added on x86-64"))]
        let mut all = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") {
                all.push(Self::Avx2);
                let avx512 = has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl");
                if avx512 && has!("avx512vnni") {
                    all.push(Self::Avx512);
                    if crate::cpu::amx::is_available() {
                        all.push(Self::Amx);
                    }
                }
            }
        }
        all
    }
}
