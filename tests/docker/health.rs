//! `--health-*`: probes in the container, what `inspect`, `ps` and events say of them.

use casement_tests::{Host, deadline};
use serde_json::Value;

use crate::holding::Holding;

/// Checks that a file is there, every second.
const FLAGS: [&str; 6] = [
    "--health-cmd",
    r"if exist C:\gate\well (echo fine) else (exit 5)",
    "--health-interval",
    "1s",
    "--health-retries",
    "2",
];

#[test]
fn health_follows_the_probes_and_changes_are_told() {
    let host = Host::start();
    let directory = host.new_directory("gate");
    let gate = format!(r"{}:C:\gate", directory.display());
    host.hold("web", &[&FLAGS[..], &["-v", &gate]].concat());
    let _ = host.docker(["start", "web"]).succeeded();
    await_health(&host, "unhealthy");
    let health = health(&host);
    let last = health["Log"].as_array().and_then(|log| log.last()).expect("a result").clone();
    assert_eq!((&last["ExitCode"], &last["Output"]), (&5.into(), &"".into()), "{health}");
    assert!(health["FailingStreak"].as_i64() >= Some(2), "{health}");
    std::fs::write(directory.join("well"), "").expect("write");
    await_health(&host, "healthy");
    let output = self::health(&host)["Log"].as_array().and_then(|log| log.last()).expect("a result")["Output"].clone();
    assert_eq!(output.as_str().map(str::trim), Some("fine"));
    assert!(self::health(&host)["Log"].as_array().is_some_and(|log| log.len() <= 5));
    let filter =
        ["events", "--since", "1h", "--until", "0s", "--filter", "event=health_status", "--format", "{{.Action}}"];
    let told = ["health_status: unhealthy", "health_status: healthy"];
    // The last second is not yet among what is asked for.
    deadline::until("both changes are told", || host.docker(filter).succeeded().lines() == told);
    host.kill_daemon();
    host.start_daemon();
    await_health(&host, "healthy");
    let _ = host.docker(["stop", "-t", "100", "web"]).succeeded();
    assert_eq!(self::health(&host)["Status"], "healthy");
}

#[test]
fn a_probe_that_takes_too_long_is_ended_and_fails() {
    let host = Host::start();
    let check = ["--health-cmd", "ping -n 600 127.0.0.1", "--health-interval", "1s", "--health-timeout", "1s"];
    host.hold("web", &check);
    let _ = host.docker(["start", "web"]).succeeded();
    deadline::until("a probe has failed", || !health(&host)["Log"].as_array().is_none_or(Vec::is_empty));
    let first = health(&host)["Log"][0].clone();
    assert_eq!(first["ExitCode"], -1, "{first}");
    assert!(
        first["Output"].as_str().is_some_and(|text| text.starts_with("Health check exceeded timeout (1s)")),
        "{first}"
    );
    let list = || host.docker(["exec", "web", "tasklist"]).succeeded().stdout.to_lowercase();
    // The next one may run already.
    assert!(list().matches("ping.exe").count() <= 1);
}

#[test]
fn a_check_may_be_switched_off_and_bad_ones_are_refused() {
    let host = Host::start();
    host.hold("web", &["--no-healthcheck"]);
    let _ = host.docker(["start", "web"]).succeeded();
    assert_eq!(health(&host), Value::Null);
    let body = r#"{"Image":"nanoserver","Healthcheck":{"Test":["CMD","x"],"Interval":5}}"#;
    let (status, answer) = host.api("POST", "/containers/create", body);
    assert_eq!((status, answer.as_str()), (400, r#"{"message":"Interval in Healthcheck cannot be less than 1ms"}"#));
}

#[test]
fn failures_do_not_count_in_the_start_period_whose_probes_come_at_an_interval_of_their_own() {
    let host = Host::start();
    let directory = host.new_directory("gate");
    let gate = format!(r"{}:C:\gate", directory.display());
    let check =
        ["--health-cmd", r"if not exist C:\gate\well exit 5", "--health-retries", "1", "--health-interval", "1h"];
    let start = ["--health-start-period", "1h", "--health-start-interval", "100ms", "-v", &gate];
    host.hold("web", &[&check[..], &start].concat());
    let _ = host.docker(["start", "web"]).succeeded();
    let failures = || health(&host)["Log"].as_array().map_or(0, Vec::len);
    deadline::until("three probes have failed", || failures() >= 3);
    let seen = health(&host);
    assert_eq!((&seen["Status"], &seen["FailingStreak"]), (&"starting".into(), &0.into()), "{seen}");
    std::fs::write(directory.join("well"), "").expect("write");
    await_health(&host, "healthy");
}

fn health(host: &Host) -> Value {
    host.docker_json(["inspect", "-f", "{{json .State}}", "web"])["Health"].clone()
}

fn await_health(host: &Host, status: &str) {
    deadline::until(&format!("web is {status}"), || health(host)["Status"] == status);
}
