//! Standard input, output and error of a program are those of the command.

use casement_tests::Host;

/// A length of data that fits into no buffer on the way, in bytes.
const LARGE: usize = 50_000_000;

fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..length.div_ceil(8)).flat_map(|_| next()).take(length).collect()
}

#[test]
fn output_and_errors_are_separate_streams() {
    let host = Host::start();
    let output = host.casement(["run", "--rm", "nanoserver", "cmd", "/c", "echo out& echo err>&2"]).succeeded();
    assert_eq!(output.text(), "out");
    assert_eq!(output.stderr.trim(), "err");
}

#[test]
fn without_i_standard_input_has_ended() {
    let host = Host::start();
    let output = host.casement_fed(host.program_line(&[], &["cat.exe"]), b"not for the program").succeeded();
    assert_eq!(output.stdout, "");
    assert!(output.stderr.starts_with("0 bytes"), "{output}");
}

#[test]
fn input_arrives_as_it_is_written_and_its_end_ends_the_program() {
    let host = Host::start();
    let mut running = host.background(host.program_line(&["-i"], &["cat.exe"]));
    running.write(b"first\r\n");
    running.await_stdout("first\r\n");
    running.write(b"second\n");
    running.await_stdout("second\n");
    let output = running.finish().succeeded();
    assert_eq!(output.stdout, "first\r\nsecond\n");
    assert!(output.stderr.contains("14 bytes") && output.stderr.contains("NT pipe 1"), "{output}");
}

#[test]
fn fifty_megabytes_go_through_unchanged() {
    let host = Host::start();
    let data = noise(LARGE);
    let output = host.casement_fed(host.program_line(&["-i"], &["cat.exe"]), &data).succeeded();
    assert_eq!(output.stdout_bytes.len(), LARGE);
    assert!(output.stdout_bytes == data, "the data was changed on its way");
}

#[test]
fn a_script_that_is_piped_to_cmd_runs_to_its_end() {
    let host = Host::start();
    let script = b"echo one\r\necho two\r\nexit 5\r\n";
    let output = host.casement_fed(["run", "--rm", "-i", "nanoserver", "cmd", "/q"], script).exited(5);
    let said: Vec<_> = output.stdout.lines().map(str::trim).filter(|line| *line == "one" || *line == "two").collect();
    assert_eq!(said, ["one", "two"], "{output}");
}

#[test]
fn a_reader_that_goes_away_does_not_hold_the_program_up() {
    let host = Host::start();
    let mut command = std::process::Command::new("sh");
    let flags = host.command(host.program_line(&["-i"], &["cat.exe"]));
    command.arg("-c").arg(r#"head -c 1000000 /dev/zero | "$0" "$@" | head -c 10 >/dev/null"#);
    command.arg(flags.get_program()).args(flags.get_args());
    command.envs(flags.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let _ = casement_tests::Background::start(command).finish().succeeded();
}
