//! Debian's docker-registry, in the network of a host.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::{Host, deadline, process, unix_images};

/// Whom a registry serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone, without TLS.
    Open,
    /// The account `anna`/`secret`, with a certificate of [`Registry::authority`].
    Protected,
}

/// A registry that ends with this value: make it after its [`Host`].
#[derive(Debug)]
pub struct Registry {
    child: Child,
    host: String,
    directory: PathBuf,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Registry {
    /// Starts one on a free port of `host`'s loopback interface.
    ///
    /// # Panics
    /// When the package docker-registry is missing, or `host` has one of this kind already.
    pub fn start(host: &Host, access: Access) -> Self {
        let directory = host.new_directory(if access == Access::Protected { "protected" } else { "open" });
        let address =
            host.network().within(|| TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr())).expect("a port");
        let place = directory.display();
        let mut config = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: {place}/data}}\n  delete: {{enabled: true}}\nvalidation: {{manifests: {{urls: {{allow: [\"^https://\"]}}}}}}\nhttp:\n  addr: {address}\n"
        );
        if access == Access::Protected {
            certificates(&directory);
            let passwords = run(Command::new("htpasswd").args(["-Bbn", "anna", "secret"]));
            fs::write(directory.join("passwords"), passwords).expect("write");
            config += &format!(
                "  tls: {{certificate: {place}/server.crt, key: {place}/server.key}}\nauth:\n  htpasswd: {{realm: test, path: {place}/passwords}}\n"
            );
        }
        fs::write(directory.join("config.yml"), config).expect("write");
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(directory.join("config.yml")).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped());
        process::dies_with_its_parent(host.network().enter(&mut command));
        let mut child = command.spawn().expect("start docker-registry (scripts/install-packages --tests)");
        let log = child.stderr.take().expect("a log");
        std::thread::spawn(move || BufReader::new(log).lines().for_each(drop));
        deadline::until("the registry answers", || host.network().within(|| TcpStream::connect(address).is_ok()));
        Self { child, host: address.to_string(), directory }
    }

    /// Its `address:port`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The certificate of the authority that its own is from.
    pub fn authority(&self) -> PathBuf {
        self.directory.join("ca.crt")
    }

    /// Writes a configuration with which the daemon of `host` trusts that authority, and returns its path.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn trust(&self, host: &Host) -> PathBuf {
        let certificates = host.directory().join("certs.d");
        let trusted = certificates.join(&self.host);
        fs::create_dir_all(&trusted).expect("a directory");
        fs::copy(self.authority(), trusted.join("ca.crt")).expect("copy");
        let config = host.directory().join("config.toml");
        fs::write(&config, format!("[registry]\ncertificates = '{}'\n", certificates.display())).expect("write");
        config
    }
}

impl Host {
    /// As [`Host::with_unix_images`], with a registry that stands in for Docker's own and has these images too.
    ///
    /// # Panics
    /// As [`Host::start`] and [`Registry::start`].
    pub fn with_registry_of_unix_images() -> (Self, Registry) {
        let host = Self::without_daemon();
        unix_images::add(&host.root());
        let registry = Registry::start(&host, Access::Open);
        let config = host.directory().join("config.toml");
        fs::write(&config, format!("[registry]\nmirrors = ['http://{}']\n", registry.host)).expect("write");
        host.start_daemon_with(["--config".as_ref(), config.as_os_str()]);
        for name in unix_images::names() {
            let path = if name.contains('/') { name.to_owned() } else { format!("library/{name}") };
            let there = format!("{}/{path}", registry.host);
            let _ = host.docker(["tag", name, &there]).succeeded();
            let _ = host.docker(["push", "--quiet", &there]).succeeded();
            let _ = host.docker(["rmi", &there]).succeeded();
        }
        (host, registry)
    }
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("start");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Makes a certificate for 127.0.0.1 and the authority that it comes from: `ca.crt`, `server.crt`, `server.key`.
///
/// # Panics
/// When openssl is missing.
pub fn certificates(directory: &Path) {
    let openssl = |words: &[&str]| run(Command::new("openssl").current_dir(directory).args(words));
    let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    let authority = ["-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt"];
    openssl(&[&new[..], &authority].concat());
    let server =
        ["-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"];
    let signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-keyout", "server.key", "-out", "server.crt"];
    openssl(&[&new[..], &server, &signed].concat());
}
