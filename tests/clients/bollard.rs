//! bollard's own tests, run as they were built by `tests/fetch-clients`.

use std::path::PathBuf;

use casement_tests::{Background, Host, places};

/// Tests that are not run, by file, with the reason. Files that are not here expect a daemon of Linux at `/var/run` (versions), swarm
/// mode, plugins of Linux, BuildKit, or networks of the driver `bridge` and of the length of their prefix (Windows shows that of an address's class).
const EXCLUDED: [(&str, &[(&str, &str)]); 6] = [
    (
        "container",
        &[
            ("integration_test_image_push", "pushes to a registry at a fixed address"),
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
    (
        "image",
        &[
            ("integration_test_create_image_wasm", "imports an archive that is no layer of Windows"),
            ("integration_test_search_images", "searches a registry, which only Docker's own can do"),
        ],
    ),
    ("race", &[]),
    ("system", &[("integration_test_info", "expects that the daemon and the client are of one system")]),
    ("volume", &[]),
];
/// The least number of tests that pass.
const PASSING: usize = 39;

#[test]
fn the_tests_of_bollard_pass() {
    let (host, _registry) = Host::with_registry_of_unix_images();
    let mut passed = 0;
    for (file, excluded) in EXCLUDED {
        let mut command = host.client_command(test_binary(file));
        // Their images have names of Docker's own registry then.
        command.env("DISABLE_REGISTRY", "1");
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
