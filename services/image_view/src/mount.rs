//! An image mounted read-only: its unpacked layers through wcifs, served by a process of its own until it is unmounted.

use crate::error::ViewError;
use crate::name::FILES;
use casement_layers::Store;
use casement_layers::volume::mount::{EPOCHS, PASSTHROUGH, is_done_without};
use casement_wcifs::{Durability, FILE_SYSTEM, MountPlan, mount_points};
use rustix::fd::AsRawFd;
use rustix::fs::Mode;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, UnmountFlags, fsconfig_create, fsmount, fsopen,
    mount_remount, unmount,
};
use std::path::{Path, PathBuf};

/// Mounts the image `text` of `store` on `target`, calls `ready`, and serves it until it is unmounted. Layers that are not unpacked
/// are. Nothing is left behind when this process is killed but a mount that answers nothing, which [`unmount_image`] removes.
///
/// # Errors
/// When there is no such image, its layers are not here, or it cannot be mounted.
pub fn serve_image(store: &Store, text: &str, target: &Path, ready: impl FnOnce()) -> Result<(), ViewError> {
    let image = store.resolve(text)?;
    let shown = target.display().to_string();
    let failed = |action: &'static str, e: rustix::io::Errno| ViewError::io(action, &shown)(e.into());
    // Wcifs wants a scratch. This one is in memory, in no directory, and goes with this process; nothing is written to it.
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).map_err(|e| failed("make a scratch for", e))?;
    fsconfig_create(&context).map_err(|e| failed("make a scratch for", e))?;
    let scratch = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty());
    let scratch = scratch.map_err(|e| failed("make a scratch for", e))?;
    let place = PathBuf::from(format!("/proc/self/fd/{}", scratch.as_raw_fd()));
    for name in ["upper", "work"] {
        rustix::fs::mkdirat(&scratch, name, Mode::from_raw_mode(0o755)).map_err(|e| failed("make a scratch for", e))?;
    }
    let plan = MountPlan {
        layers: image.layers.iter().map(|layer| layer.join(FILES)).filter(|files| files.is_dir()).collect(),
        scratch: place.join("upper"),
        work: place.join("work"),
        owner: 0,
        durability: Durability::Discarded,
        for_host: true,
        passthrough: !is_done_without(PASSTHROUGH),
        epochs: !is_done_without(EPOCHS),
    };
    let session = plan.mount(target)?;
    let read_only = MountFlags::BIND
        | MountFlags::RDONLY
        | MountFlags::NOSUID
        | MountFlags::NODEV
        | MountFlags::NOEXEC
        | MountFlags::NOATIME;
    if let Err(e) = mount_remount(target, read_only, "") {
        let _ = unmount(target, UnmountFlags::DETACH);
        return Err(failed("make read-only", e));
    }
    ready();
    Ok(session.serve()?)
}

/// Whether an unmount waits until nobody uses the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InUse {
    /// It is refused while somebody does.
    Refused,
    /// The image goes from its directory at once, and for good when nobody uses it any more.
    Detached,
}

/// Unmounts an image. Its server ends then.
///
/// # Errors
/// When `target` is no mounted image, or it is in use.
pub fn unmount_image(target: &Path, in_use: InUse) -> Result<(), ViewError> {
    // The directory itself may answer nothing any more; the one that it is in does.
    let shown = target.display().to_string();
    let (parent, name) = match (target.parent(), target.file_name()) {
        (Some(parent), Some(name)) => (if parent.as_os_str().is_empty() { Path::new(".") } else { parent }, name),
        _ => return Err(ViewError::unfit(shown, "is no mounted image")),
    };
    let target = parent.canonicalize().map_err(ViewError::io("find", &shown))?.join(name);
    let table =
        std::fs::read_to_string("/proc/self/mountinfo").map_err(ViewError::io("read", "/proc/self/mountinfo"))?;
    if !is_image(&table, &target) {
        return Err(ViewError::unfit(shown, "is no mounted image"));
    }
    let flags = match in_use {
        InUse::Refused => UnmountFlags::NOFOLLOW,
        InUse::Detached => UnmountFlags::NOFOLLOW | UnmountFlags::DETACH,
    };
    match unmount(&target, flags) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::BUSY) => {
            Err(ViewError::unfit(shown, "is in use: end what uses it, or unmount it with --lazy"))
        }
        Err(e) => Err(ViewError::io("unmount", shown)(e.into())),
    }
}

/// Whether the topmost mount on `target` is a read-only volume of wcifs (`proc_pid_mountinfo(5)`).
fn is_image(table: &str, target: &Path) -> bool {
    let last = mount_points(table).rfind(|mount| Path::new(&mount.place) == target);
    last.is_some_and(|mount| mount.file_system == FILE_SYSTEM && mount.options.split(',').any(|option| option == "ro"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_read_only_volumes_are_mounted_images() {
        let table = "36 35 98:0 / /mnt rw,noatime - ext4 /dev/sda rw\n\
                     40 36 0:50 / /mnt/an\\040image ro,nosuid - fuse.wcifs C: rw,user_id=0\n\
                     41 36 0:51 / /mnt/volume rw,nosuid - fuse.wcifs C: rw,user_id=0\n\
                     42 36 0:52 / /mnt/covered ro,nosuid - fuse.wcifs C: rw\n\
                     43 36 0:53 / /mnt/covered rw - tmpfs tmpfs rw\n";
        for (target, is) in
            [("/mnt/an image", true), ("/mnt", false), ("/mnt/volume", false), ("/mnt/covered", false), ("/x", false)]
        {
            assert_eq!(is_image(table, Path::new(target)), is, "{target}");
        }
    }
}
