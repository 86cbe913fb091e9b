//! wineserver: the process that plays the NT executive's part for all programs of the silo.

use crate::linux;
use casement_silo::root::PREFIX;
use rustix::fs::inotify;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const SERVER: &str = "/usr/lib/wine/wineserver64";
/// The program loader.
pub const LOADER: &str = "/usr/lib/wine/wine64";
/// wineserver keeps its socket in a directory below this one.
const RUN_DIRECTORY: &str = "/run/user/1000";

/// A command that runs as the silo's program user, with what Wine wants to be told in its environment.
pub fn wine_command(program: &str, user: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir(Path::new(PREFIX).join("drive_c")).envs([
        ("WINEPREFIX", PREFIX),
        ("WINELOADER", LOADER),
        ("WINESERVER", SERVER),
        ("WINEDEBUG", "-all"),
        ("LANG", "C.UTF-8"),
        ("HOME", "/tmp"),
        // The loader need not replace itself to find its libraries: they are where it was built for.
        ("WINELOADERNOEXEC", "1"),
        ("PATH", "/usr/lib/wine"),
        ("USER", user),
    ]);
    command
}

/// Most seconds, or events of its directories, until wineserver must have made its socket.
const MAX_EVENTS: usize = 60;

/// Starts wineserver and waits until programs can reach it.
pub fn start(user: &str) -> io::Result<Child> {
    let mut command = wine_command(SERVER, user);
    command.args(["-f", "-p"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    linux::as_program(&mut command, None, false);
    let mut child = command.spawn()?;
    match linux::with_program_access(|| wait_for_socket(&mut child)) {
        Ok(()) => Ok(child),
        Err(e) => {
            let _ = child.kill();
            Err(e)
        }
    }
}

fn wait_for_socket(child: &mut Child) -> io::Result<()> {
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC)?;
    let mut watched = PathBuf::from(RUN_DIRECTORY);
    // The socket appears in <run>/wine/server-<device>-<inode>/socket, one directory after the other.
    for _ in 0..MAX_EVENTS {
        inotify::add_watch(&watch, &watched, inotify::WatchFlags::CREATE)?;
        while let Some(next) = next_level(&watched)? {
            if next.file_name().is_some_and(|n| n == "socket") {
                return Ok(());
            }
            watched = next;
            inotify::add_watch(&watch, &watched, inotify::WatchFlags::CREATE)?;
        }
        wait_for_event(&watch, child)?;
    }
    Err(io::Error::other("wineserver made no socket"))
}

fn next_level(directory: &Path) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        if text == "wine" || text.starts_with("server-") || text == "socket" {
            return Ok(Some(directory.join(name)));
        }
    }
    Ok(None)
}

fn wait_for_event(watch: &rustix::fd::OwnedFd, child: &mut Child) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let limit = Timespec { tv_sec: 1, tv_nsec: 0 };
    let mut ready = [PollFd::new(watch, PollFlags::IN)];
    if poll(&mut ready, Some(&limit))? > 0 {
        let mut events = [0u8; 4096];
        rustix::io::read(watch, &mut events)?;
    }
    match child.try_wait()? {
        None => Ok(()),
        Some(status) => Err(io::Error::other(format!("wineserver ended at once: {status}"))),
    }
}
