//! `docker run`: streams, exit codes, consoles.

use casement_tests::terminal::control;
use casement_tests::{Background, Host, deadline};

/// A length of data that fits into no buffer on the way, in bytes.
const LARGE: usize = 20_000_000;

/// The words of `docker run FLAGS… nanoserver C:\t\PROGRAM ARGUMENTS…`.
fn program_line(host: &Host, flags: &[&str], words: &[&str]) -> Vec<String> {
    let mut line = host.program_line(flags, words);
    line.retain(|word| word != "--rm");
    line
}

#[test]
fn output_errors_and_the_exit_code_come_back() {
    let host = Host::start();
    let output = host.docker(["run", "--rm", "nanoserver", "cmd", "/c", "echo out& echo err>&2& exit 7"]).exited(7);
    assert_eq!((output.text(), output.stderr.trim()), ("out", "err"));
    assert_eq!(host.casement(["ps", "-a", "-q"]).succeeded().stdout, "");
}

#[test]
fn piped_input_arrives_and_its_end_ends_the_program() {
    let host = Host::start();
    let mut running = host.docker_background(program_line(&host, &["-i"], &["cat.exe"]));
    running.write(b"first\r\n");
    running.await_stdout("first\r\n");
    running.write(b"second\n");
    running.await_stdout("second\n");
    let output = running.finish().succeeded();
    assert_eq!(output.stdout, "first\r\nsecond\n");
    assert!(output.stderr.contains("14 bytes"), "{output}");
}

#[test]
fn many_megabytes_go_through_unchanged() {
    let host = Host::start();
    let data: Vec<u8> = (0..LARGE as u32).map(|number| (number.wrapping_mul(0x9E37_79B1) >> 24) as u8).collect();
    let output = host.docker_fed(program_line(&host, &["-i"], &["cat.exe"]), &data).succeeded();
    assert!(output.stdout_bytes == data, "the data was changed on its way: {} bytes", output.stdout_bytes.len());
}

#[test]
fn without_i_standard_input_has_ended() {
    let host = Host::start();
    let output = host.docker_fed(program_line(&host, &[], &["cat.exe"]), b"not for the program").succeeded();
    assert_eq!(output.stdout, "");
    assert!(output.stderr.starts_with("0 bytes"), "{output}");
}

#[test]
fn a_console_takes_keys_and_gives_its_exit_code() {
    let host = Host::start();
    let mut terminal = host.docker_terminal(["run", "--rm", "-it", "nanoserver", "cmd"], 31, 101);
    terminal.expect(r"C:\>");
    terminal.type_line("echo system %OS%");
    terminal.expect("system Windows_NT");
    terminal.expect(r"C:\>");
    terminal.type_line("exit 7");
    let (status, text) = terminal.finish();
    assert_eq!(status.code(), Some(7), "{text}");
}

#[test]
fn a_program_sees_the_size_of_the_terminal() {
    let host = Host::start();
    let volume = host.programs_volume();
    let words = ["run", "--rm", "-it", "-v", &volume, "nanoserver", r"C:\t\console.exe"];
    let (status, text) = host.docker_terminal(words, 50, 132).finish();
    assert!(status.success() && text.contains("size 50x132"), "{text}");
}

#[test]
fn detach_keys_leave_the_container_running_with_its_input_open() {
    let host = Host::start();
    let mut terminal = host.docker_terminal(["run", "-it", "--name", "box", "nanoserver", "cmd"], 31, 101);
    terminal.expect(r"C:\>");
    terminal.type_keys(&(control('p') + &control('q')));
    let (status, text) = terminal.finish();
    assert!(status.success(), "{text}");
    assert_eq!(host.inspect("box")["State"]["Status"], "running");
    let mut terminal = host.docker_terminal(["attach", "box"], 31, 101);
    terminal.await_raw();
    terminal.type_line("echo system %OS%");
    terminal.expect("system Windows_NT");
    terminal.type_line("exit 9");
    let (status, text) = terminal.finish();
    assert_eq!(status.code(), Some(9), "{text}");
}

#[test]
fn a_program_that_is_not_there_is_127() {
    let host = Host::start();
    let output = host.docker(["run", "nanoserver", "nosuch.exe"]).exited(127);
    assert!(output.stderr.contains("The system cannot find the file specified. (0x2)"), "{output}");
}

#[test]
fn a_detached_container_can_be_waited_for() {
    let host = Host::start();
    let id =
        host.docker(["run", "-d", "nanoserver", "cmd", "/c", "echo hello& exit 300"]).succeeded().text().to_owned();
    assert_eq!(host.docker(["wait", &id]).succeeded().text(), "300");
    assert_eq!(host.docker(["logs", &id]).succeeded().text(), "hello");
}

#[test]
fn clients_that_have_gone_do_not_use_up_connections() {
    let host = Host::start();
    let program = [r"C:\t\ctrl.exe", r"C:\Users\ContainerUser\event.txt", "600"];
    let id = host.start_container(&[], &program);
    let directory = host.run_directory().display().to_string();
    // Connected sockets in the daemon's network namespace, by the name that they were bound to.
    let list = format!("/proc/{}/net/unix", host.daemon_pid());
    let sockets = || {
        let listed = std::fs::read_to_string(&list).unwrap_or_else(|error| panic!("{list}: {error}"));
        let connected = |line: &&str| line.contains(&directory) && line.split_whitespace().nth(5) == Some("03");
        listed.lines().filter(connected).count()
    };
    let mut waiting: Vec<Background> = (0..5).map(|_| host.docker_background(["wait", &id])).collect();
    deadline::until("the clients wait", || sockets() >= 5);
    waiting.clear();
    deadline::until("their connections are closed", || sockets() == 0);
}

#[test]
fn a_reader_that_goes_away_does_not_hold_the_program_up() {
    let host = Host::start();
    let flags = host.docker_command(program_line(&host, &["-i"], &["cat.exe"]));
    let mut command = std::process::Command::new("sh");
    command.arg("-c").arg(r#"head -c 1000000 /dev/zero | "$0" "$@" | head -c 10 >/dev/null"#);
    command.arg(flags.get_program()).args(flags.get_args());
    command.envs(flags.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = Background::start(command).finish();
    assert!(output.status.code().is_some(), "{output}");
}
