//! The process that serves a volume is killed before each change that it makes on disk, in the middle of each kind of change. The next
//! one finds what was there before or what is there after, and nothing in the work directory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use casement_tests::deadline;
use casement_tests::tracer::{Traced, Tracer};
use casement_wcifs::{Durability, MountPlan};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::mount::{UnmountFlags, unmount};

/// Tells a process of this test program to serve the volume in that directory.
const SERVE: &str = "CASEMENT_TEST_SERVE";
/// Calls that change a disk.
const CHANGES: [libc::c_long; 16] = [
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_fsetxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fremovexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_utimensat,
    libc::SYS_ftruncate,
    libc::SYS_copy_file_range,
];
/// Calls after which the search ends in any case.
const MOST_CALLS: usize = 100;

/// Not a test: what the other process runs.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn serve() {
    let directory = PathBuf::from(std::env::var_os(SERVE).expect("a directory"));
    let plan = MountPlan {
        layers: vec![directory.join("layer")],
        scratch: directory.join("upper"),
        work: directory.join("work"),
        owner: 0,
        durability: Durability::Discarded,
        for_host: false,
        passthrough: true,
        epochs: true,
    };
    plan.mount(&directory.join("c")).unwrap().serve().unwrap();
}

/// A volume, served by a process of its own.
struct Volume {
    directory: tempfile::TempDir,
    server: Option<Child>,
}

impl Volume {
    /// Over one layer with a directory and a file.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["upper", "work", "c", "layer/dir/inner"] {
            fs::create_dir_all(directory.path().join(name)).unwrap();
        }
        for (name, text) in [("low", "low"), ("dir/a", "a"), ("dir/inner/b", "b")] {
            fs::write(directory.path().join("layer").join(name), text).unwrap();
        }
        let mut volume = Self { directory, server: None };
        volume.start();
        volume
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("c")
    }

    fn start(&mut self) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "volume::serve"]).env(SERVE, self.directory.path());
        self.server = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        deadline::until("the volume is mounted", || {
            self.root().join("low").exists() || self.root().join("dir").exists()
        });
    }

    fn pid(&self) -> u32 {
        self.server.as_ref().expect("it is served").id()
    }

    fn end(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = unmount(self.root(), UnmountFlags::DETACH);
            server.wait().unwrap();
        }
    }

    /// What is on it: names without case, files with their mode and content.
    fn picture(&self) -> Picture {
        let mut picture = Picture::new();
        let root = self.root();
        let mut ahead = vec![root.clone()];
        while let Some(directory) = ahead.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let about = fs::symlink_metadata(&path).unwrap();
                let shown = match about.is_dir() {
                    true => "directory".to_owned(),
                    false => format!("{:o} {}", about.permissions().mode(), fs::read_to_string(&path).unwrap()),
                };
                picture.insert(path.strip_prefix(&root).unwrap().display().to_string().to_uppercase(), shown);
                if about.is_dir() {
                    ahead.push(path);
                }
            }
        }
        picture
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        self.end();
    }
}

type Picture = BTreeMap<String, String>;
type Step = fn(&Path) -> io::Result<()>;

/// A change, in a volume that was prepared for it.
struct Case {
    name: &'static str,
    prepare: Step,
    change: Step,
    /// What may be there besides what is there after, as an empty directory.
    left: Option<&'static str>,
}

const CASES: [Case; 12] = [
    Case {
        name: "a file goes over one in another spelling",
        prepare: |c| fs::write(c.join("UP"), "old").and_then(|()| fs::write(c.join("new"), "new")),
        change: |c| fs::rename(c.join("new"), c.join("up")),
        left: None,
    },
    Case {
        name: "a file of a layer goes over another",
        prepare: |_| Ok(()),
        change: |c| fs::rename(c.join("low"), c.join("dir/A")),
        left: None,
    },
    Case {
        name: "a directory of a layer is renamed",
        prepare: |c| fs::write(c.join("dir/inner/new"), "new"),
        change: |c| fs::rename(c.join("dir"), c.join("moved")),
        left: None,
    },
    Case {
        name: "a directory of a layer goes over an empty one in another spelling",
        prepare: |c| fs::create_dir(c.join("EMPTY")),
        change: |c| fs::rename(c.join("dir"), c.join("empty")),
        left: Some("DIR"),
    },
    Case {
        name: "a directory goes where one of a layer was",
        prepare: |c| fs::remove_dir_all(c.join("dir")).and_then(|()| fs::create_dir_all(c.join("new/deep"))),
        change: |c| fs::rename(c.join("new"), c.join("Dir")),
        left: None,
    },
    Case {
        name: "a file of a layer is removed",
        prepare: |c| fs::write(c.join("low"), "changed"),
        change: |c| fs::remove_file(c.join("LOW")),
        left: None,
    },
    Case {
        name: "a directory of a layer is removed",
        prepare: |c| {
            fs::remove_file(c.join("dir/inner/b"))?;
            fs::remove_dir(c.join("dir/inner"))?;
            fs::remove_file(c.join("dir/a"))
        },
        change: |c| fs::remove_dir(c.join("DIR")),
        left: None,
    },
    Case {
        name: "a file is made where one was removed, in another spelling",
        prepare: |c| fs::remove_file(c.join("low")),
        change: |c| File::create_new(c.join("Low")).map(drop),
        left: None,
    },
    Case {
        name: "a directory is made where one was removed",
        prepare: |c| fs::remove_dir_all(c.join("dir")),
        change: |c| fs::create_dir(c.join("dir")),
        left: None,
    },
    Case {
        name: "a directory of a layer and a file change places",
        prepare: |_| Ok(()),
        change: |c| Ok(renameat_with(CWD, c.join("dir"), CWD, c.join("low"), RenameFlags::EXCHANGE)?),
        left: None,
    },
    Case {
        name: "a file of a layer gets a second name",
        prepare: |_| Ok(()),
        change: |c| fs::hard_link(c.join("dir/inner/b"), c.join("dir/second")),
        left: None,
    },
    Case {
        name: "a file of a layer gets another mode",
        prepare: |_| Ok(()),
        change: |c| fs::set_permissions(c.join("dir/inner/b"), fs::Permissions::from_mode(0o400)),
        left: None,
    },
];

#[test]
fn a_change_is_whole_or_never_happened_wherever_the_volume_dies() {
    casement_silo::mount::enter_private_namespace().expect("this test needs root");
    for case in &CASES {
        let whole = Volume::new();
        (case.prepare)(&whole.root()).unwrap();
        let before = whole.picture();
        (case.change)(&whole.root()).unwrap();
        let after = whole.picture();
        assert_ne!(before, after, "{}", case.name);
        let with_left = case.left.map(|name| {
            let mut picture = after.clone();
            picture.insert(name.to_owned(), "directory".to_owned());
            picture
        });
        let killed = (1..MOST_CALLS)
            .take_while(|at| {
                let mut volume = Volume::new();
                (case.prepare)(&volume.root()).unwrap();
                let tracer = Tracer::kill_at(volume.pid(), &CHANGES, *at);
                let changed = (case.change)(&volume.root());
                if tracer.end() == Traced::Alive {
                    changed.unwrap();
                    return false;
                }
                volume.end();
                volume.start();
                let now = volume.picture();
                let allowed = now == before || now == after || Some(&now) == with_left.as_ref();
                assert!(
                    allowed,
                    "{}, killed at call {at}: {now:#?}\nbefore: {before:#?}\nafter: {after:#?}",
                    case.name
                );
                assert_eq!(fs::read_dir(volume.directory.path().join("work")).unwrap().count(), 0, "{}", case.name);
                true
            })
            .count();
        assert!((1..MOST_CALLS - 1).contains(&killed), "{}: {killed} calls", case.name);
        eprintln!("{}: {killed} calls", case.name);
    }
}
