//! `docker start`, `stop`, `restart`, `kill` and `rm`.

use casement_tests::{Host, Output};

use crate::holding::Holding;

#[test]
fn a_container_starts_stops_and_starts_again() {
    let host = Host::start();
    host.hold("web", &[]);
    assert_eq!(host.docker(["start", "web"]).succeeded().text(), "web");
    assert_eq!(state(&host, "web", "Status"), "running");
    // 304: the CLI takes it for a success.
    let _ = host.docker(["start", "web"]).succeeded();
    host.await_held("web");
    assert_eq!(host.docker(["stop", "-t", "100", "web"]).succeeded().text(), "web");
    assert_eq!((state(&host, "web", "Status"), state(&host, "web", "ExitCode")), ("exited".into(), "0".into()));
    let _ = host.docker(["stop", "web"]).succeeded();
    let first_end = state(&host, "web", "FinishedAt");
    let _ = host.docker(["start", "web"]).succeeded();
    assert_eq!(state(&host, "web", "FinishedAt"), first_end);
    assert!(state(&host, "web", "StartedAt") > first_end);
}

#[test]
fn a_program_that_does_not_mind_is_terminated_after_the_timeout() {
    let host = Host::start();
    let started = |name: &str, flags: &[&str]| {
        host.hold_stubbornly(name, flags);
        let _ = host.docker(["start", name]).succeeded();
        host.await_held(name);
    };
    started("flag", &[]);
    let _ = host.docker(["stop", "-t", "0", "flag"]).succeeded();
    assert_eq!(state(&host, "flag", "ExitCode"), "1067");
    started("own", &["--stop-timeout", "1"]);
    let _ = host.docker(["stop", "own"]).succeeded();
    assert_eq!(state(&host, "own", "ExitCode"), "1067");
    started("signal", &["--stop-signal", "SIGKILL", "--stop-timeout", "-1"]);
    let _ = host.docker(["stop", "signal"]).succeeded();
    assert_eq!(state(&host, "signal", "ExitCode"), "1067");
    started("other", &["--stop-timeout", "-1"]);
    let _ = host.docker(["stop", "-s", "9", "other"]).succeeded();
    assert_eq!(state(&host, "other", "ExitCode"), "1067");
    refused(&host.docker(["stop", "-s", "NONSENSE", "other"]), "invalid signal: NONSENSE");
    refused(&host.docker(["stop", "none"]), "No such container: none");
}

#[test]
fn restart_ends_and_starts_also_what_is_removed_at_its_end() {
    let host = Host::start();
    host.hold("web", &["--rm"]);
    let _ = host.docker(["start", "web"]).succeeded();
    host.await_held("web");
    let first = state(&host, "web", "StartedAt");
    assert_eq!(host.docker(["restart", "-t", "100", "web"]).succeeded().text(), "web");
    assert_eq!(state(&host, "web", "Status"), "running");
    assert!(state(&host, "web", "StartedAt") > first);
    host.hold("idle", &[]);
    let _ = host.docker(["restart", "idle"]).succeeded();
    assert_eq!(state(&host, "idle", "Status"), "running");
    refused(&host.docker(["restart", "none"]), "Cannot restart container none: No such container: none");
}

#[test]
fn kill_knows_the_signals_of_windows() {
    let host = Host::start();
    for (signal, code) in [("KILL", "1067"), ("9", "1067"), ("sigterm", "0"), ("15", "0"), ("INT", "0")] {
        let name = format!("by-{signal}");
        host.hold(&name, &[]);
        let _ = host.docker(["start", &name]).succeeded();
        host.await_held(&name);
        assert_eq!(host.docker(["kill", "-s", signal, &name]).succeeded().text(), name);
        host.await_state(&name, "exited");
        assert_eq!(state(&host, &name, "ExitCode"), code, "{signal}");
    }
    let id = host.docker(["inspect", "-f", "{{.Id}}", "by-9"]).succeeded().text().to_owned();
    refused(&host.docker(["kill", "by-9"]), &format!("cannot kill container: by-9: container {id} is not running"));
    refused(&host.docker(["kill", "-s", "USR1", "by-9"]), "cannot kill container: by-9: invalid signal: USR1");
    let unknown = "cannot kill container: by-9: the windows daemon does not support signal 42";
    refused(&host.docker(["kill", "-s", "42", "by-9"]), unknown);
    refused(&host.docker(["kill", "none"]), "cannot kill container: none: No such container: none");
}

#[test]
fn a_running_container_is_removed_by_force_only() {
    let host = Host::start();
    host.hold("web", &[]);
    let _ = host.docker(["start", "web"]).succeeded();
    let text =
        "cannot remove container \"/web\": container is running: stop the container before removing or force remove";
    refused(&host.docker(["rm", "web"]), text);
    refused(&host.docker(["rm", "--link", "web"]), "Conflict, cannot remove the default link name of the container");
    assert_eq!(host.docker(["rm", "-f", "web"]).succeeded().text(), "web");
    refused(&host.docker(["rm", "web"]), "No such container: web");
    host.hold("idle", &[]);
    assert_eq!(host.docker(["rm", "-v", "idle"]).succeeded().text(), "idle");
}

#[test]
fn checkpoints_and_bodies_of_start_are_refused() {
    let host = Host::start();
    host.hold("web", &[]);
    let (status, body) = host.api("POST", "/v1.50/containers/web/start?checkpoint=one", "");
    assert_eq!((status, body.as_str()), (400, r#"{"message":"checkpoint is only supported in experimental mode"}"#));
    let (status, _) = host.api("POST", "/v1.50/containers/web/start", r#"{"Binds":["a:b"]}"#);
    assert_eq!(status, 400);
    let (status, _) = host.api("POST", "/v1.50/containers/web/start", "{}");
    assert_eq!(status, 204);
    let (status, _) = host.api("POST", "/v1.50/containers/web/start", "");
    assert_eq!(status, 304);
}

fn state(host: &Host, name: &str, member: &str) -> String {
    host.docker(["inspect", "-f", &format!("{{{{.State.{member}}}}}"), name]).succeeded().text().to_owned()
}

fn refused(output: &Output, text: &str) {
    assert_eq!(output.code(), 1, "{output}");
    assert_eq!(output.stderr.trim(), format!("Error response from daemon: {text}"), "{output}");
}
