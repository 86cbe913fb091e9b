//! Processes in a compute system: parameters, state and changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// What `HcsCreateProcess` starts (Microsoft: `ProcessParameters`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ProcessParameters {
    /// Image to run; taken from the command line when empty.
    #[serde(skip_serializing_if = "is_default")]
    pub application_name: String,
    /// Windows command line, passed verbatim.
    #[serde(skip_serializing_if = "is_default")]
    pub command_line: String,
    /// Arguments of a Linux process.
    #[serde(skip_serializing_if = "is_default")]
    pub command_args: Vec<String>,
    /// Account, such as `ContainerUser`.
    #[serde(skip_serializing_if = "is_default")]
    pub user: String,
    /// Windows path.
    #[serde(skip_serializing_if = "is_default")]
    pub working_directory: String,
    /// Variables added to those of the container.
    #[serde(skip_serializing_if = "is_default")]
    pub environment: BTreeMap<String, String>,
    /// Run with a restricted token.
    #[serde(skip_serializing_if = "is_default")]
    pub restricted_token: bool,
    /// Give the process a console; standard error joins standard output.
    #[serde(skip_serializing_if = "is_default")]
    pub emulate_console: bool,
    /// Return a handle of standard input.
    #[serde(skip_serializing_if = "is_default")]
    pub create_std_in_pipe: bool,
    /// Return a handle of standard output.
    #[serde(skip_serializing_if = "is_default")]
    pub create_std_out_pipe: bool,
    /// Return a handle of standard error.
    #[serde(skip_serializing_if = "is_default")]
    pub create_std_err_pipe: bool,
    /// First size of the console: height, width, in characters.
    #[serde(skip_serializing_if = "is_default")]
    pub console_size: Vec<u16>,
    /// Join an existing logon session.
    #[serde(skip_serializing_if = "is_default")]
    pub use_existing_login: bool,
    /// Use the console host of before Windows 1809.
    #[serde(skip_serializing_if = "is_default")]
    pub use_legacy_console: bool,
}

/// State of a process (Microsoft: `ProcessStatus`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ProcessStatus {
    #[serde(skip_serializing_if = "is_default")]
    pub process_id: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub exited: bool,
    /// Valid once `exited`.
    #[serde(skip_serializing_if = "is_default")]
    pub exit_code: u32,
    /// Anything but 0 means that the exit code is not known.
    #[serde(skip_serializing_if = "is_default")]
    pub last_wait_result: i32,
}

/// What `HcsModifyProcess` takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ProcessModifyRequest {
    pub operation: ProcessModifyOperation,
    /// For `ConsoleSize`.
    #[serde(skip_serializing_if = "is_default")]
    pub console_size: Option<ConsoleSize>,
    /// For `CloseHandle`.
    #[serde(skip_serializing_if = "is_default")]
    pub close_handle: Option<CloseHandle>,
}

/// What to change about a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ProcessModifyOperation {
    #[default]
    ConsoleSize,
    CloseHandle,
}

/// Size of a console in characters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ConsoleSize {
    #[serde(skip_serializing_if = "is_default")]
    pub height: u16,
    #[serde(skip_serializing_if = "is_default")]
    pub width: u16,
}

/// A standard handle to close.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CloseHandle {
    pub handle: StdioHandle,
}

/// A standard handle (Microsoft: `STDIOHandle`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StdioHandle {
    #[default]
    StdIn,
    StdOut,
    StdErr,
    All,
}

/// Signals of Windows processes (`HcsSignalProcess`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Signal {
    #[default]
    CtrlC,
    CtrlBreak,
    CtrlClose,
    CtrlLogOff,
    CtrlShutdown,
}

/// Options of a signal to a Windows process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SignalProcessOptions {
    /// The console event; the process is ended when absent.
    #[serde(skip_serializing_if = "is_default")]
    pub signal: Option<Signal>,
}
