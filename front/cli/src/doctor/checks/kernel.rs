//! Lines `privileges` and `kernel`.

use rustix::process::geteuid;
use rustix::system::uname;
use rustix::thread::CapabilitySet;

use super::super::{Line, Topic, Verdict};

/// The oldest kernel that Casement is made for.
const OLDEST: (u32, u32) = (5, 19);

pub fn privileges() -> Line {
    let topic = Topic::Privileges;
    if !geteuid().is_root() {
        let found = format!("user id {}", geteuid().as_raw());
        let means = "the daemon needs root; some lines below could not be checked";
        return Line::new(topic, Verdict::Unchecked, found, means);
    }
    if !is_whole_map(&std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default()) {
        let found = "root of a user namespace, not of the host";
        return Line::new(topic, Verdict::Missing, found, "no container runs: start the daemon outside of it");
    }
    let needed = [
        ("SYS_ADMIN", CapabilitySet::SYS_ADMIN),
        ("SETUID", CapabilitySet::SETUID),
        ("SETGID", CapabilitySet::SETGID),
        ("CHOWN", CapabilitySet::CHOWN),
        ("DAC_OVERRIDE", CapabilitySet::DAC_OVERRIDE),
        ("FOWNER", CapabilitySet::FOWNER),
        ("KILL", CapabilitySet::KILL),
        ("MKNOD", CapabilitySet::MKNOD),
        ("NET_ADMIN", CapabilitySet::NET_ADMIN),
    ];
    let effective = rustix::thread::capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
    let lost: Vec<&str> = needed.iter().filter(|(_, set)| !effective.contains(*set)).map(|(name, _)| *name).collect();
    if lost.is_empty() {
        Line::new(topic, Verdict::Ok, "root", "the daemon can run here")
    } else {
        let found = format!("root without CAP_{}", lost.join(", CAP_"));
        let means = "no container runs: start the daemon outside of a restricted container";
        Line::new(topic, Verdict::Missing, found, means)
    }
}

/// Whether a user id map is that of the host: all ids, each to itself.
fn is_whole_map(map: &str) -> bool {
    map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

pub fn version() -> Line {
    let name = uname();
    let release = name.release().to_string_lossy();
    let machine = name.machine().to_string_lossy();
    judge(&release, &machine)
}

fn judge(release: &str, machine: &str) -> Line {
    let found = format!("Linux {release} {machine}");
    let (verdict, means) = match parse(release) {
        _ if machine != "x86_64" => (Verdict::Missing, "no container runs: Windows programs here are x86-64"),
        Some(version) if version >= OLDEST => (Verdict::Ok, "new enough"),
        Some(_) => (Verdict::Missing, "too old: Casement is made for 5.19 or later, update the kernel"),
        None => (Verdict::Unchecked, "the version cannot be read: 5.19 or later is needed"),
    };
    Line::new(Topic::Kernel, verdict, found, means)
}

/// Major and minor number of a release like `6.1.0-18-amd64`.
pub(super) fn parse(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_of_a_user_namespace_is_told_apart() {
        assert!(is_whole_map("         0          0 4294967295\n"));
        assert!(!is_whole_map("         0       1000          1\n"));
        assert!(!is_whole_map(""));
    }

    #[test]
    fn releases_are_compared_by_number() {
        assert_eq!(parse("6.1.0-18-amd64"), Some((6, 1)));
        assert_eq!(parse("5.4-rc1"), Some((5, 4)));
        assert_eq!(parse("strange"), None);
        assert_eq!(judge("6.1.0", "x86_64").verdict, Verdict::Ok);
        assert_eq!(judge("5.19.0", "x86_64").verdict, Verdict::Ok);
        assert_eq!(judge("5.15.0-91-generic", "x86_64").verdict, Verdict::Missing);
        assert_eq!(judge("6.12.0", "aarch64").verdict, Verdict::Missing);
        assert_eq!(judge("", "x86_64").verdict, Verdict::Unchecked);
    }
}
