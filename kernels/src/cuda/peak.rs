//! How many 8-bit multiplications a second a device does in a loop that does nothing else.

use std::{sync::Arc, time::Instant};

use super::{
    device::{Argument, Device, DeviceError, Kernel, Launch},
    worker::Memory,
};

/// Rounds of a block's loop.
const ROUNDS: u32 = 128;
/// Multiplications of a block: sixteen tiles of 16 by 8 by 32 a round in each of its warps.
const BLOCK_MACS: u64 = ROUNDS as u64 * 4 * 16 * (16 * 8 * 32);
/// The number of blocks is doubled until they take so long, in seconds, or are so many.
const LONG_ENOUGH: (f64, u32) = (0.05, 1 << 24);

/// Multiplications with their additions a second.
pub(crate) fn peak(device: &Arc<dyn Device>) -> Result<f64, DeviceError> {
    let (mut wrong, mut blocks) = ([0; 4], 1);
    let flag = Memory::of(device, &[wrong.to_vec()])?;
    let arguments = vec![Argument::U32(ROUNDS), Argument::Address(flag.addresses[0])];
    loop {
        let launch = Launch { kernel: Kernel::Peak, grid: [blocks, 1], arguments: arguments.clone() };
        let start = Instant::now();
        // SAFETY: the kernel writes these four bytes, and waits for nobody; they are read when it is done.
        unsafe {
            device.launch(&launch)?;
            device.download(flag.addresses[0], &mut wrong)?;
        }
        let seconds = start.elapsed().as_secs_f64();
        if wrong != [0; 4] {
            return Err(DeviceError::Failed { reason: "products of known numbers are wrong".into() });
        }
        if seconds >= LONG_ENOUGH.0 || blocks >= LONG_ENOUGH.1 {
            return Ok((u64::from(blocks) * BLOCK_MACS) as f64 / seconds);
        }
        blocks *= 2;
    }
}
