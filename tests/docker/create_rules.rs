//! `docker create`: what is refused, and in which words.

use casement_tests::{Host, Output};

const IMAGE: &str = "nanoserver";

/// What `docker create FLAGS… nanoserver cmd` prints as the daemon's error.
fn refusal(host: &Host, flags: &[&str]) -> String {
    let output = create(host, flags);
    assert_ne!(output.code(), 0, "{flags:?}: {output}");
    let text = output.stderr.lines().find_map(|line| line.strip_prefix("Error response from daemon: "));
    text.unwrap_or_else(|| panic!("{flags:?}: {output}")).to_owned()
}

fn create(host: &Host, flags: &[&str]) -> Output {
    host.docker(["create"].into_iter().chain(flags.iter().copied()).chain([IMAGE, "cmd"]))
}

#[test]
fn an_image_that_is_not_there_is_not_found() {
    let host = Host::start();
    let output = host.docker(["create", "--pull", "never", "no-such-image"]);
    assert_eq!(output.code(), 1, "{output}");
    assert!(output.stderr.contains("No such image: no-such-image:latest"), "{output}");
}

#[test]
fn options_that_windows_lacks_are_refused_by_name() {
    let host = Host::start();
    for (flags, name) in [
        (&["--blkio-weight", "100"][..], "BlkioWeight"),
        (&["--cgroup-parent", "x"], "CgroupParent"),
        (&["--cpu-period", "100000"], "CPUPeriod"),
        (&["--cpuset-cpus", "0"], "CpusetCpus"),
        (&["--cpuset-mems", "0"], "CpusetMems"),
        (&["--memory-reservation", "64m"], "MemoryReservation"),
        (&["-m", "64m", "--memory-swap", "128m"], "MemorySwap"),
        (&["--memory-swappiness", "0"], "MemorySwappiness"),
        (&["--oom-kill-disable"], "OomKillDisable"),
        (&["--pids-limit", "10"], "PidsLimit"),
        (&["--ulimit", "nofile=10"], "Ulimits"),
    ] {
        assert_eq!(refusal(&host, flags), format!("invalid option: Windows does not support {name}"));
    }
    for (flags, text) in [
        (&["--privileged"][..], "invalid option: privileged mode is not supported for Windows containers"),
        (&["--read-only"], "invalid option: read-only mode is not supported for Windows containers"),
        (&["--cpu-rt-period", "1"], "invalid option: CPU real-time period is not supported for Windows containers"),
        (&["--storage-opt", "size=much"], "invalid size: 'much'"),
        (
            &["--storage-opt", "size=1m"],
            "invalid size of a scratch: 1048576 bytes; from 16777216 to 16492674416640 are possible",
        ),
        (&["--tmpfs", "/x"], "windows does not support tmpfs"),
        (&["--isolation", "vm"], "invalid isolation (vm): Windows supports 'default', 'process', or 'hyperv'"),
        (&["--cpu-shares", "10001"], "range of CPUShares is from 1 to 10000"),
        (&["--cpu-percent", "101"], "range of CPUPercent is from 1 to 100"),
        (&["--cpu-count", "-1"], "invalid CPUCount: CPUCount cannot be negative"),
        (&["--cpus", "1", "--cpu-percent", "5"], "conflicting options: Nano CPUs and CPU Percent cannot both be set"),
        (&["--cpus", "1", "--cpu-shares", "5"], "conflicting options: Nano CPUs and CPU Shares cannot both be set"),
        (&["-w", "relative"], "the working directory 'relative' is invalid, it needs to be an absolute path"),
        (&["--name", "a b"], "Invalid container name (a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"),
        (&["--stop-signal", "NONSENSE"], "invalid signal: NONSENSE"),
        (&["--restart", "always", "--rm"], "can't create 'AutoRemove' container with restart policy"),
    ] {
        let output = create(&host, flags);
        // Some are refused by the command itself, in its own words.
        if text.starts_with("can't create") {
            assert_ne!(output.code(), 0, "{output}");
        } else {
            assert_eq!(refusal(&host, flags), text);
        }
    }
    let cpus = refusal(&host, &["--cpus", "1000"]);
    assert!(cpus.starts_with("range of CPUs is from 0.01 to "), "{cpus}");
    assert!(refusal(&host, &["--isolation", "hyperv"]).contains("not implemented"));
    assert!(host.docker(["ps", "-aq"]).succeeded().stdout.is_empty());
}

#[test]
fn one_limit_of_processors_wins_with_a_warning() {
    let host = Host::start();
    let output = create(&host, &["--cpu-count", "1", "--cpu-shares", "5", "--cpu-percent", "7"]).succeeded();
    for (winner, loser) in [("count", "shares"), ("count", "percent")] {
        let text = format!(
            "Conflicting options: CPU {winner} takes priority over CPU {loser} on Windows Server Containers. CPU {loser} discarded"
        );
        assert!(output.stderr.contains(&text), "{output}");
    }
    let config = &host.docker_json(["inspect", output.text()])[0]["HostConfig"];
    assert_eq!((config["CpuCount"].as_i64(), config["CpuShares"].as_i64()), (Some(1), Some(0)));
}

#[test]
fn what_the_start_needs_is_checked_at_the_start() {
    let host = Host::start();
    for (flags, text) in [
        (&["--security-opt", "seccomp=unconfined"][..], "security option not supported: seccomp"),
        (
            &["--security-opt", "credentialspec=x"],
            "invalid credential spec security option - value must be prefixed by 'file://', 'registry://', or 'raw://' followed by a non-empty value",
        ),
        (
            &["--device", "/dev/null"],
            "invalid device assignment path: '/dev/null', must be 'class/ID' or 'IDType://ID'",
        ),
        (&["--gpus", "all"], "could not select device driver \"\" with capabilities: [[gpu]]"),
        (&["--network", "host"], "network host not found"),
        (&["-u", "root"], "The user name or password is incorrect. (0x52e)"),
    ] {
        let id = create(&host, flags).succeeded().text().to_owned();
        let output = host.docker(["start", &id]);
        assert!(output.code() == 1 && output.stderr.contains(text), "{flags:?}: {output}");
        let state = host.docker_json(["inspect", &id])[0]["State"].clone();
        assert_eq!(state["Status"], "created", "{state}");
        assert!(state["Error"].as_str().is_some_and(|error| error.contains(text)), "{state}");
    }
}

#[test]
fn platforms_other_than_windows_are_refused() {
    let host = Host::start();
    let text = refusal(&host, &["--pull", "never", "--platform", "linux/arm64"]);
    assert!(text.starts_with("image with reference nanoserver was found but its platform (windows("), "{text}");
    assert!(text.ends_with("/amd64) does not match the specified platform (linux/arm64)"), "{text}");
    let _ = create(&host, &["--platform", "windows/amd64"]).succeeded();
}

#[test]
fn a_name_has_one_container() {
    let host = Host::start();
    let first = create(&host, &["--name", "web"]).succeeded().text().to_owned();
    assert_eq!(
        refusal(&host, &["--name", "web"]),
        format!(
            "Conflict. The container name \"/web\" is already in use by container \"{first}\". You have to remove (or rename) that container to be able to reuse that name."
        )
    );
    let same = host.docker(["rename", "web", "web"]);
    assert!(same.stderr.contains("Renaming a container with the same name as its current name"), "{same}");
    let _ = host.docker(["rename", "web", "shop"]).succeeded();
    let _ = create(&host, &["--name", "web"]).succeeded();
    let conflict = host.docker(["rename", "shop", "web"]);
    assert!(conflict.stderr.contains("Conflict. The container name \"/web\" is already in use"), "{conflict}");
    assert_eq!(host.docker_json(["inspect", "shop"])[0]["Id"], first.as_str());
}
