//! The daemon is killed at random moments while many commands create, start, run, stop and remove containers.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use casement_tests::{Host, Output};
use serde_json::Value;

use crate::random::Random;
use crate::trace::{lines_program, nothing_stays, numbered};

/// How often the daemon is killed.
const KILLS: usize = 60;
/// Longest time, in milliseconds, that a daemon has between its start and its death.
const LONGEST_LIFE: u64 = 800;
/// Longest time, in milliseconds, between a death and the next daemon.
const LONGEST_ABSENCE: u64 = 60;
/// Commands at the same time.
const WORKERS: usize = 4;
/// Most containers of one worker at the same time.
const MOST_CONTAINERS: usize = 6;

/// What a worker knows of a container, from the answers that it got and the commands that it sent.
#[derive(Debug, Clone)]
struct Known {
    lines: u64,
    code: u64,
    /// The daemon said that it runs (or ran).
    started: bool,
    /// A command to start it got no answer: it may run, and may have been ended again.
    start_unclear: bool,
    /// A command to end it was sent: it may end at any line.
    interrupted: bool,
    /// A command to remove it was sent and got no answer.
    removal_unclear: bool,
}

/// The answers that must hold at the end, by container name.
#[derive(Default)]
struct Ledger {
    acknowledged: BTreeMap<String, Known>,
    /// Removed, and said so.
    removed: Vec<String>,
    /// Foreground runs that came to their end with their output.
    completed: usize,
}

struct Worker<'a> {
    host: &'a Host,
    number: usize,
    random: Random,
    next: usize,
    ledger: &'a Mutex<Ledger>,
    mine: Vec<String>,
}

impl Worker<'_> {
    fn work(&mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let full = self.mine.len() >= MOST_CONTAINERS;
            match self.random.below(10) {
                0..=2 if !full => self.run_detached(),
                3 if !full => self.create_and_start(),
                4 | 5 => self.run_in_front(),
                6 => self.execute(),
                7 => self.end("kill", &[]),
                8 => self.end("stop", &["-t", "0"]),
                _ => self.remove(),
            }
        }
    }

    fn new_container(&mut self) -> (String, u64, u64) {
        self.next += 1;
        (format!("w{}-{}", self.number, self.next), 1 + self.random.below(40), 1 + self.random.below(250))
    }

    fn casement(&self, words: &[&str]) -> Output {
        self.host.casement(words)
    }

    fn line<'a>(verb: &[&'a str], name: &'a str, volume: &'a str, program: &'a [String]) -> Vec<&'a str> {
        let mut all = verb.to_vec();
        all.extend(["--name", name, "-v", volume, "nanoserver"]);
        all.extend(program.iter().map(String::as_str));
        all
    }

    fn record(&mut self, name: &str, known: Known) {
        self.ledger.lock().unwrap().acknowledged.insert(name.to_owned(), known);
        // The others are left alone and come to their own end.
        if self.random.below(2) == 0 {
            self.mine.push(name.to_owned());
        }
    }

    fn note(&self, name: &str, change: impl FnOnce(&mut Known)) {
        change(self.ledger.lock().unwrap().acknowledged.get_mut(name).unwrap());
    }

    fn run_detached(&mut self) {
        let (name, lines, code) = self.new_container();
        let (volume, program) = (self.host.programs_volume(), lines_program(lines, 5, code));
        let output = self.casement(&Self::line(&["run", "-d"], &name, &volume, &program));
        if output.status.success() {
            let known =
                Known { lines, code, started: true, start_unclear: false, interrupted: false, removal_unclear: false };
            self.record(&name, known);
        }
    }

    fn create_and_start(&mut self) {
        let (name, lines, code) = self.new_container();
        let (volume, program) = (self.host.programs_volume(), lines_program(lines, 5, code));
        if !self.casement(&Self::line(&["create"], &name, &volume, &program)).status.success() {
            return;
        }
        let known =
            Known { lines, code, started: false, start_unclear: true, interrupted: false, removal_unclear: false };
        self.record(&name, known);
        if self.casement(&["start", &name]).status.success() {
            self.note(&name, |known| (known.started, known.start_unclear) = (true, false));
        }
    }

    /// A client in the foreground cannot start its container and says so, or brings all of its output and its code, or says that the
    /// daemon took what is missing along.
    fn run_in_front(&mut self) {
        let (name, lines, code) = self.new_container();
        let (volume, program) = (self.host.programs_volume(), lines_program(lines, 5, code));
        let output = self.casement(&Self::line(&["run", "--rm"], &name, &volume, &program));
        if output.stdout.is_empty() {
            assert!(!output.status.success() && !output.stderr.is_empty(), "{output}");
            return;
        }
        let said = output.stdout.replace('\r', "");
        if output.stderr.contains("while the daemon was away") || output.stderr.contains("when the daemon went away") {
            assert!(numbered(lines).starts_with(&said), "{output}");
            return;
        }
        assert_eq!(said, numbered(lines), "{output}");
        assert_eq!(output.code(), i32::try_from(code).unwrap(), "{output}");
        self.ledger.lock().unwrap().completed += 1;
    }

    fn pick(&mut self) -> Option<String> {
        let count = self.mine.len() as u64;
        (count > 0).then(|| self.mine[self.random.below(count) as usize].clone())
    }

    fn execute(&mut self) {
        let Some(name) = self.pick() else { return };
        let output = self.casement(&["exec", &name, "cmd", "/c", "echo", "hello"]);
        assert!(!output.status.success() || output.text() == "hello", "{output}");
    }

    fn end(&mut self, verb: &str, flags: &[&str]) {
        let Some(name) = self.pick() else { return };
        self.note(&name, |known| known.interrupted = true);
        let _ = self.casement(&[&[verb], flags, &[&name]].concat());
    }

    fn remove(&mut self) {
        let Some(name) = self.pick() else { return };
        self.note(&name, |known| (known.interrupted, known.removal_unclear) = (true, true));
        if self.casement(&["rm", "-f", &name]).status.success() {
            let mut ledger = self.ledger.lock().unwrap();
            ledger.acknowledged.remove(&name);
            ledger.removed.push(name.clone());
        }
        self.mine.retain(|own| *own != name);
    }
}

#[test]
fn no_acknowledged_container_is_lost_when_the_daemon_is_killed_at_random() {
    let host = Host::start();
    let mut random = Random::seeded("storm");
    let ledger = Mutex::new(Ledger::default());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|number| {
                let random = random.fork();
                let (host, ledger, stop) = (&host, &ledger, &stop);
                scope.spawn(move || Worker { host, number, random, next: 0, ledger, mine: Vec::new() }.work(stop))
            })
            .collect();
        for _ in 0..KILLS {
            std::thread::sleep(random.moment(LONGEST_LIFE));
            host.kill_daemon();
            std::thread::sleep(random.moment(LONGEST_ABSENCE));
            host.start_daemon();
            if workers.iter().any(std::thread::ScopedJoinHandle::is_finished) {
                break;
            }
        }
        // Also when one has failed: the others would go on for ever.
        stop.store(true, Ordering::Relaxed);
    });
    let ledger = ledger.into_inner().unwrap();
    eprintln!(
        "{} containers acknowledged and kept, {} removed, {} foreground runs completed",
        ledger.acknowledged.len(),
        ledger.removed.len(),
        ledger.completed
    );
    assert!(ledger.removed.len() + ledger.acknowledged.len() > 10 && ledger.completed > 5, "the storm did something");
    settle(&host, &ledger);
    nothing_stays(&host);
}

/// Every promise of the ledger holds.
fn settle(host: &Host, ledger: &Ledger) {
    let listed = host.casement(["ps", "-a", "-q", "--no-trunc"]).succeeded();
    let containers: BTreeMap<String, Value> =
        listed.lines().into_iter().map(|id| host.inspect(id)).map(|value| (name_of(&value), value)).collect();
    for (name, container) in &containers {
        let status = container["State"]["Status"].as_str().unwrap();
        assert!(["created", "running", "exited"].contains(&status), "{name} is half made: {status}");
        assert!(!ledger.removed.contains(name), "{name} was removed and is back");
    }
    let mut whole = 0;
    for (name, known) in &ledger.acknowledged {
        let Some(container) = containers.get(name) else {
            assert!(known.removal_unclear, "{name} is lost: {known:?}");
            continue;
        };
        whole += usize::from(check(host, name, container, known));
    }
    eprintln!("{whole} containers ran to their end, with all of their output and their exit code");
    assert!(whole > 10);
}

/// Whether the container ran to its own end; all promises hold in any case.
fn check(host: &Host, name: &str, container: &Value, known: &Known) -> bool {
    if !known.started && known.start_unclear && container["State"]["Status"] == "created" {
        return false;
    }
    let code = host.wait(name);
    let output = host.casement(["logs", name]).succeeded().stdout.replace('\r', "");
    let whole = numbered(known.lines);
    if known.interrupted || known.start_unclear {
        assert!(whole.starts_with(&output), "{name}: {known:?}\n{output}");
        return false;
    }
    let state = host.inspect(name)["State"].clone();
    assert_eq!(output, whole, "{name}: {known:?} {state}");
    assert_eq!(u64::from(code), known.code, "{name}: {known:?} {state}");
    true
}

fn name_of(container: &Value) -> String {
    container["Name"].as_str().unwrap().trim_start_matches('/').to_owned()
}
