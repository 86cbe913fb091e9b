//! The checks behind the lines, one file for each part of the system.

mod control_groups;
mod file_systems;
mod fuse;
mod kernel;
mod kvm;
mod limits;
mod namespaces;
mod networks;
mod runtime;
mod seccomp;

use std::path::Path;

use super::probe::{self, Workplace};
use super::{DoctorInput, Line, Topic, Verdict};

/// Finds out about one line.
pub(super) fn check(topic: Topic, input: &DoctorInput) -> Line {
    match topic {
        Topic::Privileges => kernel::privileges(),
        Topic::Kernel => kernel::version(),
        Topic::NamespaceLimit => limits::user_namespaces(),
        Topic::IdRange => limits::id_range(),
        Topic::ControlGroups => control_groups::controllers(),
        Topic::ProcessLimit => limits::processes(),
        Topic::Runtime => runtime::built(&input.root),
        Topic::DiskSpace => file_systems::space(&input.root),
        Topic::UserNamespaces
        | Topic::Namespaces
        | Topic::Seccomp
        | Topic::Fuse
        | Topic::FusePassthrough
        | Topic::FuseEpochs
        | Topic::Networks
        | Topic::Kvm => probe::start(topic, input, None),
        Topic::Wcifs | Topic::IdmappedMounts => match Workplace::near(&input.root) {
            Ok(place) => probe::start(topic, input, Some(place.path())),
            Err(error) => Line::new(
                topic,
                Verdict::Unchecked,
                format!("no directory to try it in: {error}"),
                "run it as root to know",
            ),
        },
    }
}

/// The part of a check that runs in a process of its own; `None` for lines that need none.
pub(super) fn probe(topic: Topic, directory: Option<&Path>) -> Option<Line> {
    match topic {
        Topic::UserNamespaces => Some(namespaces::user()),
        Topic::Namespaces => Some(namespaces::others()),
        Topic::Seccomp => Some(seccomp::filter()),
        Topic::Fuse => Some(fuse::file_system()),
        Topic::FusePassthrough => Some(fuse::passthrough()),
        Topic::FuseEpochs => Some(fuse::epochs()),
        Topic::Networks => Some(networks::switch()),
        Topic::Kvm => Some(kvm::machine()),
        Topic::Wcifs => directory.map(file_systems::wcifs),
        Topic::IdmappedMounts => directory.map(file_systems::id_mapped),
        _ => None,
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    casement_silo::error_chain(error)
}
