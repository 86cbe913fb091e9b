//! The control socket as a client meets it: missing, restarted, abused.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use casement_engine::ErrorKind;
use casement_engine::api::{Request, SOCKET_FILE};
use casement_engine::client::{Client, ClientError};

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
