//! The daemon is dead while something happens to its containers.

use casement_tests::Host;
use casement_tests::deadline::until;

use crate::random::Random;
use crate::trace::{agent, is_deserted, kill, lines_program, nothing_stays, numbered, silo_host, user_namespace};

/// Files in the scratch of a container that is removed: enough that a removal can be interrupted.
const FILES: usize = 3000;
/// How often a removal is interrupted.
const REMOVALS: usize = 10;

#[test]
fn a_container_that_ends_while_the_daemon_is_dead_is_known_with_its_output_and_code() {
    let host = Host::start();
    let words = lines_program(100, 5, 77);
    let id = host.start_container(&[], &words.each_ref().map(String::as_str));
    let namespace = user_namespace(&host, &id);
    host.kill_daemon();
    is_deserted(&namespace);
    until("the silo host has ended", || host.silo_hosts().is_empty());
    host.start_daemon();
    assert_eq!(host.wait(&id), 77);
    assert_eq!(host.casement(["logs", &id]).succeeded().stdout.replace('\r', ""), numbered(100));
    nothing_stays(&host);
}

#[test]
fn a_container_that_is_lost_while_the_daemon_is_dead_is_reported() {
    let host = Host::start();
    let id = host.start_container(&[], &[r"C:\t\linux.exe", "fork", "1"]);
    let silo_host = silo_host(&host, &id);
    let namespace = user_namespace(&host, &id);
    host.kill_daemon();
    kill(silo_host);
    is_deserted(&namespace);
    host.start_daemon();
    assert_eq!(host.wait(&id), 137);
    let state = host.inspect(&id)["State"].clone();
    assert!(state["Error"].as_str().unwrap().contains("silo host"), "{state}");
    nothing_stays(&host);
}

#[test]
fn a_running_container_answers_to_the_next_daemon() {
    let host = Host::start();
    let id = host.start_container(&["--name", "web"], &[r"C:\t\linux.exe", "fork", "1"]);
    let agent = agent(&host, &id);
    for _ in 0..3 {
        host.kill_daemon();
        host.start_daemon();
    }
    assert_eq!(self::agent(&host, &id), agent, "the same container");
    let said = host.casement(["exec", "web", "cmd", "/c", "echo", "here"]).succeeded();
    assert_eq!(said.text(), "here");
    let _ = host.casement(["stop", "-t", "1", "web"]).succeeded();
    assert_eq!(host.inspect("web")["State"]["Status"], "exited");
    nothing_stays(&host);
}

#[test]
fn a_client_in_the_foreground_goes_on_with_the_next_daemon() {
    let host = Host::start();
    let words = lines_program(200, 5, 33);
    let volume = host.programs_volume();
    for removed in [true, false] {
        let flags: &[&str] =
            if removed { &["run", "--rm", "-v", &volume, "nanoserver"] } else { &["run", "-v", &volume, "nanoserver"] };
        let running = host.background(flags.iter().copied().chain(words.iter().map(String::as_str)));
        for line in [1, 40, 80] {
            running.await_stdout(&format!("line {line} of"));
            host.kill_daemon();
            host.start_daemon();
        }
        let output = running.wait();
        assert_eq!(output.code(), 33, "{output}");
        assert_eq!(output.stdout.replace('\r', ""), numbered(200));
        let listed = host.casement(["ps", "-a", "-q"]).succeeded();
        assert_eq!(listed.lines().len(), usize::from(!removed), "{listed}");
    }
    nothing_stays(&host);
}

#[test]
fn a_client_whose_container_ends_while_the_daemon_is_away_gets_its_output_and_code() {
    let host = Host::start();
    let (words, volume) = (lines_program(100, 5, 34), host.programs_volume());
    let flags = ["run", "--name", "away", "-v", &volume, "nanoserver"];
    let running = host.background(flags.into_iter().chain(words.iter().map(String::as_str)));
    running.await_stdout("line 1 of");
    host.kill_daemon();
    until("the silo host has ended", || host.silo_hosts().is_empty());
    host.start_daemon();
    let output = running.wait();
    assert_eq!(output.code(), 34, "{output}");
    assert_eq!(output.stdout.replace('\r', ""), numbered(100));
    nothing_stays(&host);
}

#[test]
fn a_command_in_a_container_does_not_survive_the_daemon_silently() {
    let host = Host::start();
    let id = host.start_container(&[], &[r"C:\t\linux.exe", "fork", "1"]);
    let words = lines_program(500, 5, 0);
    let running = host.background(["exec", &id].into_iter().chain(words.iter().map(String::as_str)));
    running.await_stdout("line 1 of");
    host.kill_daemon();
    let output = running.wait();
    assert_eq!(output.code(), 125, "{output}");
    assert!(output.stderr.contains("the command goes on in its container"), "{output}");
    host.start_daemon();
    nothing_stays(&host);
}

#[test]
fn an_interrupted_removal_is_finished_by_the_next_daemon() {
    let host = Host::start();
    let mut random = Random::seeded("removal");
    for round in 0..REMOVALS {
        let name = format!("big{round}");
        let id = host.casement(["create", "--name", &name, "nanoserver"]).succeeded().text().to_owned();
        let upper = host.root().join("scratches").join(&id).join("upper");
        for file in 0..FILES {
            std::fs::write(upper.join(file.to_string()), "").unwrap();
        }
        let removing = host.background(["rm", &name]);
        std::thread::sleep(random.moment(60));
        host.kill_daemon();
        let removed = removing.wait();
        host.start_daemon();
        let known = host.casement(["inspect", &name]).status.success();
        assert!(!(removed.status.success() && known), "an acknowledged removal came back: {removed}");
        // Either it was not begun, and the container is whole, or nothing of it is left.
        if known {
            let _ = host.casement(["start", &name]).succeeded();
            let _ = host.casement(["rm", "-f", &name]).succeeded();
        }
        assert_eq!(host.leftovers(), Vec::<String>::new());
    }
    nothing_stays(&host);
}
