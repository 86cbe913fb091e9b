//! Images that the suites of Docker's clients run: `nanoserver` with small Unix commands, under the names that they ask for.

use std::fs;
use std::io;
use std::path::Path;

use casement_layers::{Derived, ImageConfig, Store, oci};

use crate::places;

/// What they are made of.
const PARENT: &str = "nanoserver:ltsc2022";
/// The commands, in `C:\bin`. All are one program that looks at its name.
const COMMANDS: [&str; 27] = [
    "[", "cat", "date", "echo", "env", "false", "grep", "head", "kill", "ls", "mkdir", "printenv", "printf", "ps",
    "pwd", "rm", "seq", "sh", "sleep", "tail", "tee", "test", "top", "touch", "true", "uname", "wc",
];
/// Programs elsewhere: what `hello-world` prints, and a server that waits until it is ended.
const PROGRAMS: [&str; 2] = ["hello.exe", "usr/sbin/run_uhttpd.exe"];
/// Name, program of its own, further names.
const IMAGES: [(&str, &str, &[&str]); 3] = [
    ("alpine:latest", "/bin/sh", &["alpine:3.10", "busybox:latest"]),
    ("hello-world:latest", "/hello", &["hello-world:linux"]),
    ("fussybeaver/uhttpd:latest", "/usr/sbin/run_uhttpd", &[]),
];

/// All names of the images.
pub fn names() -> impl Iterator<Item = &'static str> {
    IMAGES.into_iter().flat_map(|(name, _, others)| std::iter::once(name).chain(others.iter().copied()))
}

/// Adds the images to the store in `root`, in which nothing runs yet.
///
/// # Panics
/// When the base image or the test programs are missing.
pub fn add(root: &Path) {
    let store = Store::open(root).expect("a store");
    for (name, program, others) in IMAGES {
        let config = ImageConfig {
            user: "ContainerAdministrator".to_owned(),
            env: vec![r"PATH=C:\bin;C:\Windows\system32;C:\Windows".to_owned()],
            cmd: vec![program.to_owned()],
            // What health checks and the like are run with.
            shell: vec!["/bin/sh".to_owned(), "-c".to_owned()],
            ..ImageConfig::default()
        };
        let history = oci::History {
            created: Some("2026-01-01T00:00:00Z".to_owned()),
            created_by: Some("small Unix commands".to_owned()),
            ..oci::History::default()
        };
        let derived = Derived { config, history, name: name.to_owned() };
        store.derive(PARENT, derived, fill).unwrap_or_else(|error| panic!("make {name}: {error}"));
        for other in others {
            store.tag(name, other).unwrap_or_else(|error| panic!("name {name} {other}: {error}"));
        }
    }
}

fn fill(layer: &Path) -> io::Result<()> {
    let files = layer.join("Files");
    for directory in ["bin", "usr/sbin", "etc/config", "tmp", "var/opt"] {
        fs::create_dir_all(files.join(directory))?;
    }
    let program = places::test_programs().join("unix.exe");
    let commands = COMMANDS.iter().map(|name| format!("bin/{name}.exe"));
    for name in commands.chain(PROGRAMS.iter().map(ToString::to_string)) {
        fs::copy(&program, files.join(name))?;
    }
    fs::write(files.join("etc/config/uhttpd"), "\nconfig uhttpd main\n")
}
