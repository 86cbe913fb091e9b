//! Mounts overlayfs as a container's volume is mounted, and prints where: what `benches/volume_start.sh` compares `serve` with, so that
//! both begin with a program of the same kind.
//!
//! ```text
//! cargo run --release -p casement-wcifs --example overlayfs -- TARGET SCRATCH LAYER…
//! ```
//!
//! SCRATCH has the directories `upper` and `work`; the layers come top first. No path may have a colon or a comma.

use rustix::mount::{MountFlags, mount};
use std::ffi::CString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [target, scratch, layers @ ..] = &words[..] else {
        eprintln!("usage: overlayfs TARGET SCRATCH LAYER…");
        return ExitCode::from(2);
    };
    let options = format!("lowerdir={},upperdir={scratch}/upper,workdir={scratch}/work", layers.join(":"));
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::NOATIME;
    let options = CString::new(options).expect("an argument has no zero byte");
    match mount("overlay", target, "overlay", flags, options.as_c_str()) {
        Ok(()) => {
            println!("{target}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("overlayfs: {error}");
            ExitCode::FAILURE
        }
    }
}
