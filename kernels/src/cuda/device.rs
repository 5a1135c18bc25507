//! What the host asks of a GPU.

use std::fmt;

/// Where something lies in a device's memory.
pub type Address = u64;

/// A GPU, or what stands for one in tests: memory, copies, and launches that run one after the other.
pub trait Device: fmt::Debug + Send + Sync {
    /// What people call it.
    fn name(&self) -> String;

    /// Bytes of memory that are free.
    ///
    /// # Errors
    /// When the device cannot be asked.
    fn free_memory(&self) -> Result<u64, DeviceError>;

    /// Memory of `bytes` bytes, which are not zero, on a boundary of at least 16; what is in it is undefined.
    ///
    /// # Errors
    /// [`DeviceError::OutOfMemory`] when there is not that much.
    fn allocate(&self, bytes: usize) -> Result<Address, DeviceError>;

    /// Gives memory back that [`Self::allocate`] gave.
    ///
    /// # Safety
    /// Nothing uses the memory any more.
    unsafe fn release(&self, address: Address);

    /// Copies to the device.
    ///
    /// # Safety
    /// The bytes from `to` on belong to one allocation of this device.
    ///
    /// # Errors
    /// When the device fails.
    unsafe fn upload(&self, to: Address, bytes: &[u8]) -> Result<(), DeviceError>;

    /// Copies from the device, after all launches so far.
    ///
    /// # Safety
    /// The bytes from `from` on belong to one allocation of this device.
    ///
    /// # Errors
    /// When the device fails, or one of the launches has.
    unsafe fn download(&self, from: Address, bytes: &mut [u8]) -> Result<(), DeviceError>;

    /// Runs a kernel after all launches and copies so far.
    ///
    /// # Safety
    /// The arguments are those of the kernel, and its memory lies in allocations of this device.
    ///
    /// # Errors
    /// When the device fails.
    unsafe fn launch(&self, launch: &Launch) -> Result<(), DeviceError>;
}

/// Why a device did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// There is not enough memory.
    #[error("the GPU has no {bytes} bytes of memory left")]
    OutOfMemory {
        /// Bytes that were asked for; 0 if the driver needed them.
        bytes: usize,
    },
    /// The driver or a kernel failed.
    #[error("the GPU failed: {reason}")]
    Failed {
        /// What the driver said.
        reason: String,
    },
}

/// The kernels of `kernels/cuda`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Embeddings of words and positions.
    Embed,
    /// Mean and deviation of sums.
    Moments,
    /// Layer norm, quantised.
    Norm,
    /// Layer norm for the pool.
    NormForPool,
    /// Rows quantised by their maxima.
    QuantiseRows,
    /// Products and nothing else, to see how fast a device can be.
    Peak,
    /// Matrix product to bytes.
    GemmLinear,
    /// Matrix product added to a residual.
    GemmResidual,
    /// Matrix product through GELU.
    GemmGelu,
    /// Exponentials as they are committed.
    Exponentials,
    /// Values weighted by the exponentials.
    Context,
    /// Sums over the tokens of a task.
    Pool,
    /// Unit vectors.
    UnitVector,
    /// Leaves of rows.
    HashRows,
    /// Trees over leaves.
    HashTrees,
}

/// Tokens and channels of a block's tile in a matrix product.
pub(super) const TILE: (usize, usize) = (128, 64);
/// Rows of a block in the kernels that give each row to a warp.
pub(super) const BLOCK_ROWS: usize = 4;
/// Queries of a block in attention.
pub(super) const BLOCK_QUERIES: usize = 32;
/// Rows of a block in hashing.
pub(super) const BLOCK_LEAVES: usize = 64;

impl Kernel {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Embed,
        Self::Moments,
        Self::Norm,
        Self::NormForPool,
        Self::QuantiseRows,
        Self::Peak,
        Self::GemmLinear,
        Self::GemmResidual,
        Self::GemmGelu,
        Self::Exponentials,
        Self::Context,
        Self::Pool,
        Self::UnitVector,
        Self::HashRows,
        Self::HashTrees,
    ];

    /// Its name in the sources.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embed => "embed",
            Self::Moments => "moments",
            Self::Norm => "norm",
            Self::NormForPool => "norm_for_pool",
            Self::QuantiseRows => "quantise_rows",
            Self::Peak => "peak",
            Self::GemmLinear => "gemm_linear",
            Self::GemmResidual => "gemm_residual",
            Self::GemmGelu => "gemm_gelu",
            Self::Exponentials => "exponentials",
            Self::Context => "context",
            Self::Pool => "pool",
            Self::UnitVector => "unit_vector",
            Self::HashRows => "hash_rows",
            Self::HashTrees => "hash_trees",
        }
    }

    /// Threads of a block; the sources say the same.
    pub fn threads(self) -> u32 {
        match self {
            Self::Exponentials | Self::Context | Self::HashRows => 64,
            Self::Pool | Self::UnitVector => 256,
            Self::Embed
            | Self::Moments
            | Self::Norm
            | Self::NormForPool
            | Self::QuantiseRows
            | Self::Peak
            | Self::GemmLinear
            | Self::GemmResidual
            | Self::GemmGelu
            | Self::HashTrees => 128,
        }
    }
}

/// A parameter of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// A pointer.
    Address(Address),
    /// A `u32`.
    U32(u32),
    /// A `u64`.
    U64(u64),
}

/// A kernel with what it is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The kernel.
    pub kernel: Kernel,
    /// Blocks in x and y.
    pub grid: [u32; 2],
    /// Its parameters, in order.
    pub arguments: Vec<Argument>,
}
