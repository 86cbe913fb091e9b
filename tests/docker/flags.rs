//! Flags and commands that scripts use and that no other suite is about.

use std::fs;

use casement_tests::Host;

use crate::holding::Holding;

#[test]
fn create_and_run_take_their_settings_from_flags_and_files() {
    let host = Host::start();
    let (ids, variables) = (host.directory().join("cid"), host.directory().join("variables.env"));
    fs::write(&variables, "# zoo\nZOO=from the file\nOTHER=kept\n").unwrap();
    let output = host
        .docker([
            "run",
            "--cidfile",
            ids.to_str().unwrap(),
            "--env-file",
            variables.to_str().unwrap(),
            "-e",
            "ZOO=from the line",
            "-w",
            r"C:\Windows",
            "-u",
            "ContainerAdministrator",
            "--hostname",
            "box",
            "--isolation",
            "default",
            "--entrypoint",
            "cmd",
            "nanoserver",
            "/c",
            "echo %ZOO% %OTHER%& cd& whoami& hostname",
        ])
        .succeeded();
    let lines: Vec<String> = output.lines().into_iter().map(str::to_lowercase).collect();
    assert_eq!(lines[..2], ["from the line kept", r"c:\windows"], "{output}");
    assert!(lines[2].ends_with(r"\containeradministrator") && lines[3] == "box", "{output}");
    let id = fs::read_to_string(&ids).unwrap();
    assert_eq!(host.docker_json(["inspect", &id])[0]["Config"]["Entrypoint"], serde_json::json!(["cmd"]));
    let again = host.docker(["create", "--cidfile", ids.to_str().unwrap(), "nanoserver"]);
    assert!(again.code() != 0 && again.stderr.contains("container ID file found"), "{again}");
    let unset = host.docker(["run", "--rm", "--entrypoint", "", "nanoserver", "cmd", "/c", "echo plain"]).succeeded();
    assert_eq!(unset.text(), "plain");
}

#[test]
fn the_commands_of_the_slides_run_as_printed() {
    let host = Host::start();
    let image = "mcr.microsoft.com/windows/nanoserver:1809";
    let line = ["container", "run", "-it", "--isolation", "process", "-m", "100m", image];
    let mut terminal = host.docker_terminal(line, 31, 101);
    terminal.expect(r"C:\>");
    let id = host.docker(["container", "ls", "-q"]).succeeded().text().to_owned();
    assert_eq!(id.len(), 12);
    let full = host.docker(["container", "inspect", "--format={{.Id}}", &id]).succeeded();
    assert!(full.text().len() == 64 && full.text().starts_with(&id), "{full}");
    terminal.type_line("exit");
    let (status, text) = terminal.finish();
    assert!(status.success(), "{text}");
    let _ = host.casement(["base", "build", "servercore", "--tag", "1809"]).succeeded();
    let image = "mcr.microsoft.com/windows/servercore:1809";
    let line = ["container", "run", "-it", "--isolation", "process", image, "cmd"];
    let mut terminal = host.docker_terminal(line, 31, 101);
    terminal.expect(r"C:\>");
    terminal.type_line("ver");
    terminal.expect("10.0.17763");
    terminal.type_line("exit");
    let (status, text) = terminal.finish();
    assert!(status.success(), "{text}");
}

#[test]
fn archives_are_copied_through_pipes() {
    let host = Host::start();
    let id = host.docker(["create", "nanoserver", "cmd"]).succeeded().text().to_owned();
    let source = host.new_directory("source");
    fs::write(source.join("a.txt"), "through a pipe").unwrap();
    let archive = std::process::Command::new("tar").arg("-C").arg(&source).args(["-c", "."]).output().unwrap();
    let target = format!("{id}:/Users/Public");
    let _ = host.docker_fed(["cp", "-", &target], &archive.stdout).succeeded();
    let output = host.docker(["cp", &format!("{target}/a.txt"), "-"]).succeeded();
    let listed = host.new_directory("out");
    let file = listed.join("a.tar");
    fs::write(&file, &output.stdout_bytes).unwrap();
    let unpacked = std::process::Command::new("tar").arg("-C").arg(&listed).arg("-xf").arg(&file).status().unwrap();
    assert!(unpacked.success());
    assert_eq!(fs::read_to_string(listed.join("a.txt")).unwrap(), "through a pipe");
    let refused = host.docker_fed(["cp", "-", &target], b"no archive at all");
    assert_ne!(refused.code(), 0, "{refused}");
}

#[test]
fn lists_are_formatted_as_scripts_want_them() {
    let host = Host::start();
    let id = host
        .docker(["create", "--name", "web", "--label", "tier=front", "-v", r"data:C:\data", "nanoserver", "cmd"])
        .succeeded()
        .text()
        .to_owned();
    let table = host.docker(["ps", "-a", "--format", "table {{.Names}}\t{{.Label \"tier\"}}"]).succeeded();
    assert_eq!(table.lines()[1].split_whitespace().collect::<Vec<_>>(), ["web", "front"], "{table}");
    let json = host.docker_json(["ps", "-a", "--format", "json"]);
    assert_eq!(
        (&json["Names"], &json["State"], &json["LocalVolumes"]),
        (&"web".into(), &"created".into(), &"1".into())
    );
    assert_eq!((&json["Mounts"], &json["Image"]), (&"data".into(), &"nanoserver".into()), "{json}");
    assert_eq!(host.docker(["ps", "-aq", "--no-trunc", "--filter", &format!("id={id}")]).succeeded().text(), id);
    for (filter, count) in [("volume=data", 1), (r"volume=C:\data", 1), ("volume=other", 0)] {
        let listed = host.docker(["ps", "-aq", "--filter", filter]).succeeded();
        assert_eq!(listed.lines().len(), count, "{filter}: {listed}");
    }
    assert_eq!(host.docker(["ps", "-q", "-l"]).succeeded().text(), &id[..12]);
    let history = host.docker(["history", "--format", "{{.CreatedBy}}|{{.Size}}", "nanoserver"]).succeeded();
    assert!(history.lines().iter().all(|line| line.contains('|')), "{history}");
    assert_eq!(host.docker(["port", "web"]).succeeded().stdout, "");
    let missing = host.docker(["port", "web", "80/tcp"]);
    assert!(missing.code() == 1 && missing.stderr.contains("No public port '80/tcp' published for web"), "{missing}");
}

#[test]
fn a_system_prune_takes_what_nobody_needs() {
    let host = Host::start();
    host.hold("runs", &[]);
    let _ = host.docker(["start", "runs"]).succeeded();
    let _ = host.docker(["create", "--name", "idle", "nanoserver", "cmd"]).succeeded();
    let _ = host.docker(["create", "--name", "kept", "--label", "keep=1", "-v", r"C:\data", "nanoserver"]).succeeded();
    let pruned = host.docker(["system", "prune", "-f", "--filter", "label!=keep"]).succeeded();
    assert!(pruned.stdout.contains("Deleted Containers:") && pruned.stdout.contains("Total reclaimed"), "{pruned}");
    let names = |words: &[&str]| host.docker(words).succeeded().stdout;
    assert_eq!(names(&["ps", "-a", "--format", "{{.Names}}"]), "kept\nruns\n");
    let _ = host.docker(["system", "prune", "-f", "--volumes"]).succeeded();
    assert_eq!(names(&["ps", "-a", "--format", "{{.Names}}"]), "runs\n");
    assert_eq!(names(&["volume", "ls", "-q"]), "", "a volume without a name, which nobody has");
    assert!(names(&["images", "-q", "nanoserver"]).lines().count() > 0, "images with names stay");
    let usage = host.docker(["system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}}"]).succeeded();
    assert_eq!(usage.lines()[1], "Containers 1 1", "{usage}");
}

#[test]
fn events_are_chosen_by_kind_and_name() {
    let host = Host::start();
    // Whether it begins to listen before or in the middle makes no difference.
    let listener = host.docker_background([
        "events",
        "--since",
        "1",
        "--filter",
        "type=container",
        "--filter",
        "container=chosen",
        "--format",
        "{{.Action}} {{.Actor.Attributes.name}}",
    ]);
    let _ = host.docker(["volume", "create", "chosen"]).succeeded();
    let _ = host.docker(["create", "--name", "other", "nanoserver"]).succeeded();
    let _ = host.docker(["create", "--name", "chosen", "nanoserver"]).succeeded();
    let _ = host.docker(["rm", "other", "chosen"]).succeeded();
    listener.await_stdout("destroy chosen");
    listener.signal(rustix::process::Signal::INT);
    assert_eq!(listener.finish().lines(), ["create chosen", "destroy chosen"]);
}
