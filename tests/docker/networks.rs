//! `docker network`: what exists so far, and what is refused.

use casement_tests::Host;

#[test]
fn there_is_the_network_none() {
    let host = Host::start();
    let list = host.docker(["network", "ls", "--format", "{{.Name}} {{.Driver}} {{.Scope}}"]).succeeded();
    assert_eq!(list.lines(), ["none null local"], "{list}");
    let network = host.docker_json(["network", "inspect", "none"]);
    let id = network[0]["Id"].as_str().unwrap();
    assert_eq!((id.len(), network[0]["Driver"].as_str()), (64, Some("null")), "{network}");
    assert_eq!(host.docker_json(["network", "inspect", &id[..12]]), network);
    for (filter, count) in
        [("driver=null", 1), ("driver=nat", 0), ("name=non", 1), ("type=custom", 0), ("scope=local", 1)]
    {
        let list = host.docker(["network", "ls", "-q", "--filter", filter]).succeeded();
        assert_eq!(list.lines().len(), count, "{filter}: {list}");
    }
    let running = host.docker(["run", "-d", "-i", "--name", "member", "nanoserver", "cmd"]).succeeded();
    let network = host.docker_json(["network", "inspect", "none"]);
    assert_eq!(network[0]["Containers"][running.text()]["Name"], "member", "{network}");
    host.kill_daemon();
    host.start_daemon();
    assert_eq!(host.docker_json(["network", "inspect", "none"])[0]["Id"], network[0]["Id"], "the id stays");
}

#[test]
fn other_networks_are_refused_by_name() {
    let host = Host::start();
    for (words, text) in [
        (vec!["network", "inspect", "nat"], "network nat not found"),
        (vec!["network", "create", "mine"], "creating networks is not implemented"),
        (vec!["network", "create", "nat"], "operation is not permitted on predefined nat network"),
        (vec!["network", "rm", "none"], "none is a pre-defined network and cannot be removed"),
        (vec!["network", "rm", "mine"], "network mine not found"),
        (vec!["network", "connect", "none", "x"], "connecting containers to networks is not implemented"),
        (vec!["network", "ls", "--filter", "colour=red"], "invalid filter 'colour'"),
        (vec!["run", "--rm", "--network", "nat", "nanoserver"], "network nat not found"),
        (vec!["run", "--rm", "--network", "host", "nanoserver"], "network host not found"),
    ] {
        let output = host.docker(&words);
        assert!(output.code() != 0 && output.stderr.contains(text), "{words:?}: {output}");
    }
    assert_eq!(host.docker(["network", "prune", "-f"]).succeeded().stdout, "");
    let created = host.docker(["create", "-p", "8080:80", "nanoserver"]).succeeded();
    assert!(created.stderr.contains("WARNING: Published ports are discarded"), "{created}");
}
