//! Testcontainers for Python.

use casement_tests::{Background, Host, places};

#[test]
fn a_container_for_a_test_comes_and_goes() {
    let host = Host::with_unix_images();
    let mut command = host.client_command("python3");
    command.env("PYTHONPATH", places::client("python")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("PROGRAMS", places::test_programs().canonicalize().expect("a directory"));
    command.arg(places::source("clients/with_testcontainers.py"));
    let output = Background::start(command).finish().succeeded();
    assert_eq!(output.text().len(), 64, "{output}");
    assert_eq!(host.docker(["ps", "-aq"]).succeeded().stdout, "");
}
