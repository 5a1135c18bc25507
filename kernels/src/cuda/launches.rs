//! From an operator to kernels: which, with how many blocks, on what. Nothing here touches a device.

use super::{
    device::{Address, Argument, BLOCK_LEAVES, BLOCK_ROWS, Kernel, Launch, TILE},
    plan::{Part, query_blocks, stride},
};
use crate::{
    fixed,
    tape::{Operator, Shape, Tape},
};

/// The tokens of some tasks, one after the other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) ids: Vec<u16>,
    /// Place of each token in its task.
    pub(super) places: Vec<u16>,
    /// First token of each task, and the end of the last.
    pub(super) starts: Vec<u32>,
    /// Blocks of queries: first token of the task, its tokens, the first query among them.
    pub(super) tiles: Vec<[u32; 3]>,
}

impl Batch {
    pub(super) fn new<T: AsRef<[u16]>>(tasks: &[T]) -> Self {
        let mut batch = Self { ids: vec![], places: vec![], starts: vec![0], tiles: vec![] };
        for task in tasks {
            let (start, tokens) = (batch.ids.len() as u32, task.as_ref().len());
            batch.ids.extend_from_slice(task.as_ref());
            batch.places.extend((0..tokens).map(|place| place as u16));
            batch.starts.push(start + tokens as u32);
            let tile = |block| [start, tokens as u32, (block * super::device::BLOCK_QUERIES) as u32];
            batch.tiles.extend((0..query_blocks(tokens)).map(tile));
        }
        batch
    }

    pub(super) fn tokens(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn tasks(&self) -> usize {
        self.starts.len() - 1
    }
}

/// Where everything lies.
pub(super) trait Map {
    /// An array of an operator that has it.
    fn at(&self, operator: u16, part: Part) -> Address;
    /// An array of a weight tensor.
    fn weights(&self, tensor: u16, array: usize) -> Address;
    /// The segments of the GELU.
    fn gelu_tail(&self) -> Address;
}

/// What launches are made of.
pub(super) struct Planner<'a, M> {
    pub(super) tape: &'a Tape,
    pub(super) map: &'a M,
    pub(super) batch: &'a Batch,
    /// Whether exponentials are wanted, which are only made to be committed.
    pub(super) for_trace: bool,
}

impl<M: Map> Planner<'_, M> {
    /// The launches that make the tensor of `operator`, the earlier ones having been made.
    pub(super) fn launches(&self, operator: u16) -> Vec<Launch> {
        let own = |part| Argument::Address(self.map.at(operator, part));
        let all_rows = self.rows(self.batch.tokens().div_ceil(BLOCK_ROWS));
        match self.tape.operators()[usize::from(operator)] {
            Operator::Ids { .. } => vec![],
            Operator::Embed { ids, words, positions, shift } => {
                let width = self.width(operator);
                let arguments = vec![
                    self.at(ids, Part::Values),
                    self.at(ids, Part::Places),
                    self.weights(words, 0),
                    self.weights(positions, 0),
                    self.tokens(),
                    u32_of(width),
                    Argument::U32(shift.into()),
                    own(Part::Values),
                ];
                vec![Launch { kernel: Kernel::Embed, grid: all_rows, arguments }, self.moments(operator)]
            }
            Operator::Norm { sum, gains, shift, transposed } => {
                vec![self.norm(operator, sum, gains, shift, transposed)]
            }
            Operator::Linear { input, weights, shift, .. } => {
                let mut arguments = self.operands(input, weights);
                arguments.extend(self.extent(operator, input, shift));
                arguments.push(own(Part::Values));
                vec![Launch { kernel: Kernel::GemmLinear, grid: self.tiles(operator), arguments }]
            }
            Operator::Residual { input, weights, residual, shift, residual_shift } => {
                let mut arguments = self.operands(input, weights);
                arguments.extend([self.weights(weights, 3), self.at(residual, Part::Values)]);
                arguments.extend(self.extent(operator, input, shift));
                arguments.extend([Argument::U32(residual_shift.into()), own(Part::Values)]);
                let product = Launch { kernel: Kernel::GemmResidual, grid: self.tiles(operator), arguments };
                vec![product, self.moments(operator)]
            }
            Operator::Gelu { input, weights, shift } => {
                let mut arguments = self.operands(input, weights);
                arguments.push(Argument::Address(self.map.gelu_tail()));
                arguments.extend(self.extent(operator, input, shift));
                arguments.push(own(Part::Wide));
                let product = Launch { kernel: Kernel::GemmGelu, grid: self.tiles(operator), arguments };
                vec![product, self.quantise(operator)]
            }
            Operator::Exp { .. } if self.for_trace => {
                let (mut arguments, grid) = self.attention(operator, None);
                arguments.extend([Part::Max, Part::Argmax, Part::Sum, Part::Values].map(own));
                vec![Launch { kernel: Kernel::Exponentials, grid, arguments }]
            }
            Operator::Exp { .. } => vec![],
            Operator::Context { exp, v } => {
                let (mut arguments, grid) = self.attention(exp, Some(v));
                arguments.push(own(Part::Wide));
                vec![Launch { kernel: Kernel::Context, grid, arguments }, self.quantise(operator)]
            }
            Operator::Pool { x } => {
                let starts = self.at(0, Part::Starts);
                let width = u32_of(self.width(operator));
                let arguments = vec![self.at(x, Part::Values), starts, width, own(Part::Values), own(Part::Root)];
                vec![Launch { kernel: Kernel::Pool, grid: self.rows(self.batch.tasks()), arguments }]
            }
            Operator::Unit { pool } => {
                let (sums, roots) = (self.at(pool, Part::Values), self.at(pool, Part::Root));
                let arguments = vec![sums, roots, u32_of(self.width(operator)), own(Part::Values)];
                vec![Launch { kernel: Kernel::UnitVector, grid: self.rows(self.batch.tasks()), arguments }]
            }
            _ => unreachable!("GPUs run no decoders"),
        }
    }

    fn at(&self, operator: u16, part: Part) -> Argument {
        Argument::Address(self.map.at(operator, part))
    }

    fn weights(&self, tensor: u16, array: usize) -> Argument {
        Argument::Address(self.map.weights(tensor, array))
    }

    fn tokens(&self) -> Argument {
        u32_of(self.batch.tokens())
    }

    fn rows(&self, blocks: usize) -> [u32; 2] {
        [blocks as u32, 1]
    }

    /// Elements of a token in what `operator` makes.
    fn width(&self, operator: u16) -> usize {
        width(self.tape.shapes()[usize::from(operator)])
    }

    /// Blocks of a matrix product: channels first, so that neighbours read the same tokens.
    fn tiles(&self, operator: u16) -> [u32; 2] {
        [self.width(operator).div_ceil(TILE.1) as u32, self.batch.tokens().div_ceil(TILE.0) as u32]
    }

    fn operands(&self, input: u16, weights: u16) -> Vec<Argument> {
        let arrays = (0..3).map(|array| self.weights(weights, array));
        [self.at(input, Part::Bytes), self.at(input, Part::Max)].into_iter().chain(arrays).collect()
    }

    /// Tokens, stride, channels and shift of a matrix product.
    fn extent(&self, operator: u16, input: u16, shift: u8) -> [Argument; 4] {
        let stride = u32_of(stride(self.width(input)));
        [self.tokens(), stride, u32_of(self.width(operator)), Argument::U32(shift.into())]
    }

    fn moments(&self, operator: u16) -> Launch {
        let mut arguments = vec![self.at(operator, Part::Values), self.tokens(), u32_of(self.width(operator))];
        arguments.extend([self.at(operator, Part::Mean), self.at(operator, Part::Deviation)]);
        let grid = self.rows(self.batch.tokens().div_ceil(BLOCK_ROWS));
        Launch { kernel: Kernel::Moments, grid, arguments }
    }

    fn norm(&self, operator: u16, sum: u16, gains: u16, shift: u8, transposed: bool) -> Launch {
        let width = self.width(operator);
        let mut arguments = [Part::Values, Part::Mean, Part::Deviation].map(|part| self.at(sum, part)).to_vec();
        arguments.extend([self.weights(gains, 0), self.weights(gains, 1), self.tokens(), u32_of(width)]);
        arguments.extend([Argument::U64(fixed::root_width(width)), Argument::U32(shift.into())]);
        let grid = self.rows(self.batch.tokens().div_ceil(BLOCK_ROWS));
        if transposed {
            arguments.push(self.at(operator, Part::Values));
            return Launch { kernel: Kernel::NormForPool, grid, arguments };
        }
        arguments.push(u32_of(stride(width)));
        arguments.extend([Part::Values, Part::Max, Part::Bytes].map(|part| self.at(operator, part)));
        Launch { kernel: Kernel::Norm, grid, arguments }
    }

    fn quantise(&self, operator: u16) -> Launch {
        let width = self.width(operator);
        let mut arguments = vec![self.at(operator, Part::Wide), self.tokens(), u32_of(width), u32_of(stride(width))];
        arguments.extend([Part::Max, Part::Argmax, Part::Bytes].map(|part| self.at(operator, part)));
        let grid = self.rows(self.batch.tokens().div_ceil(BLOCK_ROWS));
        Launch { kernel: Kernel::QuantiseRows, grid, arguments }
    }

    /// Arguments up to the results, and the grid, of the attention of the exponentials `exp`.
    fn attention(&self, exp: u16, values: Option<u16>) -> (Vec<Argument>, [u32; 2]) {
        let Operator::Exp { q, k, scales, heads, shift } = self.tape.operators()[usize::from(exp)] else {
            unreachable!("checked by the tape")
        };
        let mut arguments = vec![self.at(q, Part::Values), self.at(k, Part::Values)];
        arguments.extend(values.map(|v| self.at(v, Part::Values)));
        arguments.extend([self.weights(scales, 0), self.at(0, Part::Tiles)]);
        arguments.extend([Argument::U32(heads.into()), u32_of(self.width(q))]);
        arguments.extend(values.map(|v| u32_of(self.width(v))));
        arguments.push(Argument::U32(shift.into()));
        (arguments, [self.batch.tiles.len() as u32, heads.into()])
    }

    /// The table of all operators' rows for one task, with the blocks that hash them, and the number of nodes of their trees.
    pub(super) fn rows_to_hash(&self) -> (Vec<HashedRows>, Vec<[u32; 2]>, usize) {
        let (mut tables, mut blocks, mut nodes) = (Vec::new(), Vec::new(), 0);
        for (operator, shape) in self.tape.shapes().iter().enumerate() {
            let rows = self.hashed_rows(operator as u16, *shape, nodes);
            blocks.extend((0..rows.rows).step_by(BLOCK_LEAVES).map(|first| [operator as u32, first]));
            nodes += level_sizes(rows.rows as usize).sum::<usize>() as u32;
            tables.push(rows);
        }
        (tables, blocks, nodes as usize)
    }

    fn hashed_rows(&self, operator: u16, shape: Shape, first_node: u32) -> HashedRows {
        let (n, width) = (self.batch.tokens() as u32, width(shape) as u32);
        let at = |part| self.map.at(operator, part);
        let rows =
            HashedRows { rows: shape.rows(n), elements: at_values(shape, &at), first_node, ..HashedRows::default() };
        let by_token =
            |element_size| HashedRows { element_size, count: width, row_stride: width, element_stride: 1, ..rows };
        let by_channel =
            |element_size| HashedRows { element_size, count: n, row_stride: 1, element_stride: width, ..rows };
        match shape {
            Shape::Ids => HashedRows { count: n, ..by_token(2) },
            Shape::Sum(_) => by_token(4).with_header(&[(at(Part::Mean), 4), (at(Part::Deviation), 4)], 1),
            Shape::Norm(_) => by_token(2).with_header(&[(at(Part::Max), 2)], 1),
            Shape::NormT(_) => by_channel(2),
            Shape::Linear(_) => by_token(1),
            Shape::LinearT(_) => by_channel(1),
            Shape::Exp { heads, .. } => {
                let fields = [(at(Part::Max), 4), (at(Part::Argmax), 2), (at(Part::Sum), 2)];
                let rows = HashedRows { count: heads * n, row_stride: heads * n, ..by_token(1) };
                rows.with_header(&fields, heads)
            }
            Shape::Quantised(width) => {
                let rows = HashedRows { row_stride: stride(width as usize) as u32, ..by_token(1) };
                rows.with_header(&[(at(Part::Max), 2), (at(Part::Argmax), 2)], 1)
            }
            Shape::Pool(_) => by_token(4).with_header(&[(at(Part::Root), 4)], 1),
            Shape::Unit(_) => by_token(2),
            _ => unreachable!("GPUs run no decoders"),
        }
    }

    /// The launches that hash what [`Self::rows_to_hash`] lists, once its lists lie at `tables` and `blocks`.
    pub(super) fn hashing(&self, tables: Address, blocks: Address, count: usize, nodes: Address) -> [Launch; 2] {
        let [tables, blocks, nodes] = [tables, blocks, nodes].map(Argument::Address);
        [
            Launch { kernel: Kernel::HashRows, grid: [count as u32, 1], arguments: vec![tables, blocks, nodes] },
            Launch {
                kernel: Kernel::HashTrees,
                grid: [self.tape.operators().len() as u32, 1],
                arguments: vec![tables, nodes],
            },
        ]
    }
}

/// Nodes of each level of a tree, from the leaves to the top.
pub(super) fn level_sizes(leaves: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(leaves), |&width| (width > 1).then(|| width.div_ceil(2)))
}

/// Elements of a token, or of a task where there is one row a task.
pub(super) fn width(shape: Shape) -> usize {
    match shape {
        Shape::Ids => 1,
        Shape::Sum(width)
        | Shape::Norm(width)
        | Shape::NormT(width)
        | Shape::Linear(width)
        | Shape::LinearT(width)
        | Shape::Exp { width, .. }
        | Shape::Quantised(width)
        | Shape::Pool(width)
        | Shape::Unit(width) => width as usize,
        _ => unreachable!("GPUs run no decoders"),
    }
}

/// The elements that are committed.
fn at_values(shape: Shape, at: &impl Fn(Part) -> Address) -> Address {
    at(if matches!(shape, Shape::Quantised(_)) { Part::Bytes } else { Part::Values })
}

/// What the kernel `hash_rows` knows of a tensor; `Rows` in `hash.cu`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct HashedRows {
    fields: [Address; 3],
    elements: Address,
    field_size: [u32; 3],
    groups: u32,
    element_size: u32,
    count: u32,
    row_stride: u32,
    element_stride: u32,
    pub(super) rows: u32,
    pub(super) first_node: u32,
}

impl HashedRows {
    fn with_header(mut self, fields: &[(Address, u32)], groups: u32) -> Self {
        for (at, &(address, size)) in fields.iter().enumerate() {
            (self.fields[at], self.field_size[at]) = (address, size);
        }
        Self { groups, ..self }
    }

    /// As the kernel reads it.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let [first, second, third] = self.fields;
        let wide = [first, second, third, self.elements].into_iter().flat_map(u64::to_le_bytes);
        let [first, second, third] = self.field_size;
        let narrow = [first, second, third, self.groups, self.element_size, self.count, self.row_stride];
        let rest = [self.element_stride, self.rows, self.first_node];
        wide.chain(narrow.into_iter().chain(rest).flat_map(u32::to_le_bytes)).collect()
    }
}

fn u32_of(value: usize) -> Argument {
    Argument::U32(value as u32)
}
