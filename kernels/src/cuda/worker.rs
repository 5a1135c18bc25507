//! One device with a model's weights on it.

use std::{ops::Range, sync::Arc};

use super::{
    device::{Address, Device, DeviceError},
    launches::{Batch, Map, Planner, level_sizes},
    plan::{Part, Plan, Room, stride},
    weights,
};
use crate::{
    Hash,
    merkle::Tree,
    tape::{Shape, Tape},
    tensor::{Exp, Sum, Tensor},
    weights::Weights,
};

/// Tokens that a device is given at once where its memory allows: enough to fill the largest.
pub(super) const TOKENS_MAX: usize = 1 << 16;

/// Memory on a device, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Memory {
    device: Arc<dyn Device>,
    pub(super) addresses: Vec<Address>,
}

impl Memory {
    fn allocate(device: &Arc<dyn Device>, sizes: impl IntoIterator<Item = usize>) -> Result<Self, DeviceError> {
        let mut memory = Self { device: Arc::clone(device), addresses: Vec::new() };
        for bytes in sizes {
            // A driver gives no memory of no bytes.
            memory.addresses.push(device.allocate(bytes.max(16))?);
        }
        Ok(memory)
    }

    /// Memory that holds `arrays`.
    pub(super) fn of(device: &Arc<dyn Device>, arrays: &[Vec<u8>]) -> Result<Self, DeviceError> {
        let memory = Self::allocate(device, arrays.iter().map(Vec::len))?;
        for (array, &address) in arrays.iter().zip(&memory.addresses) {
            // SAFETY: it was allocated with this size.
            unsafe { device.upload(address, array) }?;
        }
        Ok(memory)
    }

    /// Gives everything back now.
    fn release(&mut self) {
        for address in self.addresses.drain(..) {
            // SAFETY: launches and copies run in order, and the driver waits for them before it gives memory back.
            unsafe { self.device.release(address) };
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.release();
    }
}

/// Weights on a device.
#[derive(Debug)]
struct Loaded {
    /// Arrays of each weight tensor.
    tensors: Vec<Memory>,
    gelu_tail: Memory,
}

/// The arrays of one run.
#[derive(Debug)]
struct Run<'a> {
    loaded: &'a Loaded,
    plan: &'a Plan,
    slots: &'a [Address],
}

impl Run<'_> {
    fn find(&self, operator: usize, part: Part) -> Option<Address> {
        self.plan.slot(operator, part).map(|slot| self.slots[slot])
    }
}

impl Map for Run<'_> {
    fn at(&self, operator: u16, part: Part) -> Address {
        self.find(operator.into(), part).unwrap_or_else(|| unreachable!("the plan has what an operator reads"))
    }

    fn weights(&self, tensor: u16, array: usize) -> Address {
        self.loaded.tensors[usize::from(tensor)].addresses[array]
    }

    fn gelu_tail(&self) -> Address {
        self.loaded.gelu_tail.addresses[0]
    }
}

/// A device that is ready to run a model.
#[derive(Debug)]
pub(super) struct Worker {
    device: Arc<dyn Device>,
    loaded: Loaded,
    room: Room,
    plan: Plan,
    slots: Memory,
}

impl Worker {
    /// Loads the weights and takes the memory for as many tokens as fit.
    pub(super) fn new(device: Arc<dyn Device>, tape: &Tape, weights: &Weights) -> Result<Self, DeviceError> {
        let tensor = |tensor| Memory::of(&device, &weights::arrays(tape, weights, tensor));
        let tensors = (0..tape.tensors().len()).map(tensor).collect::<Result<_, _>>()?;
        let loaded = Loaded { tensors, gelu_tail: Memory::of(&device, &[weights::gelu_tail()])? };
        let (room, plan, slots) = take_memory(&device, tape, Room::of(TOKENS_MAX.max(tape.max_tokens() as usize)))?;
        Ok(Self { device, loaded, room, plan, slots })
    }

    /// The output of each task. Takes less at once when memory runs out.
    pub(super) fn run(&mut self, tape: &Tape, tasks: &[Vec<u16>]) -> Result<Vec<Tensor>, DeviceError> {
        let mut outputs = Vec::with_capacity(tasks.len());
        while outputs.len() < tasks.len() {
            let rest = &tasks[outputs.len()..];
            match self.group(tape, &rest[..first_group(rest, self.room)]) {
                Ok(made) => outputs.extend(made),
                Err(error) => self.shrink(tape, error)?,
            }
        }
        Ok(outputs)
    }

    /// Takes less at once from now on, if memory is what was missing.
    fn shrink(&mut self, tape: &Tape, error: DeviceError) -> Result<(), DeviceError> {
        let smaller = self.room.halved(tape).filter(|_| matches!(error, DeviceError::OutOfMemory { .. }));
        let room = smaller.ok_or(error)?;
        // What there is goes back first.
        self.slots.release();
        (self.room, self.plan, self.slots) = take_memory(&self.device, tape, room)?;
        Ok(())
    }

    fn group(&self, tape: &Tape, tasks: &[Vec<u16>]) -> Result<Vec<Tensor>, DeviceError> {
        let batch = Batch::new(tasks);
        let run = Run { loaded: &self.loaded, plan: &self.plan, slots: &self.slots.addresses };
        self.compute(tape, &batch, &run, false)?;
        let last = tape.operators().len() - 1;
        let bytes = self.download(run.at(last as u16, Part::Values), 2 * batch.tasks() * width_of(tape, last))?;
        let row = |row: &[u8]| Tensor::Unit(numbers(row, i16::from_le_bytes));
        Ok(bytes.chunks_exact(bytes.len() / batch.tasks()).map(row).collect())
    }

    /// Uploads a batch and launches everything that makes its tensors.
    fn compute(&self, tape: &Tape, batch: &Batch, run: &Run<'_>, for_trace: bool) -> Result<(), DeviceError> {
        let shorts = |numbers: &[u16]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
        let words = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
        let uploads = [
            (Part::Values, shorts(&batch.ids)),
            (Part::Places, shorts(&batch.places)),
            (Part::Starts, words(&batch.starts)),
            (Part::Tiles, words(batch.tiles.as_flattened())),
        ];
        for (part, bytes) in uploads {
            // SAFETY: the plan has room for the batch, and so has every array of it.
            unsafe { self.device.upload(run.at(0, part), &bytes) }?;
        }
        let planner = Planner { tape, map: run, batch, for_trace };
        for operator in 0..tape.operators().len() {
            for launch in planner.launches(operator as u16) {
                // SAFETY: as above; the tape and the batch are valid, and the kernels stay within arrays that fit them.
                unsafe { self.device.launch(&launch) }?;
            }
        }
        Ok(())
    }

    /// All tensors of one task with the trees over their rows. Batches become smaller when that takes their memory.
    pub(super) fn trace(&mut self, tape: &Tape, ids: &[u16]) -> Result<Vec<(Tensor, Tree)>, DeviceError> {
        loop {
            match self.task(tape, ids) {
                Ok(made) => return Ok(made),
                Err(error) => self.shrink(tape, error)?,
            }
        }
    }

    fn task(&self, tape: &Tape, ids: &[u16]) -> Result<Vec<(Tensor, Tree)>, DeviceError> {
        let batch = Batch::new(&[ids]);
        let plan = Plan::for_trace(tape, ids.len());
        let slots = Memory::allocate(&self.device, plan.slots.iter().copied())?;
        let run = Run { loaded: &self.loaded, plan: &plan, slots: &slots.addresses };
        self.compute(tape, &batch, &run, true)?;

        let planner = Planner { tape, map: &run, batch: &batch, for_trace: true };
        let (tables, blocks, count) = planner.rows_to_hash();
        let bytes = tables.iter().flat_map(|table| table.bytes()).collect();
        let block_bytes = blocks.as_flattened().iter().flat_map(|n| n.to_le_bytes()).collect();
        let lists = Memory::of(&self.device, &[bytes, block_bytes])?;
        let nodes = Memory::allocate(&self.device, [32 * count])?;
        for launch in planner.hashing(lists.addresses[0], lists.addresses[1], blocks.len(), nodes.addresses[0]) {
            // SAFETY: the lists name arrays of this run, and there is a place for every node.
            unsafe { self.device.launch(&launch) }?;
        }
        let nodes = self.download(nodes.addresses[0], 32 * count)?;
        let (nodes, _) = nodes.as_chunks::<32>();
        let tensor = |(operator, table): (usize, &super::launches::HashedRows)| {
            let tree = tree(&nodes[table.first_node as usize..], table.rows as usize);
            Ok((self.tensor(tape, &run, operator, ids.len())?, tree))
        };
        tables.iter().enumerate().map(tensor).collect()
    }

    fn download(&self, from: Address, bytes: usize) -> Result<Vec<u8>, DeviceError> {
        let mut out = vec![0; bytes];
        // SAFETY: callers ask for arrays of a plan in the length that they have.
        unsafe { self.device.download(from, &mut out) }?;
        Ok(out)
    }

    /// What an operator made of one task of `n` tokens.
    fn tensor(&self, tape: &Tape, run: &Run<'_>, operator: usize, n: usize) -> Result<Tensor, DeviceError> {
        let get = |part, bytes: usize| self.download(run.at(operator as u16, part), bytes);
        let shorts = |part, count: usize| get(part, 2 * count).map(|bytes| numbers(&bytes, u16::from_le_bytes));
        let words = |part, count: usize| get(part, 4 * count).map(|bytes| numbers(&bytes, i32::from_le_bytes));
        let wides = |part, count: usize| get(part, 4 * count).map(|bytes| numbers(&bytes, u32::from_le_bytes));
        let signed = |part, count: usize| get(part, 2 * count).map(|bytes| numbers(&bytes, i16::from_le_bytes));
        let bytes = |part, count: usize| get(part, count).map(|bytes| numbers(&bytes, i8::from_le_bytes));
        let elements = n * width_of(tape, operator);
        Ok(match tape.shapes()[operator] {
            Shape::Ids => Tensor::Ids(shorts(Part::Values, n)?),
            Shape::Sum(_) => Tensor::Sum(Sum {
                mean: words(Part::Mean, n)?,
                deviation: wides(Part::Deviation, n)?,
                x: words(Part::Values, elements)?,
            }),
            Shape::Norm(_) => Tensor::Norm { max: shorts(Part::Max, n)?, x: signed(Part::Values, elements)? },
            Shape::NormT(_) => Tensor::NormT { x: signed(Part::Values, elements)? },
            Shape::Linear(_) => Tensor::Linear { x: bytes(Part::Values, elements)? },
            Shape::LinearT(_) => Tensor::LinearT { x: bytes(Part::Values, elements)? },
            Shape::Exp { heads, .. } => {
                let rows = n * heads as usize;
                Tensor::Exp(Exp {
                    max: words(Part::Max, rows)?,
                    argmax: shorts(Part::Argmax, rows)?,
                    sum: shorts(Part::Sum, rows)?,
                    e: get(Part::Values, rows * n)?,
                })
            }
            Shape::Quantised(width) => {
                let (width, stride) = (width as usize, stride(width as usize));
                let padded = bytes(Part::Bytes, n * stride)?;
                Tensor::Quantised {
                    max: shorts(Part::Max, n)?,
                    argmax: shorts(Part::Argmax, n)?,
                    x: padded.chunks_exact(stride).flat_map(|row| &row[..width]).copied().collect(),
                }
            }
            Shape::Pool(width) => {
                Tensor::Pool { root: wides(Part::Root, 1)?, sum: words(Part::Values, width as usize)? }
            }
            Shape::Unit(width) => Tensor::Unit(signed(Part::Values, width as usize)?),
            _ => unreachable!("GPUs run no decoders"),
        })
    }
}

/// The memory of a run of `room`, or of half, and so on, until it fits.
fn take_memory(device: &Arc<dyn Device>, tape: &Tape, room: Room) -> Result<(Room, Plan, Memory), DeviceError> {
    let mut room = room;
    loop {
        let plan = Plan::for_outputs(tape, room);
        let fits = device.free_memory()?;
        // A tenth is left to the driver and to traces.
        let taken = if plan.bytes() <= fits / 10 * 9 {
            Memory::allocate(device, plan.slots.iter().copied())
        } else {
            Err(DeviceError::OutOfMemory { bytes: plan.bytes() as usize })
        };
        match taken {
            Ok(slots) => return Ok((room, plan, slots)),
            Err(DeviceError::OutOfMemory { bytes }) => {
                room = room.halved(tape).ok_or(DeviceError::OutOfMemory { bytes })?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Splits tasks into runs that fit.
pub(super) fn groups(tasks: &[Vec<u16>], room: Room) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut start = 0;
    while start < tasks.len() {
        let end = start + first_group(&tasks[start..], room);
        groups.push(start..end);
        start = end;
    }
    groups
}

/// How many tasks from the first on fit; at least one, and none only if there is none.
fn first_group(tasks: &[Vec<u16>], room: Room) -> usize {
    let mut tokens = 0;
    let fits = |task: &&Vec<u16>| {
        tokens += task.len();
        tokens <= room.tokens
    };
    tasks.iter().take(room.tasks).take_while(fits).count().max(1).min(tasks.len())
}

/// The tree whose levels begin at `nodes`, one after the other.
fn tree(nodes: &[Hash], leaves: usize) -> Tree {
    let mut at = 0;
    let level = |size: usize| {
        let level = nodes[at..at + size].to_vec();
        at += size;
        level
    };
    Tree::from_levels(level_sizes(leaves).map(level).collect())
}

/// Elements of a row that is kept token by token.
fn width_of(tape: &Tape, operator: usize) -> usize {
    super::launches::width(tape.shapes()[operator])
}

fn numbers<const N: usize, T>(bytes: &[u8], from: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (numbers, _) = bytes.as_chunks();
    numbers.iter().map(|number| from(*number)).collect()
}
