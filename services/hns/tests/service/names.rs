//! Name servers on real sockets: who is answered, what is passed on, and who is not answered (attack N2).

use std::net::IpAddr;

use hickory_proto::op::{Message, MessageType, OpCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record};

use crate::world::*;

/// Answers every question with an address; by datagram, names that begin with `big` are cut off.
fn respond(question: &Message, by_datagram: bool) -> Message {
    let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    let query = question.queries[0].clone();
    let cut = by_datagram && query.name().to_ascii().starts_with("big");
    answer.metadata.truncation = cut;
    if !cut {
        for last in 1..=if by_datagram { 1 } else { 100 } {
            answer.add_answer(Record::from_rdata(query.name().clone(), 60, RData::A(A::new(198, 51, 100, last))));
        }
    }
    answer.add_query(query);
    answer
}

#[test]
fn endpoints_learn_the_names_of_their_network_and_what_others_know() {
    let world = World::new();
    serve_names(&world.internet, respond);
    let network = world.network("blue", 10);
    let (_web, _web_namespace) = world.container("web", &[(network, "web")]);
    let (records, namespace) = world.container("client", &[(network, "client")]);
    let gateway: IpAddr = records[0].document.routes[0].next_hop.parse().unwrap();
    let web = by_datagram(&namespace, gateway, "WEB.", PATIENCE).unwrap();
    assert_eq!(addresses(&web), ["10.10.0.2"], "{web:?}");
    assert_eq!(addresses(&by_stream(&namespace, gateway, "web.", PATIENCE).unwrap()), ["10.10.0.2"]);
    let elsewhere = by_datagram(&namespace, gateway, "elsewhere.example.", PATIENCE).unwrap();
    assert_eq!(addresses(&elsewhere), ["198.51.100.1"], "{elsewhere:?}");
    // What does not fit a datagram is said to be cut off, and comes whole on a connection.
    let cut = by_datagram(&namespace, gateway, "big.example.", PATIENCE).unwrap();
    assert!(cut.metadata.truncation && cut.answers.is_empty(), "{cut:?}");
    let whole = by_stream(&namespace, gateway, "big.example.", PATIENCE).unwrap();
    assert_eq!(whole.answers.len(), 100);
}

#[test]
fn nobody_but_the_endpoints_of_a_network_is_answered() {
    let world = World::new();
    serve_names(&world.internet, respond);
    let (blue, red) = (world.network("blue", 10), world.network("red", 11));
    let (_web, web) = world.container("web", &[(blue, "web")]);
    let (_spy, spy) = world.container("spy", &[(red, "spy")]);
    let gateway: IpAddr = "10.10.0.1".parse().unwrap();
    assert_eq!(by_datagram(&web, gateway, "web.", PATIENCE).unwrap().answers.len(), 1, "it answers its own");
    for (stranger, at) in [(&spy, gateway), (&world.internet, gateway), (&world.internet, HOST.parse().unwrap())] {
        for name in ["web.", "elsewhere.example."] {
            let _ = by_datagram(stranger, at, name, BLOCKED).unwrap_err();
            let _ = by_stream(stranger, at, name, BLOCKED).unwrap_err();
        }
    }
    let apart = by_datagram(&spy, "10.11.0.1".parse().unwrap(), "web.", PATIENCE).unwrap();
    assert_ne!(addresses(&apart), ["10.10.0.2"], "names belong to their network: {apart:?}");
}
