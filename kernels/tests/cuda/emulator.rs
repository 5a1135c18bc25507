//! The GPU of `kernels/cuda/emulator` as a device: the kernels' own sources, compiled for the host by a C++ compiler.

use std::{
    collections::HashMap,
    ffi::{CString, c_char, c_void},
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use assay_kernels::cuda::{Address, Argument, Device, DeviceError, Launch};
use libloading::{Library, Symbol};

type Allocate = unsafe extern "C" fn(usize) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void);
type Run = unsafe extern "C" fn(
    *const c_char,
    *const u32,
    u32,
    *const *const c_void,
    *const u32,
    u32,
    u64,
    *mut c_char,
    usize,
);

/// How the kernels are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Build {
    /// Which GPU: 610 for dot products of four bytes, 800 for tensor cores.
    pub(crate) target: u32,
    /// Whether races and accesses out of bounds are looked for, which takes several times as long.
    pub(crate) is_checked: bool,
}

/// Both GPUs, checked.
pub(crate) const CHECKED: [Build; 2] =
    [Build { target: 610, is_checked: true }, Build { target: 800, is_checked: true }];

/// Both GPUs, for longer work.
pub(crate) const FAST: [Build; 2] =
    [Build { target: 610, is_checked: false }, Build { target: 800, is_checked: false }];

/// A device with memory of a given size.
#[derive(Debug)]
pub(crate) struct Emulator {
    library: Library,
    build: Build,
    /// Drawn anew for every launch from what it was.
    seed: AtomicU64,
    memory: u64,
    /// Bytes of what is allocated.
    allocated: Mutex<HashMap<Address, usize>>,
    /// Launches after which every call fails.
    launches_left: AtomicU64,
    has_wrong_bit: bool,
}

impl Emulator {
    pub(crate) fn new(build: Build, seed: u64) -> Self {
        let path = compile(build);
        // SAFETY: the library was just built from the sources of this project, and initialises nothing but itself.
        let library = unsafe { Library::new(path) }.unwrap();
        let (seed, allocated) = (AtomicU64::new(seed), Mutex::default());
        // Checks take some fifty bytes for each.
        let memory = if build.is_checked { 4 << 20 } else { 64 << 20 };
        Self { library, build, seed, memory, allocated, launches_left: AtomicU64::new(u64::MAX), has_wrong_bit: false }
    }

    pub(crate) fn with_memory(mut self, memory: u64) -> Self {
        self.memory = memory;
        self
    }

    /// From so many launches on, it fails.
    pub(crate) fn fail_after(&self, launches: u64) {
        self.launches_left.store(launches, Ordering::Relaxed);
    }

    /// One bit of everything that is fetched from it is wrong.
    pub(crate) fn with_wrong_bit(mut self) -> Self {
        self.has_wrong_bit = true;
        self
    }

    pub(crate) fn device(self) -> Arc<dyn Device> {
        Arc::new(self)
    }

    fn symbol<T>(&self, name: &str) -> Symbol<'_, T> {
        // SAFETY: callers name the functions of runtime.cpp with their types.
        unsafe { self.library.get(name) }.unwrap()
    }

    /// Runs a kernel by its name. What went wrong comes back.
    ///
    /// # Safety
    /// The arguments are those of the kernel, and its memory lies in allocations of this device.
    pub(crate) unsafe fn run(
        &self,
        kernel: &str,
        grid: [u32; 2],
        threads: u32,
        arguments: &[Argument],
    ) -> Result<(), String> {
        let (mut parameters, mut sizes) = (Vec::<*const c_void>::new(), Vec::new());
        for argument in arguments {
            match argument {
                Argument::Address(value) | Argument::U64(value) => {
                    parameters.push(std::ptr::from_ref(value).cast());
                    sizes.push(8);
                }
                Argument::U32(value) => {
                    parameters.push(std::ptr::from_ref(value).cast());
                    sizes.push(4);
                }
            }
        }
        let name = CString::new(kernel).unwrap();
        let seed = self.seed.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mut error = [0u8; 512];
        // SAFETY: the lists have the lengths that are named; the caller vouches for the rest.
        unsafe {
            self.symbol::<Run>("emulator_launch")(
                name.as_ptr(),
                grid.as_ptr(),
                threads,
                parameters.as_ptr(),
                sizes.as_ptr(),
                sizes.len() as u32,
                seed,
                error.as_mut_ptr().cast(),
                error.len(),
            );
        }
        let end = error.iter().position(|&byte| byte == 0).unwrap();
        if end == 0 { Ok(()) } else { Err(String::from_utf8_lossy(&error[..end]).into_owned()) }
    }

    /// Panics unless the bytes lie in one allocation.
    fn within(&self, at: Address, bytes: usize) {
        let allocated = self.allocated.lock().unwrap();
        let inside = |(&start, &size): (&Address, &usize)| at >= start && at + bytes as u64 <= start + size as u64;
        assert!(allocated.iter().any(inside), "{bytes} bytes are copied that were not allocated");
    }
}

impl Device for Emulator {
    fn name(&self) -> String {
        format!("emulated sm_{}", self.build.target / 10)
    }

    fn free_memory(&self) -> Result<u64, DeviceError> {
        let used: usize = self.allocated.lock().unwrap().values().sum();
        Ok(self.memory.saturating_sub(used as u64))
    }

    fn allocate(&self, bytes: usize) -> Result<Address, DeviceError> {
        if bytes as u64 > self.free_memory()? {
            return Err(DeviceError::OutOfMemory { bytes });
        }
        // SAFETY: any size is allowed.
        let start = unsafe { self.symbol::<Allocate>("emulator_allocate")(bytes) } as Address;
        self.allocated.lock().unwrap().insert(start, bytes);
        Ok(start)
    }

    unsafe fn release(&self, address: Address) {
        assert!(self.allocated.lock().unwrap().remove(&address).is_some(), "released twice");
        // SAFETY: it was allocated and not yet released.
        unsafe { self.symbol::<Free>("emulator_free")(address as *mut c_void) };
    }

    unsafe fn upload(&self, to: Address, bytes: &[u8]) -> Result<(), DeviceError> {
        self.within(to, bytes.len());
        // SAFETY: it lies in an allocation.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to as *mut u8, bytes.len()) };
        Ok(())
    }

    unsafe fn download(&self, from: Address, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.within(from, bytes.len());
        // SAFETY: as above.
        unsafe { std::ptr::copy_nonoverlapping(from as *const u8, bytes.as_mut_ptr(), bytes.len()) };
        bytes[0] ^= u8::from(self.has_wrong_bit);
        Ok(())
    }

    unsafe fn launch(&self, launch: &Launch) -> Result<(), DeviceError> {
        let failed = |reason: String| DeviceError::Failed { reason };
        let left = |left: u64| left.checked_sub(1);
        if self.launches_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_err() {
            return Err(failed("it was told to".into()));
        }
        // SAFETY: the caller's promise.
        unsafe { self.run(launch.kernel.name(), launch.grid, launch.kernel.threads(), &launch.arguments) }
            .map_err(failed)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        assert!(self.allocated.lock().unwrap().is_empty(), "memory of the device is left");
    }
}

/// Reports of every access, for the emulator; and overflows, which end the process.
const CHECKS: [&str; 3] = [
    "-fsanitize=thread",
    "-fsanitize=signed-integer-overflow,shift,integer-divide-by-zero",
    "-fsanitize-undefined-trap-on-error",
];

/// The library, built unless it was built before from the same sources. Tests that run at the same time wait for one.
fn compile(build: Build) -> PathBuf {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("cuda");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cuda-emulator");
    fs::create_dir_all(&folder).unwrap();
    let lock = fs::File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let library = folder.join(format!("{:016x}.so", digest(&sources, build)));
    if library.exists() {
        return library;
    }
    let object = |name: &str, flags: &[&str]| {
        let object = folder.join(format!("{name}.o"));
        let target = format!("-DCUDA_TARGET={}", build.target);
        let mut command = compiler();
        command.args(["-std=c++17", "-O2", "-g1", "-fPIC", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"]);
        command.args(["-DASSAY_EMULATOR", "-U_FORTIFY_SOURCE", &target]).args(flags).arg("-c");
        succeed(command.arg(sources.join("emulator").join(format!("{name}.cpp"))).arg("-o").arg(&object));
        object
    };
    let objects = [object("kernels", if build.is_checked { &CHECKS } else { &[] }), object("runtime", &[])];
    let part = library.with_extension("part");
    succeed(compiler().arg("-shared").args(objects).arg("-o").arg(&part));
    fs::rename(&part, &library).unwrap();
    library
}

fn compiler() -> Command {
    Command::new(std::env::var_os("CXX").unwrap_or_else(|| "c++".into()))
}

fn succeed(command: &mut Command) {
    let output = command.output().expect("a C++ compiler is needed (c++, or what CXX names)");
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}

fn digest(sources: &Path, build: Build) -> u64 {
    let mut hasher = DefaultHasher::new();
    build.hash(&mut hasher);
    for folder in [sources.to_owned(), sources.join("emulator")] {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        let mut files: Vec<PathBuf> = files.collect();
        files.sort();
        files.iter().for_each(|file| fs::read(file).unwrap().hash(&mut hasher));
    }
    hasher.finish()
}
