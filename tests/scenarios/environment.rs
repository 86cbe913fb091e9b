//! Variables of a program: those of a Windows container, with the caller's laid over them, whatever the case of their names.

use casement_tests::{Background, Host};

fn set(host: &Host, flags: &[&str], name: &str) -> Vec<String> {
    let command = format!("set {name}");
    let line =
        ["run", "--rm"].iter().chain(flags).chain(&["nanoserver", "cmd", "/c"]).copied().chain([command.as_str()]);
    host.casement(line).succeeded().lines().into_iter().map(str::to_owned).collect()
}

#[test]
fn a_variable_replaces_one_whose_name_differs_in_case() {
    let host = Host::start();
    assert_eq!(set(&host, &["-e", "zoo=1", "-e", "ZOO=2 = 3"], "zoo").len(), 1);
    assert!(set(&host, &["-e", "zoo=1", "-e", "ZOO=2 = 3"], "zoo")[0].ends_with("=2 = 3"));
    let extensions = set(&host, &["-e", "pathext=.EXE"], "PATHEXT");
    assert_eq!(extensions.len(), 1, "{extensions:?}");
    assert!(extensions[0].ends_with("=.EXE"), "{extensions:?}");
}

#[test]
fn variables_come_from_files_and_from_the_caller_and_flags_win() {
    let host = Host::start();
    let file = host.directory().join("files/variables");
    std::fs::write(&file, "# a comment\n\nZOO_FILE=file\nZOO_BOTH=file\nZOO_CALLER\nZOO_ABSENT\n").expect("write");
    let file = file.to_str().expect("a path");
    let words = [
        "run",
        "--rm",
        "--env-file",
        file,
        "-e",
        "ZOO_BOTH=flag",
        "-e",
        "ZOO_OTHER",
        "nanoserver",
        "cmd",
        "/c",
        "set ZOO",
    ];
    let mut command = host.command(words);
    command.env("ZOO_CALLER", "caller").env("ZOO_OTHER", "other").env_remove("ZOO_ABSENT");
    let output = Background::start(command).finish().succeeded();
    let mut lines = output.lines();
    lines.sort_unstable();
    assert_eq!(lines, ["ZOO_BOTH=flag", "ZOO_CALLER=caller", "ZOO_FILE=file", "ZOO_OTHER=other"]);
}

#[test]
fn a_program_sees_the_variables_of_a_windows_container() {
    let host = Host::start();
    let lines = set(&host, &[], "");
    let has = |line: &str| lines.iter().any(|other| other.eq_ignore_ascii_case(line));
    for line in [
        r"SystemRoot=C:\Windows",
        r"windir=C:\Windows",
        "SystemDrive=C:",
        r"ComSpec=C:\Windows\system32\cmd.exe",
        "OS=Windows_NT",
        "PROCESSOR_ARCHITECTURE=AMD64",
        r"ProgramData=C:\ProgramData",
        r"ProgramFiles=C:\Program Files",
        "USERNAME=ContainerUser",
        r"USERPROFILE=C:\Users\ContainerUser",
        r"APPDATA=C:\Users\ContainerUser\AppData\Roaming",
        r"TEMP=C:\Users\ContainerUser\AppData\Local\Temp",
    ] {
        assert!(has(line), "{line} is not in {lines:?}");
    }
}

#[test]
fn nothing_of_the_hosts_environment_reaches_a_program() {
    let host = Host::start();
    let mut command = host.command(["run", "--rm", "nanoserver", "cmd", "/c", "set"]);
    command.env("CASEMENT_SECRET", "hidden").env("LD_LIBRARY_PATH", "/nowhere");
    let output = Background::start(command).finish().succeeded();
    for line in output.lines() {
        let name = line.split('=').next().unwrap_or_default();
        let unix = [
            "HOME",
            "USER",
            "LANG",
            "SHELL",
            "PWD",
            "TERM",
            "LD_LIBRARY_PATH",
            "TMPDIR",
            "XDG_RUNTIME_DIR",
            "CASEMENT_SECRET",
        ];
        assert!(!unix.contains(&name), "{line}: {output}");
    }
    assert!(!output.stdout.contains(&*host.directory().to_string_lossy()), "{output}");
}
