//! `--log-driver` and `--log-opt`: rotation, attributes, no log at all, and what is refused.

use casement_tests::{Host, Output, deadline};

use crate::holding::Holding;

/// Prints 400 lines of some length.
const LINES: &str = "for /L %i in (1,1,400) do @echo line %i ................................................";

#[test]
fn a_follower_sees_every_line_once_across_rotations() {
    let host = Host::start();
    let gate = host.new_directory("gate");
    let volume = format!(r"{}:C:\gate", gate.display());
    let script = format!(
        r"echo ready& (for /L %i in (1,1,100000) do @if not exist C:\gate\open ping -n 1 -w 50 127.0.0.1 >nul)& {LINES}"
    );
    // Nothing is removed, so that a slow follower has nothing to miss.
    let options = ["--log-opt", "max-size=2k", "--log-opt", "max-file=100", "-v", &volume];
    let id = create(&host, &options, &script);
    let _ = host.docker(["start", "web"]).succeeded();
    let following = host.docker_background(["logs", "-f", "web"]);
    following.await_stdout("ready");
    std::fs::write(gate.join("open"), "").expect("write");
    let followed = following.finish().succeeded();
    assert_eq!(numbers(&followed), (1..=400).collect::<Vec<_>>(), "every line once and in order");
    assert_eq!(host.docker(["logs", "web"]).succeeded().stdout, followed.stdout);
    assert!(log_files(&host, &id).len() > 10);
}

#[test]
fn rotation_keeps_the_newest_lines() {
    let host = Host::start();
    let id = create(&host, &["--log-opt", "max-size=10k", "--log-opt", "max-file=3"], LINES);
    assert_eq!(numbers(&host.docker(["start", "-a", "web"]).succeeded()).len(), 400);
    assert_eq!(log_files(&host, &id), ["log.json", "log.json.1", "log.json.2"]);
    let kept = numbers(&host.docker(["logs", "web"]).succeeded());
    let first = 401 - kept.len();
    assert!(first > 1 && kept.len() > 100, "{first}");
    assert_eq!(kept, (first..=400).collect::<Vec<_>>());
    // The tail begins in an older file.
    let tail = host.docker(["logs", "-n", "100", "web"]).succeeded();
    assert_eq!(numbers(&tail), (301..=400).collect::<Vec<_>>());
}

fn create(host: &Host, flags: &[&str], script: &str) -> String {
    let line = [&["create", "--name", "web"][..], flags, &["nanoserver", "cmd", "/c", script]].concat();
    host.docker(line).succeeded().text().to_owned()
}

/// The numbers of the lines that [`LINES`] has written.
fn numbers(output: &Output) -> Vec<usize> {
    output.lines().iter().filter_map(|line| line.strip_prefix("line ")?.split(' ').next()?.parse().ok()).collect()
}

fn log_files(host: &Host, id: &str) -> Vec<String> {
    let entries = std::fs::read_dir(host.container_directory(id)).expect("a directory");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
    let mut files: Vec<String> = names.filter(|name| name.starts_with("log.json")).collect();
    files.sort();
    files
}

#[test]
fn entries_carry_labels_and_variables() {
    let host = Host::start();
    let options = ["--log-opt", "labels=tier", "--log-opt", "env=A", "--log-opt", "tag={{.Name}}"];
    let create = [
        &["create", "--name", "web", "--label", "tier=front", "-e", "A=1"][..],
        &options,
        &["nanoserver", "cmd", "/c", "echo hello"],
    ];
    let _ = host.docker(create.concat()).succeeded();
    let _ = host.docker(["start", "-a", "web"]).succeeded();
    let output = host.docker(["logs", "--details", "web"]).succeeded();
    assert_eq!(output.text(), "A=1,tag=web,tier=front hello");
}

#[test]
fn a_container_without_log_has_no_file_and_says_so() {
    let host = Host::start();
    let create = ["create", "--name", "web", "--log-driver", "none", "nanoserver", "cmd", "/c", "echo hello"];
    let id = host.docker(create).succeeded().text().to_owned();
    assert_eq!(host.docker(["start", "-a", "web"]).succeeded().text(), "hello");
    assert!(!host.container_directory(&id).join("log.json").exists());
    let output = host.docker(["logs", "web"]).exited(1);
    assert!(output.stderr.contains("configured logging driver does not support reading"), "{output}");
}

#[test]
fn unknown_drivers_and_options_are_refused_at_creation_and_bad_values_at_the_start() {
    let host = Host::start();
    for (flags, text) in [
        (["--log-driver", "nonsense"], "logger: no log driver named 'nonsense' is registered"),
        (["--log-opt", "nonsense=1"], "unknown log opt 'nonsense' for json-file log driver"),
    ] {
        let output = host.docker(["create"].iter().chain(&flags).chain(&["nanoserver"])).exited(1);
        assert!(output.stderr.contains(text), "{output}");
    }
    host.hold("web", &["--log-opt", "max-file=0"]);
    let output = host.docker(["start", "web"]).exited(1);
    assert!(output.stderr.contains("failed to initialize logging driver: max-file cannot be less than 1"), "{output}");
    deadline::until("it is as it was", || {
        host.docker(["inspect", "-f", "{{.State.Status}}", "web"]).succeeded().text() == "created"
    });
}
