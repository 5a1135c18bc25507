//! A real anvil, one a test, on a port of its own.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
};

use serde_json::{Value, json};

use crate::workspace_root;

/// How anvil is started.
#[derive(Clone, Debug, Default)]
pub struct AnvilOptions {
    /// Seconds between blocks, fractions allowed. `None`: a block for each transaction.
    pub block_time: Option<f64>,
    /// Chain id; 31337 unless set.
    pub chain_id: Option<u64>,
    /// Port; a free one unless set.
    pub port: Option<u16>,
    /// Further arguments.
    pub args: Vec<String>,
}

/// A running anvil, killed when dropped.
#[derive(Debug)]
pub struct Anvil {
    child: Child,
    url: String,
    client: reqwest::Client,
}

impl Anvil {
    /// Private keys of the funded accounts that every anvil has (from its well-known mnemonic).
    pub const KEYS: [&'static str; 6] = [
        "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
        "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
        "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
        "0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
        "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
    ];

    /// Starts anvil with a block for each transaction.
    pub fn spawn() -> Self {
        Self::spawn_with(&AnvilOptions::default())
    }

    /// Starts anvil and waits until it listens.
    ///
    /// # Panics
    /// When it does not start; its output is in the message.
    pub fn spawn_with(options: &AnvilOptions) -> Self {
        let mut command = Command::new(binary());
        command.args(["--port", &options.port.unwrap_or(0).to_string()]);
        if let Some(seconds) = options.block_time {
            command.args(["--block-time", &seconds.to_string()]);
        }
        if let Some(chain_id) = options.chain_id {
            command.args(["--chain-id", &chain_id.to_string()]);
        }
        command.args(&options.args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child =
            command.spawn().unwrap_or_else(|e| panic!("cannot start {:?}: {e}; run `make setup`", binary()));
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut seen = String::new();
        let url = loop {
            let Some(Ok(line)) = lines.next() else { panic!("anvil ended before it listened:\n{seen}") };
            if let Some(address) = line.strip_prefix("Listening on ") {
                break format!("http://{}", address.trim());
            }
            seen.push_str(&line);
            seen.push('\n');
        };
        // Keep reading, or anvil blocks on a full pipe.
        thread::spawn(move || lines.for_each(drop));
        Self { child, url, client: reqwest::Client::new() }
    }

    /// JSON-RPC address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Calls a JSON-RPC method.
    ///
    /// # Panics
    /// When the call fails; the error is in the message.
    pub async fn rpc(&self, method: &str, params: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let reply = self.client.post(&self.url).json(&body).send().await;
        let reply: Value = reply.unwrap_or_else(|e| panic!("{method}: {e}")).json().await.expect("a JSON reply");
        assert!(reply.get("error").is_none(), "{method}: {}", reply["error"]);
        reply["result"].clone()
    }

    /// Mines `blocks` blocks.
    pub async fn mine(&self, blocks: u64) {
        self.rpc("anvil_mine", json!([format!("0x{blocks:x}")])).await;
    }

    /// Moves the clock by `seconds` and mines a block.
    pub async fn increase_time(&self, seconds: u64) {
        self.rpc("evm_increaseTime", json!([seconds])).await;
        self.mine(1).await;
    }

    /// Replaces the newest `depth` blocks by as many empty ones. The transactions in them are gone.
    pub async fn reorg(&self, depth: u64) {
        self.rpc("anvil_reorg", json!([depth, []])).await;
    }

    /// The head's number.
    pub async fn block_number(&self) -> u64 {
        let number = self.rpc("eth_blockNumber", json!([])).await;
        let digits = number.as_str().expect("a hex string").trim_start_matches("0x");
        u64::from_str_radix(digits, 16).expect("hex")
    }

    /// Turns mining for each transaction on or off.
    pub async fn set_automine(&self, on: bool) {
        self.rpc("evm_setAutomine", json!([on])).await;
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The pinned anvil of the project, else the one on the PATH.
fn binary() -> PathBuf {
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let os = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let pinned = workspace_root().join(format!("node_modules/@foundry-rs/anvil-{os}-{arch}/bin/anvil"));
    if pinned.exists() { pinned } else { PathBuf::from("anvil") }
}
