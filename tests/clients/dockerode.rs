//! dockerode, the client for Node.

use casement_tests::{Background, Host, places};

#[test]
fn programs_for_node_run_exec_and_look() {
    let host = Host::with_unix_images();
    let mut command = host.client_command("node");
    command.env("CASEMENT_DOCKERODE", places::client("dockerode")).arg(places::source("clients/dockerode/client.js"));
    let output = Background::start(command).finish().succeeded();
    assert_eq!(output.text(), "done", "{output}");
}
