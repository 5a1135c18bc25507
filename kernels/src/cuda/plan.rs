//! Which arrays a run keeps on the device, how large they are, and where they lie: known before anything is computed.

use std::collections::HashMap;

use super::device::BLOCK_QUERIES;
use crate::tape::{Operator, Shape, Tape};

/// Bytes that rows of activations are padded to, which matrix products fetch at a time.
const STRIDE: usize = 64;

/// Bytes from row to row of activations that are `width` wide.
pub(super) fn stride(width: usize) -> usize {
    width.next_multiple_of(STRIDE)
}

/// Blocks of queries of a task.
pub(super) fn query_blocks(tokens: usize) -> usize {
    tokens.div_ceil(BLOCK_QUERIES)
}

/// What an operator makes, or what is needed to make it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Part {
    /// The elements.
    Values,
    /// Bytes of the elements of a norm or a quantised tensor, padded for matrix products.
    Bytes,
    /// The elements before they are quantised; nobody else reads them.
    Wide,
    Mean,
    Deviation,
    Max,
    Argmax,
    Sum,
    Root,
    /// Place of each token in its task; with the ids.
    Places,
    /// First token of each task, and the end of the last; with the ids.
    Starts,
    /// Blocks of queries; with the ids.
    Tiles,
}

/// The most that a run computes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) tokens: usize,
    pub(super) tasks: usize,
}

impl Room {
    /// Enough for one task of any length.
    pub(super) fn least(tape: &Tape) -> Self {
        Self { tokens: tape.max_tokens() as usize, tasks: 1 }
    }

    /// Room of `tokens` tokens, and of as many tasks as they usually make.
    pub(super) fn of(tokens: usize) -> Self {
        Self { tokens, tasks: (tokens / 8).max(1) }
    }

    /// Half as much, unless that is too little for any task.
    pub(super) fn halved(self, tape: &Tape) -> Option<Self> {
        let least = Self::least(tape);
        (self.tokens > least.tokens).then(|| Self::of((self.tokens / 2).max(least.tokens)))
    }

    fn tiles(self) -> usize {
        self.tokens / BLOCK_QUERIES + self.tasks
    }
}

/// Where the arrays of a run lie. Each has a slot; where only the output is wanted, those that are never needed at one time
/// share it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Bytes of each slot.
    pub(super) slots: Vec<usize>,
    slot_of: HashMap<(usize, Part), usize>,
}

impl Plan {
    /// Slots for outputs alone.
    pub(super) fn for_outputs(tape: &Tape, room: Room) -> Self {
        let mut plan = Self { slots: Vec::new(), slot_of: HashMap::new() };
        let mut free: Vec<usize> = Vec::new();
        for (operator, done) in tape.last_reads().iter().enumerate() {
            for (part, bytes) in parts(tape, operator, room, false) {
                plan.place((operator, part), bytes, &mut free);
            }
            // The ids stay: every batch needs what lies with them.
            let read = done.iter().filter(|&&source| source != 0).flat_map(|&source| plan.given_back(source));
            free.extend(read.chain(plan.slot(operator, Part::Wide)));
        }
        plan
    }

    /// A slot for every array of one task of `tokens` tokens.
    pub(super) fn for_trace(tape: &Tape, tokens: usize) -> Self {
        let mut plan = Self { slots: Vec::new(), slot_of: HashMap::new() };
        for operator in 0..tape.operators().len() {
            for (part, bytes) in parts(tape, operator, Room { tokens, tasks: 1 }, true) {
                plan.place((operator, part), bytes, &mut Vec::new());
            }
        }
        plan
    }

    /// Bytes of all slots.
    pub(super) fn bytes(&self) -> u64 {
        self.slots.iter().map(|&bytes| bytes as u64).sum()
    }

    /// The slot of an array.
    pub(super) fn slot(&self, operator: usize, part: Part) -> Option<usize> {
        self.slot_of.get(&(operator, part)).copied()
    }

    /// Slots of an operator that nobody needs once its last reader is done; what only it needed itself was given back before.
    fn given_back(&self, operator: usize) -> Vec<usize> {
        let own = self.slot_of.iter().filter(|((of, part), _)| *of == operator && *part != Part::Wide);
        let mut slots: Vec<usize> = own.map(|(_, &slot)| slot).collect();
        slots.sort_unstable();
        slots
    }

    /// Takes the free slot that needs to grow least, and among those that are large enough the smallest.
    fn place(&mut self, array: (usize, Part), bytes: usize, free: &mut Vec<usize>) {
        let waste = |slot: usize| (bytes.saturating_sub(self.slots[slot]), self.slots[slot]);
        let best = (0..free.len()).min_by_key(|&at| waste(free[at]));
        let slot = best.map_or_else(
            || {
                self.slots.push(0);
                self.slots.len() - 1
            },
            |at| free.swap_remove(at),
        );
        self.slots[slot] = self.slots[slot].max(bytes);
        self.slot_of.insert(array, slot);
    }
}

/// Arrays of an operator with their bytes. Exponentials are only made to be committed.
fn parts(tape: &Tape, operator: usize, room: Room, for_trace: bool) -> Vec<(Part, usize)> {
    let Room { tokens, tasks } = room;
    let code = &tape.operators()[operator];
    match tape.shapes()[operator] {
        Shape::Ids => vec![
            (Part::Values, 2 * tokens),
            (Part::Places, 2 * tokens),
            (Part::Starts, 4 * (tasks + 1)),
            (Part::Tiles, 12 * room.tiles()),
        ],
        Shape::Sum(width) => {
            vec![(Part::Values, 4 * tokens * width as usize), (Part::Mean, 4 * tokens), (Part::Deviation, 4 * tokens)]
        }
        Shape::Norm(width) => vec![
            (Part::Values, 2 * tokens * width as usize),
            (Part::Bytes, tokens * stride(width as usize)),
            (Part::Max, 2 * tokens),
        ],
        Shape::NormT(width) => vec![(Part::Values, 2 * tokens * width as usize)],
        Shape::Linear(width) | Shape::LinearT(width) => vec![(Part::Values, tokens * width as usize)],
        Shape::Quantised(width) => vec![
            (Part::Wide, 2 * tokens * width as usize),
            (Part::Bytes, tokens * stride(width as usize)),
            (Part::Max, 2 * tokens),
            (Part::Argmax, 2 * tokens),
        ],
        Shape::Exp { heads, .. } if for_trace && matches!(code, Operator::Exp { .. }) => {
            let rows = tokens * heads as usize;
            vec![(Part::Values, rows * tokens), (Part::Max, 4 * rows), (Part::Argmax, 2 * rows), (Part::Sum, 2 * rows)]
        }
        Shape::Exp { .. } => vec![],
        Shape::Pool(width) => vec![(Part::Values, 4 * tasks * width as usize), (Part::Root, 4 * tasks)],
        Shape::Unit(width) => vec![(Part::Values, 2 * tasks * width as usize)],
        _ => unreachable!("GPUs run no decoders"),
    }
}
