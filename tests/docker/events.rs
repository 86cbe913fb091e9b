//! `docker events`: complete, in order, filtered.

use std::time::{SystemTime, UNIX_EPOCH};

use casement_tests::{Host, Output};
use serde_json::Value;

use crate::holding::Holding;

#[test]
fn the_life_of_a_container_is_told_in_order() {
    let host = Host::start();
    // Whether it begins to listen before or in the middle makes no difference.
    let listener = host.docker_background(["events", "--since", "1", "--format", "{{json .}}"]);
    live(&host);
    listener.await_stdout(r#""Action":"destroy""#);
    listener.signal(rustix::process::Signal::INT);
    let told = events(&listener.finish());
    assert_eq!(actions(&told), LIFE);
    // Those who ask later hear the same.
    let since = format!("{}", told[0]["time"].as_i64().unwrap());
    let past = past(&host, &["--since", &since, "--until", &now(), "--filter", "container=web"]);
    assert_eq!(past, told);
    let times: Vec<i64> = past.iter().map(|event| event["timeNano"].as_i64().unwrap()).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
}

#[test]
fn events_carry_the_attributes_that_docker_gives_them() {
    let host = Host::start();
    live(&host);
    let all = past(&host, &["--since", "1h", "--until", &now()]);
    let find = |action: &str| {
        let found = all.iter().find(|event| event["Action"] == action);
        found.unwrap_or_else(|| panic!("no {action}: {all:?}"))
    };
    let create = find("create");
    assert_eq!(
        (&create["Type"], &create["scope"], &create["from"]),
        (&"container".into(), &"local".into(), &"nanoserver".into())
    );
    assert_eq!((&create["status"], &create["id"]), (&create["Action"], &create["Actor"]["ID"]));
    let attributes = &create["Actor"]["Attributes"];
    assert_eq!((&attributes["name"], &attributes["image"]), (&"web".into(), &"nanoserver".into()));
    assert_eq!(attributes["tier"], "front");
    assert_eq!(find("kill")["Actor"]["Attributes"]["signal"], "15");
    let die = &find("die")["Actor"]["Attributes"];
    assert_eq!(die["exitCode"], "0");
    assert!(die["execDuration"].as_str().is_some_and(|text| text.parse::<u32>().is_ok()), "{die}");
}

#[test]
fn filters_choose() {
    let host = Host::start();
    live(&host);
    let chosen = |filters: &[&str]| {
        let now = now();
        let line = filters.iter().flat_map(|filter| ["--filter", filter]);
        let flags: Vec<&str> = ["--since", "1h", "--until", &now].into_iter().chain(line).collect();
        actions(&past(&host, &flags))
    };
    assert_eq!(chosen(&["event=start", "event=die"]), ["start", "die", "start", "die"]);
    assert_eq!(chosen(&["event=start", "container=web", "type=container", "image=nanoserver"]).len(), 2);
    assert_eq!(chosen(&["event=start", "label=tier=front", "scope=local"]).len(), 2);
    assert_eq!(chosen(&["label=tier=back"]), Vec::<String>::new());
    assert_eq!(chosen(&["type=image", "container=web"]), Vec::<String>::new());
    assert_eq!(chosen(&["container=other"]), Vec::<String>::new());
    let output = host.docker(["events", "--since", "1h", "--until", &now(), "--filter", "nonsense=1"]);
    assert!(output.code() == 1 && output.stderr.contains("invalid filter 'nonsense'"), "{output}");
    let output = host.docker(["events", "--since", "10", "--until", "5"]);
    assert!(output.code() == 1 && output.stderr.contains("`since` time (10"), "{output}");
}

/// What is told of [`live`].
const LIFE: [&str; 10] = ["create", "start", "kill", "die", "stop", "start", "restart", "kill", "die", "destroy"];

/// Creates, starts, stops, restarts and removes a container.
fn live(host: &Host) {
    host.hold("web", &["--label", "tier=front"]);
    let _ = host.docker(["start", "web"]).succeeded();
    host.await_held("web");
    let _ = host.docker(["stop", "-t", "100", "web"]).succeeded();
    let _ = host.docker(["restart", "web"]).succeeded();
    let _ = host.docker(["rm", "-f", "web"]).succeeded();
}

/// The present moment, in the words of `--until`; a duration would be cut to seconds.
fn now() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    format!("{}.{:09}", now.as_secs(), now.subsec_nanos())
}

fn past(host: &Host, flags: &[&str]) -> Vec<Value> {
    events(&host.docker(["events", "--format", "{{json .}}"].iter().chain(flags)).succeeded())
}

fn events(output: &Output) -> Vec<Value> {
    let lines = output.lines();
    lines.into_iter().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn actions(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["Action"].as_str().expect("an action").to_owned()).collect()
}
