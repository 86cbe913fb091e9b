//! `-it`: a console that a person can work at.

use casement_tests::terminal::{BACKSPACE, ENTER, LEFT, UP, control};
use casement_tests::{Host, Terminal};

fn shell(host: &Host) -> Terminal {
    let volume = host.programs_volume();
    let mut terminal = host.terminal(["run", "--rm", "-it", "-v", &volume, "nanoserver", "cmd"], 31, 101);
    terminal.expect(r"C:\>");
    terminal
}

#[test]
fn a_shell_prompts_takes_commands_and_gives_its_exit_code() {
    let host = Host::start();
    let mut terminal = shell(&host);
    terminal.type_line("echo system %OS%");
    terminal.expect("system Windows_NT");
    terminal.expect(r"C:\>");
    terminal.type_line("exit 7");
    let (status, text) = terminal.finish();
    assert_eq!(status.code(), Some(7), "{text}");
}

#[test]
fn lines_can_be_edited() {
    let host = Host::start();
    let mut terminal = shell(&host);
    terminal.type_keys("echo system %OX");
    terminal.type_keys(BACKSPACE);
    terminal.type_keys("%");
    terminal.type_keys(LEFT);
    terminal.type_keys("S");
    terminal.type_keys(ENTER);
    terminal.expect("system Windows_NT");
    terminal.type_line("exit");
    assert!(terminal.finish().0.success());
}

#[test]
fn the_arrow_up_brings_lines_back() {
    let host = Host::start();
    let mut terminal = shell(&host);
    terminal.type_line("echo system %OS%");
    terminal.expect("system Windows_NT");
    terminal.expect(r"C:\>");
    terminal.type_keys(UP);
    terminal.expect("echo system %OS%");
    terminal.type_keys(ENTER);
    terminal.expect("system Windows_NT");
    terminal.expect(r"C:\>");
    terminal.type_line("exit");
    assert!(terminal.finish().0.success());
}

#[test]
fn control_c_reaches_a_program_that_handles_it() {
    let host = Host::start();
    let mut terminal = shell(&host);
    terminal.type_line(r"C:\t\ctrl.exe C:\Users\ContainerUser\event.txt 600");
    terminal.expect("ready, console yes");
    terminal.type_keys(&control('c'));
    terminal.expect("event CTRL_C");
    drop(terminal);
}

#[test]
fn control_c_ends_a_program_and_leaves_the_shell() {
    let host = Host::start();
    let mut terminal = shell(&host);
    terminal.type_line(r"C:\t\tree.exe 0 600");
    terminal.expect("depth 0 pid");
    terminal.type_keys(&control('c'));
    terminal.expect(r"C:\>");
    terminal.type_line("exit 5");
    let (status, text) = terminal.finish();
    assert_eq!(status.code(), Some(5), "{text}");
}

#[test]
fn a_program_sees_the_size_of_the_terminal_from_the_start() {
    let host = Host::start();
    let volume = host.programs_volume();
    for (rows, columns) in [(24, 80), (50, 132)] {
        let terminal =
            host.terminal(["run", "--rm", "-it", "-v", &volume, "nanoserver", r"C:\t\console.exe"], rows, columns);
        let (status, text) = terminal.finish();
        assert!(status.success() && text.contains(&format!("size {rows}x{columns}")), "{text}");
    }
}

#[test]
fn exec_gives_a_console_too() {
    let host = Host::start();
    let id = host.start_container(&[], &[r"C:\t\ctrl.exe", r"C:\Users\ContainerUser\event.txt", "600"]);
    let mut terminal = host.terminal(["exec", "-it", &id, "cmd"], 31, 101);
    terminal.expect(r"C:\>");
    terminal.type_line(r"C:\t\console.exe");
    terminal.expect("size 31x101");
    terminal.expect(r"C:\>");
    terminal.type_line("exit 6");
    let (status, text) = terminal.finish();
    assert_eq!(status.code(), Some(6), "{text}");
    assert_eq!(host.inspect(&id)["State"]["Status"], "running");
}

#[test]
fn the_terminal_is_given_back_as_it_was() {
    let host = Host::start();
    let casement = casement_tests::places::casement();
    let mut command = std::process::Command::new("sh");
    let script =
        r#"before=$(stty -g); "$0" run --rm -it nanoserver cmd /c ver; [ "$before" = "$(stty -g)" ] && echo restored"#;
    command.arg("-c").arg(script).arg(casement);
    command.env("CASEMENT_ROOT", host.root()).env("CASEMENT_RUN", host.run_directory());
    let (status, text) = Terminal::start(command, 24, 80).finish();
    assert!(status.success() && text.contains("Microsoft Windows") && text.contains("restored"), "{text}");
}

#[test]
fn a_console_needs_a_terminal() {
    let host = Host::start();
    let output = host.casement(["run", "--rm", "-it", "nanoserver", "cmd"]).exited(1);
    assert!(output.stderr.contains("the input device is not a TTY"), "{output}");
    assert_eq!(host.casement(["ps", "-a", "-q"]).succeeded().stdout, "");
}
