//! `image mount`, `image umount` and the process that serves a mounted image.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::Context;
use casement_image_view::mount::{InUse, serve_image, unmount_image};
use casement_image_view::source::is_path;
use casement_layers::Store;
use clap::Args;
use rustix::fs::{Mode, OFlags};
use serde::Serialize;

use super::{Outcome, failure, print_json};
use crate::arguments::Places;
use crate::failure::Failure;
use crate::parts;

/// What the server says when the image is there.
const READY: &str = "ready";
/// Longest message of a server that failed, in bytes.
const MAX_MESSAGE: u64 = 64 << 10;

/// Flags of `image mount`.
#[derive(Debug, Args)]
pub struct Mount {
    /// Image in the store
    #[arg(value_name = "IMAGE")]
    image: String,
    /// Directory on which volume C: of the image appears, read-only
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// A JSON document with image and directory
    #[arg(long)]
    json: bool,
}

/// The document of `--json`.
#[derive(Debug, Serialize)]
struct Mounted<'a> {
    image: &'a str,
    directory: &'a Path,
}

impl Mount {
    /// Starts the server and waits until the image is there.
    pub fn perform(self, places: &Places) -> Outcome {
        start(&self, places).map_err(Failure::from)?;
        match self.json {
            true => print_json(&Mounted { image: &self.image, directory: &self.directory }),
            false => Ok(ExitCode::SUCCESS),
        }
    }
}

fn start(mount: &Mount, places: &Places) -> anyhow::Result<()> {
    anyhow::ensure!(
        rustix::process::geteuid().is_root(),
        "only root can mount an image; `casement image extract` copies it"
    );
    anyhow::ensure!(
        !is_path(&mount.image),
        "{} is not in the store, whose unpacked layers are what is mounted: take it in first (`casement pull oci:DIR[:TAG] --name NAME`, `docker load`, `docker import`), or copy it with `casement image extract`",
        mount.image
    );
    let directory = &mount.directory;
    let directory = directory.canonicalize().with_context(|| format!("cannot find {}", directory.display()))?;
    let root = places.root.canonicalize().with_context(|| format!("cannot find {}", places.root.display()))?;
    let mut server = Command::new(parts::own_program()?)
        .arg("--root")
        .arg(&root)
        .args(["image", "serve", "--", &mount.image])
        .arg(&directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .current_dir("/")
        .spawn()
        .context("cannot start the server of the image")?;
    let mut said = String::new();
    if let Some(stdout) = server.stdout.take() {
        BufReader::new(stdout.take(MAX_MESSAGE)).read_line(&mut said)?;
    }
    if said.trim_end() == READY {
        return Ok(());
    }
    let mut message = String::new();
    if let Some(stderr) = server.stderr.take() {
        stderr.take(MAX_MESSAGE).read_to_string(&mut message)?;
    }
    server.wait()?;
    anyhow::bail!("{}", message.trim_end())
}

/// Flags of `image serve`, which `image mount` starts.
#[derive(Debug, Args)]
pub struct Serve {
    /// Image in the store
    image: String,
    /// Directory to mount it on
    directory: PathBuf,
}

impl Serve {
    /// Mounts the image, says so, and serves it until it is unmounted.
    pub fn perform(self, places: &Places) -> Outcome {
        // Of a session of its own: a terminal that goes away does not take the image with it.
        let _ = rustix::process::setsid();
        let store = Store::open(&places.root).map_err(|error| Failure::from(anyhow::Error::from(error)))?;
        serve_image(&store, &self.image, &self.directory, detach).map_err(failure)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Tells that the image is there, and lets go of whoever waited for that.
fn detach() {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{READY}").and_then(|()| stdout.flush());
    if let Ok(nowhere) = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) {
        let _ = rustix::stdio::dup2_stdout(&nowhere);
        let _ = rustix::stdio::dup2_stderr(&nowhere);
    }
}

/// Flags of `image umount`.
#[derive(Debug, Args)]
pub struct Umount {
    /// Directory on which an image was mounted
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Also while it is in use: it goes for good when nobody uses it any more
    #[arg(short = 'l', long)]
    lazy: bool,
}

impl Umount {
    /// Unmounts the image; its server ends by itself.
    pub fn perform(self) -> Outcome {
        let in_use = if self.lazy { InUse::Detached } else { InUse::Refused };
        unmount_image(&self.directory, in_use).map_err(failure)?;
        Ok(ExitCode::SUCCESS)
    }
}
