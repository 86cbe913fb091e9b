//! `-m`, `--cpus`, `--cpu-*`, `--io-max*`, `docker update`, `docker pause`: what the kernel really enforces.

use std::fs;
use std::path::PathBuf;

use casement_tests::Host;

/// A container that waits for input until it is ended.
fn sleeper(host: &Host, flags: &[&str]) -> String {
    let words = ["run", "-d", "-i"].into_iter().chain(flags.iter().copied());
    host.docker(words.chain(["nanoserver", "cmd"])).succeeded().text().to_owned()
}

/// The first of these files that a container's job has, in any tree of control groups.
fn job_file(id: &str, files: &[&str]) -> String {
    let trees = ["", "cpu", "cpu,cpuacct", "memory", "blkio", "freezer", "unified"];
    let of = |tree: &str| PathBuf::from("/sys/fs/cgroup").join(tree).join("casement").join(id);
    let paths = trees.into_iter().flat_map(|tree| files.iter().map(move |file| of(tree).join(file)));
    let path = paths.into_iter().find(|path| path.exists()).unwrap_or_else(|| panic!("no job has {files:?}"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).trim().to_owned()
}

fn memory_limit(id: &str) -> u64 {
    job_file(id, &["memory.max", "memory.limit_in_bytes"]).parse().unwrap()
}

/// Microseconds in a period of 100 ms.
fn quota(id: &str) -> String {
    let text = job_file(id, &["cpu.max", "cpu.cfs_quota_us"]);
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn cpus() -> u64 {
    u64::try_from(std::thread::available_parallelism().unwrap().get()).unwrap()
}

#[test]
fn limits_are_those_of_the_job() {
    let host = Host::start();
    let id = sleeper(&host, &["-m", "300m", "--cpu-count", "1"]);
    assert_eq!((memory_limit(&id), quota(&id)), (300 << 20, "100000".to_owned()));
    let id = sleeper(&host, &["--cpu-percent", "50"]);
    assert_eq!(quota(&id), (cpus() * 50_000).to_string());
    let id = sleeper(&host, &["--cpus", "0.5"]);
    assert_eq!(quota(&id), "50000");
    let id = sleeper(&host, &["--cpu-shares", "200"]);
    let weight = job_file(&id, &["cpu.weight", "cpu.shares"]);
    assert!(["200", "2048"].contains(&weight.as_str()), "{weight}");
}

#[test]
fn storage_traffic_is_limited() {
    let host = Host::start();
    let id = sleeper(&host, &["--io-maxbandwidth", "10m", "--io-maxiops", "500"]);
    let bandwidth = job_file(&id, &["io.max", "blkio.throttle.write_bps_device"]);
    let operations = job_file(&id, &["io.max", "blkio.throttle.read_iops_device"]);
    assert!(bandwidth.contains("10485760") && operations.contains("500"), "{bandwidth} {operations}");
}

#[test]
fn an_update_reaches_the_running_job() {
    let host = Host::start();
    let id = sleeper(&host, &["-m", "300m", "--cpus", "0.5", "--name", "web"]);
    let _ = host.docker(["update", "-m", "400m", "--cpus", "1", "--restart", "always", "web"]).succeeded();
    assert_eq!((memory_limit(&id), quota(&id)), (400 << 20, "100000".to_owned()));
    let config = host.docker_json(["inspect", "web"])[0]["HostConfig"].clone();
    assert_eq!((config["Memory"].as_u64(), config["NanoCpus"].as_u64()), (Some(400 << 20), Some(1_000_000_000)));
    assert_eq!(config["RestartPolicy"]["Name"], "always");
    for (flags, text) in [
        (&["--pids-limit", "7"][..], "invalid option: Windows does not support PidsLimit"),
        (&["--memory-swap", "1g"], "invalid option: Windows does not support MemorySwap"),
    ] {
        let output = host.docker(["update"].into_iter().chain(flags.iter().copied()).chain(["web"]));
        assert!(output.code() == 1 && output.stderr.contains(text), "{output}");
    }
    assert_eq!(memory_limit(&id), 400 << 20);
    let _ = host.docker(["update", "--restart", "no", "web"]).succeeded();
}

#[test]
fn a_paused_container_stands_still_until_it_is_told_to_go_on() {
    let host = Host::start();
    let id = sleeper(&host, &["--name", "web"]);
    let said = |output: casement_tests::Output, text: &str| {
        assert!(output.code() == 1 && output.stderr.contains(text), "{output}");
    };
    said(host.docker(["unpause", "web"]), &format!("Container {id} is not paused"));
    let _ = host.docker(["pause", "web"]).succeeded();
    let frozen = job_file(&id, &["cgroup.events", "freezer.state"]);
    assert!(frozen.contains("frozen 1") || frozen == "FROZEN", "{frozen}");
    let state = host.docker_json(["inspect", "web"])[0]["State"].clone();
    assert_eq!((state["Status"].as_str(), state["Paused"].as_bool()), (Some("paused"), Some(true)));
    assert_eq!(state["Running"], true);
    let status = host.docker(["ps", "--format", "{{.Status}}"]).succeeded();
    assert!(status.text().ends_with("(Paused)"), "{status}");
    said(host.docker(["pause", "web"]), &format!("Container {id} is already paused"));
    said(host.docker(["exec", "web", "cmd", "/c", "ver"]), "is paused");
    said(host.docker(["rm", "web"]), "container is paused");
    // A daemon that comes back finds it as it is.
    host.kill_daemon();
    host.start_daemon();
    assert_eq!(host.docker_json(["inspect", "web"])[0]["State"]["Status"], "paused");
    let _ = host.docker(["unpause", "web"]).succeeded();
    let output = host.docker(["exec", "web", "cmd", "/c", "echo alive"]).succeeded();
    assert_eq!(output.text(), "alive");
}

#[test]
fn a_paused_container_can_be_ended() {
    let host = Host::start();
    for end in [&["stop", "-t", "1"][..], &["kill"], &["rm", "-f"]] {
        let id = sleeper(&host, &[]);
        let _ = host.docker(["pause", &id]).succeeded();
        let _ = host.docker(end.iter().copied().chain([id.as_str()])).succeeded();
        let running = host.docker(["ps", "-q", "--no-trunc"]).succeeded();
        assert!(!running.stdout.contains(&id), "{end:?}: {running}");
    }
}
