//! `docker network`: made, shown, removed.

use casement_tests::Host;
use serde_json::{Value, json};

#[test]
fn nat_and_none_are_there_from_the_start() {
    let host = Host::start();
    let list = host.docker(["network", "ls", "--format", "{{.Name}} {{.Driver}} {{.Scope}}"]).succeeded();
    let mut lines = list.lines();
    lines.sort_unstable();
    assert_eq!(lines, ["nat nat local", "none null local"], "{list}");
    let network = host.docker_json(["network", "inspect", "nat"]);
    let id = network[0]["Id"].as_str().unwrap();
    assert_eq!((id.len(), network[0]["IPAM"]["Driver"].as_str()), (64, Some("windows")), "{network}");
    let range = &network[0]["IPAM"]["Config"][0];
    assert!(range["Subnet"].as_str().unwrap().ends_with("/20"), "{network}");
    let options = &network[0]["Options"];
    assert_eq!(options["com.docker.network.windowsshim.networkname"], "nat");
    assert_eq!(options["com.docker.network.windowsshim.hnsid"].as_str().unwrap().len(), 36);
    assert_eq!(host.docker_json(["network", "inspect", &id[..12]]), network);
    for (filter, count) in [
        ("driver=null", 1),
        ("driver=nat", 1),
        ("name=na", 1),
        ("type=custom", 0),
        ("type=builtin", 2),
        ("scope=local", 2),
    ] {
        let list = host.docker(["network", "ls", "-q", "--filter", filter]).succeeded();
        assert_eq!(list.lines().len(), count, "{filter}: {list}");
    }
    host.kill_daemon();
    host.start_daemon();
    assert_eq!(host.docker_json(["network", "inspect", "nat"]), network, "it stays as it is");
}

#[test]
fn refusals_are_dockers() {
    let host = Host::start();
    let _ = host.docker(["network", "create", "-d", "nat", "mine"]).succeeded();
    for (words, text) in [
        (vec!["network", "create", "-d", "nat", "nat"], "operation is not permitted on predefined nat network"),
        (vec!["network", "create", "-d", "nat", "mine"], "network with name mine already exists"),
        (vec!["network", "create", "-d", "macvlan", "x"], "plugin \"macvlan\" not found"),
        (vec!["network", "create", "-d", "transparent", "x"], "not implemented by this version of Casement"),
        (vec!["network", "rm", "none"], "none is a pre-defined network and cannot be removed"),
        (vec!["network", "rm", "nat"], "nat is a pre-defined network and cannot be removed"),
        (vec!["network", "rm", "yours"], "network yours not found"),
        (vec!["network", "ls", "--filter", "colour=red"], "invalid filter 'colour'"),
        (vec!["run", "--rm", "--network", "host", "nanoserver"], "network host not found"),
        (vec!["run", "--rm", "-p", "80:80/sctp", "nanoserver"], "invalid protocol sctp"),
        (
            vec![
                "network",
                "create",
                "-d",
                "nat",
                "-o",
                "com.docker.network.windowsshim.macpool=00-15-5D-00-00-00",
                "x",
            ],
            "invalid mac pool. You must specify both a start range and an end range",
        ),
    ] {
        let output = host.docker(&words);
        assert!(output.code() != 0 && output.stderr.contains(text), "{words:?}: {output}");
    }
    let created = host.docker(["create", "--network", "none", "-p", "8080:80", "nanoserver"]).succeeded();
    assert!(created.stderr.contains("WARNING: Published ports are discarded"), "{created}");
}

#[test]
fn networks_have_ranges_labels_and_options_and_are_pruned() {
    let host = Host::start();
    let made = host
        .docker([
            "network",
            "create",
            "-d",
            "nat",
            "--subnet",
            "10.77.0.0/16",
            "--gateway",
            "10.77.0.254",
            "--ip-range",
            "10.77.4.0/24",
            "--aux-address",
            "router=10.77.4.1",
            "--label",
            "team=a",
            "--attachable",
            "made",
        ])
        .succeeded();
    let network = host.docker_json(["network", "inspect", "made"]);
    assert_eq!(network[0]["Id"], made.text());
    let range = json!([{ "Subnet": "10.77.0.0/16", "IPRange": "10.77.4.0/24", "Gateway": "10.77.0.254",
        "AuxiliaryAddresses": { "router": "10.77.4.1" } }]);
    assert_eq!(network[0]["IPAM"]["Config"], range);
    assert_eq!((&network[0]["Labels"]["team"], &network[0]["Attachable"]), (&json!("a"), &json!(true)));
    let overlapping = host.docker(["network", "create", "-d", "nat", "--subnet", "10.77.8.0/24", "other"]);
    assert!(overlapping.code() != 0 && overlapping.stderr.contains("overlaps"), "{overlapping}");
    let running =
        host.docker(["run", "-d", "-i", "--network", "made", "--name", "member", "nanoserver", "cmd"]).succeeded();
    let network = host.docker_json(["network", "inspect", "made"]);
    let member = &network[0]["Containers"][running.text()];
    assert_eq!((&member["Name"], &member["IPv4Address"]), (&json!("member"), &json!("10.77.4.0/8")), "{network}");
    let busy = host.docker(["network", "rm", "made"]);
    assert!(busy.code() != 0 && busy.stderr.contains("has active endpoints"), "{busy}");
    assert_eq!(host.docker(["network", "prune", "-f"]).succeeded().stdout, "");
    let _ = host.docker(["rm", "-f", "member"]).succeeded();
    let pruned = host.docker(["network", "prune", "-f", "--filter", "label=team=a"]).succeeded();
    assert!(pruned.stdout.contains("made"), "{pruned}");
    let left = host.docker(["network", "ls", "-q"]).succeeded();
    assert_eq!(left.lines().len(), 2, "{left}");
}

#[test]
fn a_network_whose_driver_nobody_named_is_nat() {
    let host = Host::start();
    // The docker command sends `bridge` then, and files for Compose name it.
    let _ = host.docker(["network", "create", "plain"]).succeeded();
    let _ = host.docker(["network", "create", "-d", "bridge", "--internal", "inner"]).succeeded();
    let shown = host.docker_json(["network", "inspect", "plain", "inner"]);
    assert_eq!((&shown[0]["Driver"], &shown[1]["Driver"]), (&json!("nat"), &json!("nat")), "{shown}");
    assert_eq!((&shown[0]["Internal"], &shown[1]["Internal"]), (&json!(false), &json!(true)), "{shown}");
    let listed = host.docker(["network", "ls", "--filter", "driver=nat", "--format", "{{.Name}}"]).succeeded();
    assert!(listed.lines().contains(&"plain"), "{listed}");
    let ran = host.docker(["run", "--rm", "--network", "plain", "nanoserver", "ping", "-n", "1", "localhost"]);
    let _ = ran.succeeded();
}

/// What `Get-HnsNetwork` prints on Windows Server 2019 of the network `nat`. `LayeredOn` is not among them: below a network here is
/// no other object.
const MEMBERS: [&str; 20] = [
    "ActivityId",
    "AdditionalParams",
    "CurrentEndpointCount",
    "Extensions",
    "Flags",
    "Health",
    "ID",
    "IPv6",
    "MacPools",
    "MaxConcurrentEndpoints",
    "Name",
    "NatName",
    "Policies",
    "Resources",
    "State",
    "Subnets",
    "TotalEndpoints",
    "Type",
    "Version",
    "DNSServerList",
];

#[test]
fn networks_are_shown_as_get_hnsnetwork_shows_them() {
    let host = Host::start();
    let show = |words: &[&str]| -> Value {
        let shown = host.casement(["hns"].iter().chain(words)).succeeded();
        serde_json::from_str(&shown.stdout).unwrap_or_else(|error| panic!("{error}: {shown}"))
    };
    let _ = host.docker(["run", "--rm", "nanoserver", "cmd", "/c", "exit"]).succeeded();
    for name in ["one", "two"] {
        let _ = host.docker(["run", "-d", "-i", "--name", name, "nanoserver", "cmd"]).succeeded();
    }
    let _ = host.docker(["rm", "-f", "two"]).succeeded();
    let network = show(&["network", "show", "--json", "nat"])[0].clone();
    let members: Vec<&str> = network.as_object().unwrap().keys().map(String::as_str).collect();
    for name in MEMBERS {
        assert!(members.contains(&name), "{name}: {members:?}");
    }
    assert!(!members.contains(&"LayeredOn"), "{members:?}");
    let counts =
        ["CurrentEndpointCount", "MaxConcurrentEndpoints", "TotalEndpoints"].map(|name| network[name].as_u64());
    assert_eq!(counts, [Some(1), Some(2), Some(3)], "{network}");
    assert_eq!((&network["Type"], &network["State"], &network["IPv6"]), (&json!("nat"), &json!(1), &json!(false)));
    let health = &network["Health"];
    assert_eq!(health["LastErrorCode"], 0, "{health}");
    // In units of 100 ns since 1601.
    let updated = health["LastUpdateTime"].as_i64().unwrap() / 10_000_000 - 11_644_473_600;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs().cast_signed();
    assert!((now - 600..=now).contains(&updated), "{updated}, and it is {now}");
    let adapter = show(&["adapter", "show", "--json", "vEthernet (nat)"])[0].clone();
    let device = adapter["DeviceID"].as_str().unwrap().trim_matches(['{', '}']).to_owned();
    assert_eq!(network["NatName"], format!("ICS{device}"), "as on Windows it is named after the host's adapter");
    let subnet = &network["Subnets"][0];
    let inspected = host.docker_json(["network", "inspect", "nat"])[0]["IPAM"]["Config"][0].clone();
    assert_eq!((&subnet["AddressPrefix"], &subnet["GatewayAddress"]), (&inspected["Subnet"], &inspected["Gateway"]));
    let version = show(&["call", "GET", "/globals/version"])["Output"].clone();
    let version = version["Major"].as_u64().unwrap() << 32 | version["Minor"].as_u64().unwrap();
    assert_eq!(network["Version"], version, "the service's own");
    let endpoint = show(&["endpoint", "show", "--json"])[0].clone();
    assert_eq!((&endpoint["IPSubnetId"], &endpoint["VirtualNetwork"]), (&subnet["ID"], &network["ID"]), "{endpoint}");
    assert_eq!((&endpoint["Type"], &endpoint["State"]), (&json!("nat"), &json!(2)), "{endpoint}");
    // What hcsshim reads of an endpoint.
    for name in [
        "ID",
        "Name",
        "VirtualNetwork",
        "VirtualNetworkName",
        "Policies",
        "MacAddress",
        "IPAddress",
        "DNSSuffix",
        "DNSServerList",
        "DNSDomain",
        "GatewayAddress",
        "EnableInternalDNS",
        "DisableICC",
        "PrefixLength",
        "IsRemoteEndpoint",
        "Namespace",
        "EncapOverhead",
        "SharedContainers",
        "State",
    ] {
        assert!(endpoint.get(name).is_some(), "{name}: {endpoint}");
    }
    let inspected = host.docker_json(["inspect", "one"])[0].clone();
    let shown = &inspected["NetworkSettings"]["Networks"]["nat"];
    assert_eq!((&endpoint["IPAddress"], &endpoint["GatewayAddress"]), (&shown["IPAddress"], &shown["Gateway"]));
    assert_eq!((&endpoint["DNSServerList"], &endpoint["EnableInternalDNS"]), (&shown["Gateway"], &json!(true)));
    assert_eq!(endpoint["SharedContainers"], json!([inspected["Id"]]), "{endpoint}");
    let pool = &network["MacPools"][0];
    let (mac, first) = (endpoint["MacAddress"].as_str().unwrap(), pool["StartMacAddress"].as_str().unwrap());
    assert!(mac > first && mac <= pool["EndMacAddress"].as_str().unwrap(), "{endpoint}");
    // As text: names in columns, objects and lists as PowerShell has them.
    let text = host.casement(["hns", "network", "show", "nat"]).succeeded();
    let pools = format!("{{@{{EndMacAddress={}; StartMacAddress={first}}}}}", pool["EndMacAddress"].as_str().unwrap());
    for line in [
        "CurrentEndpointCount   : 1".to_owned(),
        "IPv6                   : False".to_owned(),
        format!("MacPools               : {pools}"),
        "MaxConcurrentEndpoints : 2".to_owned(),
        "Name                   : nat".to_owned(),
        "Policies               : {}".to_owned(),
        "Type                   : nat".to_owned(),
    ] {
        assert!(text.lines().contains(&line.as_str()), "{line}: {text}");
    }
    let policies = host.casement(["hns", "policy", "ls"]).succeeded();
    assert_eq!(policies.lines().len(), 2, "a head and no policy list: {policies}");
    let reference = format!("/endpoints/{}", endpoint["ID"].as_str().unwrap());
    let elb = json!({ "Type": "ELB", "Protocol": 6, "InternalPort": 80, "ExternalPort": 8080, "VIPs": ["10.9.9.9"] });
    let body = json!({ "References": [reference], "Policies": [elb] }).to_string();
    let made = show(&["call", "POST", "/policylists/", &body])["Output"].clone();
    let list = show(&["policy", "show", "--json", made["ID"].as_str().unwrap()])[0].clone();
    assert_eq!((&list["References"], &list["Policies"][0]["Type"]), (&json!([reference]), &json!("ELB")), "{list}");
    assert_eq!(
        (&list["Policies"][0]["VIPs"], &list["Policies"][0]["ExternalPort"]),
        (&json!(["10.9.9.9"]), &json!(8080))
    );
}

#[test]
fn the_endpoint_of_the_example_is_reproduced() {
    let host = Host::start();
    let _ = host
        .docker([
            "network",
            "create",
            "-d",
            "nat",
            "--subnet",
            "192.168.48.0/20",
            "--gateway",
            "192.168.48.1",
            "-o",
            "com.docker.network.windowsshim.macpool=00-15-5D-70-30-00,00-15-5D-70-3F-FF",
            "deck",
        ])
        .succeeded();
    let _ = host
        .docker([
            "run",
            "-d",
            "-i",
            "--network",
            "deck",
            "--ip",
            "192.168.51.62",
            "--mac-address",
            "00:15:5d:70:38:c8",
            "--name",
            "web",
            "nanoserver",
            "cmd",
        ])
        .succeeded();
    let container = host.docker_json(["inspect", "web"]);
    let endpoint = &container[0]["NetworkSettings"]["Networks"]["deck"];
    assert_eq!(endpoint["Gateway"], "192.168.48.1", "{endpoint}");
    assert_eq!((&endpoint["IPAddress"], &endpoint["IPPrefixLen"]), (&json!("192.168.51.62"), &json!(24)), "{endpoint}");
    assert_eq!(endpoint["MacAddress"], "00:15:5d:70:38:c8", "{endpoint}");
    let shown = host.casement(["hns", "network", "show", "--json", "deck"]).succeeded();
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    let pool = json!([{ "StartMacAddress": "00-15-5D-70-30-00", "EndMacAddress": "00-15-5D-70-3F-FF" }]);
    assert_eq!((&shown[0]["MacPools"], &shown[0]["CurrentEndpointCount"]), (&pool, &json!(1)), "{shown}");
    assert_eq!(shown[0]["Subnets"][0]["AddressPrefix"], "192.168.48.0/20");
    let endpoints = host.casement(["hns", "endpoint", "ls"]).succeeded();
    assert!(endpoints.stdout.contains("192.168.51.62 00-15-5D-70-38-C8"), "{endpoints}");
    let adapter = host.casement(["hns", "adapter", "show", "vEthernet (deck)"]).succeeded();
    assert!(adapter.stdout.contains("MacAddress           : 00-15-5D-70-30-00"), "{adapter}");
    let address = host.casement(["hns", "address", "ls"]).succeeded();
    assert!(address.stdout.contains("vEthernet (deck) 192.168.48.1 20"), "{address}");
    let configuration = host.docker(["exec", "web", "ipconfig", "/all"]).succeeded();
    for text in [
        "Physical Address. . . . . . . . . : 00-15-5D-70-38-C8",
        "IPv4 Address. . . . . . . . . . . : 192.168.51.62(Preferred)",
        "Subnet Mask . . . . . . . . . . . : 255.255.240.0",
        "Default Gateway . . . . . . . . . : 192.168.48.1",
        "DNS Servers . . . . . . . . . . . : 192.168.48.1",
    ] {
        assert!(configuration.stdout.contains(text), "{text}: {configuration}");
    }
    assert_eq!(configuration.stdout.matches("Ethernet adapter").count(), 1, "{configuration}");
}

#[test]
fn a_network_that_could_not_be_made_is_made_when_it_is_needed() {
    let host = Host::start();
    let run = || host.docker(["run", "--rm", "nanoserver", "ping", "-n", "1", "localhost"]);
    let shown = host.casement(["hns", "adapter", "ls"]).succeeded();
    let bridge = shown.stdout.split_whitespace().find(|word| word.starts_with("csb")).unwrap().to_owned();
    let health = || -> Value {
        let shown = host.casement(["hns", "network", "show", "--json", "nat"]).succeeded();
        serde_json::from_str::<Value>(&shown.stdout).unwrap()[0].clone()
    };
    host.kill_daemon();
    // Somebody of the host has its name.
    host.network().ip(&format!("link del {bridge}"));
    host.network().ip(&format!("link add {bridge} type bridge"));
    host.start_daemon();
    assert!(health()["State"] == 5 && health()["Health"]["LastErrorCode"] != 0, "{}", health());
    let refused = run();
    assert!(refused.code() == 125 && refused.stderr.contains("the network nat cannot be made"), "{refused}");
    assert!(refused.stderr.contains(&bridge), "it says what is in the way: {refused}");
    host.network().ip(&format!("link del {bridge}"));
    let _ = run().succeeded();
    assert!(health()["State"] == 1 && health()["Health"]["LastErrorCode"] == 0, "{}", health());
    let _ = host.docker(["run", "-d", "-i", "--name", "web", "nanoserver", "cmd"]).succeeded();
    let found = host.docker(["run", "--rm", "nanoserver", "ping", "-n", "1", "web"]).succeeded();
    assert!(found.stdout.contains("Reply from"), "names too: {found}");
}

#[test]
fn without_networks_containers_start_and_say_what_they_lack() {
    let host = Host::start_doing_without("networks");
    let ran = host.docker(["run", "--rm", "nanoserver", "cmd", "/c", "echo", "alive"]).succeeded();
    assert_eq!(ran.text(), "alive");
    assert!(ran.stderr.contains("loopback only"), "{ran}");
    let refused = host.docker(["network", "create", "-d", "nat", "mine"]);
    assert!(refused.code() != 0 && refused.stderr.contains("there are no networks"), "{refused}");
    let listed = host.docker(["network", "ls", "--format", "{{.Name}}"]).succeeded();
    assert_eq!(listed.text(), "none");
}
