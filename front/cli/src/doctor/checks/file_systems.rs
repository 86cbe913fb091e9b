//! Lines `wcifs`, `idmapped-mounts` and `disk-space`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use casement_layers::UnionMount;
use casement_layers::volume::mount::Durability;
use casement_silo::IdRange;
use casement_silo::identity::{FIRST_BASE, OwnerMap, PROGRAM_ID};
use casement_silo::mount::{DetachedMount, enter_private_namespace};

use super::super::probe::{existing, started_as_root};
use super::super::{Line, Topic, Verdict};
use super::chain;

/// Below this nothing can be built or run, in bytes: the runtime alone is larger.
const TOO_LITTLE: u64 = 500 << 20;
/// The runtime, its packages while it is built, and the base images, in bytes.
const COMFORTABLE: u64 = 3 << 30;

/// Mounts a volume on the disk of the state directory, changes something in it and looks at the result.
pub fn wcifs(directory: &Path) -> Line {
    let topic = Topic::Wcifs;
    if !started_as_root() {
        return Line::new(topic, Verdict::Unchecked, "it needs root to be tried", "run it as root to know");
    }
    let means = "no container runs: the state directory must be on a file system like ext4, xfs or btrfs (--root)";
    match try_wcifs(directory) {
        Ok(()) => Line::new(topic, Verdict::Ok, "a volume of two directories works", "containers share their layers"),
        Err(error) => Line::new(topic, Verdict::Missing, error, means),
    }
}

fn try_wcifs(directory: &Path) -> Result<(), String> {
    enter_private_namespace().map_err(|error| chain(&error))?;
    let make = |name: &str| {
        let path = directory.join(name);
        fs::create_dir_all(&path)
            .map(|()| path)
            .map_err(|error| format!("cannot write {}: {error}", directory.display()))
    };
    let (layer, volume, scratch) = (make("layer/Files")?, make("volume")?, make("scratch")?);
    make("scratch/upper")?;
    make("scratch/work")?;
    let lower = layer.join("File");
    fs::write(&lower, "lower").map_err(|error| error.to_string())?;
    let ids = IdRange::new(FIRST_BASE).ok_or("the first range of ids is not one")?;
    let union = UnionMount::new(&[directory.join("layer")], &scratch);
    let mounted = union.mount(&volume, ids, Durability::Discarded).map_err(|error| chain(&error))?;
    let serving = mounted.serve().map_err(|error| chain(&error))?;
    change(&volume).map_err(|error| format!("a change in the volume failed: {error}"))?;
    drop(serving);
    if fs::read_to_string(lower).is_ok_and(|text| text == "lower") {
        Ok(())
    } else {
        Err("a change went through to the lower layer".into())
    }
}

/// A change, a removal (which makes a tombstone), a new file in another spelling, and a second name for it.
fn change(volume: &Path) -> std::io::Result<()> {
    let file = volume.join("FILE");
    fs::write(&file, "upper")?;
    fs::remove_file(&file)?;
    if volume.join("File").exists() {
        return Err(std::io::Error::other("a removed file is still there"));
    }
    fs::write(volume.join("file"), "new")?;
    fs::rename(volume.join("file"), volume.join("other"))?;
    if volume.join("OTHER").exists() { Ok(()) } else { Err(std::io::Error::other("a new file is not there")) }
}

/// Translates the owners of a directory, as is done for every directory of the host that a container sees.
pub fn id_mapped(directory: &Path) -> Line {
    let topic = Topic::IdmappedMounts;
    if !started_as_root() {
        let found = "they need root to be tried";
        return Line::new(topic, Verdict::Unchecked, found, "run it as root to know");
    }
    let means =
        "containers cannot see directories of the host (-v) on such a file system: ext4, xfs, btrfs and tmpfs do";
    match try_id_mapped(directory) {
        Ok(()) => {
            let means = "what containers write to directories of the host belongs to their owner";
            Line::new(topic, Verdict::Ok, "owners are translated", means)
        }
        Err(error) => Line::new(topic, Verdict::Degraded, error, means),
    }
}

fn try_id_mapped(directory: &Path) -> Result<(), String> {
    enter_private_namespace().map_err(|error| chain(&error))?;
    let make = |name: &str| {
        let path = directory.join(name);
        fs::create_dir(&path).map(|()| path).map_err(|error| format!("cannot write {}: {error}", directory.display()))
    };
    let (host, view) = (make("host")?, make("view")?);
    fs::write(host.join("file"), "x").map_err(|error| error.to_string())?;
    let seen = FIRST_BASE + PROGRAM_ID;
    let map = OwnerMap::new(0, seen).map_err(|error| chain(&error))?;
    let mapped = DetachedMount::bind(&host).and_then(|mount| mount.map_owners(&map)?.attach(&view));
    mapped.map_err(|error| chain(&error))?;
    let owner = fs::metadata(view.join("file")).map_err(|error| error.to_string())?.uid();
    if owner == seen { Ok(()) } else { Err("the owner was not translated".into()) }
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
