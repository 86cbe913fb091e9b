//! A daemon that is killed while it pulls.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use casement_tests::registry::{Access, Registry};
use casement_tests::{Host, deadline};

use crate::registries::add_application;

/// Bytes that come before the registry seems to hang.
const FIRST: usize = 600_000;

/// Stands between a registry and its clients, and holds back what the registry says after its first bytes.
struct Relay {
    host: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    held: Mutex<Held>,
    changed: Condvar,
    /// What clients have asked.
    asked: Mutex<Vec<u8>>,
}

#[derive(Default)]
struct Held {
    passed: usize,
    is_open: bool,
}

impl Relay {
    fn start(host: &Host, registry: &str) -> Self {
        let state = Arc::new(State::default());
        let (to, shared) = (registry.to_owned(), state.clone());
        let address = host.network().within(move || {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("an address");
            // Threads stay in the network that they are started in.
            thread::spawn(move || {
                for client in listener.incoming().flatten() {
                    let registry = TcpStream::connect(&to).expect("the registry");
                    let ends = [(&client, &registry), (&registry, &client)];
                    let [up, down] =
                        ends.map(|(from, to)| (from.try_clone().expect("a socket"), to.try_clone().expect("a socket")));
                    let (asking, answering) = (shared.clone(), shared.clone());
                    thread::spawn(move || pass(up, |bytes| asking.asked.lock().expect("a lock").extend(bytes)));
                    thread::spawn(move || pass(down, |bytes| answering.hold(bytes.len())));
                }
            });
            address
        });
        Self { host: address.to_string(), state }
    }

    /// Holds nothing back any more.
    fn open(&self) {
        self.state.held.lock().expect("a lock").is_open = true;
        self.state.changed.notify_all();
    }

    fn was_asked_for_the_rest(&self) -> bool {
        let asked = self.state.asked.lock().expect("a lock");
        String::from_utf8_lossy(&asked).to_lowercase().contains("range: bytes=")
    }
}

impl State {
    fn hold(&self, count: usize) {
        let mut held = self.held.lock().expect("a lock");
        held.passed += count;
        while held.passed > FIRST && !held.is_open {
            held = self.changed.wait(held).expect("a lock");
        }
    }
}

fn pass((mut from, mut to): (TcpStream, TcpStream), mut see: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count) = from.read(&mut buffer) {
        see(&buffer[..count]);
        if count == 0 || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("a directory").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Bytes that no packing makes small.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 77u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[test]
fn what_a_killed_daemon_was_pulling_is_never_half_there_and_the_next_one_goes_on() {
    let host = Host::without_daemon();
    let registry = Registry::start(&host, Access::Open);
    let own = format!("{}/team/large:1", registry.host());
    let content = noise(3 << 20);
    add_application(&host, &own, "noise.bin", &content);
    host.start_daemon();
    let _ = host.docker(["push", &own]).succeeded();
    let _ = host.docker(["rmi", &own]).succeeded();
    let relay = Relay::start(&host, registry.host());
    let name = format!("{}/team/large:1", relay.host);
    let visible = || {
        let store = host.root();
        let images = std::fs::read_to_string(store.join("images.json")).expect("a file");
        (names(&store.join("layers")), names(&store.join("content/blobs/sha256")), images)
    };
    let before = visible();

    let pull = host.docker_background(["pull", &name]);
    let partial = host.root().join("content/partial");
    deadline::until("a part of the layer has come", || {
        let parts = std::fs::read_dir(&partial).into_iter().flatten().flatten();
        parts.filter_map(|part| part.metadata().ok()).any(|part| part.len() > 400_000)
    });
    host.kill_daemon();
    drop(pull);
    assert_eq!(visible(), before);
    host.start_daemon();
    assert_eq!(visible(), before);
    assert_ne!(host.docker(["image", "inspect", &name]).code(), 0);

    relay.open();
    let pull = host.docker_background(["pull", &name]);
    let layers = || names(&host.root().join("layers"));
    // It is killed while it unpacks, or has just done so.
    deadline::until("the layer is being unpacked", || layers() != before.0);
    host.kill_daemon();
    drop(pull);
    assert!(relay.was_asked_for_the_rest());
    host.start_daemon();
    let unfinished = layers().into_iter().filter(|name| name.starts_with('.')).count();
    assert_eq!(unfinished, 0, "{:?}", layers());

    let _ = host.docker(["pull", &name]).succeeded();
    let shown = host.casement(["image", "cat", &name, r"C:\app\noise.bin"]).succeeded();
    assert!(shown.stdout_bytes == content);
    let ran = host.docker(["run", "--rm", &name, "cmd", "/c", r"dir C:\app\noise.bin"]).succeeded();
    assert!(ran.stdout.contains("3,145,728"), "{ran}");
}
