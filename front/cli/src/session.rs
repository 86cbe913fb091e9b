//! A container in the foreground, from before its start to its exit code, also when the daemon goes away and comes back in between.

use std::time::{Duration, Instant};

use bollard::query_parameters::{KillContainerOptionsBuilder, ResizeContainerTTYOptionsBuilder};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper::{Method, Response};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;

use crate::client::{Client, ClientError, whole};
use crate::failure::{EXIT_ENGINE, EXIT_GENERAL, Failure};
use crate::foreground::{Caught, Ending, Signals, copy};
use crate::frames::Frames;
use crate::streams::{Input, Printer};
use crate::terminal::{self, RawMode};

/// How long a daemon that went away may take to come back.
const RETURN_PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks whether it is back.
const RETURN_LOOK: Duration = Duration::from_millis(50);

/// What the session is about.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The process has a console.
    pub tty: bool,
    /// The command's standard input is the process's.
    pub stdin: bool,
    /// The container is removed when it has ended.
    pub removed: bool,
}

/// A session with a container.
pub struct Session<'a> {
    client: &'a Client,
    id: String,
    kind: Kind,
    signals: Signals,
    /// When it began: what is older in the log belongs to earlier runs.
    since: jiff::Timestamp,
    stream: TokioIo<Upgraded>,
    end: Response<Incoming>,
}

/// How a session ended.
pub enum Outcome {
    /// The process ended with this code.
    Ended(u32),
    /// The user left, and it goes on.
    Detached,
}

/// The answer to a wait.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct End {
    /// All 32 bits.
    pub status_code: u32,
    /// Why it ended out of order.
    error: Option<EndError>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EndError {
    message: String,
}

impl Kind {
    /// Whether the caller's terminal is the process's console.
    fn has_terminal(self) -> bool {
        self.tty && self.stdin
    }

    /// A console is for a terminal.
    ///
    /// # Errors
    /// When standard input is none.
    pub fn checked(self) -> Result<Self, Failure> {
        if self.has_terminal() && !terminal::is_terminal(std::io::stdin()) {
            return Err(Failure::with_code("the input device is not a TTY", EXIT_GENERAL));
        }
        Ok(self)
    }
}

impl<'a> Session<'a> {
    /// Attaches to a container that is about to be started: from here on nothing of it is missed.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn open(client: &'a Client, id: &str, kind: Kind) -> Result<Self, ClientError> {
        let signals = Signals::catch().map_err(|error| ClientError::WentAway(error.to_string()))?;
        let since = jiff::Timestamp::now();
        let stream = attach(client, id, kind).await?;
        let condition = if kind.removed { "removed" } else { "next-exit" };
        let end = client.ask(Method::POST, &format!("/containers/{id}/wait?condition={condition}")).await?;
        Ok(Self { client, id: id.to_owned(), kind, signals, since, stream, end })
    }

    /// Stays with the started container until its end.
    ///
    /// # Errors
    /// When the terminal fails, or when the daemon goes away and does not come back.
    pub async fn play(self) -> Result<Outcome, Failure> {
        let Self { client, id, kind, mut signals, since, stream, end } = self;
        let failed =
            |what: &str, error: std::io::Error| Failure::with_code(format!("casement: {what}: {error}"), EXIT_ENGINE);
        let raw = match kind.has_terminal() {
            true => Some(RawMode::enter().map_err(|error| failed("cannot put the terminal into raw mode", error))?),
            false => None,
        };
        let input = if kind.stdin { Input::start() } else { Ok(Input::ended()) };
        let mut input = input.map_err(|error| failed("cannot read standard input", error))?;
        let mut printer = Printer::start().map_err(|error| failed("cannot print", error))?;
        let staying = async {
            let mut visit = Visit { client, id: &id, kind, since, input: &mut input, printer: &mut printer };
            match visit.stay(stream, end).await {
                Err(error) if error.is_gone() => visit.stay_on(error).await,
                other => other,
            }
        };
        let outcome = tokio::select! {
            outcome = staying => outcome,
            never = pass_on(client, &id, &mut signals) => match never {},
        };
        drop(printer);
        drop(raw);
        outcome.map_err(|error| Failure::with_code(format!("casement: {error}"), EXIT_ENGINE))
    }
}

/// What a session needs wherever the daemon is.
struct Visit<'a> {
    client: &'a Client,
    id: &'a str,
    kind: Kind,
    since: jiff::Timestamp,
    input: &'a mut Input,
    printer: &'a mut Printer,
}

impl Visit<'_> {
    async fn stay(&mut self, stream: TokioIo<Upgraded>, end: Response<Incoming>) -> Result<Outcome, ClientError> {
        let ending = copy(stream, self.kind.tty, self.input, self.printer).await;
        if ending == Ending::Detached && self.runs().await? {
            return Ok(Outcome::Detached);
        }
        self.read_end(end).await
    }

    async fn read_end(&self, end: Response<Incoming>) -> Result<Outcome, ClientError> {
        let end = read_end(end).await?;
        if let Some(error) = end.error {
            eprintln!("casement: {}", error.message);
        }
        Ok(Outcome::Ended(end.status_code))
    }

    async fn runs(&self) -> Result<bool, ClientError> {
        match self.client.json(&format!("/containers/{}/json", self.id)).await {
            Ok(container) => Ok(container["State"]["Running"] == Value::Bool(true)),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Goes on when the daemon has come back, as often as that happens.
    async fn stay_on(&mut self, mut why: ClientError) -> Result<Outcome, ClientError> {
        loop {
            self.await_return(why).await?;
            why = match self.resume().await {
                Err(error) if error.is_gone() => error,
                other => return other,
            };
        }
    }

    async fn await_return(&self, why: ClientError) -> Result<(), ClientError> {
        let deadline = Instant::now() + RETURN_PATIENCE;
        loop {
            match self.client.ask(Method::GET, "/_ping").await {
                Ok(_) => return Ok(()),
                Err(_) if Instant::now() > deadline => {
                    let seconds = RETURN_PATIENCE.as_secs();
                    return Err(ClientError::WentAway(format!(
                        "{why}; it did not come back within {seconds} seconds, and container {} goes on without this command",
                        self.id
                    )));
                }
                Err(_) => tokio::time::sleep(RETURN_LOOK).await,
            }
        }
    }

    async fn resume(&mut self) -> Result<Outcome, ClientError> {
        let Self { client, id, kind, .. } = *self;
        // By its full id even a container that was removed meanwhile is still known by its exit code.
        let condition = if kind.removed { "?condition=removed" } else { "" };
        let end = match client.ask(Method::POST, &format!("/containers/{id}/wait{condition}")).await {
            Err(error) if error.is_not_found() => {
                let message = "the container was removed when the daemon went away, and its exit code with it";
                return Err(ClientError::Refused { status: 404, message: message.to_owned() });
            }
            other => other?,
        };
        if kind.has_terminal() && self.runs().await? {
            let stream = attach(client, id, kind).await?;
            return self.stay(stream, end).await;
        }
        match client.json(&format!("/containers/{id}/json")).await {
            Ok(_) => self.catch_up().await?,
            Err(error) if error.is_not_found() => {
                eprintln!(
                    "casement: the container was removed while the daemon was away, and the rest of its output with it"
                );
            }
            Err(error) => return Err(error),
        }
        self.read_end(end).await
    }

    /// Shows what the log has of this run behind what was shown before.
    async fn catch_up(&mut self) -> Result<(), ClientError> {
        let since = self.since.to_string();
        let query: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("stdout", "1"), ("stderr", "1"), ("follow", "1"), ("since", since.as_str())])
            .finish();
        let logs = match self.client.ask(Method::GET, &format!("/containers/{}/logs?{query}", self.id)).await {
            Err(ClientError::Refused { message, .. }) => {
                eprintln!("casement: what was written while the daemon was away is lost: {message}");
                return Ok(());
            }
            other => other?,
        };
        let mut shown = self.printer.printed();
        let mut frames = Frames::new(self.kind.tty);
        let mut body = logs.into_body();
        while let Some(piece) = body.frame().await {
            let piece = piece.map_err(|error| ClientError::WentAway(error.to_string()))?;
            for (stream, mut bytes) in frames.take(piece.into_data().unwrap_or_default()) {
                let known = &mut shown[stream as usize];
                let skipped = bytes.len().min(usize::try_from(*known).unwrap_or(usize::MAX));
                *known -= skipped as u64;
                let _: Bytes = bytes.split_to(skipped);
                self.printer.print(stream, bytes).await;
            }
        }
        Ok(())
    }
}

async fn attach(client: &Client, id: &str, kind: Kind) -> Result<TokioIo<Upgraded>, ClientError> {
    let input = if kind.stdin { "&stdin=1" } else { "" };
    let path = format!("/containers/{id}/attach?stream=1&stdout=1&stderr=1{input}");
    client.upgrade(&path, Bytes::new()).await
}

/// The answer to a wait, when it has come.
///
/// # Errors
/// [`ClientError::WentAway`].
pub async fn read_end(response: Response<Incoming>) -> Result<End, ClientError> {
    let bytes = whole(response).await?;
    serde_json::from_slice(&bytes).map_err(|error| ClientError::WentAway(error.to_string()))
}

/// What never comes.
enum Never {}

/// Passes signals on for ever.
async fn pass_on(client: &Client, id: &str, signals: &mut Signals) -> Never {
    loop {
        let passed = match signals.next().await {
            Caught::Resized => match terminal::size() {
                Some((height, width)) => {
                    let options = ResizeContainerTTYOptionsBuilder::new().h(height.into()).w(width.into()).build();
                    client.docker().resize_container_tty(id, options).await
                }
                None => Ok(()),
            },
            Caught::Named(name) => {
                let options = KillContainerOptionsBuilder::new().signal(name).build();
                client.docker().kill_container(id, Some(options)).await
            }
        };
        if let Err(error) = passed {
            tracing::debug!(%error, "cannot pass on a signal");
        }
    }
}

/// Copies a log to the command's streams.
///
/// # Errors
/// [`ClientError::WentAway`] when it breaks off.
pub async fn print_log(response: Response<Incoming>) -> Result<(), ClientError> {
    let console = response.headers().get(hyper::header::CONTENT_TYPE).is_some_and(|kind| kind == RAW_STREAM);
    let mut frames = Frames::new(console);
    let mut printer = Printer::start().map_err(|error| ClientError::WentAway(error.to_string()))?;
    let mut body = response.into_body();
    while let Some(piece) = body.frame().await {
        let piece = piece.map_err(|error| ClientError::WentAway(error.to_string()))?;
        for (stream, bytes) in frames.take(piece.into_data().unwrap_or_default()) {
            printer.print(stream, bytes).await;
        }
    }
    Ok(())
}

/// The media type of what a console has written.
const RAW_STREAM: &str = "application/vnd.docker.raw-stream";
