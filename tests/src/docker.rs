//! The stock `docker` command, pointed at a host's daemon.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::{Background, Host, Output, Terminal};

impl Host {
    /// The socket of the Docker Engine API.
    pub fn docker_socket(&self) -> PathBuf {
        self.run_directory().join("docker.sock")
    }

    /// A `docker` command for this host, with a configuration directory of its own.
    pub fn docker_command<I>(&self, words: I) -> Command
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let mut command = self.client_command("docker");
        command.args(words);
        command
    }

    /// A command that finds this host's daemon where clients of Docker look for it, with a configuration directory of its own.
    pub fn client_command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env("DOCKER_HOST", format!("unix://{}", self.docker_socket().display()))
            .env("DOCKER_CONFIG", self.directory().join("docker-config"))
            .env_remove("DOCKER_CONTEXT")
            .env_remove("DOCKER_API_VERSION");
        self.network().enter(&mut command);
        command
    }

    /// Runs a `docker` command without input to its end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn docker<I>(&self, words: I) -> Output
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        self.docker_background(words).finish()
    }

    /// As [`Host::start_container`], by the docker command, which has more flags.
    ///
    /// # Panics
    /// When it does not start.
    pub fn docker_start(&self, flags: &[&str], words: &[&str]) -> String {
        let volume = self.programs_volume();
        let line = ["run", "-d", "-v", &volume];
        self.docker(line.iter().chain(flags).chain(&["nanoserver"]).chain(words)).succeeded().text().to_owned()
    }

    /// Runs a `docker` command with this input to its end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn docker_fed<I>(&self, words: I, input: &[u8]) -> Output
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let mut running = self.docker_background(words);
        let mut stdin = running.take_stdin();
        std::thread::scope(|scope| {
            // Whoever does not read all its input is not at fault.
            scope.spawn(move || drop(std::io::Write::write_all(&mut stdin, input)));
            running.wait()
        })
    }

    /// Starts a `docker` command.
    pub fn docker_background<I>(&self, words: I) -> Background
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        Background::start(self.docker_command(words))
    }

    /// Starts a `docker` command on a terminal of this many rows and columns.
    pub fn docker_terminal<I>(&self, words: I, rows: u16, columns: u16) -> Terminal
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        Terminal::start(self.docker_command(words), rows, columns)
    }

    /// What a `docker` command prints, as JSON.
    ///
    /// # Panics
    /// When it fails or prints something else.
    pub fn docker_json<I>(&self, words: I) -> Value
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let output = self.docker(words).succeeded();
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
    }
}
