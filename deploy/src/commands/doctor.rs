//! `assay doctor`: what models can run on here, whether it makes the committed bits, and how fast it is.

use std::{path::PathBuf, sync::Arc};

use assay_kernels::{
    Model,
    cuda::{self, Device, Unavailable},
    doctor::{self, Examination},
};
use serde_json::{Value, json};

use super::Context;
use crate::{
    client::models::open_model,
    error::{Error, Result},
    output::{Output, list, say},
};

pub(super) async fn run(context: &Context, model: Option<PathBuf>) -> Result<()> {
    // A package that was named must be there; the configured one need not be.
    let folder = model.or_else(|| Some(context.config.model.clone()).filter(|folder| folder.is_dir()));
    let model = folder.as_deref().map(open_model).transpose()?;
    let output = context.output;
    let found = tokio::task::spawn_blocking(move || examine(model, output)).await;
    let found = found.map_err(|error| Error::failure("panicked", error))?;
    context.output.result(&found.to_json(), || found.print());
    found.judge()
}

/// What was found.
struct Found {
    /// Each instruction set of the processor, the one in use last.
    cpu: Vec<Examination>,
    gpus: Result<Vec<Examination>, Unavailable>,
    /// The model that speed was measured on.
    model: Option<String>,
}

fn examine(mut model: Option<Model>, output: Output) -> Found {
    output.note("the processor…");
    let cpu = doctor::cpu(model.as_ref());
    let gpus = cuda::devices().map(|devices| {
        let examine = |device: &Arc<dyn Device>| {
            output.note(format!("{}…", device.name()));
            doctor::gpu(device, model.as_mut())
        };
        devices.iter().map(examine).collect()
    });
    Found { cpu, gpus, model: model.map(|model| model.name().to_owned()) }
}

impl Found {
    fn all(&self) -> impl Iterator<Item = &Examination> {
        self.cpu.iter().chain(self.gpus.iter().flatten())
    }

    fn to_json(&self) -> Value {
        let with_fraction = |examination: &Examination| {
            let mut value = json!(examination);
            value["fraction_of_peak"] = json!(examination.fraction_of_peak());
            value
        };
        let each = |all: &[Examination]| all.iter().map(with_fraction).collect::<Vec<_>>();
        json!({
            "cpu": { "name": cpu_name(), "threads": threads(), "instruction_sets": each(&self.cpu) },
            "gpus": self.gpus.as_deref().map_or_else(|_| vec![], each),
            "no_gpu": self.gpus.as_ref().err().map(|why| json!({ "code": why.code().to_lowercase(), "message": why.to_string() })),
            "model": self.model,
        })
    }

    fn print(&self) {
        say!("CPU: {}, {} threads; the last of its instruction sets below is used", cpu_name(), threads());
        match &self.gpus {
            Ok(gpus) => say!("GPUs: {}", gpus.len()),
            Err(why) => say!("GPUs: none that can be used. {why}"),
        }
        match &self.model {
            Some(model) => say!("speed: of {model}, beside a loop that only multiplies\n"),
            None => say!("speed: not measured, for there is no model package; --model names one\n"),
        }
        let mut table = list(["computes on", "committed bits", "tokens/s", "int8 GOPS", "peak GOPS", "of peak"]);
        for examination in self.all() {
            let (vectors, speed) = (examination.vectors, examination.speed);
            let bits = if examination.faults.is_empty() { format!("all {vectors} equal") } else { "FAULTY".into() };
            // A multiplication and an addition are two operations.
            let gops = |macs: Option<f64>| or_dash(macs.map(|macs| format!("{:.0}", 2e-9 * macs)));
            table.add_row([
                examination.name.clone(),
                bits,
                or_dash(speed.map(|speed| format!("{:.0}", speed.tokens_per_second))),
                gops(speed.map(|speed| speed.macs_per_second)),
                gops(examination.peak_macs_per_second),
                or_dash(examination.fraction_of_peak().map(|fraction| format!("{:.0} %", 100.0 * fraction))),
            ]);
        }
        say!("{table}");
        for examination in self.all() {
            for fault in &examination.faults {
                say!("{}: {fault}", examination.name);
            }
        }
    }

    fn judge(&self) -> Result<()> {
        let faulty: Vec<&str> = self.all().filter(|each| !each.faults.is_empty()).map(|each| &*each.name).collect();
        if faulty.is_empty() {
            return Ok(());
        }
        let error = Error::unverified("hardware_faulty", format!("not as it must be: {}", faulty.join("; ")));
        Err(error.hint("do not provide or validate with it: a wrong bit costs stake; --backend cpu leaves GPUs out"))
    }
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".into())
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What the system calls the processor, else its architecture.
fn cpu_name() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = text.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == "model name");
    named.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}
