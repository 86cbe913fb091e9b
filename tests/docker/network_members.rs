//! Containers in networks: they reach each other by name, are reached at published ports, and stay connected when the daemon dies.

use std::process::Command;

use casement_tests::{Host, deadline};

const NODE: &str = r"C:\t\real\node\node.exe";
/// Answers with a word to whoever asks.
const SERVE: &str =
    "require('http').createServer((q,s)=>s.end('served '+process.argv[1])).listen(80,()=>console.log('ready'))";
/// Asks a URL until it answers, and prints the answer.
const ASK: &str = "const a=()=>require('http').get(process.argv[1],r=>{let t='';r.on('data',d=>t+=d);r.on('end',()=>console.log(t))}).on('error',e=>{console.error(e.message);process.exitCode=1});a()";

/// Starts a server and waits until it listens.
fn serve(host: &Host, flags: &[&str], name: &str) -> String {
    let id = host.docker_start(&[&["--name", name], flags].concat(), &[NODE, "-e", SERVE, name]);
    deadline::until("the server listens", || host.docker(["logs", name]).stdout.contains("ready"));
    id
}

fn ask(host: &Host, flags: &[&str], url: &str) -> casement_tests::Output {
    let volume = host.programs_volume();
    let words = ["run", "--rm", "-v", &volume].into_iter().chain(flags.iter().copied());
    host.docker(words.chain(["nanoserver", NODE, "-e", ASK, url]))
}

/// What `curl` on the host gets.
fn curl(host: &Host, url: &str) -> Result<String, String> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20", url]);
    let output = host.network().enter(&mut command).output().expect("start curl");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// The host's address in the network `nat`.
fn gateway(host: &Host) -> String {
    let format = "{{(index .IPAM.Config 0).Gateway}}";
    host.docker(["network", "inspect", "nat", "--format", format]).succeeded().text().to_owned()
}

#[test]
fn containers_find_each_other_by_name_alias_and_id() {
    let host = Host::start();
    let id = serve(&host, &["--network", "nat", "--network-alias", "Front"], "web");
    for name in ["web", "front", &id[..12]] {
        let answer = ask(&host, &[], &format!("http://{name}/")).succeeded();
        assert_eq!(answer.text(), "served web", "{name}");
    }
    let ping = host.docker(["run", "--rm", "nanoserver", "ping", "-n", "1", "web"]).succeeded();
    assert!(ping.stdout.contains("Reply from"), "also as the first program that needs the network: {ping}");
    let unknown = ask(&host, &[], "http://nobody/").exited(1);
    assert!(unknown.stderr.contains("nobody"), "{unknown}");
    let _ = host.docker(["network", "create", "-d", "nat", "other"]).succeeded();
    let apart = ask(&host, &["--network", "other"], "http://web/").exited(1);
    assert!(apart.stderr.contains("web"), "names belong to their network: {apart}");
    let shared = ask(&host, &["--network", "container:web"], "http://localhost/").succeeded();
    assert_eq!(shared.text(), "served web");
}

#[test]
fn links_give_a_container_names_for_others() {
    let host = Host::start();
    let _ = host.docker(["network", "create", "blue"]).succeeded();
    let id = serve(&host, &["--network", "blue"], "web");
    for link in ["web:shop", &format!("{}:shop", &id[..12])] {
        let answer = ask(&host, &["--network", "blue", "--link", link], "http://shop/").succeeded();
        assert_eq!(answer.text(), "served web", "{link}");
    }
    assert_eq!(ask(&host, &["--network", "blue"], "http://shop/").code(), 1, "nobody else has the name");
    // In the network nat, which Windows leaves without.
    serve(&host, &[], "store");
    assert_eq!(ask(&host, &["--link", "store:shop"], "http://shop/").succeeded().text(), "served store");
    let _ = host.docker(["rename", "store", "depot"]).succeeded();
    assert_eq!(ask(&host, &["--link", "depot:shop"], "http://shop/").succeeded().text(), "served store");
    let _ = host.docker(["network", "connect", "--link", "web:shop", "blue", "depot"]).succeeded();
    let asked = host.docker(["exec", "depot", NODE, "-e", ASK, "http://shop/"]).succeeded();
    assert_eq!(asked.text(), "served web");
    let refused = host.docker(["create", "--link", "nobody:shop", "nanoserver"]);
    let text = "could not get container for nobody: No such container: nobody";
    assert!(refused.code() == 1 && refused.stderr.contains(text), "{refused}");
}

#[test]
fn casement_run_joins_networks_as_docker_does() {
    let host = Host::start();
    let _ = host.docker(["network", "create", "--subnet", "10.9.0.0/24", "blue"]).succeeded();
    let volume = host.programs_volume();
    let flags = ["run", "-d", "--name", "web", "-v", &volume, "--network", "blue", "--ip", "10.9.0.9"];
    let more = ["--network-alias", "shop", "-p", "127.0.0.1:8080:80", "--dns", "192.0.2.53", "nanoserver", NODE];
    let started = flags.iter().chain(&more).copied().chain(["-e", SERVE, "web"]);
    let _ = host.casement(started.collect::<Vec<_>>()).succeeded();
    deadline::until("the server listens", || host.docker(["logs", "web"]).stdout.contains("ready"));
    assert_eq!(curl(&host, "http://127.0.0.1:8080/").unwrap(), "served web");
    assert_eq!(ask(&host, &["--network", "blue"], "http://shop/").succeeded().text(), "served web");
    let shown = host.docker_json(["inspect", "web"])[0].clone();
    assert_eq!(shown["NetworkSettings"]["Networks"]["blue"]["IPAddress"], "10.9.0.9", "{shown}");
    assert_eq!(shown["HostConfig"]["Dns"], serde_json::json!(["192.0.2.53"]), "{shown}");
    let words = ["run", "--rm", "-v", &volume, "--network", "container:web", "nanoserver", NODE, "-e", ASK];
    let shared = host.casement(words.iter().chain(&["http://localhost/"])).succeeded();
    assert_eq!(shared.text(), "served web");
    let refused = host.casement(["run", "--rm", "--network", "absent", "nanoserver", "cmd"]);
    assert!(refused.code() == 125 && refused.stderr.contains("network absent not found"), "{refused}");
}

#[test]
fn published_ports_lead_into_the_container() {
    let host = Host::start();
    serve(&host, &["-p", "8080:80", "-p", "127.0.0.1:8000-8010:81"], "web");
    assert_eq!(curl(&host, "http://127.0.0.1:8080/").unwrap(), "served web");
    assert_eq!(curl(&host, &format!("http://{}:8080/", gateway(&host))).unwrap(), "served web");
    let shown = host.docker(["port", "web"]).succeeded();
    assert!(
        shown.stdout.contains("80/tcp -> 0.0.0.0:8080") && shown.stdout.contains("81/tcp -> 127.0.0.1:8000"),
        "{shown}"
    );
    let listed = host.docker(["ps", "--format", "{{.Ports}}"]).succeeded();
    assert!(listed.stdout.contains("0.0.0.0:8080->80/tcp"), "{listed}");
    let taken = host.docker(["run", "--rm", "-p", "8080:80", "nanoserver", "cmd", "/c", "exit"]);
    assert!(taken.code() != 0 && taken.stderr.contains("The specified port already exists. (0x803b0013)"), "{taken}");
    let _ = host.docker(["rm", "-f", "web"]).succeeded();
    curl(&host, "http://127.0.0.1:8080/").unwrap_err();
    let any = serve(&host, &["-p", "80"], "any");
    let port = published(&host, &any, "80/tcp");
    assert_eq!(curl(&host, &format!("http://127.0.0.1:{port}/")).unwrap(), "served any");
}

/// The port of the host at which a port of the container is published.
fn published(host: &Host, container: &str, port: &str) -> u16 {
    let shown = host.docker(["port", container, port]).succeeded();
    shown.text().rsplit(':').next().and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{shown}"))
}

#[test]
fn all_exposed_ports_are_published_of_both_protocols() {
    const ECHO: &str = "const u=require('dgram').createSocket('udp4');\
        u.on('message',(m,r)=>u.send('echo '+m,r.port,r.address));u.bind(53,()=>console.log('ready'))";
    let host = Host::start();
    let flags = ["-P", "--expose", "53/udp", "--expose", "80", "--name", "both"];
    let _ = host.docker_start(&flags, &[NODE, "-e", ECHO]);
    deadline::until("the server listens", || host.docker(["logs", "both"]).stdout.contains("ready"));
    assert_ne!(published(&host, "both", "80/tcp"), 0);
    let port = published(&host, "both", "53/udp");
    for address in ["127.0.0.1", &gateway(&host)] {
        let socket = host.network().within(|| std::net::UdpSocket::bind("0.0.0.0:0")).unwrap();
        socket.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
        socket.send_to(b"hello", (address, port)).unwrap();
        let mut answer = [0; 64];
        let (length, from) = socket.recv_from(&mut answer).unwrap_or_else(|error| panic!("{address}:{port}: {error}"));
        assert_eq!(&answer[..length], b"echo hello");
        assert_eq!(from.to_string(), format!("{address}:{port}"), "the answer comes from where the question went");
    }
}

#[test]
fn a_running_container_joins_networks_and_leaves_them() {
    let host = Host::start();
    let _ = host.docker(["network", "create", "-d", "nat", "blue"]).succeeded();
    serve(&host, &[], "web");
    let apart = ask(&host, &["--network", "blue"], "http://web/");
    assert_ne!(apart.code(), 0, "{apart}");
    let _ = host.docker(["network", "connect", "--alias", "shop", "blue", "web"]).succeeded();
    assert_eq!(ask(&host, &["--network", "blue"], "http://shop/").succeeded().text(), "served web");
    let twice = host.docker(["network", "connect", "blue", "web"]);
    assert!(twice.stderr.contains("endpoint with name web already exists in network blue"), "{twice}");
    let _ = host.docker(["network", "disconnect", "blue", "web"]).succeeded();
    assert_ne!(ask(&host, &["--network", "blue"], "http://shop/").code(), 0);
    assert_eq!(ask(&host, &[], "http://web/").succeeded().text(), "served web");
}

#[test]
fn connections_outlive_the_daemon_and_nothing_is_left_behind_the_dead() {
    let host = Host::start();
    serve(&host, &["-p", "8080:80"], "web");
    let dying = serve(&host, &[], "dying");
    let before = host.docker_json(["inspect", "web"])[0]["NetworkSettings"]["Networks"]["nat"].clone();
    host.kill_daemon();
    assert_eq!(curl(&host, "http://127.0.0.1:8080/").unwrap(), "served web", "without a daemon");
    casement_tests::process::kill(host.silo_hosts()[&dying]);
    host.start_daemon();
    assert_eq!(curl(&host, "http://127.0.0.1:8080/").unwrap(), "served web", "with the next one");
    assert_eq!(host.docker_json(["inspect", "web"])[0]["NetworkSettings"]["Networks"]["nat"], before);
    assert_eq!(ask(&host, &[], "http://web/").succeeded().text(), "served web");
    let shown = host.casement(["hns", "network", "show", "--json", "nat"]).succeeded();
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown[0]["CurrentEndpointCount"], 1, "{shown}");
    let mut links = Command::new("ip");
    links.args(["-brief", "link", "show", "type", "veth"]);
    let links = host.network().enter(&mut links).output().expect("ip");
    assert_eq!(String::from_utf8_lossy(&links.stdout).lines().count(), 1, "one port for one endpoint");
    let _ = host.docker(["rm", "-f", "web"]).succeeded();
    curl(&host, "http://127.0.0.1:8080/").unwrap_err();
}

#[test]
fn the_service_answers_hnscall_on_its_socket() {
    use std::os::unix::fs::MetadataExt;
    let host = Host::start();
    let socket = host.run_directory().join("hns.sock").metadata().unwrap();
    assert_eq!((socket.mode() & 0o777, socket.uid()), (0o600, 0));
    let call = |words: &[&str]| -> serde_json::Value {
        let output = host.casement(["hns", "call"].iter().chain(words));
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
    };
    let version = call(&["GET", "/globals/version"]);
    assert_eq!(version["Output"], serde_json::json!({ "Major": 11, "Minor": 10 }));
    let body =
        r#"{"Name":"blue","Type":"nat","Subnets":[{"AddressPrefix":"10.9.0.0/24","GatewayAddress":"10.9.0.1"}]}"#;
    let made = call(&["POST", "/networks/", body]);
    let id = made["Output"]["ID"].as_str().unwrap().to_owned();
    assert_eq!(call(&["POST", "/networks/", body])["ErrorCode"], 0x803b_0010_u32, "the name is taken");
    let endpoint = format!(r#"{{"VirtualNetwork":"{id}","IPAddress":"10.9.0.9"}}"#);
    let endpoint = call(&["POST", "/endpoints/", &endpoint]);
    assert_eq!(endpoint["Output"]["GatewayAddress"], "10.9.0.1", "{endpoint}");
    let all = call(&["POST", "/hcn/HcnEnumerateNetworks", r#"{"Settings":{"Filter":"{\"Name\":\"blue\"}"}}"#]);
    assert_eq!(all["Output"], serde_json::json!([id.to_ascii_lowercase()]));
    let busy = call(&["DELETE", &format!("/networks/{id}")]);
    assert_eq!(busy["ErrorCode"], 0x803b_002c_u32, "{busy}");
    let _ = call(&["DELETE", &format!("/endpoints/{}", endpoint["Output"]["ID"].as_str().unwrap())]);
    assert_eq!(call(&["DELETE", &format!("/networks/{id}")])["Success"], true);
    let gone = call(&["DELETE", &format!("/networks/{id}")]);
    assert_eq!(gone["Error"], "The object identifier does not represent a valid object. ", "{gone}");
    let absent = call(&["POST", "/hcn/HcnQueryNetworkProperties", &format!(r#"{{"Id":"{id}"}}"#)]);
    assert_eq!((&absent["Error"], &absent["ErrorCode"]), (&"Element not found. ".into(), &0x8007_0490_u32.into()));
}

#[test]
fn networks_have_ipv6_on_request() {
    let host = Host::start();
    let subnets = ["--subnet", "10.9.0.0/24", "--subnet", "fd00:9::/64"];
    let _ =
        host.docker(["network", "create", "-d", "nat", "--ipv6"].iter().chain(&subnets).chain(&["six"])).succeeded();
    serve(&host, &["--network", "six"], "web");
    let endpoint = host.docker_json(["inspect", "web"])[0]["NetworkSettings"]["Networks"]["six"].clone();
    let address = endpoint["GlobalIPv6Address"].as_str().unwrap().to_owned();
    assert!(address.starts_with("fd00:9::"), "{endpoint}");
    assert_eq!(endpoint["IPv6Gateway"], "fd00:9::1", "{endpoint}");
    for url in [format!("http://[{address}]/"), "http://web/".to_owned()] {
        assert_eq!(ask(&host, &["--network", "six"], &url).succeeded().text(), "served web", "{url}");
    }
    let configuration = host.docker(["exec", "web", "ipconfig"]).succeeded();
    assert!(
        configuration.stdout.contains(&format!("IPv6 Address. . . . . . . . . . . : {address}")),
        "{configuration}"
    );
}
