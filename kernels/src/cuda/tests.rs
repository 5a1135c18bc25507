//! What is planned and launched, without a device: sizes, slots, grids. The kernels' results are held to the processor's
//! by `tests/cuda`.

use std::{collections::HashMap, path::Path};

use proptest::prelude::*;

use super::{
    Kernel, Running, Unavailable,
    device::Address,
    launches::{Batch, Map, Planner, level_sizes},
    plan::{Part, Plan, Room},
    worker::groups,
};
use crate::{
    Model,
    tape::{Operator, Shape, Tape},
};

fn tiny() -> Tape {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-fixtures/models/tiny");
    Tape::decode(&std::fs::read(dir.join("program.tape")).unwrap()).unwrap()
}

const PARTS: [Part; 12] = [
    Part::Values,
    Part::Bytes,
    Part::Wide,
    Part::Mean,
    Part::Deviation,
    Part::Max,
    Part::Argmax,
    Part::Sum,
    Part::Root,
    Part::Places,
    Part::Starts,
    Part::Tiles,
];

/// Slots of an operator.
fn slots(plan: &Plan, operator: usize) -> Vec<(Part, usize)> {
    PARTS.into_iter().filter_map(|part| Some((part, plan.slot(operator, part)?))).collect()
}

#[test]
fn what_is_needed_at_one_time_has_different_slots() {
    let tape = tiny();
    let plan = Plan::for_outputs(&tape, Room { tokens: 100, tasks: 10 });
    let mut held: HashMap<usize, usize> = HashMap::new();
    let mut shared = 0;
    for (operator, done) in tape.last_reads().iter().enumerate() {
        for (part, slot) in slots(&plan, operator) {
            assert_eq!(held.insert(slot, operator), None, "{part:?} of operator {operator} lies on something needed");
            shared += 1;
        }
        held.retain(|_, of| *of == 0 || !done.contains(of));
        let wide = plan.slot(operator, Part::Wide);
        held.retain(|slot, _| Some(*slot) != wide);
    }
    assert!(plan.slots.len() < shared / 2, "{} slots for {shared} arrays", plan.slots.len());
}

#[test]
fn a_trace_keeps_every_array_in_its_exact_size() {
    let (tape, n) = (tiny(), 13);
    let plan = Plan::for_trace(&tape, n);
    let mut arrays: Vec<usize> =
        (0..tape.operators().len()).flat_map(|at| slots(&plan, at)).map(|(_, slot)| slot).collect();
    arrays.sort_unstable();
    assert_eq!(arrays, (0..plan.slots.len()).collect::<Vec<_>>());
    let bytes = |operator, part| plan.slot(operator, part).map(|slot| plan.slots[slot]);
    for (operator, shape) in tape.shapes().iter().enumerate() {
        let expected = match *shape {
            Shape::Sum(width) => (4 * n * width as usize, Some(4 * n)),
            Shape::Exp { heads, .. } => (n * n * heads as usize, None),
            Shape::Linear(width) | Shape::LinearT(width) => (n * width as usize, None),
            Shape::Pool(width) => (4 * width as usize, None),
            _ => continue,
        };
        assert_eq!((bytes(operator, Part::Values), bytes(operator, Part::Mean)), (Some(expected.0), expected.1));
    }
    let quantised = tape.shapes().iter().position(|shape| matches!(shape, Shape::Quantised(_))).unwrap();
    // 32 wide, padded to a step of the matrix products.
    assert_eq!((bytes(quantised, Part::Bytes), bytes(quantised, Part::Wide)), (Some(64 * n), Some(2 * 32 * n)));
}

#[test]
fn room_is_halved_down_to_one_task() {
    let tape = tiny();
    let mut rooms = vec![Room::of(1000)];
    while let Some(room) = rooms[rooms.len() - 1].halved(&tape) {
        assert!(Plan::for_outputs(&tape, room).bytes() < Plan::for_outputs(&tape, rooms[rooms.len() - 1]).bytes());
        rooms.push(room);
    }
    assert_eq!(rooms.iter().map(|room| room.tokens).collect::<Vec<_>>(), [1000, 500, 250, 125, 62, 48]);
    assert_eq!(Room::least(&tape).halved(&tape), None);
}

/// Addresses that say whose they are.
struct Fake;

impl Map for Fake {
    fn at(&self, operator: u16, part: Part) -> Address {
        1_000 + 16 * u64::from(operator) + part as u64
    }

    fn weights(&self, tensor: u16, array: usize) -> Address {
        1_000_000 + 16 * u64::from(tensor) + array as u64
    }

    fn gelu_tail(&self) -> Address {
        7
    }
}

#[test]
fn grids_cover_a_batch_and_no_more() {
    let tape = tiny();
    // 133 tokens: two tiles of a product, 34 blocks of rows; 2 + 2 + 1 + 1 blocks of queries.
    let batch = Batch::new(&[vec![1; 48], vec![2; 48], vec![3; 5], vec![4; 32]]);
    assert_eq!((batch.tokens(), batch.tasks(), &batch.starts[..]), (133, 4, &[0, 48, 96, 101, 133][..]));
    assert_eq!(batch.tiles[1..4], [[0, 48, 32], [48, 48, 0], [48, 48, 32]]);
    assert_eq!((batch.places[47], batch.places[48], batch.tiles.len()), (47, 0, 6));
    for for_trace in [false, true] {
        let planner = Planner { tape: &tape, map: &Fake, batch: &batch, for_trace };
        for (at, operator) in tape.operators().iter().enumerate() {
            let launches = planner.launches(at as u16);
            let found: Vec<(Kernel, [u32; 2])> = launches.iter().map(|launch| (launch.kernel, launch.grid)).collect();
            let width = |shape: Shape| shape.row_len(1);
            let expected = match operator {
                Operator::Ids { .. } => vec![],
                Operator::Embed { .. } => vec![(Kernel::Embed, [34, 1]), (Kernel::Moments, [34, 1])],
                Operator::Norm { transposed: true, .. } => vec![(Kernel::NormForPool, [34, 1])],
                Operator::Norm { .. } => vec![(Kernel::Norm, [34, 1])],
                Operator::Linear { .. } => vec![(Kernel::GemmLinear, [1, 2])],
                Operator::Residual { .. } => vec![(Kernel::GemmResidual, [1, 2]), (Kernel::Moments, [34, 1])],
                Operator::Gelu { .. } => {
                    assert_eq!(width(tape.shapes()[at]), 4 + 64);
                    vec![(Kernel::GemmGelu, [1, 2]), (Kernel::QuantiseRows, [34, 1])]
                }
                Operator::Exp { .. } if !for_trace => vec![],
                Operator::Exp { .. } => vec![(Kernel::Exponentials, [6, 4])],
                Operator::Context { .. } => vec![(Kernel::Context, [6, 4]), (Kernel::QuantiseRows, [34, 1])],
                Operator::Pool { .. } => vec![(Kernel::Pool, [4, 1])],
                Operator::Unit { .. } => vec![(Kernel::UnitVector, [4, 1])],
                _ => unreachable!("an encoder has no operators of decoders"),
            };
            assert_eq!(found, expected, "operator {at}");
        }
    }
}

#[test]
fn every_row_of_a_trace_is_hashed_once() {
    let (tape, n) = (tiny(), 48);
    let batch = Batch::new(&[vec![1; n]]);
    let planner = Planner { tape: &tape, map: &Fake, batch: &batch, for_trace: true };
    let (tables, blocks, nodes) = planner.rows_to_hash();
    let mut end = 0;
    for (at, (table, shape)) in tables.iter().zip(tape.shapes()).enumerate() {
        assert_eq!((table.rows, table.first_node, table.bytes().len()), (shape.rows(n as u32), end, 72));
        let own = blocks.iter().filter(|[of, _]| *of == at as u32).map(|[_, first]| *first);
        assert_eq!(own.collect::<Vec<_>>(), (0..table.rows).step_by(64).collect::<Vec<_>>());
        end += level_sizes(table.rows as usize).sum::<usize>() as u32;
    }
    assert_eq!(nodes, end as usize);
    assert_eq!(level_sizes(1).collect::<Vec<_>>(), [1]);
    assert_eq!(level_sizes(5).collect::<Vec<_>>(), [5, 3, 2, 1]);
}

#[test]
fn decoders_are_left_to_the_processor() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-fixtures/models/tiny-decoder");
    let mut model = Model::open(&dir).unwrap();
    assert_eq!(model.use_devices(Vec::new()), Err(Unavailable::Decoder));
    assert_eq!(model.running(), Running::Cpu { because: None });
}

proptest! {
    #[test]
    fn groups_fit_and_hold_every_task_once(lengths in prop::collection::vec(1usize..50, 0..100), tokens in 50usize..500, tasks in 1usize..20) {
        let all: Vec<Vec<u16>> = lengths.iter().map(|&n| vec![0; n]).collect();
        let groups = groups(&all, Room { tokens, tasks });
        for group in &groups {
            prop_assert!(!group.is_empty() && group.len() <= tasks);
            prop_assert!(lengths[group.clone()].iter().sum::<usize>() <= tokens);
        }
        prop_assert_eq!(groups.into_iter().flatten().collect::<Vec<_>>(), (0..all.len()).collect::<Vec<_>>());
    }
}
