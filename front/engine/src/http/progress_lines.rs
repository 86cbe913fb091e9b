//! Long work that tells how far it is, as JSON lines: pulls and pushes.
//!
//! As long as nothing has been told, a failure is a status and a message; afterwards it is the last line.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use casement_registry::{Event, RegistryError, Reporter};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::error::{ApiError, Outcome};

/// Lines that may wait for a slow client.
const WAITING: usize = 64;
/// Width of the bar that the line itself carries.
const BAR: usize = 50;

/// The lines of one piece of work.
pub(super) struct Lines {
    sender: mpsc::Sender<Bytes>,
    any: AtomicBool,
}

impl Reporter for Lines {
    fn report(&self, event: Event) -> bool {
        self.send(&line(&event))
    }
}

impl Lines {
    fn send(&self, line: &Value) -> bool {
        self.any.store(true, Ordering::Relaxed);
        self.sender.blocking_send(Bytes::from(format!("{line}\r\n"))).is_ok()
    }
}

/// Answers with what `work` tells. It ends when the client goes away.
///
/// # Errors
/// What the work failed with before it told anything.
pub(super) async fn answer(
    work: impl FnOnce(&Lines) -> Result<(), RegistryError> + Send + 'static,
) -> Outcome<Response> {
    let (sender, mut receiver) = mpsc::channel(WAITING);
    let span = tracing::Span::current();
    let running = tokio::task::spawn_blocking(move || {
        let lines = Lines { sender, any: AtomicBool::new(false) };
        let done = span.in_scope(|| work(&lines));
        match done {
            Err(error) if lines.any.load(Ordering::Relaxed) => {
                let message = ApiError::from(error).message;
                lines.send(&json!({ "errorDetail": { "message": message }, "error": message }));
                Ok(())
            }
            other => other,
        }
    });
    let Some(first) = receiver.recv().await else {
        let done = running.await.map_err(|panic| ApiError::internal(format!("the daemon failed: {panic}")))?;
        return done.map(|()| ().into_response()).map_err(ApiError::from);
    };
    let lines = stream::unfold((Some(first), receiver), |(first, mut receiver)| async move {
        let line = match first {
            Some(line) => line,
            None => receiver.recv().await?,
        };
        Some((Ok::<_, std::io::Error>(line), (None, receiver)))
    });
    Ok(([(CONTENT_TYPE, "application/json")], Body::from_stream(lines)).into_response())
}

/// A line of progress, as clients know it.
pub(crate) fn line(event: &Event) -> Value {
    if let Some(pushed) = &event.pushed {
        let aux = json!({ "Tag": pushed.tag, "Digest": pushed.digest, "Size": pushed.size });
        return json!({ "progressDetail": {}, "aux": aux });
    }
    let mut line = json!({ "status": event.status });
    if !event.id.is_empty() {
        line["id"] = json!(event.id);
        line["progressDetail"] = json!({});
    }
    if let Some((current, total)) = event.progress {
        line["progressDetail"] = json!({ "current": current, "total": total });
        line["progress"] = json!(bar(current, total));
    }
    line
}

/// `[====>      ]  1.2MB/3.4MB`
fn bar(current: u64, total: u64) -> String {
    let done = usize::try_from(current.saturating_mul(BAR as u64) / total.max(1)).unwrap_or(BAR).min(BAR);
    format!("[{}>{}] {:>8}/{}", "=".repeat(done), " ".repeat(BAR - done), size(current), size(total))
}

/// A size in the units of Docker's clients: powers of 1,000, four digits.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut number = bytes as f64;
    let mut unit = 0;
    while number >= 1000.0 && unit + 1 < UNITS.len() {
        number /= 1000.0;
        unit += 1;
    }
    let decimals = if number >= 1000.0 || unit == 0 { 0 } else { 3 - (number.log10().max(0.0) as usize) };
    let text = format!("{number:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_that_the_client_draws_bars_of() {
        let told = line(&Event::progress("abc", "Downloading", 500, 1000));
        assert_eq!(told["progressDetail"], json!({ "current": 500, "total": 1000 }));
        assert_eq!(told["progress"], format!("[{}>{}]     500B/1kB", "=".repeat(25), " ".repeat(25)));
        assert_eq!(line(&Event::message("Digest: x")), json!({ "status": "Digest: x" }));
        let done = line(&Event::about("abc", "Pull complete"));
        assert_eq!(done, json!({ "status": "Pull complete", "progressDetail": {}, "id": "abc" }));
    }

    #[test]
    fn sizes_have_four_digits_at_most() {
        for (bytes, text) in [(0, "0B"), (999, "999B"), (4096, "4.096kB"), (12_345_678, "12.35MB"), (2_000_000, "2MB")]
        {
            assert_eq!(size(bytes), text);
        }
    }
}
