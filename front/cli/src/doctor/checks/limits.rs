//! Lines `namespace-limit`, `id-range` and `process-limit`: numbers that the host sets.

use std::fs;
use std::ops::Range;

use casement_job::DEFAULT_PROCESS_LIMIT;
use casement_silo::identity::{FIRST_BASE, RANGE, SLOTS};

use super::super::{Line, Topic, Verdict};

/// Below this number of user namespaces it gets tight: a container takes one and, while it starts, more.
const COMFORTABLE_NAMESPACES: u64 = 1_000;
/// Containers that should fit with all processes they may have.
const COMFORTABLE_CONTAINERS: u64 = 4;

fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

pub fn user_namespaces() -> Line {
    let topic = Topic::NamespaceLimit;
    let file = "/proc/sys/user/max_user_namespaces";
    let Some(limit) = number(file) else {
        return Line::new(topic, Verdict::Unchecked, format!("cannot read {file}"), "no limit is known");
    };
    let found = format!("user.max_user_namespaces = {limit}");
    match limit {
        0 => Line::new(topic, Verdict::Missing, found, "no container runs: raise it with sysctl"),
        1..COMFORTABLE_NAMESPACES => {
            Line::new(topic, Verdict::Degraded, found, "few containers fit: raise it with sysctl")
        }
        _ => Line::new(topic, Verdict::Ok, found, "enough for many containers"),
    }
}

pub fn processes() -> Line {
    let pids = number("/proc/sys/kernel/pid_max").unwrap_or(32_768);
    let threads = number("/proc/sys/kernel/threads-max").unwrap_or(u64::MAX);
    judge_processes(pids, threads)
}

fn judge_processes(pids: u64, threads: u64) -> Line {
    let topic = Topic::ProcessLimit;
    let limit = pids.min(threads);
    let containers = limit / u64::from(DEFAULT_PROCESS_LIMIT);
    let found = format!("{limit} processes and threads on the host");
    let means = format!("{containers} containers fit with the {DEFAULT_PROCESS_LIMIT} each may have");
    let verdict = if containers < COMFORTABLE_CONTAINERS { Verdict::Degraded } else { Verdict::Ok };
    let hint = if verdict == Verdict::Ok { "" } else { ": raise kernel.pid_max" };
    Line::new(topic, verdict, found, format!("{means}{hint}"))
}

pub fn id_range() -> Line {
    let mut taken = Vec::new();
    for file in ["/etc/subuid", "/etc/subgid"] {
        let text = fs::read_to_string(file).unwrap_or_default();
        taken.extend(subordinate(&text).map(|(owner, ids)| (format!("{file}: {owner}"), ids)));
    }
    for file in ["/etc/passwd", "/etc/group"] {
        let text = fs::read_to_string(file).unwrap_or_default();
        taken.extend(accounts(&text).map(|(owner, id)| (format!("{file}: {owner}"), id..id + 1)));
    }
    judge_ids(taken.into_iter())
}

fn judge_ids(taken: impl Iterator<Item = (String, Range<u64>)>) -> Line {
    let first = u64::from(FIRST_BASE);
    let ours = first..first + u64::from(SLOTS) * u64::from(RANGE);
    let clash: Vec<String> =
        taken.filter(|(_, ids)| ids.start < ours.end && ours.start < ids.end).map(|(owner, _)| owner).collect();
    let range = format!("{:#x} to {:#x}", ours.start, ours.end - 1);
    if clash.is_empty() {
        let means = format!("{SLOTS} containers can have user ids of their own");
        Line::new(Topic::IdRange, Verdict::Ok, format!("{range} is free"), means)
    } else {
        let found = format!("{range} overlaps {}", clash.join(", "));
        let means = "containers may share user ids with these accounts: move those";
        Line::new(Topic::IdRange, Verdict::Degraded, found, means)
    }
}

/// The lines `owner:first:count` of subuid(5).
fn subordinate(text: &str) -> impl Iterator<Item = (&str, Range<u64>)> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (owner, first, count) = (fields.next()?, fields.next()?, fields.next()?);
        let first: u64 = first.trim().parse().ok()?;
        Some((owner, first..first.checked_add(count.trim().parse().ok()?)?))
    })
}

/// Names and ids in passwd(5) and group(5).
fn accounts(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let owner = fields.next()?;
        let id: u32 = fields.nth(1)?.parse().ok()?;
        Some((owner, id.into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_ids_are_named() {
        let text = "root:100000:65536\nodd\nbig:1879048000:1000\nwrap:1:18446744073709551615\n";
        let owners: Vec<_> = subordinate(text).map(|(owner, _)| owner).collect();
        assert_eq!(owners, ["root", "big"]);
        let line = judge_ids(subordinate(text).map(|(owner, ids)| (owner.to_owned(), ids)));
        assert_eq!(line.verdict, Verdict::Degraded);
        assert!(line.found.ends_with("overlaps big"), "{}", line.found);
        assert_eq!(judge_ids(std::iter::empty()).verdict, Verdict::Ok);
    }

    #[test]
    fn accounts_are_read() {
        let text = "root:x:0:0:root:/root:/bin/sh\nbroken\nx:x:4294967295:1::/:\n";
        assert_eq!(accounts(text).collect::<Vec<_>>(), [("root", 0), ("x", 4_294_967_295)]);
    }

    #[test]
    fn few_processes_are_too_few() {
        assert_eq!(judge_processes(4_194_304, 60_000).verdict, Verdict::Ok);
        assert_eq!(judge_processes(8_192, 60_000).verdict, Verdict::Degraded);
    }
}
