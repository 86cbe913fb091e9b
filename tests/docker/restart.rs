//! `--restart`: which containers start again, how often, and with which daemon.

use casement_tests::{Host, deadline};

use crate::holding::Holding;

#[test]
fn failures_are_restarted_as_often_as_the_policy_says() {
    let host = Host::start();
    let create = ["create", "--name", "web", "--restart", "on-failure:2", "nanoserver", "cmd", "/c", "exit 3"];
    let _ = host.docker(create).succeeded();
    let _ = host.docker(["start", "web"]).succeeded();
    deadline::until("it was restarted twice and left alone", || shown(&host, "web") == "exited 2 3");
    let filter = ["events", "--since", "1h", "--until", "0s", "--filter", "event=die", "--format", "{{.Action}}"];
    // The last second is not yet among what is asked for.
    deadline::until("three ends are told", || host.docker(filter).stdout.lines().count() == 3);
    let _ = host.docker(["start", "web"]).succeeded();
    deadline::until("the count began anew", || shown(&host, "web") == "exited 2 3");
}

#[test]
fn a_container_that_is_always_restarted_runs_until_it_is_stopped() {
    let host = Host::start();
    let gate = format!(r"{}:C:\gate", host.new_directory("gate").display());
    // Its first run ends by itself, the second one does not.
    let script = r"if exist C:\gate\second (C:\t\ctrl.exe C:\gate\event 600) else (echo x>C:\gate\second& exit 7)";
    let volume = host.programs_volume();
    let flags = ["create", "--name", "web", "--restart", "always", "-v", &volume, "-v", &gate];
    let _ = host.docker(flags.iter().chain(&["nanoserver", "cmd", "/c", script])).succeeded();
    let _ = host.docker(["start", "web"]).succeeded();
    host.await_held("web");
    assert_eq!(shown(&host, "web"), "running 1 0");
    let _ = host.docker(["stop", "-t", "100", "web"]).succeeded();
    let end = shown(&host, "web");
    assert!(end.starts_with("exited 1 "), "{end}");
}

#[test]
fn policies_hold_for_the_next_daemon() {
    let host = Host::start();
    let policies = [("always", "always"), ("unless", "unless-stopped"), ("no", "no"), ("running", "unless-stopped")];
    for (name, policy) in policies {
        host.hold(name, &["--restart", policy]);
        let _ = host.docker(["start", name]).succeeded();
        host.await_held(name);
        if name != "running" {
            let _ = host.docker(["kill", name]).succeeded();
        }
    }
    host.hold("never-started", &["--restart", "always"]);
    let running = started_at(&host, "running");
    host.kill_daemon();
    host.start_daemon();
    host.await_state("always", "running");
    assert!(shown(&host, "unless").starts_with("exited"));
    assert!(shown(&host, "no").starts_with("exited"));
    assert!(shown(&host, "never-started").starts_with("created"));
    assert_eq!(started_at(&host, "running"), running, "what ran goes on");
}

#[test]
fn a_policy_and_automatic_removal_exclude_each_other() {
    let host = Host::start();
    let body = r#"{"Image":"nanoserver","HostConfig":{"AutoRemove":true,"RestartPolicy":{"Name":"always"}}}"#;
    let answer = host.api("POST", "/containers/create", body);
    let text = r#"{"message":"can't create 'AutoRemove' container with restart policy"}"#;
    assert_eq!((answer.0, answer.1.as_str()), (400, text));
}

/// State, number of restarts, exit code.
fn shown(host: &Host, name: &str) -> String {
    let format = "{{.State.Status}} {{.RestartCount}} {{.State.ExitCode}}";
    host.docker(["inspect", "-f", format, name]).succeeded().text().to_owned()
}

fn started_at(host: &Host, name: &str) -> String {
    host.docker(["inspect", "-f", "{{.State.StartedAt}}", name]).succeeded().text().to_owned()
}
