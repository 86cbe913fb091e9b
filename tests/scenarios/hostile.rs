//! Names, ids and references that are meant to do harm are refused.

use casement_tests::Host;

fn hostile() -> Vec<String> {
    let long = "a".repeat(10_000);
    ["..", ".", "../../etc", "a/../b", "/", "a/b", r"a\b", "-x", "a b", "a\nb", "\u{1b}[2J", "ü", ""]
        .iter()
        .map(ToString::to_string)
        .chain([long])
        .collect()
}

#[test]
fn hostile_names_are_refused() {
    let host = Host::start();
    for name in hostile() {
        let output = host.casement(["run", "--rm", &format!("--name={name}"), "nanoserver", "cmd", "/c", "exit 0"]);
        assert_eq!(output.code(), 125, "{name:?}");
    }
    assert_eq!(host.casement(["ps", "-a", "-q"]).succeeded().stdout, "");
}

#[test]
fn hostile_container_references_find_nothing() {
    let host = Host::start();
    let id = host.start_container(&[], &["cmd", "/c", "exit 0"]);
    for name in hostile() {
        for verb in ["inspect", "logs", "wait", "start", "stop", "kill", "rm"] {
            let output = host.casement([verb, "--", &name]);
            assert_ne!(output.code(), 0, "{verb} {name:?}");
        }
    }
    assert_eq!(host.wait(&id), 0);
    let _ = host.inspect(&id);
}

#[test]
fn hostile_image_names_are_refused() {
    let host = Host::start();
    for name in hostile() {
        let output = host.casement(["run", "--rm", "--", &name, "cmd", "/c", "exit 0"]);
        assert_eq!(output.code(), 125, "{name:?}");
    }
    assert_eq!(host.casement(["ps", "-a", "-q"]).succeeded().stdout, "");
}

#[test]
fn hostile_host_names_are_refused() {
    let host = Host::start();
    for name in hostile().into_iter().filter(|name| !name.is_empty()) {
        let output = host.casement(["run", "--rm", &format!("--hostname={name}"), "nanoserver", "cmd", "/c", "exit 0"]);
        assert_eq!(output.code(), 125, "{name:?}");
    }
}
