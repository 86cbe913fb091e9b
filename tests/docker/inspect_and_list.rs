//! `docker inspect` and `docker ps` with their filters, `docker rename` and `docker container prune`.

use casement_tests::Host;
use serde_json::Value;

/// A container that waits for input until it is ended.
fn sleeper(host: &Host, flags: &[&str]) -> String {
    let words = ["run", "-d", "-i"].into_iter().chain(flags.iter().copied());
    host.docker(words.chain(["nanoserver", "cmd"])).succeeded().text().to_owned()
}

fn created(host: &Host, flags: &[&str]) -> String {
    let words = ["create"].into_iter().chain(flags.iter().copied());
    host.docker(words.chain(["nanoserver", "cmd", "/c", "exit 3"])).succeeded().text().to_owned()
}

/// The names that `docker ps FLAGS…` shows.
fn names(host: &Host, flags: &[&str]) -> Vec<String> {
    let words = ["ps", "--format", "{{.Names}}"].into_iter().chain(flags.iter().copied());
    let mut names: Vec<String> = host.docker(words).succeeded().lines().into_iter().map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn inspect_has_dockers_shape() {
    let host = Host::start();
    let id =
        created(&host, &["--name", "web", "--hostname", "box", "-w", "/app", "--label", "a=1", "--stop-timeout", "7"]);
    let web = host.docker_json(["inspect", "--size", "web"])[0].clone();
    let text = |pointer: &str| web.pointer(pointer).and_then(Value::as_str).unwrap_or("absent").to_owned();
    for (pointer, expected) in [
        ("/Id", id.as_str()),
        ("/Name", "/web"),
        ("/Path", "cmd"),
        ("/Driver", "windowsfilter"),
        ("/Platform", "windows"),
        ("/GraphDriver/Name", "windowsfilter"),
        ("/State/Status", "created"),
        ("/State/StartedAt", "0001-01-01T00:00:00Z"),
        ("/HostConfig/Isolation", "process"),
        ("/HostConfig/NetworkMode", "nat"),
        ("/HostConfig/RestartPolicy/Name", "no"),
        ("/Config/Image", "nanoserver"),
        ("/Config/Hostname", "box"),
        ("/Config/WorkingDir", r"\app"),
        ("/Config/Labels/a", "1"),
        ("/NetworkSettings/IPAddress", ""),
        ("/NetworkSettings/Networks/nat/EndpointID", ""),
    ] {
        assert_eq!(text(pointer), expected, "{pointer}: {web}");
    }
    assert_eq!(web["Args"], serde_json::json!(["/c", "exit 3"]));
    assert_eq!((web["RestartCount"].as_u64(), web["Config"]["StopTimeout"].as_i64()), (Some(0), Some(7)));
    assert!(web["ExecIDs"].is_null() && web["NetworkSettings"]["Ports"].is_object(), "{web}");
    let (own, all) = (web["SizeRw"].as_u64().unwrap(), web["SizeRootFs"].as_u64().unwrap());
    assert!(own > 0 && all > own, "{own} {all}");
    assert!(web["ComputeSystem"]["Container"].is_object() && web["UidBase"].is_u64(), "{web}");
    assert!(host.docker_json(["inspect", "web"])[0].get("SizeRw").is_none());
    let output = host.docker(["inspect", "--type", "container", "nothing"]);
    assert!(output.code() == 1 && output.stderr.contains("No such container: nothing"), "{output}");
}

#[test]
fn what_runs_is_listed_and_filtered() {
    let host = Host::start();
    sleeper(&host, &["--name", "web-1", "--label", "tier=web", "--expose", "80"]);
    created(&host, &["--name", "web-2", "--label", "tier=web", "-v", r"data:C:\data"]);
    created(&host, &["--name", "job-1", "--label", "tier=job"]);
    let _ = host.docker(["start", "-a", "job-1"]).exited(3);
    assert_eq!(names(&host, &[]), ["web-1"]);
    assert_eq!(names(&host, &["-a"]), ["job-1", "web-1", "web-2"]);
    assert_eq!(names(&host, &["-n", "1"]), ["job-1"]);
    for (filter, expected) in [
        ("name=^web", &["web-1", "web-2"][..]),
        ("name=b-2", &["web-2"]),
        ("label=tier", &["job-1", "web-1", "web-2"]),
        ("label=tier=web", &["web-1", "web-2"]),
        ("status=running", &["web-1"]),
        ("status=created", &["web-2"]),
        ("status=exited", &["job-1"]),
        ("exited=3", &["job-1"]),
        ("exited=0", &[]),
        ("ancestor=nanoserver", &["job-1", "web-1", "web-2"]),
        ("ancestor=nothing", &[]),
        ("before=web-2", &["web-1"]),
        ("since=web-2", &["job-1"]),
        ("isolation=process", &["job-1", "web-1", "web-2"]),
        ("isolation=hyperv", &[]),
        ("network=nat", &["job-1", "web-1", "web-2"]),
        ("network=none", &[]),
        ("expose=70-90/tcp", &["web-1"]),
        ("publish=80", &[]),
        ("volume=nothing", &[]),
        ("volume=data", &["web-2"]),
        ("health=none", &["job-1", "web-1", "web-2"]),
        ("is-task=true", &[]),
    ] {
        assert_eq!(names(&host, &["-a", "--filter", filter]), expected, "{filter}");
    }
    let id = host.docker(["inspect", "-f", "{{.Id}}", "web-1"]).succeeded();
    assert_eq!(names(&host, &["-a", "--filter", &format!("id={}", &id.text()[..12])]), ["web-1"]);
    for (filter, text) in [
        ("status=rubbish", "invalid filter 'status=rubbish'"),
        ("exited=x", "invalid filter 'exited=x'"),
        ("nonsense=1", "invalid filter 'nonsense'"),
        ("health=fine", "Unrecognised filter value for health: fine"),
        ("before=nothing", "No such container: nothing"),
    ] {
        let output = host.docker(["ps", "--filter", filter]);
        assert!(output.code() == 1 && output.stderr.contains(text), "{filter}: {output}");
    }
    let line = |name: &str| host.docker(["ps", "-a", "--filter", &format!("name={name}"), "--format", "{{.Status}}"]);
    assert!(line("web-1").text().starts_with("Up "), "{}", line("web-1"));
    assert_eq!(line("web-2").text(), "Created");
    assert!(line("job-1").text().starts_with("Exited (3) ") && line("job-1").text().ends_with(" ago"));
    let sizes = host.docker(["ps", "-s", "--format", "{{.Size}}"]).succeeded();
    assert!(sizes.text().contains("(virtual ") && !sizes.text().starts_with("0B"), "{sizes}");
}

#[test]
fn prune_removes_what_has_ended() {
    let host = Host::start();
    let runs = sleeper(&host, &["--name", "runs"]);
    let spared = created(&host, &["--name", "spared", "--label", "keep"]);
    let gone = created(&host, &["--name", "gone"]);
    let output = host.docker(["container", "prune", "-f", "--filter", "until=1h"]).succeeded();
    assert!(output.text().starts_with("Total reclaimed space: 0B"), "{output}");
    let output = host.docker(["container", "prune", "-f", "--filter", "label!=keep"]).succeeded();
    assert!(output.stdout.contains(&gone) && !output.stdout.contains(&spared), "{output}");
    assert!(!output.stdout.contains("reclaimed space: 0B"), "{output}");
    assert_eq!(names(&host, &["-a"]), ["runs", "spared"]);
    let output = host.docker(["container", "prune", "-f", "--filter", "nonsense=1"]);
    assert!(output.stderr.contains("invalid filter 'nonsense'"), "{output}");
    let _ = host.docker(["rm", "-f", &runs]).succeeded();
}
