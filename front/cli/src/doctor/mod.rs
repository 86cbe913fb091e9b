//! `casement doctor`: what the kernel and the host offer, a verdict for each, and what it means for the user.
//!
//! Whatever needs namespaces or mounts to find out is tried in a process of its own (this program again, with
//! `--probe`), so that nothing of it is left behind and no thread is around when it forks.

mod checks;
mod kvm_machine;
mod probe;
mod report;
mod topic;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::output;

pub use report::{Line, Report, Verdict};
pub use topic::Topic;

/// Flags of `casement doctor`.
#[derive(Debug, Args)]
pub struct Flags {
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Check these lines only
    #[arg(value_name = "LINE")]
    pub topics: Vec<Topic>,
    /// Try one thing in this process and print the line as JSON
    #[arg(long, hide = true, value_name = "LINE", conflicts_with_all = ["json", "topics"])]
    probe: Option<Topic>,
    /// Empty directory that a probe may use
    #[arg(long, hide = true, requires = "probe", value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// What the report is about.
#[derive(Clone, Debug)]
pub struct DoctorInput {
    /// State directory: its disk and the runtime in it are looked at. It need not exist.
    pub root: PathBuf,
    /// This program, which is started again for probes: `/proc/self/exe`.
    pub program: PathBuf,
    /// Lines to check, all when empty.
    pub topics: Vec<Topic>,
}

impl DoctorInput {
    /// Everything, for the installation whose state is in `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), program: "/proc/self/exe".into(), topics: Vec::new() }
    }
}

/// Does what the flags say. The exit code is 1 when something is missing without which no container runs.
pub fn perform(flags: &Flags, root: &Path) -> ExitCode {
    if let Some(topic) = flags.probe {
        let line = probe::perform(topic, flags.directory.as_deref());
        probe::answer(&line);
        return ExitCode::SUCCESS;
    }
    let report = run(&DoctorInput { topics: flags.topics.clone(), ..DoctorInput::new(root) });
    if flags.json {
        output::line(report.json());
    } else {
        output::text(&report);
    }
    if report.complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Looks at the host.
pub fn run(input: &DoctorInput) -> Report {
    let wanted = |topic: &Topic| input.topics.is_empty() || input.topics.contains(topic);
    Report { lines: Topic::ALL.into_iter().filter(wanted).map(|topic| checks::check(topic, input)).collect() }
}
