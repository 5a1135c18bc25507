//! The `assay` command.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    assay::run(std::env::args_os()).await
}
