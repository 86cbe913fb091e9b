//! Renames that only change how a name is written.
//!
//! Linux looks up both names of a rename before it asks a file system, and does nothing if they are the same file, as
//! hard links would be. `rename("readme", "README")` would therefore never come here. So the lookup of the second name
//! has to find nothing, and only for this caller; what the caller is doing is in its `/proc`, as it waits for the answer.
//!
//! wineserver looks by itself before: it asks `stat` for the new name, and does nothing if that is the file which it has
//! open to rename it. This look has to find nothing either. It asks so for no other reason, but the file that it renames may
//! be another one, and then it would not learn that something is in the way. So only a file that is open is not found, and
//! wineserver may not put another one in its place: Windows does not let it either.
//!
//! Nobody tells who has a directory open (`OPENDIR` is declined), but wineserver's `/proc` does. And the kernel knows a directory by
//! one name only, the last that was used: the program looks at the new name first, so what it is told is not kept, or
//! wineserver's look would be answered by the kernel.
//!
//! The kernel may know that file in the new spelling from before it was open, and would answer the look itself. So it keeps no
//! attributes of an open file that it knows by another spelling, asks for them, and is told that it has to look the name up (`ESTALE`).
//!
//! wineserver also looks at the name by which it had opened a file before it removes that, and has to find it: it has closed the file
//! then, or has it open by that name.

use crate::layer::Kind;
use crate::mount_table::{FILE_SYSTEM, MountPoint, mount_points};
use crate::name;
use crate::thread_files::ThreadFiles;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// `rename`, `renameat` and `renameat2` on x86-64, each with the places of the two paths among the arguments.
const RENAMES: [(u64, usize, usize); 3] = [(82, 0, 1), (264, 1, 3), (316, 1, 3)];
/// `renameat2`, and the place of its flags.
const WITH_FLAGS: (u64, usize) = (316, 4);
/// `RENAME_EXCHANGE`.
const EXCHANGE: u64 = 2;
/// How a prefix calls the root of the volume: the directory, and the link to it.
const ROOT_NAMES: [&[u8]; 2] = [b"drive_c", b"c:"];
/// Longest time to read what a thread is told of. Its memory may be a file of this volume, which nobody serves meanwhile.
const PATIENCE: Duration = Duration::from_secs(2);
/// `stat`, `newfstatat` and `statx`, each with the places of the path and the flags among the arguments.
const LOOKS_AT: [(u64, usize, Option<usize>); 3] = [(4, 0, None), (262, 1, Some(3)), (332, 1, Some(2))];
/// `AT_EMPTY_PATH`: of a file that is open.
const EMPTY_PATH: u64 = 0x1000;
/// Looks at a thread that has sent its request but does not sleep yet.
const LOOKS: usize = 1000;
/// Bytes of the longest path (`PATH_MAX`).
const MAX_PATH: usize = 4096;

/// What a thread that looks for a name in another spelling than the file's is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To rename the file to this spelling.
    Respelling,
    /// wineserver wants to know what is at the target of a rename.
    Target,
    /// Another program wants to know what is at a path with it.
    Look,
    /// Anything else.
    Use,
}

/// What the threads that ask are doing, which is known while they wait for an answer.
#[derive(Debug)]
pub struct Callers(ThreadFiles);

impl Default for Callers {
    fn default() -> Self {
        Self(ThreadFiles::new("syscall"))
    }
}

impl Callers {
    /// Why a thread looks for `wanted`, which is a `kind`, in the directory whose names from the volume's root are these. A look may be
    /// one at something in it. Of what nobody has open (`in_question`) only who renames it needs to be known.
    pub fn purpose(&mut self, thread: u32, directory: &str, wanted: &str, kind: Kind, in_question: bool) -> Purpose {
        self.purpose_of(thread, directory, wanted, kind, in_question).unwrap_or(Purpose::Use)
    }

    fn purpose_of(
        &mut self,
        thread: u32,
        directory: &str,
        wanted: &str,
        kind: Kind,
        in_question: bool,
    ) -> Option<Purpose> {
        let (call, arguments) = self.call(thread)?;
        let argument = |place: usize| arguments.get(place).copied();
        if let Some((_, old, new)) = RENAMES.iter().find(|(number, ..)| *number == call) {
            if call == WITH_FLAGS.0 && argument(WITH_FLAGS.1)? & EXCHANGE != 0 {
                return None;
            }
            let paths = strings(thread, vec![argument(*old)?, argument(*new)?])?;
            let [old_path, new_path] = &paths[..] else { return None };
            // What paths begin at stands before each of them, where anything does.
            let starts = |place: usize| place.checked_sub(1).filter(|_| call != RENAMES[0].0).and_then(argument);
            let one_start = starts(*old) == starts(*new);
            return respells(old_path, new_path, one_start, directory, wanted).then_some(Purpose::Respelling);
        }
        let path = path_looked_at(call, &arguments).filter(|_| in_question)?;
        if !is_wineserver(thread) {
            // Its memory is not read for that: without passthrough another of its threads may keep it locked until this
            // one has answered.
            return (kind == Kind::Directory).then_some(Purpose::Look);
        }
        let path = strings(thread, vec![path])?.pop()?;
        let (place, step) = split(&path);
        (step == wanted.as_bytes() && may_be(place, directory, wanted)).then_some(Purpose::Target)
    }

    /// The path that wineserver looks at, if the thread is its.
    pub fn looks_at(&mut self, thread: u32) -> Option<Vec<u8>> {
        let (call, arguments) = self.call(thread)?;
        let path = path_looked_at(call, &arguments).filter(|_| is_wineserver(thread))?;
        strings(thread, vec![path])?.pop()
    }

    /// Number and arguments of the call that a thread is in.
    fn call(&mut self, thread: u32) -> Option<(u64, Vec<u64>)> {
        let mut buffer = [0; 256];
        let text = (0..LOOKS).find_map(|_| {
            let text = self.0.read(thread, &mut buffer)?;
            if text.starts_with("running") {
                std::thread::yield_now();
                return None;
            }
            Some(text.to_owned())
        })?;
        let mut words = text.split_whitespace();
        let call = words.next()?.parse().ok()?;
        let arguments = words.map_while(|w| u64::from_str_radix(w.strip_prefix("0x")?, 16).ok()).take(6);
        Some((call, arguments.collect()))
    }
}

/// Where the path is that a call looks at; a file that is open has none.
fn path_looked_at(call: u64, arguments: &[u64]) -> Option<u64> {
    let (_, place, flags) = LOOKS_AT.iter().find(|(number, ..)| *number == call)?;
    let flags = flags.map_or(Some(&0), |flags| arguments.get(flags))?;
    arguments.get(*place).copied().filter(|_| flags & EMPTY_PATH == 0)
}

/// How the last step of a path spells the name `written` in the directory whose names from the volume's root are these, if in another
/// way.
pub fn other_spelling<'a>(path: &'a [u8], directory: &str, written: &str) -> Option<&'a str> {
    let (place, step) = split(path);
    let step = std::str::from_utf8(step).ok().filter(|step| *step != written && name::same(step, written))?;
    may_be(place, directory, step).then_some(step)
}

/// Whether a thread is wineserver's. Any program may say so of itself, and then sees what wineserver would.
pub fn is_wineserver(thread: u32) -> bool {
    std::fs::read(format!("/proc/{thread}/comm")).is_ok_and(|name| name.starts_with(b"wineserver"))
}

/// Whether a process has a file or directory open, whose names from the volume's root are these; it may have another one open whose
/// path ends so.
pub fn may_have_open(thread: u32, directory: &str) -> bool {
    open_paths(thread).any(|path| ends_with(&path, directory))
}

/// As [`may_have_open`], by a name whose last step is in this spelling.
pub fn may_have_opened_as(thread: u32, path: &str) -> bool {
    let step = split(path.as_bytes()).1;
    open_paths(thread).any(|open| ends_with(&open, path) && split(open.as_bytes()).1 == step)
}

/// The paths of what a process has open, and what they would be if what looks like a mark of the kernel is none.
fn open_paths(thread: u32) -> impl Iterator<Item = String> {
    let open = std::fs::read_dir(format!("/proc/{thread}/fd")).into_iter().flatten().flatten();
    let paths = open.filter_map(|file| std::fs::read_link(file.path()).ok()?.into_os_string().into_string().ok());
    // What the kernel looks for again is deleted for it meanwhile (proc_pid_fd(5)).
    paths.flat_map(|path| {
        let present = path.strip_suffix(" (deleted)").map(str::to_owned);
        std::iter::once(path).chain(present)
    })
}

/// Whether a directory can be gone for a moment for the kernel: mounts in it would go with it.
pub fn may_be_gone(thread: u32, directory: &str) -> bool {
    let mounts = std::fs::read_to_string(format!("/proc/{thread}/mountinfo"));
    mounts.is_ok_and(|mounts| !has_mounts(&mounts, directory))
}

/// Whether the last steps of a path are these, in some spelling.
fn ends_with(path: &str, steps: &str) -> bool {
    let mut path = path.rsplit('/');
    steps.rsplit('/').all(|step| path.next().is_some_and(|other| name::same(other, step)))
}

/// Whether something is mounted on or in a directory of a volume, by the `mountinfo` of a process that uses it.
fn has_mounts(mounts: &str, directory: &str) -> bool {
    let points: Vec<MountPoint<'_>> = mount_points(mounts).collect();
    let volumes = points.iter().filter(|mount| mount.file_system == FILE_SYSTEM);
    volumes.map(|volume| volume.place.trim_end_matches('/')).any(|volume| {
        let below = points.iter().filter_map(|mount| mount.place.strip_prefix(volume)?.strip_prefix('/'));
        below.into_iter().any(|below| {
            let mut below = below.split('/');
            directory.split('/').all(|step| below.next().is_some_and(|other| name::same(other, step)))
        })
    })
}

/// The strings at addresses of another process. Another thread reads them: without passthrough the memory may be a file of this volume,
/// and reading it waits until that file is served.
fn strings(process: u32, addresses: Vec<u64>) -> Option<Vec<Vec<u8>>> {
    let (tell, told) = std::sync::mpsc::channel();
    let read = move || {
        let memory = File::open(format!("/proc/{process}/mem")).ok()?;
        addresses.into_iter().map(|address| string(&memory, address)).collect()
    };
    let reader = std::thread::Builder::new().name("wcifs-memory".into()).spawn(move || drop(tell.send(read())));
    reader.ok()?;
    told.recv_timeout(PATIENCE).ok().flatten()
}

/// Whether a rename only changes how `wanted`, in the directory whose names from the volume's root are these, is written. `one_start`:
/// both paths begin at the same directory if they do not begin at the root.
fn respells(old: &[u8], new: &[u8], one_start: bool, directory: &str, wanted: &str) -> bool {
    let ((old_place, old_step), (new_place, new_step)) = (split(old), split(new));
    let is_same = |old: &str| old != wanted && name::same(old, wanted);
    if new_step != wanted.as_bytes() || !std::str::from_utf8(old_step).is_ok_and(is_same) {
        return false;
    }
    let absolute = old.starts_with(b"/") && new.starts_with(b"/");
    let one_place = old_place.eq_ignore_ascii_case(new_place) && (absolute || one_start);
    let both_in_volume = || [old_place, new_place].iter().all(|place| in_volume(place).is_some());
    may_be(new_place, directory, wanted) && (one_place || both_in_volume() && may_be(old_place, directory, wanted))
}

/// Whether a path may be that of a directory whose names from the volume's root are these, in which `wanted` is looked for.
fn may_be(path: &[u8], directory: &str, wanted: &str) -> bool {
    let Ok(path) = std::str::from_utf8(path) else { return false };
    let path = path.trim_end_matches('/');
    if let Some(inside) = in_volume(path.as_bytes()) {
        return std::str::from_utf8(inside).is_ok_and(|inside| name::same(inside, directory));
    }
    // Where the path begins, or the volume, is not known. It may also be a step before the last that is looked for.
    match (path.starts_with('/'), directory) {
        (true, "") => !path.split('/').any(|step| name::same(step, wanted)),
        (true, _) => ends_with(path, directory),
        (false, _) => path.is_empty() || ends_with(directory, path),
    }
}

/// What follows the root of the volume in a path, as a prefix calls that.
fn in_volume(path: &[u8]) -> Option<&[u8]> {
    let mut at = path.len();
    loop {
        let start = path[..at].iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        if ROOT_NAMES.contains(&&path[start..at]) {
            return Some(path[at..].strip_prefix(b"/").unwrap_or_default());
        }
        at = start.checked_sub(1)?;
    }
}

/// The string at an address of another process.
fn string(memory: &File, address: u64) -> Option<Vec<u8>> {
    let mut string = Vec::new();
    let mut buffer = [0; 256];
    while string.len() < MAX_PATH {
        let at = address.checked_add(string.len() as u64)?;
        // Not beyond the page, as the next one may not be there.
        let most = (4096 - at % 4096).min(buffer.len() as u64) as usize;
        let length = memory.read_at(&mut buffer[..most], at).ok().filter(|length| *length > 0)?;
        let end = buffer[..length].iter().position(|b| *b == 0);
        string.extend_from_slice(&buffer[..end.unwrap_or(length)]);
        if end.is_some() {
            return Some(string);
        }
    }
    None
}

/// The path before the last step, and that step.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&[], path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_step_is_the_name() {
        for (path, step) in [("a", "a"), ("/x/b", "b"), ("x/c/", "c"), ("/", "")] {
            assert_eq!(split(path.as_bytes()).1, step.as_bytes());
        }
    }

    #[test]
    fn a_rename_within_a_directory_respells() {
        for (old, new, directory, respelling) in [
            ("a", "A", "x", true),
            ("/silo/drive_c/X/a", "/silo/dosdevices/c:/x/A", "x", true),
            ("/silo/drive_c/a", "/silo/dosdevices/c:/A", "", true),
            ("/silo/drive_c/y/a", "/silo/dosdevices/c:/x/A", "x", false),
            ("/silo/drive_c/x/a", "/silo/dosdevices/c:/A", "", false),
            ("/silo/drive_c/y/x/a", "/silo/dosdevices/c:/x/A", "x", false),
            ("/silo/drive_c/A/a", "/silo/dosdevices/c:/A/A", "", false),
            ("/volume/x/a", "/volume/X/A", "x", true),
            ("/volume/y/x/a", "/volume/x/A", "x", false),
            ("/volume/a", "/volume/A", "", true),
            ("/volume/A/a", "/volume/A/A", "", false),
            ("/volume/A/a", "/volume/A/A", "A", true),
            ("A/a", "A/A", "", false),
            ("A/a", "A/A", "y/a", true),
            ("y/a", "x/A", "x", false),
            ("b", "A", "x", false),
            ("A", "A", "x", false),
            ("a", "B", "x", false),
        ] {
            assert_eq!(respells(old.as_bytes(), new.as_bytes(), true, directory, "A"), respelling, "{old} {new}");
        }
        assert!(!respells(b"a", b"A", false, "x", "A"));
        assert!(may_be(b"/silo/dosdevices/c:/foo/x", "FOO/x", "A") && !may_be(b"/silo/dosdevices/c:/foo/x", "", "foo"));
    }

    #[test]
    fn this_thread_renames_nothing() {
        let mut callers = Callers::default();
        assert_eq!(callers.purpose(std::process::id(), "", "x", Kind::File, true), Purpose::Use);
        assert_eq!(callers.purpose(std::process::id(), "", "x", Kind::Directory, true), Purpose::Use);
        assert!(!is_wineserver(std::process::id()));
    }

    #[test]
    fn a_thread_that_waits_is_in_a_call() {
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        // It starts up first.
        let reads = |callers: &mut Callers| callers.call(child.id()).is_some_and(|(call, _)| call == 0);
        let mut callers = Callers::default();
        while !reads(&mut callers) {
            std::thread::yield_now();
        }
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(callers.call(child.id()), None);
    }

    #[test]
    fn mounts_in_a_directory_are_found() {
        let mounts = "63 43 0:39 / /silo/drive_c rw shared:1 - fuse.wcifs C: rw\n\
                      64 63 254:0 /x /silo/drive_c/Data/My\\040Files rw - ext4 /dev/vda rw\n\
                      65 43 0:40 / /silo/drive_c2 rw - fuse.wcifs C: rw\n\
                      66 43 0:41 / /elsewhere/logs rw - tmpfs tmpfs rw\n\
                      broken\n";
        for (directory, has) in [
            ("data", true),
            ("DATA/my files", true),
            ("Data/My Files/below", false),
            ("Data/My", false),
            ("Dat", false),
            ("logs", false),
            ("2", false),
        ] {
            assert_eq!(has_mounts(mounts, directory), has, "{directory}");
        }
        assert!(!has_mounts("", "Data"));
    }

    #[test]
    fn open_directories_are_known_by_their_last_steps() {
        for (path, steps, ends) in [
            ("/silo/drive_c/Foo/Bar", "foo/BAR", true),
            ("/silo/drive_c/Foo/Bar", "bar", true),
            ("/silo/drive_c/Foo/Bar", "Foo", false),
            ("/xBar", "Bar", false),
            ("Bar", "Foo/Bar", false),
            ("pipe:[7]", "Bar", false),
        ] {
            assert_eq!(ends_with(path, steps), ends, "{path} {steps}");
        }
        let directory = tempfile::tempdir().unwrap();
        let steps = directory.path().to_str().unwrap().trim_start_matches('/').to_uppercase();
        assert!(!may_have_open(std::process::id(), &steps));
        let _open = std::fs::File::open(directory.path()).unwrap();
        assert!(may_have_open(std::process::id(), &steps));
        let written = directory.path().to_str().unwrap().trim_start_matches('/');
        assert!(may_have_opened_as(std::process::id(), written));
        let (above, step) = written.rsplit_once('/').unwrap();
        assert!(may_have_opened_as(std::process::id(), &format!("{}/{step}", above.to_uppercase())));
        assert!(!may_have_opened_as(std::process::id(), &format!("{above}/{}", step.to_uppercase())));
    }

    #[test]
    fn strings_are_read_across_pages() {
        let text = format!("{}\0", "x".repeat(3000));
        let memory = std::fs::File::open("/proc/self/mem").unwrap();
        let read = string(&memory, text.as_ptr() as u64).unwrap();
        assert_eq!(read.len(), 3000);
        assert!(string(&memory, 0).is_none());
    }
}
