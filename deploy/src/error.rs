//! What the command says when it cannot do what was asked: a stable code, the reason with its values, what to do, and an
//! exit status that scripts can branch on.

use std::fmt;

use serde::Serialize;

/// Exit status of the process. Stable: scripts rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Something went wrong that fits no other status.
    Failure = 1,
    /// The command line, the configuration or an input file is not right.
    Usage = 2,
    /// What was named does not exist: a model, an order, a file, a deployment.
    NotFound = 3,
    /// The chain or a precondition refuses: funds, stake, price, chain id, state.
    Refused = 4,
    /// The RPC or another service cannot be reached or fails.
    Network = 5,
    /// Data does not hash to what was committed.
    Unverified = 6,
    /// Stopped by Ctrl-C.
    Interrupted = 130,
}

/// The table of exit statuses that `assay --help` ends with.
pub const EXIT_STATUSES: &str = "\
Exit status:
  0    done
  1    failure
  2    usage: command line, configuration or input file
  3    not found: model, order, file, deployment
  4    refused: funds, stake, price, chain id, state
  5    network: RPC or service unreachable or failing
  6    unverified: data does not hash to what was committed
  130  interrupted by Ctrl-C";

/// An error of the command.
#[derive(Debug)]
pub struct Error {
    code: String,
    exit: Exit,
    message: String,
    hint: Option<String>,
}

/// Result of the command's parts.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with its stable `code` in snake case and what happened.
    pub fn new(exit: Exit, code: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { code: code.into(), exit, message: message.to_string(), hint: None }
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// [`Exit::Failure`].
    pub fn failure(code: &str, message: impl fmt::Display) -> Self {
        Self::new(Exit::Failure, code, message)
    }

    /// [`Exit::Usage`].
    pub fn usage(code: &str, message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, code, message)
    }

    /// [`Exit::NotFound`].
    pub fn not_found(code: &str, message: impl fmt::Display) -> Self {
        Self::new(Exit::NotFound, code, message)
    }

    /// [`Exit::Refused`].
    pub fn refused(code: &str, message: impl fmt::Display) -> Self {
        Self::new(Exit::Refused, code, message)
    }

    /// [`Exit::Network`].
    pub fn network(code: &str, message: impl fmt::Display) -> Self {
        Self::new(Exit::Network, code, message)
    }

    /// [`Exit::Unverified`].
    pub fn unverified(code: &str, message: impl fmt::Display) -> Self {
        Self::new(Exit::Unverified, code, message)
    }

    /// Stopped by Ctrl-C.
    pub fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted", "stopped by Ctrl-C")
    }

    /// A file that could not be read or written.
    pub fn file(path: &std::path::Path, source: &std::io::Error) -> Self {
        let exit = if source.kind() == std::io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Failure };
        let code = match source.kind() {
            std::io::ErrorKind::NotFound => "file_not_found",
            std::io::ErrorKind::StorageFull => "disk_full",
            std::io::ErrorKind::PermissionDenied => "permission_denied",
            _ => "io",
        };
        Self::new(exit, code, format!("{}: {source}", path.display()))
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The exit status.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The error as `--json` prints it.
    pub fn to_json(&self) -> serde_json::Value {
        #[derive(Serialize)]
        struct Body<'a> {
            code: &'a str,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            hint: Option<&'a str>,
            exit: u8,
        }
        let body = Body { code: &self.code, message: &self.message, hint: self.hint.as_deref(), exit: self.exit as u8 };
        serde_json::json!({ "error": body })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
