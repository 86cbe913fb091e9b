//! Who reaches whom, with packets: neighbours, other networks, the host, the world beyond it (attack N1).

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use casement_tests::{Host, Network, deadline, process};
use serde_json::{Value, json};

/// The host on its uplink, and someone beyond.
const HOST: &str = "203.0.113.10";
const INTERNET: &str = "203.0.113.1";
/// How long something is waited for that must not come. What may come is tried in the same test.
const BLOCKED: Duration = Duration::from_millis(400);
/// The exit code of curl when no connection comes about in time.
const CURL_TIMEOUT: i32 = 28;
const PATIENCE: Duration = Duration::from_secs(20);
const NODE: &str = r"C:\t\real\node\node.exe";
/// Tells each client its address.
const SERVE: &str = "require('net').createServer(s=>{s.on('error',()=>{});s.end(s.remoteAddress.replace('::ffff:',''))}).listen(+process.argv[1],'0.0.0.0',()=>console.log('ready'))";

/// A container that serves on port 80: its address, and its network as a program in it has it.
struct Member {
    address: IpAddr,
    gateway: IpAddr,
    endpoint: String,
    network: Network,
}

fn member(host: &Host, network: &str, name: &str, flags: &[&str]) -> Member {
    let id = host.docker_start(&[&["--name", name, "--network", network], flags].concat(), &[NODE, "-e", SERVE, "80"]);
    deadline::until("the server listens", || host.docker(["logs", name]).stdout.contains("ready"));
    let shown = host.docker_json(["inspect", name])[0]["NetworkSettings"]["Networks"][network].clone();
    let parse = |field: &str| shown[field].as_str().unwrap().parse().unwrap_or_else(|error| panic!("{error}: {shown}"));
    let address: IpAddr = parse("IPAddress");
    let listed = host.casement(["hns", "endpoint", "ls", "--json"]).succeeded();
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    let is_own = |one: &&Value| one["IPAddress"] == json!(address);
    let endpoint = listed.as_array().unwrap().iter().find(is_own).unwrap()["ID"].as_str().unwrap().to_owned();
    let agent = process::children(host.silo_hosts()[&id])[0].0;
    Member { address, gateway: parse("Gateway"), endpoint, network: Network::of_process(agent) }
}

/// A server of the host or of the world that tells each client its address, until the process ends.
fn mirror(network: &Network, at: &str) {
    let listener = network.within(|| TcpListener::bind(at).unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let text = stream.peer_addr().unwrap().ip().to_string();
            let _ = stream.write_all(text.as_bytes());
        }
    });
}

/// Whom a server sees when somebody connects from a network.
fn connect(from: &Network, to: IpAddr, port: u16, patience: Duration) -> std::io::Result<String> {
    let mut stream = from.within(|| TcpStream::connect_timeout(&SocketAddr::new(to, port), patience))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

#[track_caller]
fn reaches(from: &Network, to: IpAddr, port: u16) -> String {
    connect(from, to, port, PATIENCE).unwrap_or_else(|error| panic!("{to}:{port} is not reached: {error}"))
}

#[track_caller]
fn blocked(from: &Network, to: IpAddr, port: u16) {
    if let Ok(seen) = connect(from, to, port, BLOCKED) {
        panic!("{to}:{port} is reached, as {seen}");
    }
}

#[test]
fn containers_reach_their_network_and_the_world_and_nothing_else() {
    let host = Host::start();
    let (uplink, internet): (IpAddr, IpAddr) = (HOST.parse().unwrap(), INTERNET.parse().unwrap());
    let world = host.network().beyond_uplink(uplink, internet, 24);
    mirror(&world, "0.0.0.0:80");
    for service in ["0.0.0.0:9000", "203.0.113.10:9001", "127.0.0.1:9002"] {
        mirror(host.network(), service);
    }
    for (name, flags) in [("blue", &[][..]), ("red", &[]), ("inner", &["--internal"])] {
        let _ = host.docker([&["network", "create", "-d", "nat"], flags, &[name]].concat()).succeeded();
    }
    let web = member(&host, "blue", "web", &["-p", "8080:80", "-p", "127.0.0.1:8081:80"]);
    let neighbour = member(&host, "blue", "neighbour", &[]);
    let other = member(&host, "red", "other", &[]);
    let inner = member(&host, "inner", "inner", &[]);
    // Neighbours see each other, the world sees the host, and comes in at published ports with its own address.
    assert_eq!(reaches(&neighbour.network, web.address, 80), neighbour.address.to_string());
    assert_eq!(reaches(&web.network, internet, 80), HOST);
    assert_eq!(reaches(&world, uplink, 8080), INTERNET);
    let asked = "require('net').connect(80,process.argv[1]).on('data',d=>console.log(''+d))";
    let program = host.docker(["exec", "web", NODE, "-e", asked, INTERNET]).succeeded();
    assert_eq!(program.text(), HOST, "a Windows program");
    // Other networks, and those without a way out.
    for (from, to) in [(&web, &other), (&other, &web), (&web, &inner), (&inner, &web)] {
        blocked(&from.network, to.address, 80);
    }
    blocked(&inner.network, internet, 80);
    // The host: not its services, whatever address they have, nor a port that is published to its own programs only.
    for to in [web.gateway, uplink, other.gateway] {
        for port in [9000, 9001, 9002, 8081] {
            blocked(&web.network, to, port);
        }
    }
    assert_eq!(reaches(host.network(), uplink, 9000), HOST, "they are there");
    let _ = reaches(host.network(), "127.0.0.1".parse().unwrap(), 8081);
    // From outside: no container by its own address, no port of the host's programs.
    for member in [&web, &inner] {
        world.ip(&format!("route add {} via {HOST}", member.address));
        blocked(&world, member.address, 80);
    }
    blocked(&world, uplink, 8081);
}

/// What the host's machine is told by the cloud that it is in, and the daemon itself (attacks N1, W8).
#[test]
fn neither_the_daemon_nor_the_metadata_of_the_machine_are_reached() {
    const METADATA: [&str; 4] = ["169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200"];
    const API: u16 = 2375;
    let host = Host::without_daemon();
    let config = host.directory().join("config.toml");
    let open = format!("[tcp]\nlisten = '0.0.0.0:{API}'\nwithout-authentication-everyone-is-root = true\n");
    std::fs::write(&config, open).unwrap();
    host.start_daemon_with(["--config".as_ref(), config.as_os_str()]);
    let (uplink, internet): (IpAddr, IpAddr) = (HOST.parse().unwrap(), INTERNET.parse().unwrap());
    let world = host.network().beyond_uplink(uplink, internet, 24);
    METADATA.iter().for_each(|address| drop(world.ip(&format!("addr add {address}/32 dev lo"))));
    mirror(&world, "0.0.0.0:80");
    let web = member(&host, "nat", "web", &[]);
    assert_eq!(reaches(&web.network, internet, 80), HOST);
    for address in METADATA.map(|address| address.parse().unwrap()) {
        assert_eq!(reaches(host.network(), address, 80), HOST, "the host has it");
        blocked(&web.network, address, 80);
        let ask = format!(
            "require('net').connect({{port:80,host:'{address}'}}).on('data',d=>console.log('got '+d)).on('error',e=>console.log(e.code));setTimeout(()=>process.exit(),400)"
        );
        let asked = host.docker(["exec", "web", NODE, "-e", &ask]).succeeded();
        assert!(!asked.stdout.contains("got"), "by a Windows program: {asked}");
    }
    let api = SocketAddr::new(uplink, API);
    host.network().within(|| TcpStream::connect_timeout(&api, PATIENCE)).expect("the API is served");
    let own: IpAddr = "127.0.0.1".parse().unwrap();
    for address in [uplink, web.gateway, web.address, own] {
        blocked(&web.network, address, API);
    }
    // Programs see no files of the host, and abstract names belong to a network.
    for socket in ["docker.sock", "hns.sock"] {
        let path = host.run_directory().join(socket);
        assert!(std::os::unix::net::UnixStream::connect(&path).is_ok(), "{socket} is there");
        let tried = host.docker(["exec", "web", r"C:\t\linux.exe", "connect", path.to_str().unwrap()]);
        assert_eq!(tried.text(), format!("error {}", libc::ENOENT), "{tried}");
    }
    let name = format!("casement-test-{}", std::process::id());
    let address =
        <std::os::unix::net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(&name).unwrap();
    let _listener = host.network().within(|| std::os::unix::net::UnixListener::bind_addr(&address).unwrap());
    let tried = host.docker(["exec", "web", r"C:\t\linux.exe", "connect", &format!("@{name}")]);
    assert_eq!(tried.text(), format!("error {}", libc::ECONNREFUSED), "{tried}");
}

#[test]
fn nobody_takes_the_address_of_a_neighbour() {
    let host = Host::start();
    let web = member(&host, "nat", "web", &[]);
    let (victim, thief) = (member(&host, "nat", "victim", &[]), member(&host, "nat", "thief", &[]));
    let victim_mac =
        host.docker_json(["inspect", "victim"])[0]["NetworkSettings"]["Networks"]["nat"]["MacAddress"].clone();
    assert_eq!(reaches(&thief.network, web.address, 80), thief.address.to_string());
    // Root in a container's network would be needed for this; no program of a container is.
    thief.network.ip(&format!("addr add {}/32 dev eth0", victim.address));
    let steal = |from: IpAddr| {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--connect-timeout", "1", "--http0.9", "--interface", &from.to_string()]);
        thief.network.enter(curl.arg(format!("http://{}/", web.address))).output().expect("start curl")
    };
    assert_eq!(steal(thief.address).stdout, thief.address.to_string().as_bytes());
    assert_eq!(steal(victim.address).status.code(), Some(CURL_TIMEOUT), "with the address of a neighbour");
    thief.network.ip(&format!("addr del {}/32 dev eth0", victim.address));
    assert_eq!(reaches(&thief.network, web.address, 80), thief.address.to_string(), "with its own again");
    thief.network.ip(&format!("link set eth0 address {}", victim_mac.as_str().unwrap()));
    blocked(&thief.network, web.address, 80);
    assert_eq!(reaches(&victim.network, web.address, 80), victim.address.to_string());
    let _ = reaches(&web.network, victim.address, 80);
}

#[test]
fn policies_of_an_endpoint_let_pass_and_block() {
    let host = Host::start();
    let (web, client) = (member(&host, "nat", "web", &[]), member(&host, "nat", "client", &[]));
    let set = |policies: Value| {
        let path = format!("/endpoints/{}", client.endpoint);
        let body = json!({ "Policies": policies }).to_string();
        let answer = host.casement(["hns", "call", "POST", &path, &body]).succeeded();
        assert!(answer.stdout.contains("\"Success\": true"), "{answer}");
    };
    let rule = |action: &str, priority: u16, place: &str| {
        json!({ "Type": "ACL", "Action": action, "Direction": "Out", "Protocol": 6, "RemotePorts": "80", "Priority": priority,
            "RuleType": place })
    };
    for place in ["Switch", "Host"] {
        let _ = reaches(&client.network, web.address, 80);
        set(json!([rule("Block", 200, place)]));
        blocked(&client.network, web.address, 80);
        let _ = reaches(&web.network, client.address, 80);
        set(json!([rule("Block", 200, place), rule("Allow", 100, place)]));
        let _ = reaches(&client.network, web.address, 80);
        set(json!([]));
    }
}
