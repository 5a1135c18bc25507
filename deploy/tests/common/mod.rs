//! Running the command as people and scripts do.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// The command in a folder of its own, without any configuration from outside.
pub struct Assay {
    pub folder: tempfile::TempDir,
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
}

/// How a run ended.
pub struct Ended {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Assay {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), arguments: Vec::new(), environment: Vec::new() }
    }

    /// Arguments that every run has.
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// A variable that every run has.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), content).unwrap();
        name.to_owned()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
        command.current_dir(self.folder.path()).args(arguments).args(&self.arguments).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ASSAY_") || name == "RUST_LOG") {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        Ended {
            status: status.code().unwrap_or(-1),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// Runs with `--json` and returns the object.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ended.status, 0, "{arguments:?}: {}", ended.stderr);
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", ended.stdout))
    }

    /// Runs, and expects an error with `code` and exit `status`; returns its text.
    #[track_caller]
    pub fn fails(&self, arguments: &[&str], code: &str, status: i32) -> String {
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
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
