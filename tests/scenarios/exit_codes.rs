//! Exit codes come through: all 32 bits where there is room, the low 8 as the status of the command.

use casement_tests::Host;

#[test]
fn exit_codes_keep_32_bits_and_the_status_their_low_8() {
    let host = Host::start();
    for (name, code, status) in [("zero", 0, 0), ("plain", 77, 77), ("wide", 300, 44), ("fault", 0xC000_0005_u32, 5)] {
        let line = host.program_line(&["--name", name], &["exitcode.exe", &code.to_string()]);
        let kept = line.into_iter().filter(|word| word != "--rm");
        let _ = host.casement(kept).exited(status);
        assert_eq!(host.inspect(name)["State"]["ExitCode"], code);
        assert_eq!(host.wait(name), code);
        let listed = host.casement(["ps", "-a"]).succeeded();
        assert!(listed.stdout.contains(&format!("Exited ({code})")), "{listed}");
    }
}

#[test]
fn a_failure_whose_low_8_bits_are_zero_does_not_look_like_success() {
    let host = Host::start();
    let output = host.run_program(&["exitcode.exe", "0x100"]);
    assert_ne!(output.code(), 0, "{output}");
}

#[test]
fn the_exit_code_of_cmd_is_that_of_its_last_command() {
    let host = Host::start();
    let _ = host.casement(["run", "--rm", "nanoserver", "cmd", "/c", "exit 77"]).exited(77);
    let _ = host.casement(["run", "--rm", "nanoserver", "cmd", "/c", "exit", "0"]).exited(0);
}
