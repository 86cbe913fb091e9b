//! Lines `overlayfs`, `idmapped-mounts` and `disk-space`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use casement_silo::SiloError;
use casement_silo::identity::{FIRST_BASE, OwnerMap, PROGRAM_ID};
use casement_silo::mount::{DetachedMount, enter_private_namespace};

use super::super::probe::{existing, gain_rights, started_as_root};
use super::super::{Line, Topic, Verdict};
use super::chain;

/// Below this nothing can be built or run, in bytes: the runtime alone is larger.
const TOO_LITTLE: u64 = 500 << 20;
/// The runtime, its packages while it is built, and the base images, in bytes.
const COMFORTABLE: u64 = 3 << 30;

/// Mounts a union on the disk of the state directory, changes something in it and looks at the result.
pub fn overlay(directory: &Path) -> Line {
    let topic = Topic::Overlayfs;
    let means = "no container runs: the kernel needs overlayfs, and the state directory a file system like ext4, \
                 xfs or btrfs (--root)";
    match try_overlay(directory) {
        Ok(()) => Line::new(topic, Verdict::Ok, "a union of two directories works", "containers share their layers"),
        Err(error) => {
            let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
            let known = known.lines().any(|line| line.trim_start_matches("nodev").trim() == "overlay");
            let note = if known { "" } else { " (not in /proc/filesystems)" };
            Line::failed(topic, Verdict::Missing, format!("{error}{note}"), means)
        }
    }
}

fn try_overlay(directory: &Path) -> Result<(), String> {
    gain_rights()?;
    enter_private_namespace().map_err(|error| chain(&error))?;
    let union = Union::make(directory).map_err(|error| format!("cannot write {}: {error}", directory.display()))?;
    union.mount(&union.lower).map_err(|error| chain(&error))?;
    union.change().map_err(|error| format!("a change in the union failed: {error}"))?;
    if union.lower.join("file").exists() { Ok(()) } else { Err("a change went through to the lower layer".into()) }
}

/// Translates the owners of a directory and puts a union on it, as every C: drive does.
pub fn id_mapped(directory: &Path) -> Line {
    let topic = Topic::IdmappedMounts;
    if !started_as_root() {
        let found = "they need root to be tried";
        return Line::new(topic, Verdict::Unchecked, found, "run it as root to know");
    }
    let means = "no container runs: kernel 5.19 and a file system with id-mapped mounts are needed (--root)";
    match try_id_mapped(directory) {
        Ok(()) => {
            let found = "owners are translated, also below overlayfs";
            Line::new(topic, Verdict::Ok, found, "layers are stored once for all containers")
        }
        Err(error) => Line::new(topic, Verdict::Missing, error, means),
    }
}

fn try_id_mapped(directory: &Path) -> Result<(), String> {
    enter_private_namespace().map_err(|error| chain(&error))?;
    let union = Union::make(directory).map_err(|error| format!("cannot write {}: {error}", directory.display()))?;
    let seen = FIRST_BASE + PROGRAM_ID;
    let view = directory.join("view");
    fs::create_dir(&view).map_err(|error| error.to_string())?;
    let map = OwnerMap::new(0, seen).map_err(|error| chain(&error))?;
    let mapped = DetachedMount::bind(&union.lower).and_then(|mount| mount.map_owners(&map)?.attach(&view));
    mapped.map_err(|error| chain(&error))?;
    let owner = |path: PathBuf| fs::metadata(path).map(|file| file.uid()).map_err(|error| error.to_string());
    if owner(view.join("file"))? != seen {
        return Err("the owner was not translated".into());
    }
    union.mount(&view).map_err(|error| chain(&error))?;
    if owner(union.merged.join("file"))? != seen {
        return Err("the owner was not translated below overlayfs".into());
    }
    Ok(())
}

/// The directories of a union with one file in its lower layer.
struct Union {
    lower: PathBuf,
    merged: PathBuf,
    upper: PathBuf,
    work: PathBuf,
}

impl Union {
    fn make(directory: &Path) -> std::io::Result<Self> {
        let make = |name| {
            let path = directory.join(name);
            fs::create_dir(&path).map(|()| path)
        };
        let union = Self { lower: make("lower")?, merged: make("merged")?, upper: make("upper")?, work: make("work")? };
        fs::write(union.lower.join("file"), "lower")?;
        Ok(union)
    }

    fn mount(&self, lower: &Path) -> Result<(), SiloError> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let options = [("lowerdir", text(lower)), ("upperdir", text(&self.upper)), ("workdir", text(&self.work))];
        let options = options.each_ref().map(|(key, value)| (*key, value.as_str()));
        DetachedMount::new("overlay", &options)?.attach(&self.merged)
    }

    /// A change, a removal (which makes a whiteout) and a new file.
    fn change(&self) -> std::io::Result<()> {
        let file = self.merged.join("file");
        fs::write(&file, "upper")?;
        fs::remove_file(&file)?;
        fs::write(self.merged.join("new"), "new")?;
        if file.exists() { Err(std::io::Error::other("a removed file is still there")) } else { Ok(()) }
    }
}

pub fn space(root: &Path) -> Line {
    let near = existing(root);
    match rustix::fs::statvfs(near) {
        Ok(disk) => judge_space(disk.f_bavail.saturating_mul(disk.f_frsize), near),
        Err(error) => {
            let found = format!("cannot look at {}: {error}", near.display());
            Line::new(Topic::DiskSpace, Verdict::Unchecked, found, "3 GB are comfortable")
        }
    }
}

fn judge_space(free: u64, near: &Path) -> Line {
    let found = format!("{:.1} GB free at {}", free as f64 / 1e9, near.display());
    let (verdict, means) = match free {
        0..TOO_LITTLE => (Verdict::Missing, "too little for the runtime: make room or choose another --root"),
        TOO_LITTLE..COMFORTABLE => (Verdict::Degraded, "enough for little: 3 GB are comfortable"),
        _ => (Verdict::Ok, "enough for the runtime and images"),
    };
    Line::new(Topic::DiskSpace, verdict, found, means)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_judged_by_what_has_to_fit() {
        let near = Path::new("/");
        assert_eq!(judge_space(1 << 20, near).verdict, Verdict::Missing);
        assert_eq!(judge_space(1 << 30, near).verdict, Verdict::Degraded);
        assert_eq!(judge_space(1 << 40, near).verdict, Verdict::Ok);
    }
}
