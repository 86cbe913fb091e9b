//! What a question comes to: an answer from the names that are known here, or a question for other servers.

use std::net::IpAddr;

use casement_vswitch::Prefix;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, PTR};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::names::{Client, Names};

/// Seconds that an answer about an endpoint holds: it may be gone at any time.
const LIFETIME: u32 = 5;
/// Bytes of an answer that every client takes.
pub(super) const PLAIN_SIZE: u16 = 512;
/// Most bytes of a datagram that is sent, whatever a client says that it takes: longer ones are cut up on the way.
const MOST_SIZE: u16 = 1232;

/// What a message comes to.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Nobody hears of it: it is no question.
    Silence,
    /// This is the answer.
    Answer(Message),
    /// Others may know.
    Forward(Query),
}

/// What is to become of a message of `client`. Whatever is in it, this does a bounded amount of work.
pub(super) fn judge(names: &Names, client: &Client, subnet: &Prefix, bytes: &[u8]) -> Verdict {
    let Ok(question) = Message::from_vec(bytes) else { return malformed(bytes) };
    if question.metadata.message_type != MessageType::Query {
        return Verdict::Silence;
    }
    if question.metadata.op_code != OpCode::Query {
        return Verdict::Answer(answer(&question, ResponseCode::NotImp));
    }
    let [query] = question.queries.as_slice() else {
        return Verdict::Answer(answer(&question, ResponseCode::FormErr));
    };
    if query.query_class() != DNSClass::IN {
        return Verdict::Answer(answer(&question, ResponseCode::Refused));
    }
    let name = query.name().to_ascii().to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    if let Some(addresses) = names.addresses(client, name) {
        return Verdict::Answer(addresses_answer(&question, query, addresses));
    }
    if let Some(address) = reverse(query.name()) {
        if let Some(name) = names.name(client, address) {
            return Verdict::Answer(name_answer(&question, query, name));
        }
        // Addresses of this network are nobody else's business.
        if subnet.contains(address) {
            return Verdict::Answer(answer(&question, ResponseCode::NXDomain));
        }
    }
    Verdict::Forward(query.clone())
}

/// An answer to a message that cannot be read, if its head can.
fn malformed(bytes: &[u8]) -> Verdict {
    match bytes {
        [high, low, flags, ..] if bytes.len() >= 12 && flags & 0x80 == 0 => {
            let id = u16::from_be_bytes([*high, *low]);
            Verdict::Answer(Message::error_msg(id, OpCode::Query, ResponseCode::FormErr))
        }
        _ => Verdict::Silence,
    }
}

/// An empty answer.
pub(super) fn answer(question: &Message, code: ResponseCode) -> Message {
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.recursion_desired = question.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.metadata.response_code = code;
    answer.add_queries(question.queries.iter().take(1).cloned());
    answer
}

fn addresses_answer(question: &Message, query: &Query, addresses: &[IpAddr]) -> Message {
    let mut message = answer(question, ResponseCode::NoError);
    message.metadata.authoritative = true;
    // Several endpoints take turns.
    let turn = usize::from(question.metadata.id) % addresses.len().max(1);
    let in_turn = addresses[turn..].iter().chain(&addresses[..turn]);
    let record = |address: &IpAddr| match (address, query.query_type()) {
        (IpAddr::V4(address), RecordType::A | RecordType::ANY) => Some(RData::A(A(*address))),
        (IpAddr::V6(address), RecordType::AAAA | RecordType::ANY) => Some(RData::AAAA(AAAA(*address))),
        _ => None,
    };
    let records = in_turn.filter_map(record).map(|data| Record::from_rdata(query.name().clone(), LIFETIME, data));
    message.add_answers(records);
    message
}

fn name_answer(question: &Message, query: &Query, name: &str) -> Message {
    let mut message = answer(question, ResponseCode::NoError);
    message.metadata.authoritative = true;
    if matches!(query.query_type(), RecordType::PTR | RecordType::ANY)
        && let Ok(mut name) = Name::from_ascii(name)
    {
        name.set_fqdn(true);
        message.add_answer(Record::from_rdata(query.name().clone(), LIFETIME, RData::PTR(PTR(name))));
    }
    message
}

/// The one address that a name below `in-addr.arpa` or `ip6.arpa` stands for.
fn reverse(name: &Name) -> Option<IpAddr> {
    let net = name.parse_arpa_name().ok()?;
    (net.prefix_len() == net.max_prefix_len()).then(|| net.addr())
}

/// The bytes of an answer for a datagram: one that is longer than the client takes is cut to its head, with the mark that makes it
/// ask over a connection.
pub(super) fn datagram(answer: &Message, size: u16) -> Option<Vec<u8>> {
    let bytes = answer.to_vec().ok()?;
    if bytes.len() <= usize::from(size) { Some(bytes) } else { answer.truncate().to_vec().ok() }
}

/// Bytes of a datagram that a client takes.
pub(super) fn taken_size(question: &[u8]) -> u16 {
    let edns = Message::from_vec(question).ok().and_then(|message| message.edns);
    edns.map_or(PLAIN_SIZE, |edns| edns.max_payload().clamp(PLAIN_SIZE, MOST_SIZE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use casement_schema::Guid;

    const NETWORK: Guid = Guid::from_bytes([1; 16]);

    fn names() -> Names {
        Names::sample(
            NETWORK,
            "corp.example",
            &[
                (&["web", "0123456789ab", "Front"], "192.168.48.2", &[]),
                (&["web2", "front"], "192.168.48.3", &["192.0.2.53"]),
            ],
        )
    }

    fn ask(name: &str, kind: RecordType) -> Vec<u8> {
        let mut message = Message::new(7, MessageType::Query, OpCode::Query);
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        message.to_vec().unwrap()
    }

    fn verdict(bytes: &[u8]) -> Verdict {
        let names = names();
        let client = names.client(NETWORK, "192.168.48.2".parse().unwrap());
        judge(&names, &client, &"192.168.48.0/20".parse().unwrap(), bytes)
    }

    fn answered(name: &str, kind: RecordType) -> (ResponseCode, Vec<String>) {
        match verdict(&ask(name, kind)) {
            Verdict::Answer(answer) => {
                let data = answer.answers.iter().map(|record| record.data.to_string());
                (answer.metadata.response_code, data.collect())
            }
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn names_aliases_ids_and_suffixes_are_known_in_any_case() {
        for name in ["web.", "WEB.", "0123456789ab.", "web.corp.example."] {
            assert_eq!(
                answered(name, RecordType::A),
                (ResponseCode::NoError, vec!["192.168.48.2".to_owned()]),
                "{name}"
            );
        }
        let (_, mut shared) = answered("front.", RecordType::A);
        shared.sort();
        assert_eq!(shared, ["192.168.48.2", "192.168.48.3"]);
        assert_eq!(answered("web.", RecordType::AAAA), (ResponseCode::NoError, Vec::new()), "no name error");
        assert_eq!(answered("web.", RecordType::MX), (ResponseCode::NoError, Vec::new()));
    }

    #[test]
    fn addresses_have_names() {
        assert_eq!(
            answered("2.48.168.192.in-addr.arpa.", RecordType::PTR),
            (ResponseCode::NoError, vec!["web.".to_owned()])
        );
        assert_eq!(
            answered("9.48.168.192.in-addr.arpa.", RecordType::PTR).0,
            ResponseCode::NXDomain,
            "never passed on"
        );
        assert!(matches!(verdict(&ask("1.2.0.192.in-addr.arpa.", RecordType::PTR)), Verdict::Forward(_)));
    }

    #[test]
    fn what_is_not_known_here_is_for_others() {
        assert!(matches!(verdict(&ask("www.example.com.", RecordType::A)), Verdict::Forward(_)));
        assert!(matches!(verdict(&ask("web.evil.example.", RecordType::A)), Verdict::Forward(_)));
    }

    #[test]
    fn n2_what_is_no_question_is_refused_or_not_heard() {
        assert_eq!(verdict(b""), Verdict::Silence);
        assert_eq!(verdict(&[0; 11]), Verdict::Silence);
        let mut answer = ask("web.", RecordType::A);
        answer[2] |= 0x80;
        assert_eq!(verdict(&answer), Verdict::Silence, "answers are not answered: two servers would go on for ever");
        let mut two = Message::new(7, MessageType::Query, OpCode::Query);
        two.add_query(Query::query(Name::from_ascii("web.").unwrap(), RecordType::A));
        two.add_query(Query::query(Name::from_ascii("web2.").unwrap(), RecordType::A));
        let Verdict::Answer(refused) = verdict(&two.to_vec().unwrap()) else { panic!() };
        assert_eq!(refused.metadata.response_code, ResponseCode::FormErr);
        let mut update = ask("web.", RecordType::A);
        update[2] = 5 << 3;
        let Verdict::Answer(refused) = verdict(&update) else { panic!() };
        assert_ne!(refused.metadata.response_code, ResponseCode::NoError);
        let mut chaos = ask("version.bind.", RecordType::TXT);
        let place = chaos.len() - 1;
        chaos[place] = 3;
        let Verdict::Answer(refused) = verdict(&chaos) else { panic!() };
        assert_eq!(refused.metadata.response_code, ResponseCode::Refused);
    }

    #[test]
    fn n2_names_that_point_at_themselves_and_huge_names_end() {
        // A name that is a pointer to itself.
        let mut looped = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        looped.extend([0xc0, 12, 0, 1, 0, 1]);
        assert!(
            matches!(verdict(&looped), Verdict::Answer(answer) if answer.metadata.response_code == ResponseCode::FormErr)
        );
        let mut huge = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for _ in 0..200 {
            huge.push(63);
            huge.extend([b'a'; 63]);
        }
        huge.extend([0, 0, 1, 0, 1]);
        assert!(
            matches!(verdict(&huge), Verdict::Answer(answer) if answer.metadata.response_code == ResponseCode::FormErr)
        );
        // Every prefix and every single changed byte of a good question is survived.
        let good = ask("web.corp.example.", RecordType::A);
        for length in 0..good.len() {
            let _ = verdict(&good[..length]);
        }
        for place in 0..good.len() {
            for value in [0, 1, 0x3f, 0xc0, 0xff] {
                let mut changed = good.clone();
                changed[place] = value;
                let _ = verdict(&changed);
            }
        }
    }

    #[test]
    fn long_answers_are_cut_for_datagrams() {
        let mut message = Message::new(7, MessageType::Query, OpCode::Query);
        message.add_query(Query::query(Name::from_ascii("web.").unwrap(), RecordType::A));
        let addresses: Vec<IpAddr> = (0..100).map(|number| IpAddr::from([10, 0, 0, number])).collect();
        let long = addresses_answer(&message, &message.queries[0], &addresses);
        let cut = datagram(&long, PLAIN_SIZE).unwrap();
        assert!(cut.len() <= usize::from(PLAIN_SIZE));
        assert!(Message::from_vec(&cut).unwrap().metadata.truncation);
    }
}
