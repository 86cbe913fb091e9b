//! The life of a container in the background: run, ps, logs, wait, inspect, stop, kill, start, rm.

use casement_tests::{Host, deadline};

/// The file into which `ctrl.exe` writes the event that ended it.
const EVENT_FILE: &str = r"C:\Users\ContainerUser\event.txt";

fn start_waiting(host: &Host, flags: &[&str], words: &[&str]) -> String {
    let line: Vec<&str> = [r"C:\t\ctrl.exe", EVENT_FILE, "600"].iter().chain(words).copied().collect();
    let id = host.start_container(flags, &line);
    deadline::until("the program is ready", || host.casement(["logs", &id]).stdout.contains("ready"));
    id
}

#[test]
fn run_in_the_background_prints_the_id_and_ps_shows_the_container() {
    let host = Host::start();
    let id = start_waiting(&host, &["--name", "web"], &[]);
    assert!(id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    let listed = host.casement(["ps"]).succeeded();
    let line = listed
        .lines()
        .into_iter()
        .find(|line| line.starts_with(&id[..12]))
        .unwrap_or_else(|| panic!("{listed}"))
        .to_owned();
    assert!(line.contains("nanoserver") && line.contains("Up ") && line.ends_with("web"), "{listed}");
    let _ = host.casement(["kill", "web"]).succeeded();
    assert_eq!(host.casement(["ps", "-q"]).succeeded().stdout, "");
    assert_eq!(host.casement(["ps", "-a", "-q", "--no-trunc"]).succeeded().text(), id);
}

#[test]
fn a_container_is_found_by_id_unique_prefix_and_name() {
    let host = Host::start();
    let id = host.start_container(&["--name", "found"], &["cmd", "/c", "exit 9"]);
    for key in [&id[..], &id[..12], &id[..6], "found"] {
        assert_eq!(host.wait(key), 9, "{key}");
        assert_eq!(host.inspect(key)["Id"], *id, "{key}");
    }
}

#[test]
fn logs_keep_both_streams_apart() {
    let host = Host::start();
    let id = host.start_container(&[], &["cmd", "/c", "echo out& echo err>&2"]);
    assert_eq!(host.wait(&id), 0);
    let output = host.casement(["logs", &id]).succeeded();
    assert_eq!((output.text(), output.stderr.trim()), ("out", "err"));
    let last = host.casement(["logs", "-n", "0", &id]).succeeded();
    assert_eq!(last.text(), "");
}

#[test]
fn followed_logs_come_at_once_are_complete_and_end_with_the_container() {
    let host = Host::start();
    let volume = host.programs_volume();
    let shared = host.new_directory("shared");
    let gate = format!(r"{}:C:\gate", shared.display());
    let script = r"echo first& (for /L %i in (1,1,2000) do @if not exist C:\gate\open ping -n 1 -w 50 127.0.0.1 >nul)& for /L %i in (1,1,500) do @echo line %i";
    let id = host
        .casement(["run", "-d", "-v", &volume, "-v", &gate, "nanoserver", "cmd", "/c", script])
        .succeeded()
        .text()
        .to_owned();
    let following = host.background(["logs", "-f", &id]);
    following.await_stdout("first");
    std::fs::write(shared.join("open"), "").expect("write");
    let output = following.finish().succeeded();
    let lines = output.lines();
    assert_eq!(lines.len(), 501, "{output}");
    assert_eq!(lines[500].trim(), "line 500");
    assert_eq!(host.casement(["logs", &id]).succeeded().stdout, output.stdout);
}

#[test]
fn wait_returns_when_the_container_ends() {
    let host = Host::start();
    let id = start_waiting(&host, &[], &[]);
    let mut waiting = host.background(["wait", &id]);
    assert!(!waiting.has_ended());
    let _ = host.casement(["stop", &id]).succeeded();
    assert_eq!(waiting.finish().succeeded().text(), "0");
}

#[test]
fn inspect_shows_the_document_by_microsofts_names_and_the_state() {
    let host = Host::start();
    let id = start_waiting(&host, &["-m", "512m", "--cpus", "1", "--hostname", "seen"], &[]);
    let view = host.inspect(&id);
    assert_eq!(view["State"]["Status"], "running");
    assert_eq!(view["State"]["Pid"].as_u64().map(|pid| pid as u32), host.silo_hosts().get(&id).copied());
    let document = &view["ComputeSystem"];
    assert_eq!(document["Owner"], "casement");
    assert_eq!(document["SchemaVersion"]["Major"], 2);
    let container = &document["Container"];
    assert_eq!(container["GuestOs"]["HostName"], "seen");
    assert_eq!(container["Memory"]["SizeInMB"], 512);
    assert!(
        container["Processor"]["Maximum"].as_u64().is_some_and(|maximum| (1..=10_000).contains(&maximum)),
        "{container}"
    );
    assert!(container["Storage"]["Layers"][0]["Path"].is_string(), "{container}");
    assert!(container["Storage"]["Path"].is_string(), "{container}");
    assert_eq!(container["MappedDirectories"][0]["ContainerPath"], r"C:\t");
    assert_eq!(container["MappedDirectories"][0]["ReadOnly"], true);
    assert_eq!(view["ProcessParameters"]["CommandLine"], format!(r"C:\t\ctrl.exe {EVENT_FILE} 600"));
    assert_eq!(view["ProcessParameters"]["WorkingDirectory"], r"C:\");
}

#[test]
fn stop_delivers_a_shutdown_event_and_the_program_ends_by_itself() {
    let host = Host::start();
    let id = start_waiting(&host, &[], &[]);
    let _ = host.casement(["stop", "-t", "100", &id]).succeeded();
    assert_eq!(host.wait(&id), 0);
    assert!(host.casement(["logs", &id]).succeeded().stdout.contains("event CTRL_SHUTDOWN"));
    let _ = host.casement(["start", &id]).succeeded();
    let output = host.casement(["exec", &id, "cmd", "/c", &format!("type {EVENT_FILE}")]).succeeded();
    assert_eq!(output.text(), "CTRL_SHUTDOWN");
}

fn events_of_a_program_with_a_child(conduct: &str) -> usize {
    let host = Host::start();
    let id = host.start_container(&[], &[r"C:\t\ctrl.exe", EVENT_FILE, "600", conduct]);
    deadline::until("both programs are ready", || host.casement(["logs", &id]).stdout.matches("ready").count() == 2);
    let _ = host.casement(["stop", "-t", "100", &id]).succeeded();
    assert_eq!(host.wait(&id), 0);
    host.casement(["logs", &id]).succeeded().stdout.matches("event CTRL_SHUTDOWN").count()
}

#[test]
fn stop_leaves_it_to_the_program_to_end_those_it_started() {
    assert_eq!(events_of_a_program_with_a_child("leads"), 1);
}

#[test]
fn those_a_program_started_get_the_event_when_it_waits_for_them() {
    assert_eq!(events_of_a_program_with_a_child("follows"), 2);
}

#[test]
fn a_program_that_does_not_heed_the_event_is_ended_after_the_timeout() {
    let host = Host::start();
    let id = start_waiting(&host, &[], &["stay"]);
    let _ = host.casement(["stop", "-t", "1", &id]).succeeded();
    assert_ne!(host.wait(&id), 0);
    assert!(host.casement(["logs", &id]).succeeded().stdout.contains("event CTRL_SHUTDOWN"));
}

#[test]
fn kill_ends_a_container_without_asking() {
    let host = Host::start();
    let id = start_waiting(&host, &[], &["stay"]);
    let _ = host.casement(["kill", &id]).succeeded();
    assert_ne!(host.wait(&id), 0);
    assert!(!host.casement(["logs", &id]).succeeded().stdout.contains("event"));
    let again = host.casement(["kill", &id]).exited(1);
    assert!(again.stderr.contains("is not running"), "{again}");
}

#[test]
fn other_signals_are_shutdown_events() {
    let host = Host::start();
    let id = start_waiting(&host, &[], &[]);
    let _ = host.casement(["kill", "-s", "TERM", &id]).succeeded();
    assert_eq!(host.wait(&id), 0);
    assert!(host.casement(["logs", &id]).succeeded().stdout.contains("event CTRL_SHUTDOWN"));
}

#[test]
fn rm_refuses_a_running_container_and_f_does_not() {
    let host = Host::start();
    let id = start_waiting(&host, &["--name", "busy"], &[]);
    let output = host.casement(["rm", "busy"]).exited(1);
    assert!(
        output.stderr.contains("container is running: stop the container before removing or force remove"),
        "{output}"
    );
    let _ = host.casement(["rm", "-f", "busy"]).succeeded();
    assert_eq!(host.casement(["ps", "-a", "-q"]).succeeded().stdout, "");
    assert!(!host.container_directory(&id).exists());
    assert_eq!(host.leftovers(), [] as [String; 0]);
}

#[test]
fn a_container_with_rm_is_gone_when_run_returns() {
    let host = Host::start();
    let _ = host.casement(["run", "--rm", "--name", "brief", "nanoserver", "cmd", "/c", "exit 0"]).succeeded();
    assert_eq!(host.casement(["ps", "-a", "-q"]).succeeded().stdout, "");
    assert_eq!(host.leftovers(), [] as [String; 0]);
}

#[test]
fn create_makes_a_container_that_start_runs() {
    let host = Host::start();
    let id = host.casement(["create", "nanoserver", "cmd", "/c", "echo started& exit 4"]).succeeded().text().to_owned();
    assert_eq!(host.inspect(&id)["State"]["Status"], "created");
    let output = host.casement(["start", "-a", &id]).exited(4);
    assert_eq!(output.text(), "started");
}

#[test]
fn an_interrupted_run_passes_the_signal_on() {
    let host = Host::start();
    let running = host.background(host.program_line(&[], &["ctrl.exe", EVENT_FILE, "600"]));
    running.await_stdout("ready");
    running.signal(rustix::process::Signal::TERM);
    let output = running.finish().succeeded();
    assert!(output.stdout.contains("event CTRL_SHUTDOWN"), "{output}");
}

#[test]
fn programs_that_outlive_the_first_one_end_with_the_container() {
    let host = Host::start();
    let id = host.start_container(&[], &[r"C:\t\tree.exe", "2", "600", "hold"]);
    let _ = host.wait(&id);
    deadline::until("no silo host is left", || host.silo_hosts().is_empty());
}
