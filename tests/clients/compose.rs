//! Docker Compose: a file with two services on a network, a volume, a published port and a health check.

use std::io::{Read, Write};
use std::net::TcpStream;

use casement_tests::{Background, Host, Output, places};
use serde_json::Value;

/// `docker-compose` with the file beside this one.
fn compose(host: &Host, words: &[&str]) -> Output {
    let mut command = host.client_command(places::client("compose/src/compose/docker-compose"));
    command.env("PROGRAMS", places::test_programs().canonicalize().expect("a directory"));
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
    let network = host.docker_json(["network", "inspect", "zoo_default"]);
    let members = network[0]["Containers"].as_object().expect("containers");
    assert_eq!((network[0]["Driver"].as_str(), members.len()), (Some("nat"), 2), "{network}");
    let ask = "require('http').get('http://web/', r => r.pipe(process.stdout))";
    let asked = compose(&host, &["exec", "-T", "job", r"C:\t\real\node\node.exe", "-e", ask]).succeeded();
    assert_eq!(asked.text(), "served", "a service finds another by its name");
    assert!(get(&host, "127.0.0.1:8080").ends_with("served"), "the port is published");
    assert_eq!(compose(&host, &["port", "web", "80"]).succeeded().text(), "0.0.0.0:8080");
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
    assert_eq!(host.docker(["network", "ls", "-q", "--filter", "type=custom"]).succeeded().stdout, "");
}

/// What a server says to the host.
fn get(host: &Host, address: &str) -> String {
    let ask = || {
        let mut connection = TcpStream::connect(address)?;
        connection.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).map(|_| answer)
    };
    host.network().within(ask).unwrap_or_else(|error| panic!("ask {address}: {error}"))
}
