//! NVIDIA's driver: which GPUs there are, and [`Device`] for each. Its library is opened when it is first asked for, so a
//! program that can use it also runs where there is none.

use std::{
    collections::HashMap,
    ffi::{CString, c_void},
    sync::Arc,
};

use cudarc::driver::{
    result::{self, DriverError},
    sys,
};

use super::{
    Unavailable,
    device::{Address, Argument, Device, DeviceError, Kernel, Launch},
};

/// The oldest driver that reads the committed PTX: that of CUDA 12.0.
const DRIVER_MIN: i32 = 12_000;

/// PTX for GPUs from a compute capability on, newest first.
const TARGETS: [((i32, i32), [&str; 4]); 2] = [
    (
        (8, 0),
        [
            include_str!("../../cuda/ptx/sm_80/attention.ptx"),
            include_str!("../../cuda/ptx/sm_80/gemm.ptx"),
            include_str!("../../cuda/ptx/sm_80/hash.ptx"),
            include_str!("../../cuda/ptx/sm_80/rows.ptx"),
        ],
    ),
    (
        (6, 1),
        [
            include_str!("../../cuda/ptx/sm_61/attention.ptx"),
            include_str!("../../cuda/ptx/sm_61/gemm.ptx"),
            include_str!("../../cuda/ptx/sm_61/hash.ptx"),
            include_str!("../../cuda/ptx/sm_61/rows.ptx"),
        ],
    ),
];

/// A GPU with the kernels compiled for it.
struct Gpu {
    name: String,
    context: sys::CUcontext,
    kernels: HashMap<Kernel, sys::CUfunction>,
}

// SAFETY: handles of the driver may be used by any thread in which their context is current, and every call makes it so.
unsafe impl Send for Gpu {}
// SAFETY: as above; the driver locks what it shares.
unsafe impl Sync for Gpu {}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gpu({})", self.name)
    }
}

/// The GPUs that can be used.
///
/// # Errors
/// Why there is none; if there are several, why the first cannot be used.
pub(super) fn gpus() -> Result<Vec<Arc<dyn Device>>, Unavailable> {
    // SAFETY: opening the library runs its initialisers, as any program that uses CUDA does.
    if !unsafe { sys::is_culib_present() } {
        return Err(Unavailable::NoLibrary);
    }
    if let Err(DriverError(code)) = result::init() {
        return Err(match code {
            sys::CUresult::CUDA_ERROR_NO_DEVICE => Unavailable::NoDevice,
            _ => Unavailable::Driver { reason: reason(DriverError(code)) },
        });
    }
    let driver = |error| Unavailable::Driver { reason: reason(error) };
    let version = version().map_err(driver)?;
    if version < DRIVER_MIN {
        return Err(Unavailable::DriverTooOld { found: dotted(version), needed: dotted(DRIVER_MIN) });
    }
    let count = result::device::get_count().map_err(driver)?;
    let (mut gpus, mut first) = (Vec::<Arc<dyn Device>>::new(), Unavailable::NoDevice);
    for ordinal in 0..count {
        match Gpu::open(ordinal) {
            Ok(gpu) => gpus.push(Arc::new(gpu)),
            Err(why) if matches!(first, Unavailable::NoDevice) => first = why,
            Err(_) => {}
        }
    }
    if gpus.is_empty() { Err(first) } else { Ok(gpus) }
}

fn version() -> Result<i32, DriverError> {
    let mut version = 0;
    // SAFETY: it writes one integer.
    unsafe { sys::cuDriverGetVersion(&raw mut version) }.result()?;
    Ok(version)
}

/// 12040 is 12.4.
fn dotted(version: i32) -> String {
    format!("{}.{}", version / 1000, version % 1000 / 10)
}

/// The PTX for a GPU of this compute capability.
fn target(capability: (i32, i32)) -> Option<[&'static str; 4]> {
    TARGETS.iter().find(|(least, _)| capability >= *least).map(|(_, modules)| *modules)
}

impl Gpu {
    fn open(ordinal: i32) -> Result<Self, Unavailable> {
        let driver = |error| Unavailable::Driver { reason: reason(error) };
        let device = result::device::get(ordinal).map_err(driver)?;
        let name = format!("{} ({ordinal})", result::device::get_name(device).map_err(driver)?);
        let attribute = |attribute| {
            // SAFETY: the device is one that the driver gave.
            unsafe { result::device::get_attribute(device, attribute) }.map_err(driver)
        };
        let capability = (
            attribute(sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            attribute(sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        );
        let (least, _) = TARGETS[TARGETS.len() - 1];
        let modules = target(capability).ok_or_else(|| Unavailable::Architecture {
            device: name.clone(),
            found: format!("{}.{}", capability.0, capability.1),
            needed: format!("{}.{}", least.0, least.1),
        })?;
        let fault = |error| Unavailable::Fault { device: name.clone(), reason: reason(error) };
        // SAFETY: the primary context lives as long as the process; it is never released.
        let context = unsafe { result::primary_ctx::retain(device) }.map_err(fault)?;
        // SAFETY: the context was just retained.
        unsafe { result::ctx::set_current(context) }.map_err(fault)?;
        let kernels = load(&modules).map_err(|error| match error.0 {
            sys::CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION => {
                Unavailable::DriverTooOld { found: "one that refuses the kernels".into(), needed: dotted(DRIVER_MIN) }
            }
            _ => fault(error),
        })?;
        Ok(Self { name, context, kernels })
    }

    /// Makes this GPU the one that the calling thread talks to.
    fn select(&self) -> Result<(), DeviceError> {
        // SAFETY: the context is never released.
        unsafe { result::ctx::set_current(self.context) }.map_err(|error| failed(error, 0))
    }
}

/// Compiles the modules for the current context, and finds every kernel in them.
fn load(modules: &[&str]) -> Result<HashMap<Kernel, sys::CUfunction>, DriverError> {
    let mut kernels = HashMap::new();
    for ptx in modules {
        let text = CString::new(*ptx).map_err(|_| DriverError(sys::CUresult::CUDA_ERROR_INVALID_PTX))?;
        // SAFETY: the text ends with a zero. The module is never unloaded, so its functions stay.
        let module = unsafe { result::module::load_data(text.as_ptr().cast()) }?;
        for kernel in Kernel::ALL.into_iter().filter(|kernel| defines(ptx, *kernel)) {
            let name = CString::new(kernel.name()).map_err(|_| DriverError(sys::CUresult::CUDA_ERROR_NOT_FOUND))?;
            // SAFETY: the module was just loaded.
            kernels.insert(kernel, unsafe { result::module::get_function(module, name) }?);
        }
    }
    Ok(kernels)
}

/// Whether a kernel is in this PTX.
fn defines(ptx: &str, kernel: Kernel) -> bool {
    ptx.contains(&format!(".entry {}(", kernel.name()))
}

impl Device for Gpu {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn free_memory(&self) -> Result<u64, DeviceError> {
        self.select()?;
        let (free, _) = result::mem_get_info().map_err(|error| failed(error, 0))?;
        Ok(free as u64)
    }

    fn allocate(&self, bytes: usize) -> Result<Address, DeviceError> {
        self.select()?;
        // SAFETY: nobody reads it before it is written.
        unsafe { result::malloc_sync(bytes) }.map_err(|error| failed(error, bytes))
    }

    unsafe fn release(&self, address: Address) {
        if self.select().is_ok() {
            // SAFETY: the caller's promise. A failure has no consequence but that the memory stays taken.
            let _ = unsafe { result::free_sync(address) };
        }
    }

    unsafe fn upload(&self, to: Address, bytes: &[u8]) -> Result<(), DeviceError> {
        self.select()?;
        // SAFETY: the caller's promise.
        unsafe { result::memcpy_htod_sync(to, bytes) }.map_err(|error| failed(error, 0))
    }

    unsafe fn download(&self, from: Address, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.select()?;
        // SAFETY: the caller's promise.
        unsafe { result::memcpy_dtoh_sync(bytes, from) }.map_err(|error| failed(error, 0))
    }

    unsafe fn launch(&self, launch: &Launch) -> Result<(), DeviceError> {
        self.select()?;
        // The driver copies the parameters before it returns.
        let pointer = |argument: &Argument| -> *mut c_void {
            match argument {
                Argument::Address(value) | Argument::U64(value) => std::ptr::from_ref(value).cast_mut().cast(),
                Argument::U32(value) => std::ptr::from_ref(value).cast_mut().cast(),
            }
        };
        let mut parameters: Vec<*mut c_void> = launch.arguments.iter().map(pointer).collect();
        let (grid, threads) = ((launch.grid[0], launch.grid[1], 1), (launch.kernel.threads(), 1, 1));
        let kernel = self.kernels[&launch.kernel];
        // SAFETY: the function belongs to the current context; the caller vouches for the parameters.
        unsafe { result::launch_kernel(kernel, grid, threads, 0, std::ptr::null_mut(), &mut parameters) }
            .map_err(|error| failed(error, 0))
    }
}

fn failed(error: DriverError, bytes: usize) -> DeviceError {
    match error.0 {
        sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => DeviceError::OutOfMemory { bytes },
        _ => DeviceError::Failed { reason: reason(error) },
    }
}

/// What the driver calls an error.
fn reason(error: DriverError) -> String {
    let text = |text: Result<&std::ffi::CStr, DriverError>| text.map(|text| text.to_string_lossy().into_owned());
    match (text(error.error_name()), text(error.error_string())) {
        (Ok(name), Ok(string)) => format!("{name}: {string}"),
        _ => format!("{:?}", error.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_every_kernel_once() {
        for (capability, modules) in TARGETS {
            for kernel in Kernel::ALL {
                let holders = modules.iter().filter(|ptx| defines(ptx, kernel)).count();
                assert_eq!(holders, 1, "{kernel:?} for {capability:?}");
            }
            let threads = |kernel: Kernel| format!(".entry {}(", kernel.name());
            for kernel in Kernel::ALL {
                let text = modules.iter().find_map(|ptx| ptx.split_once(&threads(kernel))).unwrap().1;
                let declared = text.split_once(".maxntid ").unwrap().1.split(',').next().unwrap();
                assert_eq!(declared.trim(), kernel.threads().to_string(), "{kernel:?} for {capability:?}");
            }
        }
    }

    #[test]
    fn a_gpu_gets_the_newest_kernels_that_it_runs() {
        let tensor_cores = |capability| target(capability).map(|modules| modules[1].contains("mma.sync"));
        assert_eq!([(5, 2), (6, 0)].map(tensor_cores), [None; 2]);
        assert_eq!([(6, 1), (7, 0), (7, 5)].map(tensor_cores), [Some(false); 3]);
        assert_eq!([(8, 0), (8, 9), (9, 0), (12, 0)].map(tensor_cores), [Some(true); 4]);
        assert!(TARGETS.iter().all(|(_, modules)| modules.iter().all(|ptx| ptx.contains(".version 8.0"))));
        assert_eq!((dotted(DRIVER_MIN), dotted(13_010)), ("12.0".to_owned(), "13.1".to_owned()));
    }
}
