//! What holds a container up is killed: its silo host, its agent, wineserver, the launcher.

use std::process::Command;

use casement_job::{Hierarchy, Job, JobLimits, JobName};
use casement_tests::Host;
use casement_tests::deadline::until;
use casement_tests::process::children;

use crate::random::Random;
use crate::trace::{agent, count_in, is_deserted, kill, nothing_stays, pid_of, silo_host, user_namespace};

/// A container whose program runs until it is ended; its id.
fn resting(host: &Host) -> String {
    let id = host.start_container(&["--name", "rest"], &[r"C:\t\linux.exe", "fork", "2"]);
    until("the program runs", || host.casement(["logs", "rest"]).stdout.contains("made 2"));
    id
}

/// The container is reported as ended out of order, is startable again, and leaves nothing.
fn is_reported(host: &Host, id: &str, code: Option<u32>) {
    let waited = host.wait(id);
    assert!(waited != 0 && code.is_none_or(|code| waited == code), "{waited}");
    let state = host.inspect(id)["State"].clone();
    assert_eq!(state["Status"], "exited", "{state}");
    assert_eq!(state["Pid"], 0, "{state}");
    assert_ne!(state["FinishedAt"], "0001-01-01T00:00:00Z", "{state}");
    assert_eq!(host.casement(["logs", id]).succeeded().text(), "made 2 error 0", "what it had written is kept");
    let listed = host.casement(["ps", "-a"]).succeeded();
    assert!(listed.stdout.contains(&format!("Exited ({waited})")), "{listed}");
    let _ = host.casement(["start", id]).succeeded();
    assert_eq!(host.inspect(id)["State"]["Running"], true);
    nothing_stays(host);
}

/// The silo host of which this process is a copy, or itself.
fn first_of_its_kind(pid: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
    let line = |pid: u32| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    parent.filter(|parent| !line(pid).is_empty() && line(*parent) == line(pid)).unwrap_or(pid)
}

fn has_error(host: &Host, id: &str, words: &str) {
    let error = host.inspect(id)["State"]["Error"].as_str().unwrap().to_owned();
    assert!(error.contains(words), "{error:?}");
}

#[test]
fn a_killed_silo_host_takes_its_container_with_it_and_is_reported() {
    let host = Host::start();
    let id = resting(&host);
    let namespace = user_namespace(&host, &id);
    assert!(count_in(&namespace) >= 6);
    kill(silo_host(&host, &id));
    host.wait(&id);
    is_deserted(&namespace);
    has_error(&host, &id, "silo host");
    is_reported(&host, &id, Some(137));
}

#[test]
fn a_client_in_the_foreground_learns_of_its_lost_silo_host() {
    let host = Host::start();
    let running = host.background([
        "run",
        "--name",
        "front",
        "-v",
        &host.programs_volume(),
        "nanoserver",
        r"C:\t\linux.exe",
        "fork",
        "1",
    ]);
    running.await_stdout("made 1");
    kill(silo_host(&host, "front"));
    let output = running.wait();
    assert!(output.code() != 0 && output.stderr.contains("silo host"), "{output}");
    nothing_stays(&host);
}

#[test]
fn a_killed_agent_ends_the_container_and_is_reported() {
    let host = Host::start();
    let id = resting(&host);
    let namespace = user_namespace(&host, &id);
    kill(agent(&host, &id));
    host.wait(&id);
    is_deserted(&namespace);
    has_error(&host, &id, "agent");
    is_reported(&host, &id, None);
}

#[test]
fn a_killed_wineserver_ends_the_container_and_is_reported() {
    let host = Host::start();
    let id = resting(&host);
    let namespace = user_namespace(&host, &id);
    let server = children(agent(&host, &id)).into_iter().find(|(_, name)| name.starts_with("wineserver"));
    kill(server.expect("wineserver is a child of the agent").0);
    host.wait(&id);
    is_deserted(&namespace);
    is_reported(&host, &id, None);
}

#[test]
fn a_killed_launcher_ends_the_container_and_is_reported() {
    let host = Host::start();
    let id = resting(&host);
    let namespace = user_namespace(&host, &id);
    // The agent's first programs: wineserver, and after it the launcher of the main process.
    let launchers: Vec<_> =
        children(agent(&host, &id)).into_iter().filter(|(_, name)| name.starts_with("CExecSvc")).collect();
    assert!(!launchers.is_empty(), "{:?}", children(agent(&host, &id)));
    launchers.iter().for_each(|(pid, _)| kill(*pid));
    host.wait(&id);
    is_deserted(&namespace);
    is_reported(&host, &id, None);
}

#[test]
fn a_job_that_a_killed_silo_host_left_does_not_keep_its_container_from_starting() {
    let host = Host::start();
    let id = host.casement(["create", "nanoserver", "cmd", "/c", "ver"]).succeeded().text().to_owned();
    let hierarchy = Hierarchy::detect().expect("control groups");
    let job = Job::create(&hierarchy, &JobName::new(&id).expect("a name"), &JobLimits::default()).expect("a job");
    let mut lingering = Command::new("sleep").arg("600").spawn().expect("start sleep");
    job.assign(lingering.id()).expect("assign sleep to the job");
    let started = host.casement(["start", &id]);
    let ended = lingering.try_wait().expect("ask for the end of sleep");
    if ended.is_none() {
        let _ = lingering.kill();
        let _ = lingering.wait();
        let _ = job.destroy();
    }
    let _ = started.succeeded();
    assert!(ended.is_some(), "what is left in the job is ended before the container starts");
    assert_eq!(host.wait(&id), 0);
    nothing_stays(&host);
}

#[test]
fn a_silo_host_that_is_killed_while_it_maps_directories_ends() {
    const DIRECTORIES: usize = 24;
    const ROUNDS: usize = 12;
    let host = Host::start();
    let mut random = Random::seeded("silo hosts that map");
    let shared = host.directory().join("shared");
    std::fs::create_dir(&shared).unwrap();
    let volume = |n| format!(r"{}:C:\made\for\number\{n}", shared.display());
    let volumes: Vec<String> = (0..DIRECTORIES).map(volume).collect();
    let flags: Vec<&str> = volumes.iter().flat_map(|volume| ["-v", volume]).collect();
    for _ in 0..ROUNDS {
        let line = ["create"].iter().chain(&flags).chain(&["nanoserver", "cmd", "/c", "ver"]);
        let id = host.casement(line).succeeded().text().to_owned();
        let mut starting = host.background(["start", &id]);
        until("there is a silo host", || host.silo_hosts().contains_key(&id) || starting.has_ended());
        std::thread::sleep(random.moment(60));
        // It may have ended by itself meanwhile, and a copy of it at work goes with it.
        for pid in host.silo_hosts().get(&id).into_iter().map(|pid| first_of_its_kind(*pid)) {
            let _ = rustix::process::kill_process(pid_of(pid), rustix::process::Signal::KILL);
        }
        until("the silo host has ended", || !host.silo_hosts().contains_key(&id));
        let _ = starting.wait();
    }
    let line = ["run", "--rm"].iter().chain(&flags).chain(&["nanoserver", "cmd", "/c", r"dir C:\made\for\number\23"]);
    let _ = host.casement(line).succeeded();
    nothing_stays(&host);
}
