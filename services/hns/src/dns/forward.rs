//! Questions for other servers.
//!
//! Each question has a socket of its own, with a port and an identifier that nobody can guess, and takes answers from the server that
//! was asked, to the question that was asked, and from nobody else.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::PORT;
use crate::random;

/// How long one server may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most servers that are asked.
const MOST_SERVERS: usize = 3;
/// Bytes of a datagram that is taken.
const DATAGRAM: u16 = 1232;
/// Datagrams that are looked at for one question: someone who floods the port does not keep it busy.
const MOST_DATAGRAMS: usize = 64;

/// How the question came, and is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Way {
    Datagram,
    Stream,
}

/// Asks servers in turn and returns the first useful answer; `None` when there is none.
pub(super) async fn ask(query: &Query, servers: &[IpAddr], way: Way) -> Option<Message> {
    ask_at(query, servers.iter().map(|server| SocketAddr::new(*server, PORT)), way).await
}

async fn ask_at(query: &Query, servers: impl Iterator<Item = SocketAddr>, way: Way) -> Option<Message> {
    let mut last = None;
    for server in servers.take(MOST_SERVERS) {
        let asked = match way {
            Way::Datagram => timeout(PATIENCE, by_datagram(query, server)).await,
            Way::Stream => timeout(PATIENCE, by_stream(query, server)).await,
        };
        let Ok(Ok(answer)) = asked else { continue };
        match answer.metadata.response_code {
            // Another server may do better.
            ResponseCode::ServFail | ResponseCode::Refused | ResponseCode::NotImp => last = Some(answer),
            _ => return Some(answer),
        }
    }
    last
}

/// The question as it is sent.
fn question(query: &Query) -> Message {
    let mut message = Message::new(random::word(), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(query.clone());
    let mut edns = Edns::new();
    edns.set_max_payload(DATAGRAM).set_version(0);
    message.set_edns(edns);
    message
}

/// Whether a message answers exactly this question.
fn fits(answer: &Message, question: &Message) -> bool {
    answer.metadata.message_type == MessageType::Response
        && answer.metadata.id == question.metadata.id
        && answer.queries == question.queries
}

async fn by_datagram(query: &Query, server: SocketAddr) -> io::Result<Message> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // The kernel chooses the port at random, and gives a connected socket only what comes from the server.
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.connect(server).await?;
    let question = question(query);
    socket.send(&question.to_vec().map_err(io::Error::other)?).await?;
    let mut buffer = vec![0; usize::from(DATAGRAM)];
    for _ in 0..MOST_DATAGRAMS {
        let length = socket.recv(&mut buffer).await?;
        if let Ok(answer) = Message::from_vec(&buffer[..length])
            && fits(&answer, &question)
        {
            return Ok(answer);
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

async fn by_stream(query: &Query, server: SocketAddr) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let question = question(query);
    let bytes = question.to_vec().map_err(io::Error::other)?;
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], &bytes].concat()).await?;
    let length = stream.read_u16().await?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await?;
    match Message::from_vec(&buffer) {
        Ok(answer) if fits(&answer, &question) => Ok(answer),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use casement_vswitch::Namespace;
    use hickory_proto::rr::rdata::A;
    use hickory_proto::rr::{Name, RData, Record, RecordType};
    use std::collections::BTreeSet;
    use std::os::fd::OwnedFd;

    fn query() -> Query {
        Query::query(Name::from_ascii("www.example.com.").unwrap(), RecordType::A)
    }

    fn reply(question: &Message, address: [u8; 4]) -> Message {
        let mut answer = Message::response(question.metadata.id, OpCode::Query);
        answer.add_queries(question.queries.clone());
        let data = RData::A(A(address.into()));
        answer.add_answer(Record::from_rdata(question.queries[0].name().clone(), 60, data));
        answer
    }

    /// Runs in a network namespace of its own, whose loopback interface is up.
    fn inside<F: Future<Output = ()> + Send>(work: impl FnOnce() -> F + Send) {
        Namespace::create()
            .unwrap()
            .run(|| {
                loopback_up();
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work());
            })
            .unwrap();
    }

    fn loopback_up() {
        let done = std::process::Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap();
        assert!(done.success());
    }

    #[test]
    fn n2_answers_of_others_and_to_other_questions_are_not_taken() {
        inside(|| async {
            let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let address = server.local_addr().unwrap();
            let forger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let serving = tokio::spawn(async move {
                let mut buffer = [0; 2048];
                let (length, client) = server.recv_from(&mut buffer).await.unwrap();
                let question = Message::from_vec(&buffer[..length]).unwrap();
                // From elsewhere, with another identifier, to another question; then the true one.
                forger.send_to(&reply(&question, [6, 6, 6, 1]).to_vec().unwrap(), client).await.unwrap();
                let mut wrong = reply(&question, [6, 6, 6, 2]);
                wrong.metadata.id = question.metadata.id.wrapping_add(1);
                server.send_to(&wrong.to_vec().unwrap(), client).await.unwrap();
                let mut other = reply(&question, [6, 6, 6, 3]);
                other.queries[0].set_name(Name::from_ascii("evil.example.").unwrap());
                server.send_to(&other.to_vec().unwrap(), client).await.unwrap();
                server.send_to(b"nonsense", client).await.unwrap();
                server.send_to(&reply(&question, [192, 0, 2, 1]).to_vec().unwrap(), client).await.unwrap();
            });
            let answer = ask_at(&query(), [address].into_iter(), Way::Datagram).await.unwrap();
            assert_eq!(answer.answers[0].data.to_string(), "192.0.2.1");
            serving.await.unwrap();
        });
    }

    #[test]
    fn n2_ports_and_identifiers_cannot_be_guessed() {
        inside(|| async {
            let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let address = server.local_addr().unwrap();
            let serving = tokio::spawn(async move {
                let (mut ports, mut ids) = (BTreeSet::new(), BTreeSet::new());
                let mut buffer = [0; 2048];
                for _ in 0..32 {
                    let (length, client) = server.recv_from(&mut buffer).await.unwrap();
                    let question = Message::from_vec(&buffer[..length]).unwrap();
                    ports.insert(client.port());
                    ids.insert(question.metadata.id);
                    server.send_to(&reply(&question, [192, 0, 2, 1]).to_vec().unwrap(), client).await.unwrap();
                }
                (ports, ids)
            });
            for _ in 0..32 {
                ask_at(&query(), [address].into_iter(), Way::Datagram).await.unwrap();
            }
            let (ports, ids) = serving.await.unwrap();
            assert!(ports.len() > 24 && ids.len() > 24, "{ports:?} {ids:?}");
            let steps: BTreeSet<u16> = ids.iter().zip(ids.iter().skip(1)).map(|(one, next)| next - one).collect();
            assert!(steps.len() > 8, "{ids:?}");
        });
    }

    #[test]
    fn a_server_that_fails_or_is_not_there_is_passed_over() {
        inside(|| async {
            let failing = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let good = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let absent = {
                let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                socket.local_addr().unwrap()
            };
            let servers = [absent, failing.local_addr().unwrap(), good.local_addr().unwrap()];
            tokio::spawn(async move {
                let mut buffer = [0; 2048];
                let (length, client) = failing.recv_from(&mut buffer).await.unwrap();
                let question = Message::from_vec(&buffer[..length]).unwrap();
                let mut answer = Message::response(question.metadata.id, OpCode::Query);
                answer.add_queries(question.queries.clone());
                answer.metadata.response_code = ResponseCode::ServFail;
                failing.send_to(&answer.to_vec().unwrap(), client).await.unwrap();
                let (length, client) = good.recv_from(&mut buffer).await.unwrap();
                let question = Message::from_vec(&buffer[..length]).unwrap();
                good.send_to(&reply(&question, [192, 0, 2, 7]).to_vec().unwrap(), client).await.unwrap();
            });
            let answer = ask_at(&query(), servers.into_iter(), Way::Datagram).await.unwrap();
            assert_eq!(answer.answers[0].data.to_string(), "192.0.2.7");
        });
    }

    #[test]
    fn streams_are_passed_on_as_streams() {
        inside(|| async {
            let socket: OwnedFd = std::net::TcpListener::bind("127.0.0.1:0").unwrap().into();
            let listener = std::net::TcpListener::from(socket);
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let length = stream.read_u16().await.unwrap();
                let mut buffer = vec![0; usize::from(length)];
                stream.read_exact(&mut buffer).await.unwrap();
                let answer = reply(&Message::from_vec(&buffer).unwrap(), [192, 0, 2, 9]).to_vec().unwrap();
                stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
                stream.write_all(&answer).await.unwrap();
            });
            let answer = ask_at(&query(), [address].into_iter(), Way::Stream).await.unwrap();
            assert_eq!(answer.answers[0].data.to_string(), "192.0.2.9");
        });
    }
}
