//! `GET /events`: what happened and happens, a JSON line each.

use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::broadcast::error::RecvError;

use super::Api;
use crate::event_filter::EventFilter;
use crate::events::{Event, Past};
use crate::http::error::{ApiError, Outcome};
use crate::http::request::Query;
use crate::http::stream::{self, Pieces};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/events", get(events))
}

/// What a listener wants to hear. Times are nanoseconds since the epoch.
struct Wish {
    since: Option<i64>,
    until: Option<i64>,
    filter: EventFilter,
}

async fn events(State(api): State<Api>, RawQuery(query): RawQuery) -> Outcome<Response> {
    let query = Query::parse(&query.unwrap_or_default());
    let (since, until) = (query.moment("since")?, query.moment("until")?);
    if until.is_some_and(|until| until < since.unwrap_or(i64::MIN)) {
        let text = |name| query.text(name).unwrap_or_default().to_owned();
        return Err(ApiError::bad_request(format!(
            "`since` time ({}) cannot be after `until` time ({})",
            text("since"),
            text("until")
        )));
    }
    let wish = Wish { since, until, filter: EventFilter::new(query.filters(EventFilter::NAMES)?) };
    let (pieces, body) = stream::channel();
    // Subscribed before the head leaves: whoever has seen it misses nothing.
    let subscribed = api.engine().events().subscribe();
    tokio::spawn(async move {
        // Whatever ends it, the client sees the end of the body.
        let _ = listen(&api, &wish, subscribed, &pieces).await;
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// The client has gone.
struct Gone;

async fn listen(
    api: &Api,
    wish: &Wish,
    (past, mut future): (Past, crate::events::Future),
    pieces: &Pieces,
) -> Result<(), Gone> {
    let mut last = past.last().map_or(i64::MIN, |event| event.time_nano);
    if wish.since.is_some() || wish.until.is_some() {
        for event in &past {
            send(wish, event, pieces).await?;
        }
    }
    let end = tokio::time::sleep(wish.until.map_or(Duration::MAX, until_then));
    tokio::pin!(end);
    loop {
        let next = tokio::select! {
            biased;
            () = pieces.closed() => return Err(Gone),
            next = future.recv() => next,
            () = &mut end, if wish.until.is_some() => return Ok(()),
        };
        match next {
            Ok(event) => {
                if wish.until.is_some_and(|until| until < event.time_nano) {
                    return Ok(());
                }
                if event.time_nano > last {
                    last = event.time_nano;
                    send(wish, &event, pieces).await?;
                }
            }
            // A slow client: what it missed is still remembered.
            Err(RecvError::Lagged(_)) => {
                let (past, further) = api.engine().events().subscribe();
                future = further;
                for event in past.iter().filter(|event| event.time_nano > last) {
                    send(wish, event, pieces).await?;
                }
                last = past.last().map_or(last, |event| event.time_nano);
            }
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

async fn send(wish: &Wish, event: &Event, pieces: &Pieces) -> Result<(), Gone> {
    let within = wish.since.is_none_or(|since| since <= event.time_nano)
        && wish.until.is_none_or(|until| event.time_nano <= until);
    if within && wish.filter.admits(event) {
        pieces.send(stream::json_line(&event.message())).await.map_err(|_| Gone)?;
    }
    Ok(())
}

/// The time from now to a moment in nanoseconds since the epoch; none if it is past.
fn until_then(moment: i64) -> Duration {
    let now = jiff::Timestamp::now().as_nanosecond();
    u64::try_from(i128::from(moment) - now).map_or(Duration::ZERO, Duration::from_nanos)
}
