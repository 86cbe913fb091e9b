//! A host with the network service, and a world beyond its uplink.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::process::Command;
use std::time::Duration;

use casement_hns::vswitch::{Namespace, VSwitch};
use casement_hns::{EndpointRecord, NetworkService, NewEndpoint};
use casement_schema::Guid;
use casement_schema::hcn::{Dns, HostComputeNetwork, Ipam, Route, Subnet};
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// How long something is waited for that has to come.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long something is waited for that must not come. What may come is tried in the same test.
pub const BLOCKED: Duration = Duration::from_millis(250);
/// The host's address on the uplink, and an address of the world beyond.
pub const HOST: &str = "203.0.113.10";
pub const INTERNET: &str = "203.0.113.1";
/// The port of name servers.
const PORT: u16 = 53;

/// A host and what is beyond it.
pub struct World {
    pub host: Namespace,
    pub internet: Namespace,
    pub service: NetworkService,
    _runtime: Runtime,
    _directory: TempDir,
}

impl World {
    pub fn new() -> Self {
        let (host, internet) = (Namespace::create().unwrap(), Namespace::create().unwrap());
        let peer = internet.clone();
        host.run(|| {
            ip("link set lo up");
            ip("link add uplink type veth peer name world");
            ip("addr add 203.0.113.10/24 dev uplink");
            ip("link set uplink up");
            let mut holder = peer.run(|| Command::new("sleep").arg("1000").spawn().unwrap()).unwrap();
            ip(&format!("link set world netns {}", holder.id()));
            holder.kill().unwrap();
            holder.wait().unwrap();
        })
        .unwrap();
        internet
            .run(|| {
                ip("link set lo up");
                ip("addr add 203.0.113.1/24 dev world");
                ip("link set world up");
                ip("route add default via 203.0.113.10");
            })
            .unwrap();
        let inside = host.clone();
        let enter = move || {
            move_into_link_name_space(inside.as_fd(), Some(LinkNameSpaceType::Network)).expect("enter the host");
        };
        let runtime =
            Builder::new_multi_thread().worker_threads(1).enable_all().on_thread_start(enter).build().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let service = host
            .run(|| {
                let switch = Box::new(VSwitch::open().unwrap());
                let path = directory.path().join("hns.redb");
                let service = NetworkService::open(&path, switch, Some(runtime.handle().clone())).unwrap();
                service.begin().unwrap();
                service
            })
            .unwrap();
        Self { host, internet, service, _runtime: runtime, _directory: directory }
    }

    /// Does something with the service where it has to be used.
    pub fn on_host<T: Send>(&self, work: impl FnOnce(&NetworkService) -> T + Send) -> T {
        self.host.run(|| work(&self.service)).unwrap()
    }

    /// A nat network `10.number.0.0/24` whose questions go on to the world beyond.
    pub fn network(&self, name: &str, number: u8) -> Guid {
        let route =
            Route { next_hop: format!("10.{number}.0.1"), destination_prefix: "0.0.0.0/0".to_owned(), metric: 0 };
        let subnet =
            Subnet { ip_address_prefix: format!("10.{number}.0.0/24"), routes: vec![route], ..Subnet::default() };
        let document = HostComputeNetwork {
            name: name.to_owned(),
            ipams: vec![Ipam { subnets: vec![subnet], ..Ipam::default() }],
            dns: Dns { server_list: vec![INTERNET.to_owned()], ..Dns::default() },
            ..HostComputeNetwork::default()
        };
        self.on_host(|service| service.create_network(document)).unwrap().document.id
    }

    /// A container with endpoints of these names in these networks, and its namespace.
    pub fn container(&self, id: &str, endpoints: &[(Guid, &str)]) -> (Vec<EndpointRecord>, Namespace) {
        let new = |name: &str| NewEndpoint { names: vec![name.to_owned()], ..NewEndpoint::default() };
        let endpoints = endpoints.iter().map(|(network, name)| (*network, new(name))).collect();
        let namespace = Namespace::create().unwrap();
        let kernel = namespace.as_fd().try_clone_to_owned().unwrap();
        let records = self.on_host(|service| {
            let (id, records) = service.create_container_namespace(Guid::NULL, "tests", id, endpoints).unwrap();
            service.bind_namespace(&id, kernel).unwrap();
            records
        });
        (records, namespace)
    }
}

/// Runs `ip` with arguments in the namespace of the calling thread.
pub fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("ip (iproute2) is needed");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A question for the addresses of a name.
pub fn question(name: &str) -> Message {
    let mut message = Message::new(0x1234, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    message
}

/// The answer to a datagram from a namespace.
pub fn by_datagram(from: &Namespace, server: IpAddr, name: &str, patience: Duration) -> std::io::Result<Message> {
    let socket = from.run(|| UdpSocket::bind("0.0.0.0:0").unwrap()).unwrap();
    socket.set_read_timeout(Some(patience))?;
    socket.send_to(&question(name).to_vec().unwrap(), (server, PORT))?;
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer)?;
    Message::from_vec(&buffer[..length]).map_err(std::io::Error::other)
}

/// The answer on a connection from a namespace.
pub fn by_stream(from: &Namespace, server: IpAddr, name: &str, patience: Duration) -> std::io::Result<Message> {
    let mut stream = from.run(|| TcpStream::connect_timeout(&SocketAddr::new(server, PORT), patience)).unwrap()?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(&framed(&question(name)))?;
    read_framed(&mut stream)
}

/// The addresses in an answer.
pub fn addresses(answer: &Message) -> Vec<String> {
    answer.answers.iter().map(|record| record.data.to_string()).collect()
}

/// A message as streams carry it.
pub fn framed(message: &Message) -> Vec<u8> {
    let bytes = message.to_vec().unwrap();
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], &bytes].concat()
}

/// The next message of a stream.
pub fn read_framed(stream: &mut TcpStream) -> std::io::Result<Message> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut bytes)?;
    Message::from_vec(&bytes).map_err(std::io::Error::other)
}

/// A name server in a namespace until the process ends: `respond` says what is answered, and is told whether it was asked by datagram.
pub fn serve_names(namespace: &Namespace, respond: impl Fn(&Message, bool) -> Message + Send + Clone + 'static) {
    let at = SocketAddr::new(INTERNET.parse().unwrap(), PORT);
    let (socket, listener) = namespace.run(|| (UdpSocket::bind(at).unwrap(), TcpListener::bind(at).unwrap())).unwrap();
    let answer = respond.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let question = Message::from_vec(&buffer[..length]).unwrap();
            let _ = socket.send_to(&answer(&question, true).to_vec().unwrap(), from);
        }
    });
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            while let Ok(question) = read_framed(&mut stream) {
                let _ = stream.write_all(&framed(&respond(&question, false)));
            }
        }
    });
}
