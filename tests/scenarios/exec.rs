//! Further programs in a running container.

use casement_tests::Host;

fn running(host: &Host, flags: &[&str]) -> String {
    let id = host.start_container(flags, &[r"C:\t\ctrl.exe", r"C:\Users\ContainerUser\event.txt", "600"]);
    casement_tests::deadline::until("the program is ready", || host.casement(["logs", &id]).stdout.contains("ready"));
    id
}

#[test]
fn exec_runs_in_the_same_container_with_its_settings() {
    let host = Host::start();
    let id = running(&host, &["-e", "ZOO=container", "-w", r"C:\Windows", "--hostname", "same"]);
    let output = host.casement(["exec", &id, "cmd", "/c", "set ZOO& cd& hostname& tasklist"]).succeeded();
    assert!(output.stdout.contains("ZOO=container"), "{output}");
    assert!(output.stdout.contains(r"C:\Windows"), "{output}");
    assert!(output.stdout.to_ascii_lowercase().contains("same"), "{output}");
    assert!(output.stdout.contains("ctrl.exe"), "{output}");
}

#[test]
fn exec_has_variables_a_directory_a_user_and_an_exit_code_of_its_own() {
    let host = Host::start();
    let id = running(&host, &["-e", "ZOO=container"]);
    let command = "set ZOO& cd& whoami& exit 300";
    let words =
        ["exec", "-e", "zoo=exec", "-w", r"C:\Windows", "-u", "ContainerAdministrator", &id, "cmd", "/c", command];
    let output = host.casement(words).exited(44);
    let lines = output.lines();
    assert!(lines[0].eq_ignore_ascii_case("zoo=exec"), "{output}");
    assert_eq!(lines[1], r"C:\Windows");
    assert!(lines[2].to_ascii_lowercase().ends_with(r"\containeradministrator"), "{output}");
    assert_eq!(host.inspect(&id)["State"]["Status"], "running");
}

#[test]
fn exec_passes_input_on_with_i() {
    let host = Host::start();
    let id = running(&host, &[]);
    let output = host.casement_fed(["exec", "-i", &id, r"C:\t\cat.exe"], b"through exec").succeeded();
    assert_eq!(output.stdout, "through exec");
}

#[test]
fn exec_of_a_missing_program_is_127_and_harms_nothing() {
    let host = Host::start();
    let id = running(&host, &[]);
    let output = host.casement(["exec", &id, "nosuch.exe"]).exited(127);
    // Where its output would be, as with Docker.
    assert!(output.stdout.contains("The system cannot find the file specified. (0x2)"), "{output}");
    assert_eq!(host.inspect(&id)["State"]["Status"], "running");
}

#[test]
fn exec_in_a_container_that_does_not_run_is_refused() {
    let host = Host::start();
    let id = host.start_container(&[], &["cmd", "/c", "exit 0"]);
    assert_eq!(host.wait(&id), 0);
    let output = host.casement(["exec", &id, "cmd", "/c", "ver"]).exited(1);
    assert!(output.stderr.contains(&format!("container {id} is not running")), "{output}");
}

#[test]
fn detached_exec_goes_on_by_itself_and_ends_with_its_container() {
    let host = Host::start();
    let id = running(&host, &[]);
    let _ =
        host.casement(["exec", "-d", &id, r"C:\t\ctrl.exe", r"C:\Users\ContainerUser\second.txt", "600"]).succeeded();
    casement_tests::deadline::until("the second program runs", || {
        host.casement(["exec", &id, "tasklist"]).stdout.matches("ctrl.exe").count() == 2
    });
    let _ = host.casement(["kill", &id]).succeeded();
}
