//! Who may talk to the daemon, and what those cost who do not speak.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use casement_tests::{Host, Output};

/// An address that nobody uses.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A host whose daemon has this configuration file.
fn host_with(config: &str) -> Host {
    let host = Host::without_daemon();
    let file = host.directory().join("config.toml");
    std::fs::write(&file, config).unwrap();
    host.start_daemon_with(["--config".as_ref(), file.as_os_str()]);
    host
}

/// A connection to an address of the host's network.
fn connect(host: &Host, address: SocketAddr) -> TcpStream {
    host.network().within(|| TcpStream::connect(address).unwrap())
}

/// What a server answers to a request, and then closes.
fn say(host: &Host, address: SocketAddr, request: &str) -> String {
    let mut stream = connect(host, address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Makes keys and certificates for `names` with `openssl`; returns nothing, as they have fixed names in `directory`.
fn make_certificates(directory: &Path) {
    let openssl = |words: &[&str]| {
        let output = Command::new("openssl").args(words).current_dir(directory).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    for authority in ["ca", "stranger-ca"] {
        let (out, pem) = (format!("{authority}-key.pem"), format!("{authority}.pem"));
        let subject = format!("/CN={authority}");
        openssl(&[&["req", "-x509"], &key[..], &["-subj", &subject, "-keyout", &out, "-out", &pem]].concat());
    }
    for (name, authority, extension) in [
        ("server", "ca", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
        ("client", "ca", "extendedKeyUsage=clientAuth"),
        ("stranger", "stranger-ca", "extendedKeyUsage=clientAuth"),
    ] {
        let (private, request, certificate) = (format!("{name}-key.pem"), format!("{name}.csr"), format!("{name}.pem"));
        let subject = format!("/CN={name}");
        openssl(&[&["req", "-new"], &key[..5], &["-subj", &subject, "-keyout", &private, "-out", &request]].concat());
        let extensions = format!("{name}.ext");
        std::fs::write(directory.join(&extensions), extension).unwrap();
        let (ca, ca_key) = (format!("{authority}.pem"), format!("{authority}-key.pem"));
        let signed = ["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial", "-days", "2"];
        openssl(&[&signed[..], &["-extfile", &extensions, "-out", &certificate]].concat());
    }
}

/// `docker version` over TLS as the client with this name.
fn version_as(host: &Host, address: SocketAddr, name: &str) -> Output {
    let path = |file: String| host.directory().join(file).display().to_string();
    let words = [
        "-H".to_owned(),
        format!("tcp://{address}"),
        "--tlsverify".to_owned(),
        "--tlscacert".to_owned(),
        path("ca.pem".to_owned()),
        "--tlscert".to_owned(),
        path(format!("{name}.pem")),
        "--tlskey".to_owned(),
        path(format!("{name}-key.pem")),
        "version".to_owned(),
        "--format".to_owned(),
        "{{.Server.Os}}".to_owned(),
    ];
    let mut command = host.docker_command(words);
    command.env_remove("DOCKER_HOST");
    casement_tests::Background::start(command).finish()
}

#[test]
fn the_socket_belongs_to_its_group() {
    let host = Host::without_daemon();
    host.start_daemon_with(["--group", "4711"]);
    let socket = host.docker_socket().metadata().unwrap();
    assert_eq!((socket.mode() & 0o777, socket.uid(), socket.gid()), (0o660, 0, 4711));
    host.kill_daemon();
    host.start_daemon();
    assert_eq!(host.docker_socket().metadata().unwrap().gid(), 0, "only root's without a group");
    let refused = host.casement(["daemon", "--group", "no-such-group"]);
    assert!(refused.code() != 0, "{refused}");
}

#[test]
fn a_context_leads_to_the_daemon() {
    let host = Host::start();
    let endpoint = format!("host=unix://{}", host.docker_socket().display());
    let without_host = |words: &[&str]| {
        let mut command = host.docker_command(words);
        command.env_remove("DOCKER_HOST");
        casement_tests::Background::start(command).finish().succeeded()
    };
    let _ = without_host(&["context", "create", "casement", "--docker", &endpoint]);
    let _ = without_host(&["context", "use", "casement"]);
    let shown = without_host(&["version", "--format", "{{.Client.Context}} {{.Server.Os}}"]);
    assert_eq!(shown.text(), "casement windows");
}

#[test]
fn the_configuration_gives_labels_and_the_log_of_containers() {
    let host = host_with("labels = ['team=ci']\n[log]\ndriver = 'none'\n");
    let info = host.docker_json(["info", "--format", "json"]);
    assert!(info["Labels"].as_array().unwrap().contains(&"team=ci".into()), "{info}");
    assert_eq!(info["LoggingDriver"], "none");
    let created = host.docker(["create", "nanoserver"]).succeeded();
    let quiet = host.docker_json(["inspect", created.text()]);
    assert_eq!(quiet[0]["HostConfig"]["LogConfig"]["Type"], "none");
    let created = host.docker(["create", "--log-driver", "json-file", "nanoserver"]).succeeded();
    assert_eq!(host.docker_json(["inspect", created.text()])[0]["HostConfig"]["LogConfig"]["Type"], "json-file");
}

#[test]
fn on_the_network_only_clients_with_a_certificate_are_served() {
    let host = Host::without_daemon();
    make_certificates(host.directory());
    let address = free_address();
    let file = host.directory().join("config.toml");
    let path = |name: &str| host.directory().join(name).display().to_string();
    let config = format!(
        "[tcp]\nlisten = '{address}'\ncertificate = '{}'\nkey = '{}'\nclient-authority = '{}'\n",
        path("server.pem"),
        path("server-key.pem"),
        path("ca.pem")
    );
    std::fs::write(&file, config).unwrap();
    host.start_daemon_with(["--config".as_ref(), file.as_os_str()]);
    let served = version_as(&host, address, "client").succeeded();
    assert_eq!(served.text(), "windows");
    let refused = version_as(&host, address, "stranger");
    assert_ne!(refused.code(), 0, "{refused}");
    let mut plain = connect(&host, address);
    plain.write_all(b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1.1 200"), "{answer:?}");

    // Clients that never begin to show who they are take nothing from the others.
    let silent: Vec<TcpStream> = (0..200).map(|_| connect(&host, address)).collect();
    assert_eq!(version_as(&host, address, "client").succeeded().text(), "windows");
    assert_eq!(host.docker(["version", "--format", "{{.Server.Os}}"]).succeeded().text(), "windows");
    drop(silent);
}

#[test]
fn without_encryption_only_in_so_many_words_and_never_for_browsers() {
    let address = free_address();
    let refused = Host::without_daemon();
    let file = refused.directory().join("config.toml");
    std::fs::write(&file, format!("[tcp]\nlisten = '{address}'\n")).unwrap();
    let output = refused.casement(["daemon".as_ref(), "--config".as_ref(), file.as_os_str()]);
    assert!(output.code() != 0 && output.stderr.contains("without-authentication-everyone-is-root"), "{output}");

    let host = host_with(&format!("[tcp]\nlisten = '{address}'\nwithout-authentication-everyone-is-root = true\n"));
    let get =
        |headers: &str| say(&host, address, &format!("GET /_ping HTTP/1.1\r\nConnection: close\r\n{headers}\r\n"));
    assert!(get(&format!("Host: {address}\r\n")).starts_with("HTTP/1.1 200 "));
    assert!(get("Host: localhost\r\n").starts_with("HTTP/1.1 200 "));
    for headers in [
        "Host: evil.example\r\n",
        "Host: localhost\r\nOrigin: https://evil.example\r\n",
        "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n",
        "",
    ] {
        let answer = get(headers);
        assert!(answer.starts_with("HTTP/1.1 403 "), "{headers:?}: {answer}");
    }
    let info = host.docker(["-H", &format!("tcp://{address}"), "info"]).succeeded();
    assert!(
        info.stderr.contains(&format!("WARNING: API is accessible on http://{address} without encryption.")),
        "{info}"
    );
}

#[test]
fn clients_that_stall_cost_the_others_nothing() {
    let host = Host::start();
    let stalled = |sent: &str| {
        let mut stream = UnixStream::connect(host.docker_socket()).unwrap();
        stream.write_all(sent.as_bytes()).unwrap();
        stream
    };
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(stalled(""));
        clients.push(stalled("GET /ver"));
        clients.push(stalled("GET /version HTTP/1.1\r\nHost: x\r\nX-Slow: "));
        clients.push(stalled("POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{\"Image\""));
        clients.push(stalled("GET /events HTTP/1.1\r\nHost: x\r\n\r\n"));
    }
    assert_eq!(host.docker(["version", "--format", "{{.Server.Os}}"]).succeeded().text(), "windows");
    let created = host.docker(["create", "nanoserver"]).succeeded();
    let _ = host.docker(["rm", created.text()]).succeeded();
    drop(clients);
}

#[test]
fn requests_are_bounded() {
    let host = Host::start();
    let answer = |request: &[u8]| {
        let mut stream = UnixStream::connect(host.docker_socket()).unwrap();
        // The daemon may answer before it has read all.
        let _ = stream.write_all(request);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let long = format!("GET /version HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    assert!(answer(long.as_bytes()).starts_with("HTTP/1.1 431 "));
    let many: String = (0..1000).map(|number| format!("X-{number}: 1\r\n")).collect();
    assert!(answer(format!("GET /version HTTP/1.1\r\nHost: x\r\n{many}\r\n").as_bytes()).starts_with("HTTP/1.1 431 "));
    let body = " ".repeat(9 << 20);
    let create = format!("POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    assert!(answer(create.as_bytes()).starts_with("HTTP/1.1 400 "));
    let deep = "[".repeat(100_000);
    let create = format!("POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{deep}", deep.len());
    assert!(answer(create.as_bytes()).starts_with("HTTP/1.1 400 "));
    assert_eq!(host.docker(["version", "--format", "{{.Server.Os}}"]).succeeded().text(), "windows");
}

#[test]
fn a_client_that_is_refused_while_it_sends_reads_why_and_may_go_on() {
    let host = Host::start();
    let body = vec![b' '; 9 << 20];
    let mut stream = UnixStream::connect(host.docker_socket()).unwrap();
    for (line, status) in [
        ("PUT /containers/none/archive?path=C:/x", 404),
        ("PUT /containers/none/archive", 400),
        ("POST /containers/create", 400),
        ("POST /containers/none/start", 400),
        ("POST /v1.99/containers/create", 400),
        ("POST /no/such/path", 404),
        ("GET /version", 200),
    ] {
        // Nothing is read before all is written.
        write!(stream, "{line} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len()).unwrap();
        stream.write_all(&body).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(read_answer(&mut stream), status, "{line}");
    }
    // One that waits to be told to send is not told to when it is refused.
    let head = "POST /containers/none/start HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut stream), 400);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the connection ends");
}

/// Reads an answer that says how long its body is; the status.
fn read_answer(stream: &mut UnixStream) -> u16 {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    stream.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
    head.split(' ').nth(1).expect("a status").parse().unwrap()
}
