//! `docker volume`, `-v` and `--mount`.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use casement_tests::Host;

/// Runs a command line of cmd in a container that is removed afterwards.
fn cmd(host: &Host, flags: &[&str], line: &str) -> casement_tests::Output {
    let words = ["run", "--rm"].into_iter().chain(flags.iter().copied()).chain(["nanoserver", "cmd", "/c", line]);
    host.docker(words)
}

fn volumes(host: &Host, flags: &[&str]) -> Vec<String> {
    let listed = host.docker(["volume", "ls", "-q"].into_iter().chain(flags.iter().copied())).succeeded();
    listed.lines().into_iter().map(str::to_owned).collect()
}

fn data(host: &Host, volume: &str) -> PathBuf {
    host.root().join("volumes").join(volume).join("_data")
}

#[test]
fn a_volume_outlives_its_containers_and_the_daemon() {
    let host = Host::start();
    let created = host.docker(["volume", "create", "--label", "use=test", "Data"]).succeeded();
    assert_eq!(created.text(), "data", "names are in lower case, as on Windows");
    let volume = &host.docker_json(["volume", "inspect", "data"])[0];
    assert_eq!((&volume["Driver"], &volume["Scope"]), (&"local".into(), &"local".into()), "{volume}");
    assert_eq!((&volume["Labels"]["use"], &volume["Options"]), (&"test".into(), &serde_json::Value::Null), "{volume}");
    assert_eq!(volume["Mountpoint"], data(&host, "data").to_str().unwrap());

    for user in ["ContainerUser", "ContainerAdministrator"] {
        let line = format!(r"echo {user}> C:\data\{user}.txt & mkdir C:\data\dir\{user}");
        let _ = cmd(&host, &["-u", user, "-v", r"data:C:\data"], &line).succeeded();
    }
    let read = cmd(
        &host,
        &["--mount", r"type=volume,source=data,target=C:\deep\er,readonly"],
        r"type C:\deep\er\ContainerUser.txt",
    );
    assert_eq!(read.succeeded().text(), "ContainerUser");
    let refused = cmd(&host, &["-v", r"data:C:\data:ro"], r"echo x> C:\data\new.txt");
    assert!(refused.stderr.contains("Access denied"), "{refused}");
    assert!(!data(&host, "data").join("new.txt").exists());
    assert_eq!(data(&host, "data").join("ContainerUser.txt").metadata().unwrap().uid(), 0, "the host sees one owner");
    let closed = host.root().join("volumes").metadata().unwrap().mode() & 0o777;
    assert_eq!(closed, 0o700, "nobody but root goes through");

    host.kill_daemon();
    host.start_daemon();
    assert_eq!(host.docker_json(["volume", "inspect", "data"])[0]["Labels"]["use"], "test");
    let read = cmd(&host, &["-v", r"data:C:\data"], r"type C:\data\ContainerAdministrator.txt").succeeded();
    assert_eq!(read.text(), "ContainerAdministrator");
    let _ = host.docker(["volume", "rm", "data"]).succeeded();
    assert!(!host.root().join("volumes/data").exists());
}

#[test]
fn a_volume_in_use_stays() {
    let host = Host::start();
    let container = host.docker(["create", "-v", r"mine:C:\mine", "nanoserver"]).succeeded().text().to_owned();
    assert_eq!(volumes(&host, &[]), ["mine"], "made by its first container");
    let refused = host.docker(["volume", "rm", "mine"]);
    assert!(refused.stderr.contains(&format!("remove mine: volume is in use - [{container}]")), "{refused}");
    assert_eq!(volumes(&host, &["--filter", "dangling=false"]), ["mine"]);
    assert!(host.docker(["volume", "prune", "-a", "-f"]).succeeded().stdout.contains("0B"));
    let _ = host.docker(["rm", "-v", &container]).succeeded();
    assert_eq!(volumes(&host, &["--filter", "dangling=true"]), ["mine"], "it has a name, so that it stays");
    assert!(host.docker(["volume", "prune", "-f"]).succeeded().stdout.contains("0B"), "only anonymous ones go");
    let pruned = host.docker(["volume", "prune", "-a", "-f"]).succeeded();
    assert!(pruned.stdout.contains("mine"), "{pruned}");
    assert!(volumes(&host, &[]).is_empty());
    let missing = host.docker(["volume", "inspect", "mine"]);
    assert!(missing.stderr.contains("get mine: no such volume"), "{missing}");
    let _ = host.docker(["volume", "rm", "-f", "mine"]).succeeded();
}

#[test]
fn anonymous_volumes_go_with_their_container_if_told() {
    let host = Host::start();
    let anonymous = host.docker(["create", "--name", "one", "-v", r"C:\data", "nanoserver"]).succeeded();
    let names = volumes(&host, &[]);
    assert_eq!((names.len(), names[0].len()), (1, 64), "{names:?}");
    let inspected = host.docker_json(["container", "inspect", "one"]);
    let mount = &inspected[0]["Mounts"][0];
    assert_eq!(
        (&mount["Type"], &mount["Name"], &mount["Driver"]),
        (&"volume".into(), &names[0].as_str().into(), &"local".into())
    );
    assert_eq!((&mount["Destination"], &mount["RW"]), (&r"C:\data".into(), &true.into()));
    let _ = host.docker(["create", "--name", "two", "--volumes-from", "one:ro", "nanoserver"]).succeeded();
    let taken = host.docker_json(["container", "inspect", "two"]);
    assert_eq!(
        (&taken[0]["Mounts"][0]["Name"], &taken[0]["Mounts"][0]["RW"]),
        (&names[0].as_str().into(), &false.into())
    );

    let _ = host.docker(["rm", "-v", anonymous.text()]).succeeded();
    assert_eq!(volumes(&host, &[]), names, "another container has it");
    let _ = host.docker(["rm", "two"]).succeeded();
    assert_eq!(volumes(&host, &[]), names, "only with -v");
    assert!(host.docker(["volume", "prune", "-f"]).succeeded().stdout.contains(&names[0]));

    let _ = cmd(&host, &["-v", r"C:\data"], r"echo x> C:\data\x").succeeded();
    assert!(volumes(&host, &[]).is_empty(), "--rm takes it away");
    let refused = host.docker(["create", "-v", r"C:\data", "-v", r"/no/where:C:\x", "nanoserver"]);
    assert!(refused.code() != 0 && volumes(&host, &[]).is_empty(), "{refused}");
}

#[test]
fn a_directory_of_the_host_is_bound_in_the_long_form() {
    let host = Host::start();
    let directory = host.new_directory("bound");
    std::fs::write(directory.join("there.txt"), "there").unwrap();
    let mount = format!(r"type=bind,source={},target=C:\bound", directory.display());
    let line = r"type C:\bound\there.txt& echo new> C:\bound\new.txt";
    assert_eq!(cmd(&host, &["--mount", &mount], line).succeeded().text(), "there");
    assert!(directory.join("new.txt").exists());
    let refused = cmd(&host, &["--mount", &format!("{mount},readonly")], r"echo x> C:\bound\more.txt");
    assert!(refused.stderr.contains("Access denied") && !directory.join("more.txt").exists(), "{refused}");
}

#[test]
fn mounts_lie_in_one_another() {
    let host = Host::start();
    let directory = host.new_directory("outer");
    let outer = format!(r"{}:C:\outer", directory.display());
    let line = r"echo in> C:\outer\inner\file.txt & echo out> C:\outer\file.txt";
    let _ = cmd(&host, &["-v", r"inner:C:\Outer\inner", "-v", &outer], line).succeeded();
    assert!(directory.join("file.txt").exists() && data(&host, "inner").join("file.txt").exists());
    assert!(!directory.join("inner/file.txt").exists());
}

#[test]
fn a_part_of_a_volume_is_mounted_and_links_in_it_lead_nowhere() {
    let host = Host::start();
    let _ = cmd(&host, &["-v", r"data:C:\data"], r"mkdir C:\data\a\b & echo deep> C:\data\a\b\file.txt").succeeded();
    let part = r"type=volume,source=data,target=C:\part,volume-subpath=a/b";
    assert_eq!(cmd(&host, &["--mount", part], r"type C:\part\file.txt").succeeded().text(), "deep");
    let missing = cmd(&host, &["--mount", r"type=volume,source=data,target=C:\part,volume-subpath=c"], "ver");
    assert_ne!(missing.code(), 0, "{missing}");
    // What a program could make there by system calls of Linux.
    std::os::unix::fs::symlink("/", data(&host, "data").join("root")).unwrap();
    for subpath in ["root", "root/etc"] {
        let mount = format!(r"type=volume,source=data,target=C:\part,volume-subpath={subpath}");
        let refused = cmd(&host, &["--mount", &mount], "dir C:\\part");
        assert!(refused.code() != 0 && refused.stdout.is_empty(), "{refused}");
    }
    // Links of the host to a directory that is bound are its own affair.
    let real = host.new_directory("real");
    std::fs::write(real.join("file.txt"), "linked").unwrap();
    let link = real.with_file_name("link");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let bound = format!(r"{}:C:\bound", link.display());
    assert_eq!(cmd(&host, &["-v", &bound], r"type C:\bound\file.txt").succeeded().text(), "linked");
}

#[test]
fn what_is_no_mount_is_refused_in_the_words_of_windows() {
    let host = Host::start();
    let directory = host.new_directory("dir");
    let file = directory.join("file.txt");
    std::fs::write(&file, "").unwrap();
    let at = |text: &str| text.replace("DIR", directory.to_str().unwrap());
    for (flag, value, text) in [
        ("-v", r"DIR:C:\", r"destination path (c:\) cannot be 'c:' or 'c:\'"),
        ("-v", r"DIR:/data", "invalid volume specification: 'DIR:/data'"),
        ("-v", r"DIR:D:\data", "only drive C: is available"),
        ("-v", r"/no/where:C:\x", "bind source path does not exist: /no/where"),
        (
            "-v",
            r"DIR/file.txt:C:\x",
            "file 'DIR/file.txt' cannot be mapped. Only directories can be mapped on this platform",
        ),
        ("-v", r"con:C:\x", "volume name \"con\" cannot be a reserved word for Windows filenames"),
        (
            "-v",
            r"\\.\pipe\docker_engine:\\.\pipe\docker_engine",
            "named pipes of the host as mounts are not implemented",
        ),
        (
            "--mount",
            r"type=npipe,source=\\.\pipe\docker_engine,target=\\.\pipe\docker_engine",
            "named pipes of the host as mounts are not implemented",
        ),
        (
            "--mount",
            r"type=bind,source=/no/where,target=C:\x",
            "invalid mount config for type \"bind\": bind source path does not exist: /no/where",
        ),
        (
            "--mount",
            r"type=bind,source=DIR/file.txt,target=C:\x",
            "invalid mount config for type \"bind\": source path must be a directory",
        ),
        ("--mount", r"type=tmpfs,target=C:\x", "windows does not support tmpfs"),
        ("--mount", r"type=volume,target=C:\x,readonly", "must not set ReadOnly mode when using anonymous volumes"),
        (
            "--mount",
            r"type=volume,source=v1,target=C:\x,volume-opt=o=bind",
            "options are not supported on this platform",
        ),
        (
            "--mount",
            r"type=volume,source=v1,target=C:\x,volume-driver=nfs",
            "error looking up volume plugin nfs: plugin \"nfs\" not found",
        ),
        (
            "--mount",
            r"type=volume,source=v1,target=C:\x,volume-subpath=../x",
            "subpath must be a relative path within the volume",
        ),
        ("--volumes-from", "nobody", "No such container: nobody"),
    ] {
        let refused = host.docker(["create", flag, &at(value), "nanoserver"]);
        assert!(refused.code() != 0 && refused.stderr.contains(&at(text)), "{value}: {refused}");
    }
    let twice =
        host.docker(["create", "-v", r"a1:C:\x", "--mount", r"type=volume,source=b1,target=c:\X", "nanoserver"]);
    assert!(twice.stderr.contains("Duplicate mount point:"), "{twice}");
    for (words, text) in [
        (vec!["-d", "nfs", "v1"], "create v1: error looking up volume plugin nfs: plugin \"nfs\" not found"),
        (vec!["-o", "size=1", "v1"], "create v1: options are not supported on this platform"),
        (vec!["a/b"], "create a/b: \"a/b\" includes invalid characters for a local volume name"),
        (vec!["lpt1"], "volume name \"lpt1\" cannot be a reserved word for Windows filenames"),
    ] {
        let refused = host.docker(["volume", "create"].into_iter().chain(words));
        assert!(refused.code() != 0 && refused.stderr.contains(text), "{refused}");
    }
    assert!(volumes(&host, &[]).is_empty());
}

#[test]
fn what_a_killed_daemon_left_of_volumes_is_put_right() {
    let host = Host::start();
    let _ = host.docker(["volume", "create", "kept"]).succeeded();
    let _ = host.docker(["volume", "create", "going"]).succeeded();
    host.kill_daemon();
    let volumes_directory = host.root().join("volumes");
    std::fs::rename(volumes_directory.join("going"), volumes_directory.join(".removing-going")).unwrap();
    std::fs::create_dir_all(data(&host, "halfmade")).unwrap();
    std::fs::create_dir_all(data(&host, "copied")).unwrap();
    std::fs::write(data(&host, "copied").join("file.txt"), "precious").unwrap();
    host.start_daemon();
    assert_eq!(volumes(&host, &[]), ["copied", "kept"]);
    let mut left: Vec<_> = std::fs::read_dir(&volumes_directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["copied", "kept"]);
    assert!(data(&host, "copied").join("file.txt").exists());
}

#[test]
fn volumes_are_listed_and_filtered_and_told_of() {
    let host = Host::start();
    let _ = host.docker(["volume", "create", "--label", "a=1", "one"]).succeeded();
    let _ = host.docker(["volume", "create", "two"]).succeeded();
    let _ = host.docker(["volume", "create", "two"]).succeeded();
    for (filter, expected) in [
        ("name=wo", vec!["two"]),
        ("label=a", vec!["one"]),
        ("label=a=2", vec![]),
        ("label!=a", vec!["two"]),
        ("driver=local", vec!["one", "two"]),
        ("driver=nfs", vec![]),
        ("dangling=true", vec!["one", "two"]),
    ] {
        assert_eq!(volumes(&host, &["--filter", filter]), expected, "{filter}");
    }
    let refused = host.docker(["volume", "ls", "--filter", "colour=red"]);
    assert!(refused.stderr.contains("invalid filter 'colour'"), "{refused}");
    let _ = host.docker(["volume", "rm", "one"]).succeeded();
    let until = (std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 1).to_string();
    let format = "{{.Action}} {{.Actor.ID}} {{index .Actor.Attributes \"driver\"}}";
    let words = ["events", "--since", "1", "--until", &until, "--filter", "type=volume", "--format", format];
    let events = host.docker(words).succeeded();
    assert_eq!(events.lines(), ["create one local", "create two local", "destroy one local"], "{events}");
}
