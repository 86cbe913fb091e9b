//! Both ends of a bridge connection over real sockets: answers, descriptors, notifications, limits, hostile peers.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use casement_gcs::descriptors::{self, MAX_DESCRIPTORS, MessageReader, Received};
use casement_gcs::frame::{self, FrameError, HEADER, MAX_PAYLOAD};
use casement_gcs::payload::{
    Create, ExecuteProcess, ExecuteProcessResponse, Negotiate, NegotiateResponse, Notification, RequestBase,
    ResponseBase, WaitForProcess, WaitForProcessResponse,
};
use casement_gcs::{Client, Endpoint, GcsError, Message, MessageType, endpoint};
use casement_schema::process::ProcessParameters;
use casement_schema::properties::ExitType;
use casement_schema::{HResult, HcsError, Win32Error};
use rustix::event::{PollFd, poll};
use serde_json::{Value, json};

/// Runs an endpoint until its peer is gone; `answer` gets each message.
fn serve(
    stream: UnixStream,
    mut answer: impl FnMut(&mut Endpoint, Message) + Send + 'static,
) -> thread::JoinHandle<Result<(), GcsError>> {
    thread::spawn(move || {
        let mut endpoint = Endpoint::new(stream)?;
        loop {
            let flags = endpoint.poll_flags();
            poll(&mut [PollFd::new(&endpoint, flags)], None).unwrap();
            if endpoint.wants_write() {
                endpoint.on_writable()?;
            }
            for message in endpoint.on_readable()? {
                answer(&mut endpoint, message);
            }
            if endpoint.is_ended() {
                return endpoint.on_readable().map(drop);
            }
        }
    })
}

fn pair() -> (Client, UnixStream) {
    let (here, there) = UnixStream::pair().unwrap();
    let mut client = Client::new(here).unwrap();
    client.set_timeout(Some(Duration::from_secs(20)));
    (client, there)
}

fn pipe() -> (File, OwnedFd) {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    (File::from(read), write)
}

#[test]
fn a_request_gets_its_own_answer() {
    let (mut client, there) = pair();
    let server = serve(there, |endpoint, message| {
        let request: Negotiate = message.parse().unwrap();
        assert!(request.is_acceptable());
        let response = NegotiateResponse { version: 4, ..NegotiateResponse::default() };
        endpoint.respond(&message, &response).unwrap();
    });
    let response: NegotiateResponse = client.request(MessageType::NEGOTIATE, &Negotiate::current(), &[]).unwrap();
    assert_eq!(response.version, 4);
    drop(client);
    server.join().unwrap().unwrap();
}

#[test]
fn an_error_answer_carries_the_hresult_and_the_text() {
    let (mut client, there) = pair();
    let _server = serve(there, |endpoint, message| {
        let code: HResult = match message.message_type {
            MessageType::START => HcsError::SystemNotFound.into(),
            _ => Win32Error::FileNotFound.into(),
        };
        let failure = ResponseBase::failure(code, "");
        endpoint.respond(&message, &failure).unwrap();
    });
    let error = client.request::<_, ResponseBase>(MessageType::START, &RequestBase::new("x"), &[]).unwrap_err();
    assert_eq!(error.hresult(), HcsError::SystemNotFound.hresult());
    assert!(error.is_gone());
    let error = client.request::<_, ResponseBase>(MessageType::CREATE, &RequestBase::new("x"), &[]).unwrap_err();
    assert_eq!(error.to_string(), "The system cannot find the file specified. (0x2)");
    assert!(!error.is_gone());
}

#[test]
fn answers_may_come_out_of_order_and_between_notifications() {
    let (mut client, there) = pair();
    let mut held = Vec::new();
    let _server = serve(there, move |endpoint, message| {
        held.push(message);
        if held.len() < 2 {
            return;
        }
        let ended = |id: &str, kind| Notification { base: RequestBase::new(id), kind, ..Notification::default() };
        endpoint.queue(MessageType::NOTIFICATION, 0, &ended("other", ExitType::ForcedExit), Vec::new()).unwrap();
        for message in held.drain(..).rev() {
            let request: WaitForProcess = message.parse().unwrap();
            let response =
                WaitForProcessResponse { exit_code: request.process_id * 10, ..WaitForProcessResponse::default() };
            endpoint.respond(&message, &response).unwrap();
        }
        endpoint.queue(MessageType::NOTIFICATION, 0, &ended("mine", ExitType::GracefulExit), Vec::new()).unwrap();
    });
    let wait = |process_id| WaitForProcess { process_id, ..WaitForProcess::default() };
    let first = client.send(MessageType::WAIT_FOR_PROCESS, &wait(1), &[]).unwrap();
    let second = client.send(MessageType::WAIT_FOR_PROCESS, &wait(2), &[]).unwrap();
    let mine = client.wait_notification("mine", None).unwrap();
    assert_eq!(mine.kind, ExitType::GracefulExit);
    let answer: WaitForProcessResponse = client.response(MessageType::WAIT_FOR_PROCESS, first).unwrap();
    assert_eq!(answer.exit_code, 10);
    let answer: WaitForProcessResponse = client.response(MessageType::WAIT_FOR_PROCESS, second).unwrap();
    assert_eq!(answer.exit_code, 20);
    assert!(matches!(
        client.response::<ResponseBase>(MessageType::WAIT_FOR_PROCESS, second),
        Err(GcsError::Unexpected { .. })
    ));
    let other = client.wait_notification("other", Some(Duration::ZERO));
    assert_eq!(other.unwrap().kind, ExitType::ForcedExit);
    assert!(matches!(client.next_notification(Some(Duration::from_millis(5))), Err(GcsError::Timeout)));
}

#[test]
fn descriptors_arrive_with_their_own_message_and_close_on_exec() {
    let (mut client, there) = pair();
    let _server = serve(there, |endpoint, message| {
        let request: ExecuteProcess = message.parse().unwrap();
        let name = request.settings.process_parameters.command_line.clone();
        for (place, fd) in message.fds.iter().enumerate() {
            let flags = rustix::io::fcntl_getfd(fd).unwrap();
            assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
            let mut file = File::from(fd.try_clone().unwrap());
            write!(file, "{name}{place}").unwrap();
        }
        let response =
            ExecuteProcessResponse { process_id: message.fds.len() as u32, ..ExecuteProcessResponse::default() };
        endpoint.respond(&message, &response).unwrap();
    });
    let process = |name: &str| {
        let parameters = ProcessParameters { command_line: name.into(), ..ProcessParameters::default() };
        ExecuteProcess::new("silo", parameters)
    };
    let ((mut a, a_end), (mut b, b_end), (mut c, c_end)) = (pipe(), pipe(), pipe());
    // Both are under way before the first answer is read.
    let (kind, ends) = (MessageType::EXECUTE_PROCESS, [a_end.as_fd(), b_end.as_fd()]);
    let ids = [
        client.send(kind, &process("none"), &[]).unwrap(),
        client.send(kind, &process("first"), &ends).unwrap(),
        client.send(kind, &process("second"), &[c_end.as_fd()]).unwrap(),
    ];
    let counts = ids.map(|id| client.response::<ExecuteProcessResponse>(kind, id).unwrap().process_id);
    assert_eq!(counts, [0, 2, 1]);
    drop((a_end, b_end, c_end));
    for (pipe, expected) in [(&mut a, "first0"), (&mut b, "first1"), (&mut c, "second0")] {
        // The end of the file comes only if no copy of the descriptor is left anywhere.
        let mut text = String::new();
        pipe.read_to_string(&mut text).unwrap();
        assert_eq!(text, expected);
    }
}

#[test]
fn more_descriptors_than_a_message_may_have_are_refused_here_and_closed_when_they_come() {
    let (mut client, there) = pair();
    let (mut read, write) = pipe();
    let many = [write.as_fd(); MAX_DESCRIPTORS + 1];
    assert!(matches!(
        client.send(MessageType::START, &RequestBase::new("x"), &many),
        Err(GcsError::TooManyDescriptors(5))
    ));
    // Three with each byte of one frame, as a hostile peer could.
    let bytes = frame::encode(MessageType::START, 1, b"{}").unwrap();
    for byte in &bytes {
        assert_eq!(descriptors::send(&client, &[*byte], &many[..3]).unwrap(), 1);
    }
    drop(write);
    let mut reader = MessageReader::new();
    let message = loop {
        if let Received::Message(message) = reader.read(&there).unwrap() {
            break message;
        }
    };
    assert_eq!(message.fds.len(), MAX_DESCRIPTORS);
    drop(message);
    assert_eq!(read.read(&mut [0]).unwrap(), 0, "no copy of the pipe is left");
}

#[test]
fn a_peer_that_does_not_read_fills_the_queue_but_not_the_memory() {
    let (here, there) = UnixStream::pair().unwrap();
    let mut endpoint = Endpoint::new(here).unwrap();
    let text = "x".repeat(60_000);
    let mut accepted = 0;
    let error = loop {
        match endpoint.queue(MessageType::NOTIFICATION, accepted, &json!({ "a": text }), Vec::new()) {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 1000, "the queue has no limit");
    };
    assert!(matches!(error, GcsError::QueueFull(_)), "{error}");
    assert!(endpoint.wants_write());
    // Everything that was accepted arrives, whole and in order.
    let reading = thread::spawn(move || {
        let mut reader = MessageReader::new();
        let mut ids = Vec::new();
        loop {
            match reader.read(&there).unwrap() {
                Received::Message(message) => ids.push(message.id),
                Received::Part => {}
                Received::End => return ids,
            }
        }
    });
    while endpoint.wants_write() {
        poll(&mut [PollFd::new(&endpoint, endpoint.poll_flags())], None).unwrap();
        endpoint.on_writable().unwrap();
    }
    drop(endpoint);
    assert_eq!(reading.join().unwrap(), (0..accepted).collect::<Vec<_>>());
}

#[test]
fn one_call_gives_no_more_than_a_batch() {
    let (here, mut there) = UnixStream::pair().unwrap();
    let mut endpoint = Endpoint::new(here).unwrap();
    for id in 0..100 {
        there.write_all(&frame::encode(MessageType::START, id, b"{}").unwrap()).unwrap();
    }
    drop(there);
    let mut ids = Vec::new();
    while !endpoint.is_ended() {
        let messages = endpoint.on_readable().unwrap();
        assert!(messages.len() <= endpoint::MAX_BATCH);
        ids.extend(messages.iter().map(|message| message.id));
    }
    assert_eq!(ids, (0..100).collect::<Vec<_>>());
}

#[test]
fn messages_before_a_malformed_one_are_given_then_the_error() {
    for (bytes, expected) in [
        (vec![0xff; HEADER], FrameError::TooLong(0xffff_ffff)),
        (vec![0; HEADER], FrameError::TooShort(0)),
        (vec![1; HEADER - 1], FrameError::Truncated),
        (frame::encode(MessageType::START, 1, b"{}").unwrap()[..17].to_vec(), FrameError::Truncated),
    ] {
        let (here, mut there) = UnixStream::pair().unwrap();
        let mut endpoint = Endpoint::new(here).unwrap();
        there.write_all(&frame::encode(MessageType::START, 1, b"{}").unwrap()).unwrap();
        there.write_all(&bytes).unwrap();
        drop(there);
        assert_eq!(endpoint.on_readable().unwrap().len(), 1);
        assert!(endpoint.is_ended());
        let error = endpoint.on_readable().unwrap_err();
        assert!(matches!(&error, GcsError::Frame(frame) if *frame == expected), "{error:?}");
        assert_eq!(error.hresult(), HcsError::ProtocolError.hresult());
    }
}

#[test]
fn a_hostile_server_cannot_confuse_the_client() {
    let answers: [(Vec<u8>, HcsError); 5] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), HcsError::ProtocolError),
        (frame::encode(MessageType::START.response(), 1, b"{\"Result\":").unwrap(), HcsError::InvalidJson),
        (frame::encode(MessageType::START.response(), 9, b"{}").unwrap(), HcsError::UnknownMessage),
        (frame::encode(MessageType::CREATE.response(), 1, b"{}").unwrap(), HcsError::UnknownMessage),
        (Vec::new(), HcsError::ConnectionClosed),
    ];
    for (bytes, expected) in answers {
        let (mut client, mut there) = pair();
        there.write_all(&bytes).unwrap();
        there.shutdown(std::net::Shutdown::Write).unwrap();
        let error = client.request::<_, ResponseBase>(MessageType::START, &RequestBase::new("x"), &[]).unwrap_err();
        assert_eq!(error.hresult(), expected.hresult(), "{error}");
    }
}

#[test]
fn a_flood_of_notifications_is_bounded() {
    let (mut client, mut there) = pair();
    let flood = thread::spawn(move || {
        let bytes = frame::encode(MessageType::NOTIFICATION, 0, b"{}").unwrap();
        while there.write_all(&bytes).is_ok() {}
    });
    let error = client.request::<_, ResponseBase>(MessageType::START, &RequestBase::new("x"), &[]).unwrap_err();
    assert!(matches!(error, GcsError::TooManyPending(_)), "{error}");
    drop(client);
    flood.join().unwrap();
}

#[test]
fn a_silent_server_runs_into_the_timeout_also_when_it_trickles() {
    let (mut client, mut there) = pair();
    client.set_timeout(Some(Duration::from_millis(60)));
    let trickle = thread::spawn(move || {
        let bytes = frame::encode(MessageType::START.response(), 1, &vec![b' '; MAX_PAYLOAD]).unwrap();
        for byte in bytes {
            if there.write_all(&[byte]).is_err() {
                return;
            }
            thread::park_timeout(Duration::from_millis(5));
        }
    });
    let error = client.request::<_, ResponseBase>(MessageType::START, &RequestBase::new("x"), &[]).unwrap_err();
    assert!(matches!(error, GcsError::Timeout), "{error}");
    drop(client);
    trickle.join().unwrap();
}

#[test]
fn a_forwarded_message_keeps_payload_and_descriptors() {
    let (mut client, there) = pair();
    let (middle, agent_side) = UnixStream::pair().unwrap();
    let (mut read, write) = pipe();
    client.send(MessageType::EXECUTE_PROCESS, &json!({"unknown": [1, 2]}), &[write.as_fd()]).unwrap();
    drop(write);
    let mut front = Endpoint::new(there).unwrap();
    let mut back = Endpoint::new(middle).unwrap();
    for message in front.on_readable().unwrap() {
        back.forward(message, 77).unwrap();
    }
    let mut agent = Endpoint::new(agent_side).unwrap();
    let message = agent.on_readable().unwrap().remove(0);
    assert_eq!((message.id, message.message_type), (77, MessageType::EXECUTE_PROCESS));
    assert_eq!(message.parse::<Value>().unwrap(), json!({"unknown": [1, 2]}));
    File::from(message.fds.into_iter().next().unwrap()).write_all(b"through").unwrap();
    let mut text = String::new();
    read.read_to_string(&mut text).unwrap();
    assert_eq!(text, "through");
}

#[test]
fn payloads_that_do_not_fit_in_a_frame_are_refused() {
    let (mut client, _there) = pair();
    let large = Create {
        base: RequestBase::new("x"),
        container_config: casement_gcs::payload::AnyInString(json!("x".repeat(MAX_PAYLOAD))),
    };
    let error = client.send(MessageType::CREATE, &large, &[]).unwrap_err();
    assert!(matches!(error, GcsError::Frame(FrameError::TooLong(_))), "{error}");
}
