//! `docker top` and `docker stats`: the programs of a container and what it uses.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use casement_tests::{Host, deadline};
use serde_json::Value;

/// A container that computes until it is ended.
fn busy(host: &Host) -> String {
    let line = ["run", "-d", "--name", "busy", "nanoserver", "cmd", "/c", "for /l %i in (0,0,1) do rem"];
    host.docker(line).succeeded().text().to_owned()
}

/// The lines of JSON that the API answers to `GET path`, as they come.
fn stream(host: &Host, path: &str) -> impl Iterator<Item = Value> {
    let mut socket = UnixStream::connect(host.docker_socket()).expect("connect");
    write!(socket, "GET {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n").expect("write");
    let lines = BufReader::new(socket).lines().map(|line| line.expect("a line"));
    lines.filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(&line).expect("JSON"))
}

#[test]
fn top_shows_windows_programs() {
    let host = Host::start();
    busy(&host);
    let output = host.docker(["top", "busy"]).succeeded();
    let title: Vec<&str> = output.lines()[0].split_whitespace().collect();
    assert_eq!(title, ["Name", "PID", "CPU", "Private", "Working", "Set"], "{output}");
    let row = output.lines().into_iter().find(|line| line.starts_with("cmd.exe")).map(str::to_owned);
    let row = row.unwrap_or_else(|| panic!("{output}"));
    let fields: Vec<&str> = row.split_whitespace().collect();
    assert!(fields[1].parse::<u32>().is_ok_and(|id| id > 0 && id % 4 == 0), "{row}");
    assert!(fields[2].len() == "00:00:00.000".len() && fields[3].ends_with('B'), "{row}");
    // It is the id that programs in the container see.
    let exec = host.docker(["exec", "busy", "cmd", "/c", "tasklist"]);
    if exec.status.success() {
        assert!(exec.stdout.contains(fields[1]), "{exec}");
    }
    let output = host.docker(["top", "busy", "aux"]);
    assert!(output.code() == 1 && output.stderr.contains("Windows does not support arguments to top"), "{output}");
    let id = host.docker(["create", "nanoserver", "cmd"]).succeeded().text().to_owned();
    let output = host.docker(["top", &id]);
    assert!(output.code() == 1 && output.stderr.contains(&format!("container {id} is not running")), "{output}");
}

#[test]
fn statistics_have_the_windows_shape() {
    let host = Host::start();
    let id = busy(&host);
    let samples: Vec<Value> = stream(&host, &format!("/v1.50/containers/{id}/stats?stream=1")).take(3).collect();
    let usage = |sample: &Value, stats: &str| sample[stats]["cpu_usage"]["total_usage"].as_u64().unwrap();
    assert_eq!(samples[0]["preread"], "0001-01-01T00:00:00Z");
    assert!(usage(&samples[2], "cpu_stats") > usage(&samples[0], "cpu_stats"), "{samples:?}");
    assert_eq!(usage(&samples[1], "precpu_stats"), usage(&samples[0], "cpu_stats"));
    assert_eq!(samples[1]["preread"], samples[0]["read"]);
    let sample = &samples[2];
    assert_eq!((sample["name"].as_str(), sample["id"].as_str()), (Some("/busy"), Some(id.as_str())));
    assert!(sample["num_procs"].as_u64().is_some_and(|count| count > 0), "{sample}");
    let memory = |name: &str| sample["memory_stats"][name].as_u64().unwrap_or(0);
    assert!(memory("privateworkingset") > 0 && memory("commitpeakbytes") >= memory("commitbytes"), "{sample}");
    assert!(sample["cpu_stats"].get("system_cpu_usage").is_none() && sample["memory_stats"].get("limit").is_none());
    let line = host.docker(["stats", "--no-stream", "--format", "{{.Name}} {{.CPUPerc}} {{.MemUsage}}"]).succeeded();
    let fields: Vec<&str> = line.text().split(' ').collect();
    let percent: f64 = fields[1].trim_end_matches('%').parse().unwrap();
    assert!(fields[0] == "busy" && percent > 0.0, "{line}");
    let table = host.docker(["stats", "--no-stream"]).succeeded();
    assert!(table.stdout.contains("PRIV WORKING SET"), "{table}");
}

#[test]
fn the_command_shows_statistics_again_and_again() {
    let host = Host::start();
    busy(&host);
    let shown = host.docker_background(["stats", "--format", "{{.Name}}={{.CPUPerc}};"]);
    let percent = |entry: &str| entry.split(['=', '%']).nth(1).and_then(|number| number.parse::<f64>().ok());
    let busy_at = |text: &str| text.split(';').filter_map(percent).filter(|percent| *percent > 0.0).count();
    deadline::until("three samples have figures", || busy_at(&shown.await_stdout("=")) >= 3);
    shown.signal(rustix::process::Signal::INT);
    let _ = shown.finish();
}

#[test]
fn statistics_count_what_goes_through_the_endpoints() {
    let host = Host::start();
    let _ = host.docker(["run", "-d", "-i", "--name", "web", "nanoserver", "cmd"]).succeeded();
    let sample = |name: &str| stream(&host, &format!("/containers/{name}/stats?stream=0&one-shot=1")).next().unwrap();
    let before = sample("web");
    let ping = host.docker(["run", "--rm", "nanoserver", "ping", "-n", "2", "-l", "1000", "web"]).succeeded();
    assert!(ping.stdout.contains("Reply from"), "{ping}");
    let after = sample("web");
    let shown = host.casement(["hns", "endpoint", "show", "--json"]).succeeded();
    let endpoints: Value = serde_json::from_str(&shown.stdout).unwrap();
    let id = endpoints[0]["ID"].as_str().unwrap();
    let grown = |field: &str| {
        let of = |sample: &Value| sample["networks"][id][field].as_u64().unwrap_or_else(|| panic!("{field}: {sample}"));
        of(&after) - of(&before)
    };
    for (field, least) in [("rx_bytes", 2_000), ("tx_bytes", 2_000), ("rx_packets", 2), ("tx_packets", 2)] {
        assert!((least..least + 2_000).contains(&grown(field)), "{field}: {before} {after}");
    }
    let _ = host
        .docker(["run", "-d", "-i", "--name", "guest", "--network", "container:web", "nanoserver", "cmd"])
        .succeeded();
    assert!(sample("guest")["networks"][id]["rx_bytes"].as_u64() >= after["networks"][id]["rx_bytes"].as_u64());
    let line = host.docker(["stats", "--no-stream", "--format", "{{.NetIO}}", "web"]).succeeded();
    let received = line.text().split(" / ").next().unwrap().to_owned();
    assert!(received.ends_with("kB") && !received.starts_with("0B"), "{line}");
    let _ = host.docker(["run", "-d", "-i", "--name", "alone", "--network", "none", "nanoserver", "cmd"]).succeeded();
    assert!(sample("alone").get("networks").is_none());
}

#[test]
fn a_container_that_does_not_run_uses_nothing() {
    let host = Host::start();
    let id = host.docker(["create", "nanoserver", "cmd"]).succeeded().text().to_owned();
    let sample = stream(&host, &format!("/containers/{id}/stats?stream=0")).next().expect("a sample");
    assert_eq!((sample["read"].as_str(), sample["num_procs"].as_u64()), (Some("0001-01-01T00:00:00Z"), Some(0)));
    assert_eq!(sample["cpu_stats"]["cpu_usage"]["total_usage"], 0);
    let output = host.docker(["stats", "--no-stream", "nothing"]);
    assert!(output.stderr.contains("No such container: nothing"), "{output}");
}
