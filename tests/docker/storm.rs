//! Many clients create, start, exec into, kill and remove many containers at once, and the daemon is killed in the middle: every
//! answer is right or a clean error, and nothing is left. `docs/storm.md` has the command for large numbers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, PoisonError};
use std::time::Instant;

use casement_tests::{Host, Output, deadline};

/// Containers, unless `CASEMENT_STORM_CONTAINERS` says otherwise.
const CONTAINERS: usize = 16;
/// Clients, unless `CASEMENT_STORM_CLIENTS` says otherwise.
const CLIENTS: usize = 4;
/// What the command says when the daemon is away or goes away while it answers.
const OUTAGES: [&str; 6] = [
    "Cannot connect to the Docker daemon",
    "error during connect",
    "EOF",
    "connection reset by peer",
    "connection refused",
    "broken pipe",
];
/// What it says of what the daemon's death has undone: execs die with the daemon that made them.
const UNDONE: &str = "No such exec instance";
/// How `docker exec` ends, without a word, when its stream has ended and nobody answers its question for the exit code: the command
/// takes the daemon for dead.
const NOBODY_TOLD_THE_CODE: i32 = 255;

/// The storm: what its clients share.
struct Storm<'a> {
    host: &'a Host,
    /// Containers that have been started.
    started: AtomicUsize,
    /// Containers that have been exec'd into.
    visited: AtomicUsize,
    /// Commands that met an outage.
    interrupted: AtomicUsize,
    /// From when until when there was no daemon.
    outages: Mutex<Vec<(Instant, Option<Instant>)>>,
}

#[test]
fn a_storm_of_clients_and_a_killed_daemon_lose_nothing_and_leave_nothing() {
    let host = Host::start();
    let (containers, clients) =
        (number("CASEMENT_STORM_CONTAINERS", CONTAINERS), number("CASEMENT_STORM_CLIENTS", CLIENTS));
    let storm =
        Storm { host: &host, started: 0.into(), visited: 0.into(), interrupted: 0.into(), outages: Mutex::default() };
    let all_live = Barrier::new(clients);
    std::thread::scope(|scope| {
        for client in 0..clients {
            let (storm, all_live) = (&storm, &all_live);
            scope.spawn(move || {
                let own: Vec<usize> = (client..containers).step_by(clients).collect();
                own.iter().for_each(|number| storm.begin(*number));
                all_live.wait();
                own.iter().for_each(|number| storm.visit(*number));
                own.iter().for_each(|number| storm.end(*number));
            });
        }
        for (what, count) in [("started", &storm.started), ("exec'd into", &storm.visited)] {
            loop {
                let reached = count.load(Ordering::Relaxed);
                if reached * 2 >= containers {
                    break;
                }
                deadline::until(&format!("one more container is {what}"), || count.load(Ordering::Relaxed) > reached);
            }
            storm.replace_daemon();
        }
    });
    eprintln!("{containers} containers, {clients} clients, {} commands interrupted", storm.interrupted.into_inner());
    assert_eq!(host.docker(["ps", "-a", "-q"]).succeeded().stdout, "");
    assert!(host.silo_hosts().is_empty(), "{:?}", host.silo_hosts());
    assert_eq!(host.leftovers(), [] as [String; 0]);
}

impl Storm<'_> {
    fn begin(&self, number: usize) {
        let name = name(number);
        let volume = self.host.programs_volume();
        let program = [r"C:\t\ctrl.exe", r"C:\Users\ContainerUser\event.txt", "6000"];
        let create = ["create", "--name", &name, "-v", &volume, "nanoserver"];
        self.insist(&create.iter().chain(&program).copied().collect::<Vec<_>>(), "Conflict. The container name");
        self.insist(&["start", &name], "");
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    /// A process in it gives back its own output and its own exit code.
    fn visit(&self, number: usize) {
        let (name, code) = (name(number), i32::try_from(number % 200).expect("a small number") + 3);
        let script = format!("echo {name} is here& exit {code}");
        let answer = format!("{name} is here");
        deadline::until("a process in the container answers", || {
            let began = Instant::now();
            let output = self.host.docker(["exec", &name, "cmd", "/c", &script]);
            if output.code() == code {
                assert_eq!(output.text(), answer, "{output}");
                return true;
            }
            let silent = output.code() == NOBODY_TOLD_THE_CODE && output.stderr.is_empty();
            assert!(silent || [OUTAGES.as_slice(), &[UNDONE]].concat().iter().any(said_by(&output)), "{output}");
            assert!(answer.starts_with(output.text()), "{output}");
            self.assert_outage(began, &output);
            false
        });
        self.visited.fetch_add(1, Ordering::Relaxed);
    }

    fn end(&self, number: usize) {
        let name = name(number);
        if number.is_multiple_of(2) {
            self.insist(&["kill", &name], "is not running");
            self.insist(&["rm", &name], "No such container");
        } else {
            self.insist(&["rm", "-f", &name], "No such container");
        }
    }

    /// Repeats a command until it succeeds, or says that an attempt that got no answer had succeeded.
    fn insist(&self, words: &[&str], done: &str) {
        let mut attempts = 0;
        deadline::until(&words.join(" "), || {
            let began = Instant::now();
            let output = self.host.docker(words);
            attempts += 1;
            let was_done = attempts > 1 && !done.is_empty() && output.stderr.contains(done);
            if output.status.success() || was_done {
                return true;
            }
            assert!(OUTAGES.iter().any(said_by(&output)), "{output}");
            self.assert_outage(began, &output);
            false
        });
    }

    fn replace_daemon(&self) {
        let outages = || self.outages.lock().unwrap_or_else(PoisonError::into_inner);
        outages().push((Instant::now(), None));
        self.host.kill_daemon();
        self.host.start_daemon();
        outages().last_mut().expect("an outage").1 = Some(Instant::now());
    }

    /// A command that began then, and has just ended so, was disturbed: there was an outage meanwhile.
    fn assert_outage(&self, began: Instant, output: &Output) {
        let outages = self.outages.lock().unwrap_or_else(PoisonError::into_inner);
        let met = |outage: &(Instant, Option<Instant>)| outage.1.is_none_or(|end| end > began);
        assert!(outages.iter().any(met), "the daemon was there all the time: {output}");
        self.interrupted.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether a command said a text.
fn said_by(output: &Output) -> impl Fn(&&str) -> bool {
    |text| output.stderr.contains(*text)
}

fn name(number: usize) -> String {
    format!("storm-{number}")
}

/// A number from the environment.
fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|error| panic!("{variable}: {error}")))
}
