//! The CUDA kernels on the emulator, against the processor: every tensor of whole inferences, its rows' hashes and trees,
//! and outputs of batches; under schedules that are drawn anew for every launch. See `kernels/cuda/emulator`.

mod emulator;
mod models;

use std::{path::Path, sync::Arc};

use assay_kernels::{
    Model,
    cuda::{Argument, Backend, Device, Running},
    doctor,
};

use self::{
    emulator::{Build, CHECKED, Emulator, FAST},
    models::Random,
};

fn tiny() -> Model {
    Model::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-fixtures/models/tiny")).unwrap()
}

/// The model on the processor, and a copy of it on `devices`.
fn pair(make: impl Fn() -> Model, devices: Vec<Arc<dyn Device>>) -> (Model, Model) {
    let (cpu, mut gpu) = (make(), make());
    gpu.use_devices(devices).unwrap();
    (cpu, gpu)
}

/// The processor has not stood in for a device.
fn assert_no_failures(model: &Model) {
    let Running::Cuda { failures, .. } = model.running() else { panic!("it runs on {}", model.running()) };
    assert_eq!(failures, []);
}

fn assert_same_trace(cpu: &Model, gpu: &Model, row: &[u8]) {
    let (expected, found) = (cpu.trace(row).unwrap(), gpu.trace(row).unwrap());
    assert_no_failures(gpu);
    let n = expected.tokens();
    for (operator, shape) in cpu.tape().shapes().iter().enumerate() {
        let code = cpu.tape().operators()[operator];
        assert!(expected.rows(operator) == found.rows(operator), "operator {operator} of {n} units: {code:?}");
        assert_eq!(expected.row_hashes(operator), found.row_hashes(operator), "operator {operator} of {n} units");
        // The proofs stand in the levels that the GPU has hashed.
        let ask = |trace| cpu.evidence(trace, expected.roots(), operator, shape.rows(n) - 1, shape.elements(n) - 1);
        assert_eq!(ask(&expected), ask(&found));
    }
    assert_eq!((expected.roots(), expected.root()), (found.roots(), found.root()));
}

fn assert_same_outputs(cpu: &Model, gpu: &Model, rows: &[Vec<u8>]) {
    let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
    assert_eq!(cpu.run(&rows).unwrap(), gpu.run(&rows).unwrap());
}

/// Rows of lengths from 1 to `most`.
fn rows(random: &mut Random, most: usize, count: usize, vocabulary: u32) -> Vec<Vec<u8>> {
    let row = |_| {
        let units = random.within(1, most as i64) as usize;
        random.row(units, vocabulary)
    };
    (0..count).map(row).collect()
}

#[test]
fn the_tiny_model_makes_the_same_traces_and_outputs() {
    for (seed, build) in (0..).zip(CHECKED) {
        let (cpu, gpu) = pair(tiny, vec![Emulator::new(build, seed).device()]);
        let mut random = Random(seed);
        for units in [1, 17, 33, 48] {
            assert_same_trace(&cpu, &gpu, &random.row(units, 100));
        }
        assert_same_outputs(&cpu, &gpu, &rows(&mut random, 48, 20, 100));
        assert_no_failures(&gpu);
    }
}

#[test]
fn random_models_make_the_same_traces_and_outputs() {
    for (build, seed) in CHECKED.into_iter().flat_map(|build| (0..6).map(move |seed| (build, seed))) {
        let make = || {
            let mut random = Random(seed);
            let units = random.within(1, 70) as u32;
            if seed % 6 == 5 { models::average(&mut random, units) } else { models::transformer(&mut random, units) }
        };
        let (cpu, gpu) = pair(make, vec![Emulator::new(build, seed).device()]);
        let (mut random, most) = (Random(seed + 1), cpu.max_units() as usize);
        assert_same_trace(&cpu, &gpu, &random.row(most, cpu.tape().vocabulary()));
        assert_same_outputs(&cpu, &gpu, &rows(&mut random, most, 5, cpu.tape().vocabulary()));
        assert_no_failures(&gpu);
    }
}

#[test]
fn the_longest_inputs_fit_the_kernels() {
    for (seed, build) in (20..).zip(FAST) {
        let (cpu, gpu) =
            pair(|| models::transformer(&mut Random(seed), 257), vec![Emulator::new(build, seed).device()]);
        let mut random = Random(seed);
        for units in [257, 225] {
            assert_same_trace(&cpu, &gpu, &random.row(units, cpu.tape().vocabulary()));
        }
        assert_same_outputs(&cpu, &gpu, &rows(&mut random, 257, 3, cpu.tape().vocabulary()));
        assert_no_failures(&gpu);
    }
}

#[test]
fn what_runs_together_and_on_how_many_devices_changes_nothing() {
    let devices = FAST.map(|build| Emulator::new(build, 7).device()).to_vec();
    let (cpu, gpu) = pair(tiny, devices);
    let all = rows(&mut Random(3), 48, 60, 100);
    assert_same_outputs(&cpu, &gpu, &all);
    for row in &all[..8] {
        assert_same_outputs(&cpu, &gpu, std::slice::from_ref(row));
    }
    assert_same_outputs(&cpu, &gpu, &[]);
    assert_no_failures(&gpu);
    assert_eq!(gpu.running().to_string(), "emulated sm_61, emulated sm_80");
}

#[test]
fn little_memory_makes_batches_smaller_and_none_leaves_the_model_where_it_is() {
    let all = rows(&mut Random(5), 48, 30, 100);
    let with = |memory| Emulator::new(FAST[1], 1).with_memory(memory).device();
    // Weights and a few hundred tokens.
    let (cpu, gpu) = pair(tiny, vec![with(700 << 10)]);
    assert_same_outputs(&cpu, &gpu, &all);
    assert_no_failures(&gpu);

    let mut model = tiny();
    let error = model.use_devices(vec![with(1 << 10)]).unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), ("CUDA_MEMORY", true));
    assert_eq!(model.running(), Running::Cpu { because: None });
    assert_same_outputs(&cpu, &model, &all);
    // One that has room does not wait for one that has not.
    model.use_devices(vec![with(1 << 10), with(1 << 24)]).unwrap();
    assert_same_outputs(&cpu, &model, &all);
    assert_no_failures(&model);
}

#[test]
fn the_processor_stands_in_for_a_device_that_fails() {
    let all = rows(&mut Random(6), 48, 10, 100);
    for launches in [0, 1, 20] {
        let emulator = Arc::new(Emulator::new(FAST[0], 1));
        let (cpu, gpu) = pair(tiny, vec![emulator.clone()]);
        emulator.fail_after(launches);
        assert_same_outputs(&cpu, &gpu, &all);
        let (expected, found) = (cpu.trace(&all[0]).unwrap(), gpu.trace(&all[0]).unwrap());
        assert_eq!(expected.root(), found.root());
        let Running::Cuda { failures, .. } = gpu.running() else { panic!("it has left the device") };
        assert_eq!(failures.len(), 2);
        assert!(gpu.running().to_string().ends_with("(the CPU stood in: the GPU failed: it was told to)"));
    }
    // Of two devices the other does it, or the processor.
    let failing = Arc::new(Emulator::new(FAST[0], 1));
    let (cpu, gpu) = pair(tiny, vec![failing.clone(), Emulator::new(FAST[1], 1).device()]);
    failing.fail_after(3);
    assert_same_outputs(&cpu, &gpu, &all);
}

#[test]
fn a_device_with_a_wrong_bit_is_not_used() {
    let wrong = || Emulator::new(FAST[1], 1).with_wrong_bit().device();
    let mut model = tiny();
    let error = model.use_devices(vec![wrong()]).unwrap_err();
    assert_eq!((error.code(), model.running()), ("CUDA_FAULT", Running::Cpu { because: None }));
    assert!(error.to_string().contains("what it computes is not what the CPU computes"), "{error}");
    model.use_devices(vec![wrong(), Emulator::new(FAST[0], 1).device()]).unwrap();
    assert_eq!(model.running().to_string(), "emulated sm_61");
    assert_eq!(doctor::gpu(&wrong(), None).faults, [error.to_string()]);
}

#[test]
fn the_doctor_finds_devices_sound_and_sees_those_that_fail() {
    for build in FAST {
        let mut model = tiny();
        let found = doctor::gpu(&Emulator::new(build, 1).device(), Some(&mut model));
        assert_eq!((found.vectors, &found.faults), (8, &vec![]), "{build:?}");
        assert!(found.fraction_of_peak().unwrap() > 0.0);
        assert_eq!(model.running(), Running::Cpu { because: None });
    }
    let failing = Emulator::new(FAST[0], 1);
    failing.fail_after(200);
    let found = doctor::gpu(&failing.device(), Some(&mut tiny()));
    assert!(found.faults.contains(&"the GPU failed: it was told to".to_owned()), "{:?}", found.faults);
    let found = doctor::gpu(&Emulator::new(FAST[0], 1).with_memory(1 << 10).device(), None);
    assert_eq!(found.vectors, 0);
    assert!(found.faults[0].contains("too little free memory"), "{:?}", found.faults);
}

#[test]
fn the_backend_is_chosen_and_says_why_it_is_not_another() {
    let (cpu, mut model) = (tiny(), tiny());
    let all = rows(&mut Random(8), 48, 5, 100);
    model.use_backend(Backend::Auto).unwrap();
    assert_same_outputs(&cpu, &model, &all);
    // With a GPU or without: what one choice says holds for the other.
    match (model.running(), tiny().use_backend(Backend::Cuda)) {
        (Running::Cpu { because: Some(why) }, Err(error)) => {
            assert_eq!(why, error);
            assert!(error.code().starts_with("CUDA_"));
        }
        (Running::Cuda { devices, .. }, Ok(())) => assert!(!devices.is_empty()),
        (running, forced) => panic!("auto runs on {running}, and cuda says {forced:?}"),
    }
    model.use_backend(Backend::Cpu).unwrap();
    assert_eq!((model.running(), model.running().to_string()), (Running::Cpu { because: None }, "CPU".to_owned()));
    for (text, backend) in [("cpu", Backend::Cpu), ("cuda", Backend::Cuda), ("auto", Backend::Auto)] {
        assert_eq!((text.parse(), backend.to_string()), (Ok(backend), text.to_owned()));
    }
    assert_eq!("gpu".parse::<Backend>(), Err("unknown backend gpu; expected cpu, cuda or auto".to_owned()));
}

/// What a kernel with a fault makes of its arguments, and what it wrote.
fn fault(build: Build, kernel: &str, grid: u32, threads: u32, arguments: &[Argument]) -> Result<u32, String> {
    let emulator = Emulator::new(build, 11);
    let (input, out) = (emulator.allocate(32).unwrap(), emulator.allocate(8).unwrap());
    let mut written = [0; 4];
    // SAFETY: the memory was just allocated; 1 and 2 stand for it in the arguments, which are the kernel's.
    let result = unsafe {
        emulator.upload(input, &[9; 32]).unwrap();
        let address = |argument: &Argument| match argument {
            Argument::Address(1) => Argument::Address(input),
            Argument::Address(_) => Argument::Address(out),
            other => *other,
        };
        let arguments: Vec<Argument> = arguments.iter().map(address).collect();
        let result = emulator.run(kernel, [grid, 1], threads, &arguments);
        emulator.download(out, &mut written).unwrap();
        emulator.release(input);
        emulator.release(out);
        result
    };
    result.map(|()| u32::from_le_bytes(written))
}

#[test]
fn the_emulator_finds_faults() {
    use Argument::{Address, U32};
    let (input, out) = (Address(1), Address(2));
    for build in CHECKED {
        let run = |kernel, grid, threads, arguments: &[Argument]| fault(build, kernel, grid, threads, arguments);
        let finds = |what: &str, result: Result<u32, String>| {
            let error = result.expect_err(what);
            assert!(error.contains(what), "{error}");
        };
        assert_eq!(run("fault_race", 1, 64, &[U32(1), out]), Ok(7));
        finds("shared memory that another thread", run("fault_race", 1, 64, &[U32(0), out]));
        assert_eq!(run("fault_lanes", 1, 32, &[U32(1), out]).map(drop), Ok(()));
        finds("shared memory that another thread", run("fault_lanes", 1, 32, &[U32(0), out]));
        assert_eq!(run("fault_blocks", 2, 32, &[U32(1), out]), Ok(1));
        finds("global memory that another thread", run("fault_blocks", 2, 32, &[U32(0), out]));
        for (in_shared, end) in [(0, 32), (1, 64)] {
            let inside = run("fault_bounds", 1, 32, &[U32(end - 1), U32(in_shared), input, out]);
            assert_eq!(inside.map(drop), Ok(()));
            finds("out of bounds", run("fault_bounds", 1, 32, &[U32(end), U32(in_shared), input, out]));
        }
        assert_eq!(run("fault_alignment", 1, 32, &[input, U32(4), out]), Ok(0x0909_0909));
        finds("misaligned", run("fault_alignment", 1, 32, &[input, U32(6), out]));
        assert_eq!(run("fault_divergence", 1, 32, &[U32(0), out]), Ok(32));
        finds("waits for others that have left", run("fault_divergence", 1, 32, &[U32(5), out]));
        assert_eq!(run("fault_copy", 1, 32, &[U32(1), input, out]), Ok(9));
        // Old GPUs copy at once; on new ones the bytes are not there yet.
        let early = run("fault_copy", 1, 32, &[U32(0), input, out]);
        assert_eq!(early == Ok(9), build.target < 800);

        finds("other parameters", run("fault_copy", 1, 32, &[input, out]));
        finds("other parameters", run("fault_copy", 1, 32, &[input, U32(1), out]));
        finds("no kernel of this name", run("fault", 1, 32, &[]));
        finds("whole warps", run("fault_divergence", 1, 33, &[U32(0), out]));
        finds("the grid is empty", run("fault_divergence", 0, 32, &[U32(0), out]));
    }
}
