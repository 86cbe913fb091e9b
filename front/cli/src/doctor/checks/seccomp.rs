//! Line `seccomp`: the filter of Windows programs is installed once, and the actions of the kernel are listed.

use casement_silo::Filter;

use super::super::{Line, Topic, Verdict};
use super::chain;

/// The kernel's list of filter actions.
const ACTIONS: &str = "/proc/sys/kernel/seccomp/actions_avail";

pub fn filter() -> Line {
    let topic = Topic::Seccomp;
    let actions = std::fs::read_to_string(ACTIONS).unwrap_or_default();
    let installed = rustix::thread::set_no_new_privs(true)
        .map_err(|error| format!("no_new_privs: {error}"))
        .and_then(|()| Filter::Program.install().map_err(|error| chain(&error)));
    // From here on this process may do only what a Windows program may: nothing but print its answer.
    match installed {
        Err(error) => {
            let means = "no container runs: the kernel needs CONFIG_SECCOMP_FILTER";
            Line::new(topic, Verdict::Missing, error, means)
        }
        Ok(()) if actions.split_whitespace().any(|action| action == "user_notif") => {
            let found = "the programs' filter loads; user notification is there";
            Line::new(topic, Verdict::Ok, found, "programs reach only the system calls that Wine needs")
        }
        Ok(()) => {
            let found = "the programs' filter loads; no user notification";
            Line::new(topic, Verdict::Degraded, found, "forbidden calls cannot be reported")
        }
    }
}
