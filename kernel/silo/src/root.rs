//! The file tree of a silo: a read-only runtime with a minimal `/dev` and `/sys`, the registry and `C:`.

use crate::error::{Context, SiloError};
use crate::identity::{IdRange, OwnerMap, PROGRAM_ID};
use crate::mount::{DetachedMount, Restrictions};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Where the Wine prefix (registry and drives) is inside the silo.
pub const PREFIX: &str = "/silo";
/// Where volume `C:` is inside the silo.
pub const DRIVE_C: &str = "/silo/drive_c";

/// The lines of `hosts` that every silo has.
pub const LOOPBACK_HOSTS: &str = "127.0.0.1 localhost\n::1 localhost\n";

/// Devices that a silo has: those that only give or take bytes.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Parts of the host's `/sys` that a silo sees: the processors, from which Wine learns their topology.
const SYSTEM: [&str; 1] = ["devices/system/cpu"];

/// The files that name servers and hosts are listed in, below /etc. A silo sees them and cannot change them.
#[derive(Debug)]
pub struct NameFiles {
    /// `resolv.conf`.
    pub servers: File,
    /// `hosts`.
    pub hosts: File,
}

impl NameFiles {
    /// Puts these texts in place of what the files hold.
    pub fn write(&self, servers: &str, hosts: &str) -> Result<(), SiloError> {
        for (file, text, name) in [(&self.servers, servers, "resolv.conf"), (&self.hosts, hosts, "hosts")] {
            file.write_all_at(text.as_bytes(), 0)
                .and_then(|()| file.set_len(text.len() as u64))
                .during("write", name)?;
        }
        Ok(())
    }
}

/// What the tree of a silo is made of. All paths are paths of the host.
#[derive(Debug)]
pub struct Tree<'a> {
    /// The runtime: becomes `/`, read-only.
    pub runtime: &'a Path,
    /// An empty directory to assemble the tree on.
    pub mount_point: &'a Path,
    /// Directory of the registry files, owned by the silo's programs: becomes `/silo`.
    pub prefix: &'a Path,
    /// Host ids of the silo.
    pub ids: IdRange,
    /// Most bytes that temporary files may take (they also count as the silo's memory).
    pub temporary_bytes: u64,
}

impl Tree<'_> {
    /// Mounts everything but `C:` in this process's own mount namespace.
    ///
    /// Returns the host path at which volume `C:` belongs, and the files of names.
    pub fn assemble(&self) -> Result<(PathBuf, NameFiles), SiloError> {
        let root = self.mount_point;
        DetachedMount::bind(self.runtime)?.restrict(Restrictions::READ_ONLY_PROGRAMS)?.attach(root)?;
        let size = self.temporary_bytes.to_string();
        // wineserver keeps the memory that processes share in files of /run/user/1000 and maps it executable.
        let memory_files = Restrictions { read_only: false, no_exec: false, no_dev: true };
        DetachedMount::new("tmpfs", &[("mode", "0755"), ("size", &size), ("nr_inodes", "65536")])?
            .restrict(memory_files)?
            .attach(&root.join("run"))?;
        let user = root.join("run/user").join(PROGRAM_ID.to_string());
        std::fs::create_dir_all(&user).during("make", user.to_string_lossy())?;
        let owner = Some(self.ids.program());
        std::os::unix::fs::chown(&user, owner, owner).during("give away", user.to_string_lossy())?;
        set_mode(&user, 0o700)?;
        let temporary = root.join("run/tmp");
        std::fs::create_dir(&temporary).during("make", temporary.to_string_lossy())?;
        set_mode(&temporary, 0o1777)?;
        DetachedMount::bind(&temporary)?.restrict(memory_files)?.attach(&root.join("tmp"))?;
        let names = name_files(root)?;
        devices(&root.join("dev"))?;
        system(&root.join("sys"))?;
        let inside = |path: &str| root.join(&path[1..]);
        DetachedMount::bind(self.prefix)?.restrict(Restrictions::DATA)?.attach(&inside(PREFIX))?;
        // Programs must not be able to give themselves further drives.
        DetachedMount::bind(&self.prefix.join("dosdevices"))?
            .restrict(Restrictions::READ_ONLY_DATA)?
            .attach(&inside(PREFIX).join("dosdevices"))?;
        Ok((inside(DRIVE_C), names))
    }
}

/// Files of this process's over those of the runtime, which all silos share.
fn name_files(root: &Path) -> Result<NameFiles, SiloError> {
    let directory = root.join("run/names");
    std::fs::create_dir(&directory).during("make", directory.to_string_lossy())?;
    let file = |name: &str| {
        let (path, place) = (directory.join(name), root.join("etc").join(name));
        let file = File::create_new(&path).during("make", path.to_string_lossy())?;
        set_mode(&path, 0o644)?;
        DetachedMount::bind(&path)?.restrict(Restrictions::READ_ONLY_DATA)?.attach(&place)?;
        Ok(file)
    };
    let names = NameFiles { servers: file("resolv.conf")?, hosts: file("hosts")? };
    names.write("", LOOPBACK_HOSTS)?;
    Ok(names)
}

fn small_tmpfs(at: &Path) -> Result<(), SiloError> {
    DetachedMount::new("tmpfs", &[("mode", "0755"), ("size", "64k"), ("nr_inodes", "64")])?.attach(at)
}

/// Makes the file system that is mounted at `at` read-only.
fn seal(at: &Path) -> Result<(), SiloError> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let top = rustix::fs::open(at, flags, Mode::empty()).during("open", at.to_string_lossy())?;
    let bits = crate::linux::mount_attr::RDONLY
        | crate::linux::mount_attr::NOSUID
        | crate::linux::mount_attr::NODEV
        | crate::linux::mount_attr::NOEXEC;
    crate::linux::mount_setattr(std::os::fd::AsFd::as_fd(&top), bits, false, None)
        .during("make read-only", at.to_string_lossy())
}

fn devices(dev: &Path) -> Result<(), SiloError> {
    small_tmpfs(dev)?;
    for name in DEVICES {
        let node = dev.join(name);
        std::fs::File::create(&node).during("make", node.to_string_lossy())?;
        DetachedMount::bind(&Path::new("/dev").join(name))?
            .restrict(Restrictions { read_only: false, no_exec: true, no_dev: false })?
            .attach(&node)?;
    }
    std::fs::create_dir(dev.join("pts")).during("make", "/dev/pts")?;
    symlink("pts/ptmx", dev.join("ptmx")).during("link", "/dev/ptmx")?;
    seal(dev)
}

fn system(sys: &Path) -> Result<(), SiloError> {
    small_tmpfs(sys)?;
    for part in SYSTEM {
        let (from, to) = (Path::new("/sys").join(part), sys.join(part));
        std::fs::create_dir_all(&to).during("make", to.to_string_lossy())?;
        DetachedMount::bind(&from)?.restrict(Restrictions::READ_ONLY_DATA)?.attach(&to)?;
    }
    seal(sys)
}

/// A host directory for the silo: a view of it in which the files of its owner belong to the silo's programs,
/// so that what they write belongs to that owner on the host.
///
/// No link is followed on the way to it: programs can make links in directories that they share.
pub fn shared_directory(host: &Path, ids: IdRange, read_only: bool) -> Result<DetachedMount, SiloError> {
    use rustix::fs::{Mode, OFlags, ResolveFlags};
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let plain = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let directory = rustix::fs::openat2(rustix::fs::CWD, host, flags, Mode::empty(), plain)
        .during("open", host.to_string_lossy())?;
    let owner = rustix::fs::fstat(&directory).during("look at", host.to_string_lossy())?.st_uid;
    let map = OwnerMap::new(owner, ids.program())?;
    DetachedMount::bind_opened(directory.as_fd(), &host.to_string_lossy())?.map_owners(&map)?.restrict(if read_only {
        Restrictions::READ_ONLY_DATA
    } else {
        Restrictions::DATA
    })
}

fn set_mode(path: &Path, mode: u32) -> Result<(), SiloError> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .during("set the mode of", path.to_string_lossy())
}
