//! A keeper in a process of its own (`examples/keeper.rs`, which cargo builds with the tests).

use std::{path::PathBuf, process::Stdio};

use alloy::signers::local::PrivateKeySigner;
use assay_contracts::Suite;
use assay_keepers::{challenger, checker, provider::ProviderConfig, validator, verification::Tamper};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use super::{Devnet, PATIENCE};

/// What the process reads. Amounts have 128 bits, which a `serde_json::Value` does not hold.
#[derive(serde::Serialize)]
struct Setup<'a> {
    rpc: &'a str,
    suite: &'a Suite,
    blobs: PathBuf,
    tamper: &'a Tamper,
    role: &'a Role,
}

/// What the process is.
#[derive(serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Provider(Box<ProviderConfig>),
    Validator(validator::Config),
    Challenger(challenger::Config),
    Checker(checker::Config),
}

pub struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a keeper of the key, which is at home in the devnet's folder under the `name`.
    pub fn start(net: &Devnet, name: &str, key: &PrivateKeySigner, role: &Role, tamper: &Tamper) -> Self {
        let tests = std::env::current_exe().unwrap();
        let binary: PathBuf = tests.parent().unwrap().parent().unwrap().join("examples/keeper");
        assert!(binary.exists(), "{} is missing: cargo builds it with the package's tests", binary.display());
        let setup = Setup { rpc: net.anvil.url(), suite: &net.suite, blobs: net.path("blobs"), tamper, role };
        let path = net.path(&format!("{name}.json"));
        std::fs::write(&path, serde_json::to_vec(&setup).unwrap()).unwrap();
        let mut child = Command::new(binary)
            .arg(path)
            .env("ASSAY_KEY", key.to_bytes().to_string())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits for an event of the kind `name`.
    pub async fn event(&mut self, name: &str) {
        let marker = format!("\"event\":\"{name}\"");
        let wait = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line.contains(&marker) {
                    return;
                }
            }
            panic!("it ended before {name}");
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("no {name}"));
    }

    /// Most memory that it ever had resident, in bytes.
    pub fn peak_rss(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap() * 1024
    }

    /// SIGKILL.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM, and the exit status.
    pub async fn terminate(mut self) -> bool {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it stops").unwrap().success()
    }
}
