//! Containers that hold still until they are told to end, and calls that the docker command does not make.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use casement_tests::{Host, deadline};

/// Where `ctrl.exe` writes the event that ended it.
const EVENT_FILE: &str = r"C:\Users\ContainerUser\event.txt";

pub trait Holding {
    /// Creates a container whose program ends with 0 when it is asked to.
    fn hold(&self, name: &str, flags: &[&str]);
    /// Creates a container whose program does not end when it is asked to.
    fn hold_stubbornly(&self, name: &str, flags: &[&str]);
    /// Waits until the program of such a container is ready for events.
    fn await_held(&self, name: &str);
    /// Waits until a container is in this state.
    fn await_state(&self, name: &str, state: &str);
    /// A request without the docker command: status and body of the answer.
    fn api(&self, method: &str, path: &str, body: &str) -> (u16, String);
}

impl Holding for Host {
    fn hold(&self, name: &str, flags: &[&str]) {
        create(self, name, flags, &[]);
    }

    fn hold_stubbornly(&self, name: &str, flags: &[&str]) {
        create(self, name, flags, &["stay"]);
    }

    fn await_held(&self, name: &str) {
        deadline::until("the program is ready", || self.casement(["logs", name]).stdout.contains("ready"));
    }

    fn await_state(&self, name: &str, state: &str) {
        deadline::until(&format!("{name} is {state}"), || {
            self.docker(["inspect", "-f", "{{.State.Status}}", name]).text() == state
        });
    }

    fn api(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = UnixStream::connect(self.docker_socket()).expect("connect");
        stream.set_read_timeout(Some(deadline::GENEROUS)).expect("a time limit");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("send");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("no status: {head}")), body.trim_end().to_owned())
    }
}

fn create(host: &Host, name: &str, flags: &[&str], words: &[&str]) {
    let volume = host.programs_volume();
    let line = ["create", "--name", name, "-v", &volume]
        .into_iter()
        .chain(flags.iter().copied())
        .chain(["nanoserver", r"C:\t\ctrl.exe", EVENT_FILE, "600"])
        .chain(words.iter().copied());
    let _ = host.docker(line).succeeded();
}
