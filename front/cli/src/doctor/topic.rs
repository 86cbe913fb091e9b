//! The lines of the report. Their names are stable: error messages of other commands point at them.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// One line of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    Privileges,
    Kernel,
    UserNamespaces,
    NamespaceLimit,
    Namespaces,
    IdRange,
    ControlGroups,
    ProcessLimit,
    Fuse,
    Wcifs,
    IdmappedMounts,
    Seccomp,
    Runtime,
    DiskSpace,
    FusePassthrough,
    FuseEpochs,
    Networks,
    Kvm,
}

impl Topic {
    /// All lines in the order of the report: first what every container needs.
    pub const ALL: [Self; 18] = [
        Self::Privileges,
        Self::Kernel,
        Self::UserNamespaces,
        Self::NamespaceLimit,
        Self::Namespaces,
        Self::IdRange,
        Self::ControlGroups,
        Self::ProcessLimit,
        Self::Fuse,
        Self::Wcifs,
        Self::IdmappedMounts,
        Self::Seccomp,
        Self::Runtime,
        Self::DiskSpace,
        Self::FusePassthrough,
        Self::FuseEpochs,
        Self::Networks,
        Self::Kvm,
    ];

    /// The name at the beginning of the line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Privileges => "privileges",
            Self::Kernel => "kernel",
            Self::UserNamespaces => "user-namespaces",
            Self::NamespaceLimit => "namespace-limit",
            Self::Namespaces => "namespaces",
            Self::IdRange => "id-range",
            Self::ControlGroups => "control-groups",
            Self::ProcessLimit => "process-limit",
            Self::Fuse => "fuse",
            Self::Wcifs => "wcifs",
            Self::IdmappedMounts => "idmapped-mounts",
            Self::Seccomp => "seccomp",
            Self::Runtime => "runtime",
            Self::DiskSpace => "disk-space",
            Self::FusePassthrough => "fuse-passthrough",
            Self::FuseEpochs => "fuse-epochs",
            Self::Networks => "networks",
            Self::Kvm => "kvm",
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_one_name_everywhere() {
        assert_eq!(Topic::ALL.as_slice(), Topic::value_variants());
        for topic in Topic::ALL {
            assert_eq!(serde_json::to_value(topic).unwrap(), topic.name());
            assert_eq!(topic.to_possible_value().unwrap().get_name(), topic.name());
        }
    }
}
