//! `docker version`, `docker info`, and calls that are refused in so many words.

use casement_tests::Host;

#[test]
fn version_names_casement_and_the_kernel_of_its_images() {
    let host = Host::start();
    let version = host.docker_json(["version", "--format", "json"]);
    let server = &version["Server"];
    assert_eq!((&server["Os"], &server["Arch"]), (&"windows".into(), &"amd64".into()), "{server}");
    assert_eq!((&server["ApiVersion"], &server["MinAPIVersion"]), (&"1.50".into(), &"1.24".into()), "{server}");
    assert!(server["Platform"]["Name"].as_str().unwrap().starts_with("Casement "), "{server}");
    let components = server["Components"].as_array().unwrap();
    assert_eq!((components.len(), &components[0]["Name"]), (1, &"Engine".into()), "{server}");
    let kernel = components[0]["Details"]["KernelVersion"].as_str().unwrap();
    assert_eq!(kernel, "10.0 20348 (20348.1.amd64fre.fe_release)");
    let text = host.docker(["version"]).succeeded();
    assert!(text.stdout.contains("OS/Arch:          windows/amd64"), "{text}");
}

#[test]
fn info_has_the_shape_of_a_windows_server_and_is_honest_about_linux() {
    let host = Host::start();
    let created = host.docker(["create", "nanoserver"]).succeeded();
    let text = host.docker(["info"]).succeeded();
    for line in [
        " Containers: 1",
        "  Running: 0",
        "  Stopped: 1",
        " Storage Driver: windowsfilter",
        "  Windows: ",
        " Logging Driver: json-file",
        "  Network: ics internal l2bridge l2tunnel nat null overlay private transparent",
        " Default Isolation: process",
        " Kernel Version: 10.0 20348 (20348.1.amd64fre.fe_release)",
        " OSType: windows",
        " Architecture: x86_64",
    ] {
        assert!(text.stdout.lines().any(|shown| shown == line), "{line}: {text}");
    }
    assert!(text.stderr.is_empty(), "{text}");
    let info = host.docker_json(["system", "info", "--format", "json"]);
    let system = info["OperatingSystem"].as_str().unwrap();
    assert!(system.starts_with("Casement ") && system.contains(" on Linux with Wine 10.0"), "{system}");
    let labels = info["Labels"].to_string();
    assert!(labels.contains("casement.host=Linux ") && labels.contains("casement.windows=Wine 10.0"), "{labels}");
    assert_eq!(info["DockerRootDir"], host.root().to_str().unwrap());
    assert_eq!(info["NCPU"], std::thread::available_parallelism().unwrap().get());
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap();
    let total: u64 = memory.lines().next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
    assert_eq!(info["MemTotal"].as_u64().unwrap() / 1024, total);
    let images = host.casement(["images", "-q"]).succeeded();
    let ids: std::collections::BTreeSet<&str> = images.stdout.split_whitespace().collect();
    assert_eq!(info["Images"], ids.len());
    assert_eq!((&info["Isolation"], &info["OSVersion"]), (&"process".into(), &"10.0.20348".into()));
    assert_eq!((&info["Swarm"]["LocalNodeState"], &info["Runtimes"]), (&"inactive".into(), &serde_json::Value::Null));

    let id = info["ID"].clone();
    host.kill_daemon();
    host.start_daemon();
    assert_eq!(host.docker_json(["info", "--format", "json"])["ID"], id, "the id stays");
    drop(created);
}

#[test]
fn without_a_runtime_info_warns() {
    let host = Host::bare();
    host.start_daemon();
    let text = host.docker(["info"]).succeeded();
    assert!(text.stderr.contains("WARNING: there is no Wine runtime"), "{text}");
    assert!(text.stdout.contains("Operating System: Casement"), "{text}");
}

#[test]
fn what_comes_later_is_refused_by_name() {
    let host = Host::start();
    for (words, text) in [
        (vec!["search", "x"], "Casement does not search registries"),
        (vec!["swarm", "init"], "swarm mode is not implemented"),
        (vec!["service", "ls"], "This node is not a swarm manager."),
        (vec!["plugin", "inspect", "x"], "plugin \"x\" not found"),
    ] {
        let output = host.docker(&words);
        assert_ne!(output.code(), 0, "{words:?}: {output}");
        assert!(output.stderr.contains(text), "{words:?}: {output}");
        assert!(!output.stderr.contains("page not found"), "{words:?}: {output}");
    }
    assert_eq!(host.docker(["plugin", "ls", "-q"]).succeeded().stdout, "");
}

#[test]
fn df_shows_what_takes_the_disk() {
    let host = Host::start();
    let program = r"fsutil file createnew C:\x 1 & for /L %i in (1,1,2000) do @echo 0123456789012345678901234567890123456789>> C:\big.txt";
    let line = ["run", "--name", "writer", "-v", r"data:C:\data", "nanoserver", "cmd", "/c", program];
    host.docker(line);
    let values = host.docker_json(["system", "df", "-v", "--format", "json"]);
    let images = values["Images"].as_array().unwrap();
    let nano = images
        .iter()
        .find(|image| image["Tag"] == "ltsc2022" && image["Repository"].as_str().unwrap().ends_with("nanoserver"))
        .unwrap();
    assert_eq!(nano["Containers"], "1", "{nano}");
    let containers = values["Containers"].as_array().unwrap();
    assert_eq!((containers.len(), &containers[0]["Names"]), (1, &"writer".into()), "{values}");
    let volumes = values["Volumes"].as_array().unwrap();
    assert_eq!((&volumes[0]["Name"], &volumes[0]["Links"]), (&"data".into(), &"1".into()), "{values}");
    assert_eq!(volumes[0]["Size"], "0B", "{values}");

    std::fs::write(host.root().join("volumes/data/_data/file"), vec![1; 1 << 20]).unwrap();
    let table =
        host.docker(["system", "df", "--format", "{{.Type}}|{{.TotalCount}}|{{.Active}}|{{.Size}}"]).succeeded();
    assert!(table.lines().contains(&"Local Volumes|1|1|1.049MB"), "{table}");
    assert!(table.lines().contains(&"Build Cache|0|0|0B"), "{table}");
    let row = |kind: &str| table.lines().into_iter().find(|line| line.starts_with(kind)).unwrap().to_owned();
    assert!(row("Images").starts_with(&format!("Images|{}|1|", images.len())), "{table}");
    assert!(row("Containers").starts_with("Containers|1|0|") && !row("Containers").ends_with("|0B"), "{table}");
}

#[test]
fn system_prune_takes_what_nothing_needs() {
    let host = Host::start();
    let _ = host.docker(["create", "--name", "old", "-v", r"C:\data", "nanoserver"]).succeeded();
    let _ = host.docker(["volume", "create", "named"]).succeeded();
    let _ = host.docker(["tag", "nanoserver:ltsc2022", "app:1"]).succeeded();
    let _ = host.docker(["tag", "nanoserver:1809", "app:1"]).succeeded();
    let pruned = host.docker(["system", "prune", "-f", "--volumes"]).succeeded();
    assert!(pruned.stdout.contains("Deleted Containers:"), "{pruned}");
    assert!(pruned.stdout.contains("Deleted Volumes:"), "{pruned}");
    assert_eq!(host.docker(["volume", "ls", "-q"]).succeeded().text(), "named");
    assert_eq!(host.docker(["ps", "-aq"]).succeeded().text(), "");
    assert!(host.docker(["images", "-q"]).succeeded().lines().len() > 1, "named images stay");
}
