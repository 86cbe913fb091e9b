//! Many clients create, start, exec into, kill and remove many containers at once, and the daemon is killed in the middle: every
//! answer is right or a clean error, and nothing is left. `docs/storm.md` has the command for large numbers.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// The storm: what its clients share.
struct Storm<'a> {
    host: &'a Host,
    /// Containers that have been started.
    started: AtomicUsize,
    /// Containers that have been exec'd into.
    visited: AtomicUsize,
    /// Commands that met an outage.
    interrupted: AtomicUsize,
}

#[test]
fn a_storm_of_clients_and_a_killed_daemon_lose_nothing_and_leave_nothing() {
    let host = Host::start();
    let (containers, clients) =
        (number("CASEMENT_STORM_CONTAINERS", CONTAINERS), number("CASEMENT_STORM_CLIENTS", CLIENTS));
    let storm = Storm { host: &host, started: 0.into(), visited: 0.into(), interrupted: 0.into() };
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
            deadline::until(&format!("half of the containers were {what}"), || {
                count.load(Ordering::Relaxed) * 2 >= containers
            });
            host.kill_daemon();
            host.start_daemon();
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
        deadline::until("a process in the container answers", || {
            let output = self.host.docker(["exec", &name, "cmd", "/c", &script]);
            if output.code() == code {
                assert_eq!(output.text(), format!("{name} is here"), "{output}");
                return true;
            }
            self.is_excused(&output, UNDONE);
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
            let output = self.host.docker(words);
            attempts += 1;
            let was_done = attempts > 1 && !done.is_empty() && output.stderr.contains(done);
            if output.status.success() || was_done {
                return true;
            }
            self.is_excused(&output, "");
            false
        });
    }

    fn is_excused(&self, output: &Output, further: &str) {
        let said = |text: &&str| output.stderr.contains(*text);
        let excused = OUTAGES.iter().any(&said) || (!further.is_empty() && said(&further));
        assert!(excused, "{output}");
        self.interrupted.fetch_add(1, Ordering::Relaxed);
    }
}

fn name(number: usize) -> String {
    format!("storm-{number}")
}

/// A number from the environment.
fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|error| panic!("{variable}: {error}")))
}
