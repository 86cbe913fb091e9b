//! docker-py's own integration tests, but for those that `docker-py-exclusions.txt` lists with a reason.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Duration;

use casement_tests::{Background, Host, places};

/// The least number of tests that pass.
const PASSING: usize = 190;
/// How long all of them may take.
const LIMIT: Duration = Duration::from_secs(450);
/// Pytest's status for success.
const SUCCESS: i32 = 0;

#[test]
fn the_integration_tests_of_docker_py_pass() {
    let (host, _registry) = Host::with_registry_of_unix_images();
    // Without this file contexts would be kept in the working directory.
    let config = host.directory().join("docker-config");
    fs::create_dir(&config).and_then(|()| fs::write(config.join("config.json"), "{}")).expect("a configuration");
    let known = collected(&host);
    let excluded = exclusions();
    let unknown: Vec<_> = excluded.iter().filter(|name| !known.iter().any(|test| names(name, test))).collect();
    assert!(unknown.is_empty(), "exclusions that name no test: {unknown:?}");
    let mut command = pytest(&host);
    command.args(["--timeout=100", "--tb=short", "-r", "fE"]);
    for name in &excluded {
        command.arg(format!("--deselect=tests/integration/{name}"));
    }
    let output = Background::start(command).wait_within(LIMIT);
    assert_eq!(output.code(), SUCCESS, "{output}");
    let passed = passed(output.lines().last().copied().unwrap_or_default());
    eprintln!("docker-py: {passed} tests passed, {} exclusions", excluded.len());
    assert!(passed >= PASSING, "{passed} tests passed: {output}");
}

/// `pytest` on the integration tests, with nothing of it left behind.
fn pytest(host: &Host) -> Command {
    let source = places::client("docker-py");
    let mut path = source.clone().into_os_string();
    path.push(":");
    path.push(places::client("python"));
    let mut command = host.client_command("python3");
    command.env("PYTHONPATH", path).env("PYTHONDONTWRITEBYTECODE", "1").current_dir(source);
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/integration"]);
    command
}

/// The names of all tests, without their directory.
fn collected(host: &Host) -> Vec<String> {
    let mut command = pytest(host);
    command.arg("--collect-only");
    let output = Background::start(command).finish().succeeded();
    output.lines().iter().filter_map(|line| line.strip_prefix("tests/integration/")).map(str::to_owned).collect()
}

/// What is not run: a file, a class or a test a line, a colon and the reason.
fn exclusions() -> BTreeSet<String> {
    let file = places::source("clients/docker-py-exclusions.txt");
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, reason) = line.split_once(": ").unwrap_or_else(|| panic!("no reason: {line}"));
            assert!(!reason.trim().is_empty(), "no reason: {line}");
            name.to_owned()
        })
        .collect()
}

/// Whether an exclusion names a test, or what the test is in.
fn names(exclusion: &str, test: &str) -> bool {
    test.strip_prefix(exclusion).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The number in `… 12 passed, …`.
fn passed(summary: &str) -> usize {
    let words: Vec<&str> = summary.split([' ', ',', '=']).filter(|word| !word.is_empty()).collect();
    let number = words.windows(2).find(|pair| pair[1] == "passed").and_then(|pair| pair[0].parse().ok());
    number.unwrap_or_else(|| panic!("no summary: {summary}"))
}
