//! The control socket as a client meets it: missing, restarted, abused.

mod in_memory;

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;

use std::os::unix::net::{UnixListener, UnixStream};

use casement_engine::api::{Request, Response, SOCKET_FILE, SOCKET_MODE, Streams};
use casement_engine::client::{Client, ClientError};
use casement_engine::engine::WaitCondition;
use casement_engine::server::{MAX_CONNECTIONS, Server};
use casement_engine::{ContainerSettings, ErrorKind};
use in_memory::{Bench, settings};

#[test]
fn without_a_daemon_the_message_says_how_to_start_one() {
    let run = tempfile::tempdir().unwrap();
    let error = Client::new(run.path()).request(&Request::Version).unwrap_err();
    assert!(matches!(error, ClientError::NotRunning { .. }));
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("casement daemon"), "{error}");
}

#[test]
fn a_daemon_that_dies_in_between_is_told_from_one_that_refuses() {
    let run = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(run.path().join(SOCKET_FILE)).unwrap();
    let dying = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let error = Client::new(run.path()).request(&Request::Version).unwrap_err();
    assert!(matches!(error, ClientError::WentAway(_)), "{error}");
    dying.join().unwrap();
}

#[test]
fn an_oversized_answer_is_refused() {
    let run = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(run.path().join(SOCKET_FILE)).unwrap();
    let lying = std::thread::spawn(move || {
        let (mut stream, _): (UnixStream, _) = listener.accept().unwrap();
        let mut request = [0u8; 64];
        let _ = stream.read(&mut request).unwrap();
        stream.write_all(&u32::MAX.to_le_bytes()).unwrap();
    });
    assert!(Client::new(run.path()).request(&Request::Version).is_err());
    lying.join().unwrap();
}

/// A server that serves until the test process ends.
fn serve(bench: &Bench) -> (Client, PathBuf) {
    let run = bench.root.path().join("run");
    let server = Server::bind(bench.open(), bench.root.path(), &run).unwrap();
    std::thread::spawn(move || server.serve());
    (Client::new(&run), run.join(SOCKET_FILE))
}

fn run_request(settings: ContainerSettings, streams: Streams) -> Request {
    Request::Run { settings: Box::new(settings), streams }
}

#[test]
fn only_owner_and_group_may_connect() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let (_, socket) = serve(&bench);
    assert_eq!(std::fs::metadata(socket).unwrap().permissions().mode() & 0o777, SOCKET_MODE);
}

#[test]
fn a_container_is_run_and_waited_for_over_the_socket() {
    let bench = Bench::new();
    let (client, _) = serve(&bench);
    let (reader, writer) = std::io::pipe().unwrap();
    let streams = Streams { stdout: true, ..Streams::default() };
    let answer = client.request_with(&run_request(settings("web"), streams), &[writer.as_fd()]).unwrap();
    let Response::Container { container, .. } = answer else { panic!("{answer:?}") };
    drop((reader, writer));
    let waiting = std::thread::spawn({
        let client = client.clone();
        let key = container.id.to_string();
        move || client.request(&Request::Wait { container: key, condition: WaitCondition::NotRunning }).unwrap()
    });
    bench.world.system(&container.id).end(5);
    let Response::State { state } = waiting.join().unwrap() else { panic!() };
    assert_eq!(state.exit_code, 5);
    let error = client.request(&run_request(settings("web"), Streams::default())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(
        error.to_string().starts_with("Error response from daemon: Conflict. The container name \"/web\""),
        "{error}"
    );
}

#[test]
fn streams_that_do_not_come_along_are_refused() {
    let bench = Bench::new();
    let (client, _) = serve(&bench);
    let streams = Streams { stdin: true, stdout: true, stderr: true, line: true };
    let error = client.request(&run_request(settings("web"), streams)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidParameter);
    assert_eq!(bench.world.leftovers(), 0);
}

#[test]
fn nonsense_is_answered_and_does_no_harm() {
    let bench = Bench::new();
    let (client, socket) = serve(&bench);
    for body in [&b"\xff\xff\xff\xff"[..], b"\x02\0\0\0{}", b"\x04\0\0\0nope", b"\x01\0\0\0\xff"] {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(String::from_utf8_lossy(&answer).contains("invalid request"), "{body:?}");
    }
    assert!(
        matches!(client.request(&Request::List).unwrap(), Response::Containers { containers } if containers.is_empty())
    );
}

#[test]
fn silent_connections_are_bounded_and_make_room_when_they_end() {
    let bench = Bench::new();
    let (client, socket) = serve(&bench);
    let silent: Vec<_> = (0..MAX_CONNECTIONS).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    let refused = (0..).find_map(|_| client.request(&Request::List).err()).unwrap();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    drop(silent);
    while client.request(&Request::List).is_err() {
        std::thread::yield_now();
    }
}
