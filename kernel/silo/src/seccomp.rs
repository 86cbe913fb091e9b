//! System call filters of a silo, kept as data in `filters/silo.json` and compiled when the crate is built.
//!
//! Both are allow lists: what is not named fails with `ENOSYS`, as on a kernel that lacks the call.

use crate::error::{Context, SiloError};
use crate::linux;

/// Who a filter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// wineserver and every Windows program.
    Program,
    /// The guest agent: the same calls and those that change user, group and filter.
    Agent,
}

impl Filter {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Program => include_bytes!(concat!(env!("OUT_DIR"), "/program.bpf")),
            Self::Agent => include_bytes!(concat!(env!("OUT_DIR"), "/agent.bpf")),
        }
    }

    /// Installs the filter on this thread, for good. `no_new_privs` must be set.
    pub fn install(self) -> Result<(), SiloError> {
        linux::seccomp_install(self.bytes()).during("install", "the seccomp filter").map_err(|e| e.see("seccomp"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    fn rules(filter: &str) -> Vec<serde_json::Value> {
        let all: serde_json::Value = serde_json::from_str(include_str!("../filters/silo.json")).unwrap();
        all[filter]["filter"].as_array().unwrap().clone()
    }

    fn names(filter: &str) -> BTreeSet<String> {
        rules(filter).iter().map(|r| r["syscall"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn no_rule_is_redundant() {
        for filter in ["program", "agent"] {
            let mut seen = BTreeSet::new();
            for rule in rules(filter) {
                assert!(seen.insert(rule.to_string()), "{rule} stands twice");
                let name = rule["syscall"].as_str().unwrap();
                let unconditional =
                    rules(filter).iter().filter(|r| r["syscall"] == name && r.get("args").is_none()).count();
                let conditional = rule.get("args").is_some();
                assert!(!(conditional && unconditional > 0), "{name}: a condition has no effect");
            }
        }
    }

    #[test]
    fn calls_that_reach_into_the_host_kernel_are_in_no_filter() {
        let dangerous = [
            "add_key",
            "bpf",
            "chroot",
            "clone3",
            "delete_module",
            "finit_module",
            "fsconfig",
            "fsmount",
            "fsopen",
            "init_module",
            "io_uring_enter",
            "io_uring_register",
            "io_uring_setup",
            "kcmp",
            "kexec_file_load",
            "kexec_load",
            "keyctl",
            "mount",
            "mount_setattr",
            "move_mount",
            "name_to_handle_at",
            "open_by_handle_at",
            "open_tree",
            "perf_event_open",
            "pivot_root",
            "quotactl",
            "reboot",
            "request_key",
            "sethostname",
            "setns",
            "swapon",
            "syslog",
            "umount2",
            "unshare",
            "userfaultfd",
            "vhangup",
        ];
        for filter in ["program", "agent"] {
            let names = names(filter);
            for call in dangerous {
                assert!(!names.contains(call), "{call} is allowed by {filter}");
            }
        }
    }

    #[test]
    fn programs_cannot_change_identity() {
        let names = names("program");
        for call in ["setuid", "setresuid", "setgroups", "capset", "seccomp"] {
            assert!(!names.contains(call), "{call}");
        }
    }
}
