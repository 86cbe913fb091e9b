//! A host: a root, a run directory and a daemon of its own.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tempfile::TempDir;

use crate::{Background, Network, Output, Terminal, deadline, leftovers, places, process, unix_images};

/// Where [`Host::programs_volume`] shows the test programs.
pub const PROGRAMS: &str = r"C:\t";
/// How much of the daemon's log a failed test prints, in bytes.
const LOG_TAIL: usize = 16 << 10;

/// A host with a daemon and a network of its own, in which its commands run too. When it is dropped, its containers, its daemon and its directory are removed, and a test that had
/// succeeded fails if anything was left behind. The same is removed when the test's process is killed.
#[derive(Debug)]
pub struct Host {
    directory: TempDir,
    network: Network,
    daemon: Mutex<Option<Child>>,
    guardian: Option<Child>,
}

impl Host {
    /// Starts a daemon on a root that holds the runtime and the base images of the prepared root.
    ///
    /// To be called from the thread of the test: the daemon is killed when the thread that started it ends.
    ///
    /// # Panics
    /// When this is not root, when something is not prepared, or when the daemon does not start.
    pub fn start() -> Self {
        let host = Self::without_daemon();
        host.start_daemon();
        host
    }

    /// As [`Host::start`], doing without these features of the kernel: names of lines of `casement doctor`, with commas.
    ///
    /// # Panics
    /// As [`Host::start`].
    pub fn start_doing_without(features: &str) -> Self {
        let host = Self::without_daemon();
        host.launch_daemon(std::iter::empty::<&OsStr>(), &[("CASEMENT_WITHOUT", features)]);
        host
    }

    /// A host whose daemon is started later, by [`Host::start_daemon`].
    ///
    /// # Panics
    /// When this is not root, or when something is not prepared.
    pub fn without_daemon() -> Self {
        let host = Self::bare();
        places::furnish(&host.root()).unwrap_or_else(|error| panic!("link the prepared root: {error}"));
        host
    }

    /// As [`Host::start`], with the images of [`unix_images`] besides.
    ///
    /// # Panics
    /// As [`Host::start`].
    pub fn with_unix_images() -> Self {
        let host = Self::without_daemon();
        unix_images::add(&host.root());
        host.start_daemon();
        host
    }

    /// A host without daemon, runtime and images.
    ///
    /// # Panics
    /// When this is not root.
    pub fn bare() -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "this test needs root: it runs the real daemon and real containers"
        );
        let directory =
            tempfile::Builder::new().prefix("h").tempdir_in(places::hosts()).expect("a directory for a host");
        // Containers' accounts go through it.
        fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("chmod");
        let mut sweep = Command::new(places::source("sweep"));
        sweep.arg(directory.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let guardian = process::in_own_session(&mut sweep).spawn().expect("start tests/sweep");
        fs::create_dir(directory.path().join("files")).expect("a directory for files");
        Self { directory, network: Network::new(), daemon: Mutex::new(None), guardian: Some(guardian) }
    }

    /// The host's directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The network of the daemon.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The directory of the daemon's state.
    pub fn root(&self) -> PathBuf {
        self.directory().join("root")
    }

    /// The directory of the daemon's socket.
    pub fn run_directory(&self) -> PathBuf {
        self.directory().join("run")
    }

    /// A new empty directory on the host, for `-v`; anyone may write to it.
    ///
    /// # Panics
    /// When it exists already.
    pub fn new_directory(&self, name: &str) -> PathBuf {
        let path = self.directory().join("files").join(name);
        fs::create_dir(&path).unwrap_or_else(|error| panic!("create {}: {error}", path.display()));
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("chmod");
        path
    }

    /// The value of a `-v` flag that shows the test programs, read-only, in [`PROGRAMS`].
    pub fn programs_volume(&self) -> String {
        format!("{}:{PROGRAMS}:ro", places::test_programs().canonicalize().expect("a directory that exists").display())
    }

    /// The daemon's log so far.
    pub fn daemon_log(&self) -> String {
        let bytes = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn log_file(&self) -> PathBuf {
        self.directory().join("daemon.log")
    }

    /// Starts the daemon and waits until it answers.
    ///
    /// # Panics
    /// When it ends, or when one runs already.
    pub fn start_daemon(&self) {
        self.start_daemon_with(std::iter::empty::<&OsStr>());
    }

    /// As [`Host::start_daemon`], with flags of `casement daemon`.
    ///
    /// # Panics
    /// As [`Host::start_daemon`].
    pub fn start_daemon_with<I>(&self, flags: I)
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        self.launch_daemon(flags, &[]);
    }

    fn launch_daemon<I>(&self, flags: I, environment: &[(&str, &str)])
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let log = File::options().create(true).append(true).open(self.log_file()).expect("a log file");
        let mut command = Command::new(places::casement());
        command.arg("--root").arg(self.root()).arg("--run").arg(self.run_directory()).arg("daemon").args(flags);
        command.envs(environment.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        process::dies_with_its_parent(self.network.enter(&mut command));
        let mut slot = self.daemon.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(slot.is_none(), "a daemon runs already");
        let daemon = slot.insert(command.spawn().expect("start the daemon"));
        deadline::until("the daemon answers", || {
            if let Some(status) = daemon.try_wait().expect("wait") {
                panic!("the daemon ended ({status}):\n{}", self.daemon_log());
            }
            UnixStream::connect(self.docker_socket()).is_ok()
        });
    }

    /// The process id of the daemon.
    ///
    /// # Panics
    /// When none runs.
    pub fn daemon_pid(&self) -> u32 {
        self.daemon.lock().unwrap_or_else(PoisonError::into_inner).as_ref().expect("a daemon runs").id()
    }

    /// Kills the daemon with SIGKILL and waits until it is gone. May be called from any thread.
    ///
    /// # Panics
    /// When none runs.
    pub fn kill_daemon(&self) {
        let mut daemon = self.daemon.lock().unwrap_or_else(PoisonError::into_inner).take().expect("a daemon runs");
        daemon.kill().expect("kill the daemon");
        daemon.wait().expect("wait for the daemon");
    }

    /// A `casement` command for this host.
    pub fn command<I>(&self, words: I) -> Command
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let mut command = Command::new(places::casement());
        command.env("CASEMENT_ROOT", self.root()).env("CASEMENT_RUN", self.run_directory()).args(words);
        self.network.enter(&mut command);
        command
    }

    /// Runs a `casement` command without input to its end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn casement<I>(&self, words: I) -> Output
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        self.background(words).finish()
    }

    /// Runs a `casement` command with this input to its end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn casement_fed<I>(&self, words: I, input: &[u8]) -> Output
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let mut running = self.background(words);
        let mut stdin = running.take_stdin();
        std::thread::scope(|scope| {
            // Whoever does not read all its input is not at fault.
            scope.spawn(move || drop(std::io::Write::write_all(&mut stdin, input)));
            running.wait()
        })
    }

    /// Starts a `casement` command.
    pub fn background<I>(&self, words: I) -> Background
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        Background::start(self.command(words))
    }

    /// Starts a `casement` command on a terminal of this many rows and columns.
    pub fn terminal<I>(&self, words: I, rows: u16, columns: u16) -> Terminal
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        Terminal::start(self.command(words), rows, columns)
    }

    /// Runs a test program, such as `["args.exe", "a"]`, in a nanoserver container that is removed afterwards.
    pub fn run_program(&self, words: &[&str]) -> Output {
        self.run_program_with(&[], words)
    }

    /// As [`Host::run_program`], with further flags of `run`.
    pub fn run_program_with(&self, flags: &[&str], words: &[&str]) -> Output {
        self.casement(self.program_line(flags, words))
    }

    /// The words of `casement run --rm FLAGS… nanoserver C:\t\PROGRAM ARGUMENTS…`.
    pub fn program_line(&self, flags: &[&str], words: &[&str]) -> Vec<String> {
        let (program, arguments) = words.split_first().expect("a program");
        let volume = self.programs_volume();
        let mut line: Vec<String> = ["run", "--rm", "-v", &volume].map(str::to_owned).to_vec();
        line.extend(flags.iter().map(ToString::to_string));
        line.extend(["nanoserver".to_owned(), format!(r"{PROGRAMS}\{program}")]);
        line.extend(arguments.iter().map(ToString::to_string));
        line
    }

    /// Starts a container in the background, with the test programs in [`PROGRAMS`], and returns its id.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_container(&self, flags: &[&str], words: &[&str]) -> String {
        let volume = self.programs_volume();
        let line = ["run", "-d", "-v", &volume]
            .into_iter()
            .chain(flags.iter().copied())
            .chain(["nanoserver"])
            .chain(words.iter().copied());
        self.casement(line).succeeded().text().to_owned()
    }

    /// What `inspect` says of one container.
    ///
    /// # Panics
    /// When it does not exist.
    pub fn inspect(&self, container: &str) -> Value {
        let output = self.casement(["inspect", container]).succeeded();
        let value: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
        value.get(0).cloned().unwrap_or(value)
    }

    /// Waits until a container has ended and returns its exit code as `wait` prints it.
    ///
    /// # Panics
    /// When it does not exist, or does not end.
    pub fn wait(&self, container: &str) -> u32 {
        let output = self.casement(["wait", container]).succeeded();
        output.text().parse().unwrap_or_else(|error| panic!("{error}: {output}"))
    }

    /// The directory of a container's compute system.
    pub fn container_directory(&self, id: &str) -> PathBuf {
        self.root().join("containers").join(id)
    }

    /// The silo hosts of this host that run, by container id, with their process ids.
    pub fn silo_hosts(&self) -> BTreeMap<String, u32> {
        let directory = format!("{}/", self.root().join("containers").display());
        let with_id = |(pid, line): (i32, String)| {
            let id = line.split_once(&directory)?.1.split([' ', '/']).next()?.to_owned();
            line.contains("silo-host").then_some((id, u32::try_from(pid).ok()?))
        };
        process::mentioning(&directory).into_iter().filter_map(with_id).collect()
    }

    /// The loop devices that this host's containers use.
    pub fn loop_devices(&self) -> Vec<String> {
        leftovers::loop_devices(&self.directory().to_string_lossy())
    }

    /// What of this host's containers is still there: files, processes, mounts and control groups, one a line. For tests that
    /// have removed every container; a [`Host`] that is dropped looks by itself.
    pub fn leftovers(&self) -> Vec<String> {
        let ports = || self.network.switch_ports().into_iter().map(|port| format!("switch port {port}")).collect();
        leftovers::of(self.directory(), &self.daemon_log(), ports)
    }

    /// Removes every container; then nothing of them may be there.
    fn tear_down(&self) -> Vec<String> {
        if self.daemon.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            // Whatever runs belongs to a test that wanted it so.
            return Vec::new();
        }
        let mut failures = Vec::new();
        let listed = self.casement(["ps", "-a", "-q", "--no-trunc"]);
        let containers: Vec<&str> = listed.stdout.split_whitespace().collect();
        if !listed.status.success() {
            failures.push(listed.to_string());
        } else if !containers.is_empty() {
            let removed = self.casement(["rm", "-f"].into_iter().chain(containers));
            if !removed.status.success() {
                failures.push(removed.to_string());
            }
        }
        self.kill_daemon();
        failures.extend(self.leftovers());
        failures
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let panicking = std::thread::panicking();
        let failures = if panicking {
            let log = self.daemon_log();
            let start = log.char_indices().map(|(at, _)| at).find(|at| log.len() - at <= LOG_TAIL).unwrap_or(0);
            eprintln!("--- the daemon's log\n{}---", &log[start..]);
            Vec::new()
        } else {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.tear_down()))
                .unwrap_or_else(|_| vec!["the host could not be taken down in order".to_owned()])
        };
        if let Some(mut daemon) = self.daemon.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // The guardian kills what does not go.
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        if let Some(mut guardian) = self.guardian.take() {
            drop(guardian.stdin.take());
            let _ = guardian.wait();
        }
        assert!(
            failures.is_empty(),
            "left behind:\n{}\n--- the daemon's log\n{}",
            failures.join("\n"),
            self.daemon_log()
        );
    }
}
