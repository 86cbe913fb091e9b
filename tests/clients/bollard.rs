//! bollard's own tests, run as they were built by `tests/fetch-clients`.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use casement_tests::{Background, Host, places};

/// Tests that are not run, by file, with the reason. Files that are not here are about parts that are not there yet (images, networks), or
/// expect a daemon of Linux at `/var/run` (versions).
const EXCLUDED: [(&str, &[(&str, &str)]); 5] = [
    (
        "container",
        &[
            ("integration_test_export_container", "a Windows daemon exports no containers"),
            ("integration_test_image_push", "docker push is not there yet"),
            (
                "integration_test_logs_tty",
                "compares what a console shows, into which Windows draws with control sequences",
            ),
            ("integration_test_mount_volume_containers", "a destination without a drive, which Windows refuses"),
            ("integration_test_resize_container_tty", "resizes a container that has no console"),
            ("integration_test_top_processes", "arguments of ps, which Windows refuses"),
            ("integration_test_update_container", "MemorySwap, which Windows does not support"),
        ],
    ),
    ("exec", &[]),
    ("race", &[]),
    (
        "system",
        &[
            ("integration_test_df", "pulls from a registry"),
            ("integration_test_events", "waits for the event of a pull"),
            ("integration_test_info", "expects that the daemon and the client are of one system"),
        ],
    ),
    ("volume", &[]),
];
/// The least number of tests that pass.
const PASSING: usize = 24;

#[test]
fn the_tests_of_bollard_pass() {
    let host = Host::with_unix_images();
    let mirror = Mirror::start(&host);
    let mut passed = 0;
    for (file, excluded) in EXCLUDED {
        let mut command = host.client_command(test_binary(file));
        command.env("DOCKER_HOST", format!("unix://{}", mirror.socket.display())).env("DISABLE_REGISTRY", "1");
        // Their containers have fixed names, and those that prune take what others have made.
        command.arg("--test-threads=1").current_dir(places::client("bollard"));
        for (name, _) in excluded {
            command.args(["--skip", name]);
        }
        let output = Background::start(command).finish();
        assert_eq!(output.code(), 0, "{file}: {output}");
        let summary = output.after("test result: ok. ");
        let count: usize = summary.split(' ').next().and_then(|number| number.parse().ok()).expect("a number");
        assert!(count > 0, "{file}: {output}");
        passed += count;
    }
    eprintln!("bollard: {passed} tests passed");
    assert!(passed >= PASSING, "{passed} tests passed");
}

/// The program with the tests of a file.
fn test_binary(file: &str) -> PathBuf {
    let directory = places::client("bollard/target/x86_64-unknown-linux-gnu/debug/deps");
    let start = format!("{file}_test-");
    let entries = std::fs::read_dir(&directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    let is_it = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(&start) && !name.contains('.')
    };
    entries.into_iter().find(is_it).unwrap_or_else(|| panic!("tests/fetch-clients did not build the tests of {file}"))
}

/// Stands between the tests and the daemon. The tests pull each image before they use it; the images are there, and pulling ones
/// that are is answered here as a registry's mirror would have it: nothing is newer. All else passes through.
struct Mirror {
    socket: PathBuf,
}

/// The answer to a pull.
const UP_TO_DATE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 37\r\n\r\n{\"status\":\"Image is up to date\"}    \r\n";

impl Mirror {
    fn start(host: &Host) -> Self {
        let socket = host.directory().join("mirror.sock");
        let (listener, daemon) = (UnixListener::bind(&socket).expect("listen"), host.docker_socket());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let daemon = daemon.clone();
                std::thread::spawn(move || serve(client, &daemon));
            }
        });
        Self { socket }
    }
}

fn serve(client: UnixStream, daemon: &Path) {
    let daemon = UnixStream::connect(daemon).expect("connect");
    let (mut answers, mut to_client) = (daemon.try_clone().expect("clone"), client.try_clone().expect("clone"));
    let answering = std::thread::spawn(move || {
        // Whoever hangs up has what it wanted.
        let _ = std::io::copy(&mut answers, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let _ = pass_requests(client, daemon);
    let _ = answering.join();
}

/// Clients send one request after another, so that each begins with a read of its own.
fn pass_requests(mut client: UnixStream, mut daemon: UnixStream) -> std::io::Result<()> {
    let mut chunk = vec![0; 64 << 10];
    loop {
        let count = client.read(&mut chunk)?;
        let bytes = &chunk[..count];
        if count == 0 {
            return daemon.shutdown(Shutdown::Write);
        }
        let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let is_pull = line.starts_with(b"POST ") && line.windows(15).any(|part| part == b"/images/create?");
        if is_pull { client.write_all(UP_TO_DATE)? } else { daemon.write_all(bytes)? }
    }
}
