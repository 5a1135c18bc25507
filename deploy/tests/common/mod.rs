//! Running the command as people and scripts do.

// Each test file uses a part of it.
#![allow(dead_code)]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// The command in a folder of its own, without any configuration from outside.
pub(crate) struct Assay {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

/// How a run ended.
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Assay {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), arguments: Vec::new(), environment: Vec::new() }
    }

    /// Arguments that every run has.
    pub(crate) fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// A variable that every run has.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), content).unwrap();
        name.to_owned()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
        command.current_dir(self.folder.path()).args(arguments).args(&self.arguments).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ASSAY_") || name == "RUST_LOG") {
            command.env_remove(name);
        }
        // The pinned anvil, wherever the test's binary lies.
        let platform = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
        let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let pinned =
            assay_test_fixtures::workspace_root().join(format!("node_modules/@foundry-rs/anvil-{platform}-{arch}/bin"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(pinned).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(path).unwrap());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        Ended {
            status: status.code().unwrap_or(-1),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// Runs with `--json` and returns the object.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ended.status, 0, "{arguments:?}: {}", ended.stderr);
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", ended.stdout))
    }

    /// Runs, and expects an error with `code` and exit `status`; returns its text.
    #[track_caller]
    pub(crate) fn fails(&self, arguments: &[&str], code: &str, status: i32) -> String {
        let ended = self.run(arguments);
        assert_eq!((ended.status, ended.stdout.as_str()), (status, ""), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(&format!("error[{code}]")), "{arguments:?}: expected {code}: {}", ended.stderr);
        let json = self.run(&[arguments, &["--json"]].concat());
        let error: Value = serde_json::from_str(json.stderr.lines().last().unwrap_or_default()).unwrap();
        assert_eq!((&error["error"]["code"], &error["error"]["exit"]), (&code.into(), &status.into()));
        ended.stderr
    }
}

/// Copies the files of a folder without folders in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
