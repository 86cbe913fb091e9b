//! A container whose programs attack: runs the probes of `tests/programs` and reads what they say.

use casement_tests::{Host, Output};

/// What a Linux call gave: its value, or the error number.
pub type Answer = Result<i64, i32>;

/// No such call: what the system call filter says.
pub const ENOSYS: Answer = Err(libc::ENOSYS);

/// A daemon with containers that hold the probes in `C:\t`.
pub struct Attacker {
    /// The host under attack.
    pub host: Host,
    programs: String,
}

impl Attacker {
    /// A host with nothing on it yet.
    pub fn start() -> Self {
        let host = Host::start();
        Self { programs: host.programs_volume(), host }
    }

    /// `run` with these flags, then program `name` of the probes with these words.
    pub fn command(&self, flags: &[&str], name: &str, words: &[&str]) -> Vec<String> {
        let program = format!("C:\\t\\{name}.exe");
        let all = [&["run", "-v", &self.programs], flags, &["nanoserver", &program], words].concat();
        all.into_iter().map(str::to_owned).collect()
    }

    /// Runs probe `name` in a new container that is removed afterwards.
    pub fn probe(&self, name: &str, words: &[&str]) -> Output {
        self.host.casement(self.command(&["--rm"], name, words))
    }

    /// As [`Attacker::probe`], with further flags of `run`.
    pub fn probe_with(&self, flags: &[&str], name: &str, words: &[&str]) -> Output {
        self.host.casement(self.command(&[&["--rm"], flags].concat(), name, words))
    }

    /// The answers of several probes of `rawsys.exe`, run in one container: the line "PROBE: ANSWER" of each.
    pub fn rawsys(&self, probes: &[&str]) -> Vec<(String, Answer)> {
        let words: Vec<&str> = probes.iter().flat_map(|probe| probe.split(' ')).collect();
        let output = self.probe("rawsys", &words);
        let find = |probe: &&str| {
            let line = output.after(&format!("{probe}: "));
            (probe.to_string(), parse(line).unwrap_or_else(|| panic!("{probe}: {output}")))
        };
        probes.iter().map(find).collect()
    }

    /// One Linux call from a container of its own; an argument is a number, or text after `=`.
    pub fn call(&self, number: libc::c_long, arguments: &[&str]) -> Answer {
        self.call_with(&[], number, arguments)
    }

    /// As [`Attacker::call`], with further flags of `run`.
    pub fn call_with(&self, flags: &[&str], number: libc::c_long, arguments: &[&str]) -> Answer {
        let number = number.to_string();
        self.linux_with(flags, &[&["call", &number], arguments].concat())
    }

    /// What `linux.exe` answers to a verb that ends in one answer.
    pub fn linux(&self, words: &[&str]) -> Answer {
        self.linux_with(&[], words)
    }

    fn linux_with(&self, flags: &[&str], words: &[&str]) -> Answer {
        let output = self.probe_with(flags, "linux", words);
        parse(output.text()).unwrap_or_else(|| panic!("no answer: {output}"))
    }

    /// What a file of the silo's Linux side holds.
    pub fn cat(&self, path: &str) -> String {
        self.probe("linux", &["cat", path]).succeeded().stdout
    }
}

/// Reads "ok VALUE" or "error ERRNO".
pub fn parse(text: &str) -> Option<Answer> {
    match text.trim().split_once(' ')? {
        ("ok", value) => value.parse().ok().map(Ok),
        ("error", number) => number.parse().ok().map(Err),
        _ => None,
    }
}
