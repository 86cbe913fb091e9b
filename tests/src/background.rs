//! A command that runs while the test goes on.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::deadline::GENEROUS;
use crate::{Output, process};

/// A running command. It is killed when it is dropped.
#[derive(Debug)]
pub struct Background {
    line: String,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Collected,
    stderr: Collected,
}

impl Background {
    /// Starts the command; its output is collected, its input is a pipe.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(mut command: Command) -> Self {
        let line = format!("{command:?}");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        process::dies_with_its_parent(&mut command);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{line}: {error}"));
        let stdin = child.stdin.take();
        let stdout = Collected::from(child.stdout.take().expect("piped"));
        let stderr = Collected::from(child.stderr.take().expect("piped"));
        Self { line, child, stdin, stdout, stderr }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its input.
    ///
    /// # Panics
    /// When it takes no more, or after [`Background::close_stdin`].
    pub fn write(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("standard input is open");
        stdin
            .write_all(bytes)
            .and_then(|()| stdin.flush())
            .unwrap_or_else(|error| panic!("{}: write: {error}", self.line));
    }

    /// The writing end of its input, for a thread that writes.
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.stdin.take().expect("standard input is open")
    }

    /// Ends its input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits until its standard output holds `text`, and returns all of it so far.
    ///
    /// # Panics
    /// When the output ends without it, or nothing comes.
    pub fn await_stdout(&self, text: &str) -> String {
        self.stdout.wait_for(text, &self.line)
    }

    /// As [`Background::await_stdout`], of standard error.
    ///
    /// # Panics
    /// When the output ends without it, or nothing comes.
    pub fn await_stderr(&self, text: &str) -> String {
        self.stderr.wait_for(text, &self.line)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        process::signal(self.pid(), signal);
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("wait").is_some()
    }

    /// Ends its input and waits until it has ended.
    ///
    /// # Panics
    /// When it does not within [`GENEROUS`]; it is killed then.
    pub fn finish(mut self) -> Output {
        self.close_stdin();
        self.wait()
    }

    /// Waits until it has ended, with its input left open.
    ///
    /// # Panics
    /// When it does not within [`GENEROUS`]; it is killed then.
    pub fn wait(self) -> Output {
        self.wait_within(GENEROUS)
    }

    /// Waits until it has ended, with its input left open, for something that takes longer than anything else may.
    ///
    /// # Panics
    /// When it does not within `limit`; it is killed then.
    pub fn wait_within(mut self, limit: Duration) -> Output {
        let status = self.wait_status(limit);
        let stdout_bytes = self.stdout.finish();
        let stderr = String::from_utf8_lossy(&self.stderr.finish()).into_owned();
        let stdout = String::from_utf8_lossy(&stdout_bytes).into_owned();
        Output { command: self.line.clone(), status, stdout, stderr, stdout_bytes }
    }

    fn wait_status(&mut self, limit: Duration) -> ExitStatus {
        let end = Instant::now() + limit;
        // Its output ends when it does; what comes before is waited for without looking again and again.
        self.stdout.wait_end(end);
        self.stderr.wait_end(end);
        loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                return status;
            }
            if Instant::now() > end {
                let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
                panic!(
                    "{}: not ended after {} s\n--- stdout\n{stdout}\n--- stderr\n{stderr}",
                    self.line,
                    limit.as_secs()
                );
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a thread has read so far.
#[derive(Debug)]
struct Collected {
    shared: Arc<(Mutex<Text>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    ended: bool,
}

impl Collected {
    fn from(mut source: impl Read + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(Text::default()), Condvar::new()));
        let theirs = shared.clone();
        let reader = std::thread::spawn(move || {
            let mut chunk = vec![0; 64 << 10];
            loop {
                let count = source.read(&mut chunk).unwrap_or(0);
                let mut text = theirs.0.lock().unwrap_or_else(PoisonError::into_inner);
                text.bytes.extend_from_slice(&chunk[..count]);
                text.ended = count == 0;
                theirs.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        Self { shared, reader: Some(reader) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).bytes).into_owned()
    }

    fn wait_for(&self, wanted: &str, line: &str) -> String {
        let found = |text: &Text| text.bytes.windows(wanted.len()).any(|window| window == wanted.as_bytes());
        let guard = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (text, timeout) = self
            .shared
            .1
            .wait_timeout_while(guard, GENEROUS, |text| !text.ended && !found(text))
            .unwrap_or_else(PoisonError::into_inner);
        let so_far = String::from_utf8_lossy(&text.bytes).into_owned();
        assert!(
            found(&text),
            "{line}: {wanted:?} did not come{}: {so_far}",
            if timeout.timed_out() { " in time" } else { "" }
        );
        so_far
    }

    fn wait_end(&self, end: Instant) {
        let guard = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = end.saturating_duration_since(Instant::now());
        drop(self.shared.1.wait_timeout_while(guard, left, |text| !text.ended).unwrap_or_else(PoisonError::into_inner));
    }

    /// Everything, once the process has ended. Waits for the end of the stream.
    fn finish(&mut self) -> Vec<u8> {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("reading does not panic");
        }
        std::mem::take(&mut self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).bytes)
    }
}
