//! Docker Compose: a file with two services, a volume and a health check.

use casement_tests::{Background, Host, Output, places};
use serde_json::Value;

/// `docker-compose` with the file beside this one.
fn compose(host: &Host, words: &[&str]) -> Output {
    let mut command = host.client_command(places::client("compose/src/compose/docker-compose"));
    command.args(["-p", "zoo", "-f"]).arg(places::source("clients/compose.yaml")).args(words);
    Background::start(command).finish()
}

/// Service, state and health, sorted by service.
fn services(host: &Host) -> Vec<[String; 3]> {
    let listed = compose(host, &["ps", "-a", "--format", "json"]).succeeded();
    let service = |line: &str| {
        let service: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {listed}"));
        ["Service", "State", "Health"].map(|name| service[name].as_str().expect("a text").to_owned())
    };
    let mut services: Vec<_> = listed.lines().into_iter().map(service).collect();
    services.sort();
    services
}

#[test]
fn a_project_goes_up_is_looked_at_and_goes_down() {
    let host = Host::with_unix_images();
    let _ = compose(&host, &["up", "-d", "--wait"]).succeeded();
    let running = [["job", "running", ""], ["web", "running", "healthy"]].map(|service| service.map(str::to_owned));
    assert_eq!(services(&host), running);
    let logs = compose(&host, &["logs", "--no-color"]).succeeded();
    assert!(logs.stdout.contains("web-1  | web is up") && logs.stdout.contains("job-1  | job is up"), "{logs}");
    assert_eq!(compose(&host, &["exec", "-T", "web", "printenv", "WHERE"]).succeeded().text(), "compose");
    let failed = compose(&host, &["exec", "-T", "web", "sh", "-c", "exit 5"]);
    assert_eq!(failed.code(), 5, "{failed}");
    let before = host.docker(["inspect", "-f", "{{.Id}}", "zoo-web-1"]).succeeded().stdout;
    let _ = compose(&host, &["up", "-d", "--wait"]).succeeded();
    assert_eq!(host.docker(["inspect", "-f", "{{.Id}}", "zoo-web-1"]).succeeded().stdout, before, "nothing changed");
    let _ = compose(&host, &["stop", "-t", "1", "job"]).succeeded();
    assert_eq!(services(&host)[0][1], "exited");
    let _ = compose(&host, &["down", "-v", "-t", "1"]).succeeded();
    assert_eq!(host.docker(["ps", "-aq"]).succeeded().stdout, "");
    assert_eq!(host.docker(["volume", "ls", "-q"]).succeeded().stdout, "");
}
