//! `docker attach` and `docker start -a`.

use casement_tests::Host;

/// The words of `docker create FLAGS… nanoserver C:\t\cat.exe`.
fn create_cat(host: &Host, flags: &[&str]) -> String {
    let volume = host.programs_volume();
    let words = ["create", "-v", &volume].into_iter().chain(flags.iter().copied());
    host.docker(words.chain(["nanoserver", r"C:\t\cat.exe"])).succeeded().text().to_owned()
}

#[test]
fn start_attached_gives_input_and_shows_output() {
    let host = Host::start();
    let id = create_cat(&host, &["-i"]);
    let output = host.docker_fed(["start", "-a", "-i", &id], b"through start").succeeded();
    assert_eq!(output.stdout, "through start");
    let output = host.docker_fed(["start", "-a", "-i", &id], b"once more").succeeded();
    assert_eq!(output.stdout, "once more");
}

#[test]
fn start_attached_shows_the_exit_code() {
    let host = Host::start();
    let id = host.docker(["create", "nanoserver", "cmd", "/c", "echo out& exit 12"]).succeeded().text().to_owned();
    let output = host.docker(["start", "-a", &id]).exited(12);
    assert_eq!(output.text(), "out");
}

#[test]
fn several_clients_see_the_output_and_give_input() {
    let host = Host::start();
    // Not StdinOnce: the input stays open when a client leaves.
    let volume = host.programs_volume();
    let id =
        host.docker(["run", "-d", "-i", "-v", &volume, "nanoserver", r"C:\t\cat.exe"]).succeeded().text().to_owned();
    let mut one = host.docker_background(["attach", &id]);
    let mut other = host.docker_background(["attach", &id]);
    // Whoever sees what it wrote itself is attached.
    one.write(b"from one\n");
    one.await_stdout("from one");
    other.write(b"from the other\n");
    other.await_stdout("from the other");
    one.await_stdout("from the other");
    drop(one);
    other.write(b"still there\n");
    other.await_stdout("still there");
    assert_eq!(host.inspect(&id)["State"]["Status"], "running");
    drop(other);
    let mut third = host.docker_background(["attach", &id]);
    third.write(b"from a third\n");
    third.await_stdout("from a third");
}

#[test]
fn a_client_without_input_leaves_the_programs_input_open() {
    let host = Host::start();
    let volume = host.programs_volume();
    let id =
        host.docker(["run", "-d", "-i", "-v", &volume, "nanoserver", r"C:\t\cat.exe"]).succeeded().text().to_owned();
    let looking = host.docker_background(["attach", "--no-stdin", &id]);
    let attached = host.docker_background(["events", "--since", "1h", "--filter", "event=attach"]);
    attached.await_stdout(&id);
    attached.signal(rustix::process::Signal::KILL);
    let mut typing = host.docker_background(["attach", &id]);
    typing.write(b"line\n");
    looking.await_stdout("line");
}

#[test]
fn other_detach_keys_detach() {
    let host = Host::start();
    let mut terminal = host.docker_terminal(
        ["run", "-it", "--name", "box", "--detach-keys", "ctrl-a,d", "nanoserver", "cmd"],
        31,
        101,
    );
    terminal.expect(r"C:\>");
    terminal.type_keys("\x01d");
    let (status, text) = terminal.finish();
    assert!(status.success(), "{text}");
    assert_eq!(host.inspect("box")["State"]["Status"], "running");
}

#[test]
fn a_container_that_has_ended_cannot_be_attached_to() {
    let host = Host::start();
    let id = host.start_container(&[], &["cmd", "/c", "exit 0"]);
    assert_eq!(host.wait(&id), 0);
    let output = host.docker(["attach", &id]).exited(1);
    assert!(output.stderr.contains("cannot attach to a stopped container, start it first"), "{output}");
}

#[test]
fn attach_and_exec_are_left_by_detach_keys_of_their_own() {
    let host = Host::start();
    let _ = host.docker(["run", "-dit", "--name", "box", "nanoserver", "cmd"]).succeeded();
    let mut terminal = host.docker_terminal(["attach", "--detach-keys", "ctrl-a,d", "box"], 31, 101);
    terminal.await_raw();
    terminal.type_line("echo system %OS%");
    terminal.expect("system Windows_NT");
    terminal.type_keys("\x01d");
    let (status, text) = terminal.finish();
    assert!(text.contains("read escape sequence") || status.success(), "{text}");
    let mut terminal = host.docker_terminal(["exec", "-it", "--detach-keys", "ctrl-b", "box", "cmd"], 31, 101);
    terminal.expect(r"C:\>");
    terminal.type_keys("\x02");
    let (_, text) = terminal.finish();
    // Both programs go on.
    assert_eq!(host.inspect("box")["State"]["Status"], "running");
    let listed = host.docker(["top", "box"]).succeeded();
    assert_eq!(listed.stdout.matches("cmd.exe").count(), 2, "{text} {listed}");
}
