//! The daemon is killed at each request that it sends to the kernel while it makes and removes an endpoint. The next daemon leaves no
//! interface, rule, address or port of it, and connections of containers that run stay open.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use casement_tests::tracer::{Traced, Tracer};
use casement_tests::{Host, deadline};
use serde_json::Value;

/// Sends back what comes.
const ECHO: &str =
    "require('net').createServer(s=>{s.on('error',()=>{});s.pipe(s)}).listen(80,()=>console.log('ready'))";
const NODE: &str = r"C:\t\real\node\node.exe";
/// Requests after which the search ends in any case.
const MOST_REQUESTS: usize = 200;

/// What the host has of endpoints, whatever the order of sets is.
fn picture(host: &Host) -> String {
    let shown = |program: &str, words: &[&str]| {
        let output = host.network().enter(Command::new(program).args(words)).output().unwrap();
        assert!(output.status.success(), "{program} {words:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let mut rules: Vec<String> = shown("nft", &["list", "ruleset"])
        .split([',', '\n', '{', '}'])
        .map(|piece| piece.trim().to_owned())
        .filter(|piece| !piece.is_empty())
        .collect();
    rules.sort();
    let endpoints = host.casement(["hns", "endpoint", "ls", "--json"]).succeeded();
    let endpoints: Value = serde_json::from_str(&endpoints.stdout).unwrap();
    let addresses: Vec<&Value> = endpoints.as_array().unwrap().iter().map(|endpoint| &endpoint["IPAddress"]).collect();
    let namespaces = host.casement(["hns", "namespace", "ls"]).succeeded().stdout;
    let links = shown("ip", &["-brief", "link"]);
    format!("{links}\n{addresses:?}\n{namespaces}\n{}", rules.join("\n"))
}

fn is_alive(connection: &mut TcpStream) {
    connection.write_all(b"ping").unwrap();
    let mut answer = [0; 4];
    connection.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"ping");
}

/// Does `work` again and again, each time after `prepare`, with the daemon killed at its first request, its second and so on, until it
/// comes to its end. After `undo` everything is to be as it was.
fn at_each_request(
    host: &Host,
    connection: &mut TcpStream,
    prepare: impl Fn(),
    work: impl Fn(),
    undo: impl Fn(),
) -> usize {
    let before = picture(host);
    for at in 1..MOST_REQUESTS {
        prepare();
        let tracer = Tracer::kill_at(host.daemon_pid(), &[libc::SYS_sendto], at);
        work();
        let end = tracer.end();
        if end == Traced::Killed {
            host.kill_daemon();
            is_alive(connection);
            host.start_daemon();
        }
        is_alive(connection);
        undo();
        // The interfaces of a container that has ended go a moment after it; that of the keeper stays.
        deadline::until("only one switch port is there", || host.network().switch_ports().len() == 1);
        assert_eq!(picture(host), before, "killed at request {at}");
        if end == Traced::Alive {
            return at - 1;
        }
    }
    panic!("more than {MOST_REQUESTS} requests");
}

#[test]
fn nothing_of_an_endpoint_stays_wherever_the_daemon_dies() {
    let host = Host::start();
    let _ = host.docker_start(&["--name", "keeper", "-p", "8080:80"], &[NODE, "-e", ECHO]);
    deadline::until("the server listens", || host.docker(["logs", "keeper"]).stdout.contains("ready"));
    let mut connection = host.network().within(|| TcpStream::connect("127.0.0.1:8080").unwrap());
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    is_alive(&mut connection);
    let command = |verb: &[&str]| drop(host.casement(verb.iter().chain(&["victim"])));
    let create = || {
        let words = ["create", "-i", "--name", "victim", "-p", "8081:80", "nanoserver", "cmd"];
        let _ = host.docker(words).succeeded();
    };
    let again = || {
        command(&["rm", "-f"]);
        create();
    };
    create();
    let made = at_each_request(&host, &mut connection, || (), || command(&["start"]), again);
    let removed = at_each_request(&host, &mut connection, || command(&["start"]), || command(&["kill"]), again);
    assert!(made > 3 && removed > 1, "{made} and {removed} requests");
}
