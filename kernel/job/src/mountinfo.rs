//! Reading `/proc/self/mountinfo` and `/proc/cgroups` for the control group trees of the host.

use std::{ffi::OsString, os::unix::ffi::OsStringExt, path::PathBuf};

use crate::hierarchy::{Controller, Version};

/// A control group tree that is mounted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CgroupMount {
    pub path: PathBuf,
    pub version: Version,
    /// Version 1: the controllers of the mount that matter here. Version 2: empty, `cgroup.controllers` tells.
    pub controllers: Vec<Controller>,
}

/// Control group mounts in the text of a `mountinfo` file (proc_pid_mountinfo(5)), each tree once.
pub(crate) fn cgroup_mounts(mountinfo: &[u8]) -> Vec<CgroupMount> {
    let mut seen: Vec<(Vec<u8>, Version)> = Vec::new();
    let mut mounts = Vec::new();
    for line in mountinfo.split(|&byte| byte == b'\n') {
        let Some((device, mount)) = parse_line(line) else {
            continue;
        };
        let key = (device, mount.version);
        if !seen.contains(&key) {
            seen.push(key);
            mounts.push(mount);
        }
    }
    mounts
}

fn parse_line(line: &[u8]) -> Option<(Vec<u8>, CgroupMount)> {
    let mut fields = line.split(|&byte| byte == b' ');
    let device = fields.nth(2)?.to_vec();
    let path = unescape(fields.nth(1)?);
    let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
    let kind = fields.next()?;
    let options = fields.nth(1)?;
    let (version, controllers) = match kind {
        b"cgroup2" => (Version::V2, Vec::new()),
        b"cgroup" => {
            let named = options.split(|&byte| byte == b',');
            (Version::V1, named.filter_map(Controller::of_version1).collect())
        }
        _ => return None,
    };
    let path = PathBuf::from(OsString::from_vec(path));
    Some((device, CgroupMount { path, version, controllers }))
}

/// Undoes the octal escapes (`\040`) of the kernel.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|digits| digits.iter().all(|d| (b'0'..=b'7').contains(d)));
        match (first, digits) {
            (b'\\', Some(digits)) => {
                let value = digits.iter().fold(0u32, |sum, digit| sum * 8 + u32::from(digit - b'0'));
                plain.push(value as u8);
                rest = &after[3..];
            }
            _ => {
                plain.push(first);
                rest = after;
            }
        }
    }
    plain
}

/// Whether `/proc/cgroups` (its text) says that the kernel has the controller and has it enabled.
pub(crate) fn enabled_in_kernel(proc_cgroups: &str, name: &str) -> bool {
    proc_cgroups.lines().any(|line| {
        let mut fields = line.split_ascii_whitespace();
        fields.next() == Some(name) && fields.nth(2) == Some("1")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &[u8] = b"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
        33 31 0:35 / /sys/fs/cgroup/mem\\040ory rw,relatime - cgroup cgroup rw,memory\n\
        34 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n\
        35 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n\
        36 31 0:38 / /mnt/again rw,relatime - cgroup2 cgroup2 rw\n";

    #[test]
    fn finds_each_tree_once_in_a_hybrid_layout() {
        let mounts = cgroup_mounts(HYBRID);
        let paths: Vec<_> = mounts.iter().map(|mount| mount.path.to_str().unwrap()).collect();
        assert_eq!(
            paths,
            [
                "/sys/fs/cgroup/cpu,cpuacct",
                "/sys/fs/cgroup/mem ory",
                "/sys/fs/cgroup/systemd",
                "/sys/fs/cgroup/unified"
            ]
        );
        assert_eq!(mounts[0].controllers, [Controller::Cpu, Controller::CpuAccounting]);
        assert_eq!(mounts[1].controllers, [Controller::Memory]);
        assert!(mounts[2].controllers.is_empty());
        assert_eq!(mounts[3].version, Version::V2);
    }

    #[test]
    fn ignores_lines_it_cannot_read() {
        assert!(cgroup_mounts(b"").is_empty());
        assert!(cgroup_mounts(b"1 2 3\n- - -\n\\\\\\\n1 2 0:3 / /x rw - cgroup2\n").is_empty());
    }

    #[test]
    fn knows_disabled_controllers() {
        let text = "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t0\t1\t0\npids\t8\t1\t1\n";
        assert!(enabled_in_kernel(text, "pids"));
        assert!(!enabled_in_kernel(text, "memory"));
        assert!(!enabled_in_kernel(text, "cpu"));
    }
}
