//! `docker login`, `push`, `pull` and `run` against Debian's docker-registry, with TLS and passwords, in the network of the test.

use std::path::Path;

use casement_layers::{Derived, ImageConfig, Store, oci};
use casement_tests::Host;
use casement_tests::registry::{Access, Registry, certificates};

/// An image with a file in `C:\app` on top of nanoserver, before the daemon starts.
pub fn add_application(host: &Host, name: &str, file: &str, content: &[u8]) {
    let store = Store::open(host.root()).expect("a store");
    let history = oci::History { created_by: Some("an application".to_owned()), ..oci::History::default() };
    let config = ImageConfig { cmd: vec!["cmd".to_owned()], ..ImageConfig::default() };
    let derived = Derived { config, history, name: name.to_owned() };
    let fill = |layer: &Path| {
        std::fs::create_dir_all(layer.join("Files/app"))?;
        std::fs::write(layer.join("Files/app").join(file), content)
    };
    store.derive("nanoserver:ltsc2022", derived, fill).expect("an image");
}

#[test]
fn an_image_goes_to_a_registry_with_tls_and_password_and_comes_back_and_runs() {
    let host = Host::without_daemon();
    let registry = Registry::start(&host, Access::Protected);
    let config = registry.trust(&host);
    let name = format!("{}/team/app:v1", registry.host());
    add_application(&host, &name, "hello.txt", b"from the registry");
    host.start_daemon_with(["--config".as_ref(), config.as_os_str()]);

    let refused = host.docker(["push", &name]);
    assert!(refused.stderr.contains("no basic auth credentials"), "{refused}");
    let wrong = host.docker(["login", "-u", "anna", "-p", "wrong", registry.host()]);
    assert!(wrong.stderr.contains("failed with status: 401 Unauthorized"), "{wrong}");
    let right = host.docker(["login", "-u", "anna", "-p", "secret", registry.host()]).succeeded();
    assert!(right.stdout.contains("Login Succeeded"), "{right}");

    let pushed = host.docker(["push", &name]).succeeded();
    let repository = format!("The push refers to repository [{}/team/app]", registry.host());
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

    let _ = host.docker(["logout", registry.host()]).succeeded();
    let _ = host.docker(["rmi", &name]).succeeded();
    let refused = host.docker(["pull", &name]);
    assert!(refused.stderr.contains("no basic auth credentials"), "{refused}");
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused() {
    let host = Host::without_daemon();
    let registry = Registry::start(&host, Access::Protected);
    // An authority, but another one.
    let trusted = host.directory().join("certs.d").join(registry.host());
    std::fs::create_dir_all(&trusted).expect("a directory");
    certificates(&trusted);
    let _ = std::fs::remove_file(trusted.join("server.crt"));
    let config = host.directory().join("config.toml");
    let certificates = host.directory().join("certs.d");
    std::fs::write(&config, format!("[registry]\ncertificates = '{}'\n", certificates.display())).expect("write");
    host.start_daemon_with(["--config".as_ref(), config.as_os_str()]);
    let refused = host.docker(["pull", &format!("{}/team/app:v1", registry.host())]);
    assert!(refused.stderr.contains("tls: failed to verify certificate"), "{refused}");
}

#[test]
fn what_a_registry_does_not_have_is_told_in_dockers_words() {
    let host = Host::start();
    let registry = Registry::start(&host, Access::Open);
    let name = format!("{}/no/such:v1", registry.host());
    let text = host.docker(["pull", &name]);
    let expected = format!("manifest for {name} not found: manifest unknown: manifest unknown");
    assert!(text.stderr.contains(&expected), "{text}");
    let ran = host.docker(["run", "--rm", &name]);
    assert_eq!(ran.code(), 125, "{ran}");
    let _ = host.docker(["tag", "nanoserver:ltsc2022", &format!("{}/nano:1", registry.host())]).succeeded();
    let _ = host.casement(["push", &format!("{}/nano:1", registry.host())]).succeeded();
    let pulled = host.casement(["pull", &format!("{}/nano:1", registry.host())]).succeeded();
    assert!(pulled.stdout.contains("Status: Image is up to date for"), "{pulled}");
    // The document says what it is to those who only ask.
    let missing = host.docker(["push", &format!("{}/nano:2", registry.host())]);
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
