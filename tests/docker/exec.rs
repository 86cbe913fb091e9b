//! `docker exec`.

use casement_tests::{Host, deadline};

fn running(host: &Host, flags: &[&str]) -> String {
    let id = host.start_container(flags, &[r"C:\t\ctrl.exe", r"C:\Users\ContainerUser\event.txt", "600"]);
    deadline::until("the program is ready", || host.docker(["logs", &id]).stdout.contains("ready"));
    id
}

#[test]
fn exec_has_variables_a_directory_a_user_and_an_exit_code_of_its_own() {
    let host = Host::start();
    let id = running(&host, &["-e", "ZOO=container"]);
    let command = "set ZOO& cd& whoami& echo err>&2& exit 44";
    let words =
        ["exec", "-e", "zoo=exec", "-w", r"C:\Windows", "-u", "ContainerAdministrator", &id, "cmd", "/c", command];
    let output = host.docker(words).exited(44);
    let lines = output.lines();
    assert!(lines[0].eq_ignore_ascii_case("zoo=exec"), "{output}");
    assert_eq!(lines[1], r"C:\Windows");
    assert!(lines[2].to_ascii_lowercase().ends_with(r"\containeradministrator"), "{output}");
    assert_eq!(output.stderr.trim(), "err");
    assert_eq!(host.inspect(&id)["State"]["Status"], "running");
}

#[test]
fn exec_passes_input_on_and_its_end() {
    let host = Host::start();
    let id = running(&host, &[]);
    let output = host.docker_fed(["exec", "-i", &id, r"C:\t\cat.exe"], b"through exec").succeeded();
    assert_eq!(output.stdout, "through exec");
}

#[test]
fn exec_gives_a_console() {
    let host = Host::start();
    let id = running(&host, &[]);
    let mut terminal = host.docker_terminal(["exec", "-it", &id, "cmd"], 31, 101);
    terminal.expect(r"C:\>");
    terminal.type_line(r"C:\t\console.exe");
    terminal.expect("size 31x101");
    terminal.expect(r"C:\>");
    terminal.type_line("exit 6");
    let (status, text) = terminal.finish();
    assert_eq!(status.code(), Some(6), "{text}");
}

#[test]
fn a_detached_exec_goes_on_by_itself() {
    let host = Host::start();
    let id = running(&host, &[]);
    let second = [r"C:\t\ctrl.exe", r"C:\Users\ContainerUser\second.txt", "600"];
    let _ = host.docker(["exec", "-d", &id].into_iter().chain(second)).succeeded();
    deadline::until("the second program runs", || {
        host.docker(["exec", &id, "tasklist"]).stdout.matches("ctrl.exe").count() == 2
    });
}

#[test]
fn exec_of_a_missing_program_is_127_and_harms_nothing() {
    let host = Host::start();
    let id = running(&host, &[]);
    let output = host.docker(["exec", &id, "nosuch.exe"]).exited(127);
    assert!(output.stdout.contains("The system cannot find the file specified. (0x2)"), "{output}");
    assert_eq!(host.inspect(&id)["State"]["Status"], "running");
}

#[test]
fn exec_in_a_container_that_does_not_run_is_refused() {
    let host = Host::start();
    let id = host.start_container(&[], &["cmd", "/c", "exit 0"]);
    assert_eq!(host.wait(&id), 0);
    let output = host.docker(["exec", &id, "cmd", "/c", "ver"]).exited(1);
    assert!(output.stderr.contains(&format!("container {id} is not running")), "{output}");
}

/// Host process ids of the launchers in a container.
fn launchers(id: &str) -> Vec<i32> {
    let pids =
        std::fs::read_dir("/proc").expect("/proc").filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let read = |pid: &i32, file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let mut found: Vec<i32> =
        pids.filter(|pid| read(pid, "comm").trim() == "CExecSvc.exe" && read(pid, "cgroup").contains(id)).collect();
    found.sort_unstable();
    found
}

#[test]
fn a_launcher_stands_by_for_the_next_exec_and_is_not_missed_when_it_is_gone() {
    let host = Host::start();
    let id = running(&host, &[]);
    let first = launchers(&id);
    assert_eq!(first.len(), 1, "nobody stands by where nobody has run a second program");
    let stands_by = || deadline::until("a launcher stands by", || launchers(&id).len() == 2);
    let _ = host.docker(["exec", &id, "cmd", "/c", "ver"]).succeeded();
    stands_by();
    let command = ["exec", "-i", "-e", "ZOO=exec", "-w", r"C:\Windows", &id, "cmd", "/c"];
    let line = r"set ZOO& cd& echo err>&2& C:\t\cat.exe& exit 300";
    let output = host.docker_fed(command.into_iter().chain([line]), b"through the second").exited(300 % 256);
    assert_eq!(output.lines(), ["ZOO=exec", r"C:\Windows", "through the second"], "{output}");
    assert!(output.stderr.starts_with("err"), "{output}");
    stands_by();
    let name = host.docker(["exec", "-u", "ContainerAdministrator", &id, "cmd", "/c", "whoami"]).succeeded();
    assert!(name.text().to_ascii_lowercase().ends_with(r"\containeradministrator"), "{name}");
    for _ in 0..2 {
        deadline::until("a launcher stands by", || launchers(&id).len() >= 2);
        let waiting = *launchers(&id).iter().find(|pid| !first.contains(pid)).expect("one that stands by");
        casement_tests::process::signal(waiting as u32, rustix::process::Signal::KILL);
        assert_eq!(host.docker(["exec", &id, "cmd", "/c", "echo well"]).succeeded().text(), "well");
    }
}
