//! Instruction sets.

use std::sync::LazyLock;

/// The instruction sets that there is code for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isa {
    /// What every processor of the target has.
    Portable,
    /// x86-64 with AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ, VL and VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// That with the 8-bit tiles of AMX, where the system lets a process use them.
    #[cfg(target_arch = "x86_64")]
    Amx,
    /// AArch64 with the dot products of Armv8.2.
    #[cfg(target_arch = "aarch64")]
    Neon,
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
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "AVX-512 VNNI",
            #[cfg(target_arch = "x86_64")]
            Self::Amx => "AMX",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "NEON dotprod",
        }
    }

    /// All that this processor can run, the best last.
    pub(crate) fn available() -> Vec<Self> {
        #[allow(unused_mut, reason = "more are added where there is code for them")]
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
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("dotprod") {
            all.push(Self::Neon);
        }
        all
    }
}
