//! Mounts a volume, prints where, and serves it until it is unmounted, for test suites of file systems and for a look at it:
//!
//! ```text
//! cargo run --release -p casement-wcifs --example serve -- TARGET SCRATCH OWNER LAYER…
//! ```
//!
//! SCRATCH has the directories `upper` and `work`; OWNER is the host id that all files belong to; the layers come top first.

use casement_wcifs::{Durability, MountPlan};
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (Some(target), Some(scratch), Some(owner)) =
        (words.next(), words.next(), words.next().and_then(|id| id.parse().ok()))
    else {
        eprintln!("usage: serve TARGET SCRATCH OWNER LAYER…");
        return ExitCode::from(2);
    };
    let scratch = PathBuf::from(scratch);
    let plan = MountPlan {
        layers: words.map(PathBuf::from).collect(),
        work: scratch.join("work"),
        scratch: scratch.join("upper"),
        owner,
        durability: Durability::Kept,
        for_host: false,
        passthrough: std::env::var_os("WCIFS_NO_PASSTHROUGH").is_none(),
        epochs: std::env::var_os("WCIFS_NO_EPOCHS").is_none(),
    };
    let served = plan.mount(target.as_ref()).and_then(|session| {
        println!("{target}");
        session.serve()
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("serve: {error}");
            ExitCode::FAILURE
        }
    }
}
