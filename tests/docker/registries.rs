//! `docker login`, `push`, `pull` and `run` against Debian's docker-registry, with TLS and passwords, in the network of the test.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use casement_layers::{Derived, ImageConfig, Store, oci};
use casement_tests::{Host, deadline};

/// A registry that ends with this value.
struct Registry {
    child: Child,
    host: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("start");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// A certificate for 127.0.0.1 and the authority that it comes from: `ca.crt`, `server.crt`, `server.key`.
fn certificates(directory: &Path) {
    let openssl = |words: &[&str]| run(Command::new("openssl").current_dir(directory).args(words));
    let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    let authority = ["-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt"];
    openssl(&[&new[..], &authority].concat());
    let server =
        ["-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"];
    let signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-keyout", "server.key", "-out", "server.crt"];
    openssl(&[&new[..], &server, &signed].concat());
}

impl Registry {
    /// Starts one in the network of `host`; with TLS and the account `anna`/`secret` if `protected`.
    fn start(host: &Host, protected: bool) -> Self {
        let directory = host.new_directory(if protected { "protected" } else { "open" });
        let address =
            host.network().within(|| TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr())).expect("a port");
        let place = directory.display();
        let mut config = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: {place}/data}}\n  delete: {{enabled: true}}\nhttp:\n  addr: {address}\n"
        );
        if protected {
            certificates(&directory);
            let passwords = run(Command::new("htpasswd").args(["-Bbn", "anna", "secret"]));
            std::fs::write(directory.join("passwords"), passwords).expect("write");
            config += &format!(
                "  tls: {{certificate: {place}/server.crt, key: {place}/server.key}}\nauth:\n  htpasswd: {{realm: test, path: {place}/passwords}}\n"
            );
        }
        std::fs::write(directory.join("config.yml"), config).expect("write");
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(directory.join("config.yml")).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped());
        casement_tests::process::dies_with_its_parent(host.network().enter(&mut command));
        let mut child = command.spawn().expect("start docker-registry (scripts/install-packages --tests)");
        let log = child.stderr.take().expect("a log");
        std::thread::spawn(move || BufReader::new(log).lines().for_each(drop));
        deadline::until("the registry answers", || host.network().within(|| TcpStream::connect(address).is_ok()));
        Self { child, host: address.to_string() }
    }

    fn directory(host: &Host, name: &str) -> PathBuf {
        host.directory().join("files").join(name)
    }
}

/// An image with a file of its own on top of nanoserver, before the daemon starts.
fn add_application(host: &Host, name: &str) {
    let store = Store::open(host.root()).expect("a store");
    let history = oci::History { created_by: Some("an application".to_owned()), ..oci::History::default() };
    let config = ImageConfig { cmd: vec!["cmd".to_owned()], ..ImageConfig::default() };
    let derived = Derived { config, history, name: name.to_owned() };
    let fill = |layer: &Path| {
        std::fs::create_dir_all(layer.join("Files/app"))?;
        std::fs::write(layer.join("Files/app/hello.txt"), "from the registry")
    };
    store.derive("nanoserver:ltsc2022", derived, fill).expect("an image");
}

#[test]
fn an_image_goes_to_a_registry_with_tls_and_password_and_comes_back_and_runs() {
    let host = Host::without_daemon();
    let registry = Registry::start(&host, true);
    let trusted = host.directory().join("certs.d").join(&registry.host);
    std::fs::create_dir_all(&trusted).expect("a directory");
    std::fs::copy(Registry::directory(&host, "protected").join("ca.crt"), trusted.join("ca.crt")).expect("copy");
    let config = host.directory().join("config.toml");
    let certificates = host.directory().join("certs.d");
    std::fs::write(&config, format!("[registry]\ncertificates = '{}'\n", certificates.display())).expect("write");
    let name = format!("{}/team/app:v1", registry.host);
    add_application(&host, &name);
    host.start_daemon_with(["--config".as_ref(), config.as_os_str()]);

    let refused = host.docker(["push", &name]);
    assert!(refused.stderr.contains("no basic auth credentials"), "{refused}");
    let wrong = host.docker(["login", "-u", "anna", "-p", "wrong", &registry.host]);
    assert!(wrong.stderr.contains("failed with status: 401 Unauthorized"), "{wrong}");
    let right = host.docker(["login", "-u", "anna", "-p", "secret", &registry.host]).succeeded();
    assert!(right.stdout.contains("Login Succeeded"), "{right}");

    let pushed = host.docker(["push", &name]).succeeded();
    let repository = format!("The push refers to repository [{}/team/app]", registry.host);
    assert!(pushed.stdout.contains(&repository) && pushed.stdout.contains("v1: digest: sha256:"), "{pushed}");
    let again = host.docker(["push", &name]).succeeded();
    assert!(again.stdout.contains("Layer already exists"), "{again}");

    let digests = host.docker_json(["image", "inspect", "--format", "{{json .RepoDigests}}", &name]);
    let _ = host.docker(["rmi", &name]).succeeded();
    let pulled = host.docker(["pull", &name]).succeeded();
    for text in ["v1: Pulling from team/app", "Pull complete", "Already exists", "Digest: sha256:"] {
        assert!(pulled.stdout.contains(text), "{text}: {pulled}");
    }
    assert!(pulled.stdout.contains(&format!("Status: Downloaded newer image for {name}")), "{pulled}");
    assert_eq!(host.docker_json(["image", "inspect", "--format", "{{json .RepoDigests}}", &name]), digests);

    // `docker run` pulls by itself what is missing.
    let _ = host.docker(["rmi", &name]).succeeded();
    let ran = host.docker(["run", "--rm", &name, "cmd", "/c", r"type C:\app\hello.txt"]).succeeded();
    assert!(ran.stdout.contains("from the registry"), "{ran}");
    assert!(ran.stderr.contains("Unable to find image"), "{ran}");

    let _ = host.docker(["logout", &registry.host]).succeeded();
    let _ = host.docker(["rmi", &name]).succeeded();
    let refused = host.docker(["pull", &name]);
    assert!(refused.stderr.contains("no basic auth credentials"), "{refused}");
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused() {
    let host = Host::without_daemon();
    let registry = Registry::start(&host, true);
    // An authority, but another one.
    let trusted = host.directory().join("certs.d").join(&registry.host);
    std::fs::create_dir_all(&trusted).expect("a directory");
    certificates(&trusted);
    let _ = std::fs::remove_file(trusted.join("server.crt"));
    let config = host.directory().join("config.toml");
    let certificates = host.directory().join("certs.d");
    std::fs::write(&config, format!("[registry]\ncertificates = '{}'\n", certificates.display())).expect("write");
    host.start_daemon_with(["--config".as_ref(), config.as_os_str()]);
    let refused = host.docker(["pull", &format!("{}/team/app:v1", registry.host)]);
    assert!(refused.stderr.contains("tls: failed to verify certificate"), "{refused}");
}

#[test]
fn what_a_registry_does_not_have_is_told_in_dockers_words() {
    let host = Host::start();
    let registry = Registry::start(&host, false);
    let name = format!("{}/no/such:v1", registry.host);
    let text = host.docker(["pull", &name]);
    let expected = format!("manifest for {name} not found: manifest unknown: manifest unknown");
    assert!(text.stderr.contains(&expected), "{text}");
    let ran = host.docker(["run", "--rm", &name]);
    assert_eq!(ran.code(), 125, "{ran}");
    let _ = host.docker(["tag", "nanoserver:ltsc2022", &format!("{}/nano:1", registry.host)]).succeeded();
    let _ = host.casement(["push", &format!("{}/nano:1", registry.host)]).succeeded();
    let pulled = host.casement(["pull", &format!("{}/nano:1", registry.host)]).succeeded();
    assert!(pulled.stdout.contains("Status: Image is up to date for"), "{pulled}");
    // The document says what it is to those who only ask.
    let missing = host.docker(["push", &format!("{}/nano:2", registry.host)]);
    assert!(missing.stderr.contains("tag does not exist"), "{missing}");
}

#[test]
fn images_beyond_the_table_of_windows_do_not_start_with_strict() {
    let host = Host::without_daemon();
    host.start_daemon_with(["--base-policy", "strict", "--host-build", "20348"]);
    let _ = host.docker(["run", "--rm", "nanoserver:ltsc2022", "cmd", "/c", "ver"]).succeeded();
    let refused = host.docker(["run", "--rm", "nanoserver:1809", "cmd", "/c", "ver"]);
    let text = "The container operating system does not match the host operating system.";
    assert!(refused.stderr.contains("hcs::CreateComputeSystem") && refused.stderr.contains(text), "{refused}");
    assert!(refused.stderr.contains("0xc0370101"), "{refused}");
    assert_eq!(refused.code(), 125, "{refused}");
}
