//! What every container has in its registry from its start on and no image has: its names and GUID, and keys that Wine makes
//! whenever they are missing. None of it is a change that an image keeps, so that steps which do the same give the same layer.
//!
//! One key is there before the first start. kernelbase looks up the zone of the Linux side in every process that starts, reading the
//! registry's zones in the order of their names until one fits: some 450 calls of wineserver, more than all the rest of a start, and the
//! zone that it finds for UTC is Greenwich, whose name it then looks for in a library. Windows containers run in UTC, so the zone that
//! sorts first is what it is to find.

use casement_hive::{Key, Name, Value};
use casement_nt::hives::{Hives, Mount, WineRegistry};
use casement_nt::registry::Registry;
use std::iter::Peekable;

/// A GUID of its own, the name of its host, and the time zone, which is UTC in all containers. Keys of `HKEY_LOCAL_MACHINE`.
const VALUES: [(&str, &str); 6] = [
    (r"Software\Microsoft\Cryptography", "MachineGuid"),
    (r"System\ControlSet001\Control\ComputerName\ComputerName", "ComputerName"),
    (r"System\ControlSet001\Control\TimeZoneInformation", "StandardName"),
    (r"System\ControlSet001\Control\TimeZoneInformation", "TimeZoneKeyName"),
    (r"System\ControlSet001\Services\Tcpip\Parameters", "Hostname"),
    (r"System\ControlSet001\Services\Tcpip\Parameters", "NV Hostname"),
];
/// Keys of `HKEY_LOCAL_MACHINE` that Wine makes empty.
const MACHINE_KEYS: [&str; 2] = [r"Software\Classes\Wow6432Node", r"System\ControlSet001\Hardware Profiles\Current"];
/// Keys of `HKEY_CURRENT_USER` that Wine makes empty.
const USER_KEYS: [&str; 1] = ["Volatile Environment"];

/// The key of a zone before all others in `HKEY_LOCAL_MACHINE`.
const TIME_ZONE: &str = r"Software\Microsoft\Windows NT\CurrentVersion\Time Zones\(UTC)";
/// Its names: for people, and of its two halves of the year.
const TIME_ZONE_NAMES: [(&str, &str); 3] = [
    ("Display", "(UTC) Coordinated Universal Time"),
    ("Std", "Coordinated Universal Time"),
    ("Dlt", "Coordinated Universal Time"),
];
/// Bytes of its value `TZI` (Microsoft: TIME_ZONE_INFORMATION, "Remarks"): three biases and two dates, all zero in UTC.
const TIME_ZONE_DATES: usize = 3 * 4 + 2 * 16;

/// Adds what every container is to find at its first start.
pub(crate) fn prepare(image: &mut WineRegistry) {
    if image.machine.key(TIME_ZONE).is_some() {
        return;
    }
    for (name, text) in TIME_ZONE_NAMES {
        image.machine.set(TIME_ZONE, name, Value::string(text));
    }
    image.machine.set(TIME_ZONE, "TZI", Value::binary(vec![0; TIME_ZONE_DATES]));
}

/// Puts back what the image has of it.
pub(crate) fn restore(now: &mut WineRegistry, image: &Hives) {
    for (path, name) in VALUES {
        match of_image(image, path).and_then(|key| key.value(&Name::from(name))) {
            Some(value) => now.machine.set(path, name, Value::raw(value.kind(), value.data().to_vec())),
            None => drop(now.machine.remove_value(path, name)),
        }
    }
    if of_image(image, TIME_ZONE).is_none() {
        now.machine.remove_key(TIME_ZONE);
    }
    let above = TIME_ZONE.rsplit_once('\\').map(|(above, _)| above);
    for path in MACHINE_KEYS.into_iter().chain(above) {
        remove_empty(&mut now.machine, path, &|path| of_image(image, path).is_some());
    }
    for path in USER_KEYS {
        remove_empty(&mut now.user, path, &|path| image.get(Mount::User).key(path).is_some());
    }
}

fn of_image<'a>(image: &'a Hives, path: &str) -> Option<&'a Key> {
    let (hive, below) = path.split_once('\\')?;
    let mount = Mount::ALL.into_iter().find(|mount| mount.machine_key() == Some(hive))?;
    image.get(mount).key(below)
}

/// Removes a key that is empty, and those above it that become so, as far as the image has none of them.
fn remove_empty(registry: &mut Registry, path: &str, has: &dyn Fn(&str) -> bool) {
    let mut path = path;
    while registry.key(path).is_some_and(|key| key.entries().len() == 0 && key.subkeys().len() == 0) && !has(path) {
        registry.remove_key(path);
        match path.rsplit_once('\\') {
            Some((above, _)) => path = above,
            None => return,
        }
    }
}

/// Whether two texts of `system.reg` have the same keys and values but for those of each start. Times do not count.
pub(crate) fn same_machine(one: &[u8], other: &[u8]) -> bool {
    let own_values = |key: &[u8]| {
        VALUES.into_iter().filter(|(path, _)| is_path(key, path)).map(|(_, name)| name).collect::<Vec<_>>()
    };
    Lines::new(one, &MACHINE_KEYS, &own_values).eq(Lines::new(other, &MACHINE_KEYS, &own_values))
}

/// As [`same_machine`], for `user.reg` and `userdef.reg`.
pub(crate) fn same_user(one: &[u8], other: &[u8]) -> bool {
    let no_values = |_: &[u8]| Vec::new();
    Lines::new(one, &USER_KEYS, &no_values).eq(Lines::new(other, &USER_KEYS, &no_values))
}

/// Whether a key, as the text writes it, is the one at this path.
fn is_path(key: &[u8], path: &str) -> bool {
    let mut rest = key;
    for (at, part) in path.split('\\').enumerate() {
        if at > 0 {
            let Some(after) = rest.strip_prefix(br"\\") else { return false };
            rest = after;
        }
        let Some(after) = rest.strip_prefix(part.as_bytes()) else { return false };
        rest = after;
    }
    rest.is_empty()
}

type TextLines<'a> = std::slice::Split<'a, u8, fn(&u8) -> bool>;

/// The lines of a text that count: keys without their times, and values.
struct Lines<'a> {
    lines: Peekable<TextLines<'a>>,
    keys: &'static [&'static str],
    values: &'a dyn Fn(&[u8]) -> Vec<&'static str>,
    /// Values of the present key that do not count.
    skipped: Vec<&'static str>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a [u8], keys: &'static [&'static str], values: &'a dyn Fn(&[u8]) -> Vec<&'static str>) -> Self {
        let is_end: fn(&u8) -> bool = |byte| *byte == b'\n';
        Self { lines: text.split(is_end).peekable(), keys, values, skipped: Vec::new() }
    }

    /// Whether the present key ends here: with nothing but comments of times before the next one.
    fn is_over(&mut self) -> bool {
        while self.lines.next_if(|line| line.is_empty() || line.starts_with(b"#time=")).is_some() {}
        self.lines.peek().is_none_or(|line| line.starts_with(b"["))
    }

    fn is_skipped(&self, line: &[u8]) -> bool {
        let is_of = |name: &&str| {
            let rest = line.strip_prefix(b"\"").and_then(|line| line.strip_prefix(name.as_bytes()));
            rest.is_some_and(|rest| rest.starts_with(b"\"="))
        };
        self.skipped.iter().any(is_of)
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let line = self.lines.next()?;
            if line.is_empty() || line.starts_with(b"#time=") {
                continue;
            }
            let Some(header) = line.strip_prefix(b"[") else {
                if self.is_skipped(line) {
                    continue;
                }
                return Some(line);
            };
            // The time of a key stands behind it.
            let end = header.iter().rposition(|byte| *byte == b']').unwrap_or(header.len());
            let key = &header[..end];
            self.skipped = (self.values)(key);
            if self.keys.iter().any(|path| is_path(key, path)) && self.is_over() {
                continue;
            }
            return Some(&line[..=end]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: &str = "WINE REGISTRY Version 2\n;; All keys relative to REGISTRY\\\\Machine\n\n#arch=win64\n\n\
        [Software\\\\A] 5\n#time=1\n\"x\"=\"1\"\n\n[Software\\\\Microsoft\\\\Cryptography] 5\n#time=1\n\"MachineGuid\"=\"0\"\n\n\
        [System\\\\ControlSet001\\\\Services\\\\Tcpip\\\\Parameters] 5\n#time=1\n\"Hostname\"=\"h\"\n\"Other\"=\"o\"\n";

    #[test]
    fn what_a_start_makes_is_no_change() {
        let now = IMAGE
            .replace("] 5", "] 77")
            .replace("#time=1", "#time=9")
            .replace("\"MachineGuid\"=\"0\"", "\"MachineGuid\"=\"7\"")
            .replace("\"Hostname\"=\"h\"", "\"Hostname\"=\"c\"\n\"NV Hostname\"=\"c\"")
            .replace("\n\n[Software\\\\M", "\n\n[Software\\\\Classes\\\\Wow6432Node] 8\n#time=8\n\n[Software\\\\M");
        assert!(same_machine(IMAGE.as_bytes(), now.as_bytes()));
        let user = "WINE REGISTRY Version 2\n\n[Console] 1\n\"a\"=\"b\"\n";
        assert!(same_user(user.as_bytes(), format!("{user}\n[Volatile Environment] 2\n#time=3\n").as_bytes()));
    }

    #[test]
    fn whatever_a_program_does_is_one() {
        for (from, to) in [
            ("\"x\"=\"1\"", "\"x\"=\"2\""),
            ("\"x\"=\"1\"", "\"x\"=\"1\"\n\"y\"=\"1\""),
            ("\"Other\"=\"o\"", ""),
            ("[Software\\\\A] 5", "[Software\\\\B] 5"),
            ("\n\n[Software\\\\M", "\n\n[Software\\\\Classes\\\\Wow6432Node] 8\n\"a\"=\"b\"\n\n[Software\\\\M"),
            ("\n\n[Software\\\\M", "\n\n[Software\\\\L] 8\n#time=8\n\n[Software\\\\M"),
            // A value of that name in another key.
            ("\"x\"=\"1\"", "\"x\"=\"1\"\n\"Hostname\"=\"h\""),
        ] {
            let now = IMAGE.replace(from, to);
            assert_ne!(now, IMAGE, "{from}");
            assert!(!same_machine(IMAGE.as_bytes(), now.as_bytes()), "{from} to {to}");
        }
        let user = b"[Console] 1\n\n[Volatile Environment] 2\n\"A\"=\"b\"\n";
        assert!(!same_user(b"[Console] 1\n", user));
    }

    #[test]
    fn an_image_keeps_what_it_had() {
        let parse = |text: &str| Registry::parse(text.as_bytes()).unwrap();
        let empty = || Registry::new("REGISTRY\\\\User");
        let wine = |machine: &str| WineRegistry { machine: parse(machine), user: empty(), default_user: empty() };
        let image = Hives::from_wine(wine(IMAGE)).hives;
        let mut now = wine(&IMAGE.replace("\"Hostname\"=\"h\"", "\"Hostname\"=\"c\"\n\"NV Hostname\"=\"c\""));
        prepare(&mut now);
        assert!(now.machine.value(TIME_ZONE, "TZI").is_some());
        for path in MACHINE_KEYS {
            now.machine.create(path);
        }
        now.user.create("Volatile Environment");
        restore(&mut now, &image);
        assert_eq!(now.machine.tree(), parse(IMAGE).tree());
        assert!(now.user.key("Volatile Environment").is_none());
    }
}
