//! `Up 2 minutes (healthy)`: how a listing says how a container stands.

use jiff::Timestamp;

use crate::container::{NEVER, State, Status};
use crate::health::HealthStatus;

/// The text for a container at this time.
#[must_use]
pub fn status_text(state: &State, now: Timestamp) -> String {
    let since = |text: &str| {
        let seconds = text.parse::<Timestamp>().map_or(0, |then| now.duration_since(then).as_secs());
        duration_text(u64::try_from(seconds).unwrap_or(0))
    };
    match state.status {
        Status::Paused => format!("Up {} (Paused)", since(&state.started_at)),
        Status::Restarting => format!("Restarting ({}) {} ago", state.exit_code, since(&state.finished_at)),
        Status::Running => match state.health.as_ref().map(|health| health.status) {
            Some(HealthStatus::Starting) => format!("Up {} (health: starting)", since(&state.started_at)),
            Some(health) => format!("Up {} ({})", since(&state.started_at), health.as_str()),
            None => format!("Up {}", since(&state.started_at)),
        },
        Status::Removing => "Removal In Progress".to_owned(),
        Status::Dead => "Dead".to_owned(),
        Status::Creating | Status::Created => "Created".to_owned(),
        Status::Starting | Status::Exited if state.started_at == NEVER => "Created".to_owned(),
        Status::Starting | Status::Exited => {
            format!("Exited ({}) {} ago", state.exit_code, since(&state.finished_at))
        }
    }
}

/// Seconds in words, in the steps of Docker's listings.
fn duration_text(seconds: u64) -> String {
    let minutes = seconds / 60;
    let hours = (seconds + 1_800) / 3_600;
    match (seconds, minutes, hours) {
        (0, ..) => "Less than a second".to_owned(),
        (1, ..) => "1 second".to_owned(),
        (2..60, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, 2..60, _) => format!("{minutes} minutes"),
        (.., 1) => "About an hour".to_owned(),
        (.., 2..48) => format!("{hours} hours"),
        (.., 48..336) => format!("{} days", hours / 24),
        (.., 336..1_440) => format!("{} weeks", hours / 24 / 7),
        (.., 1_440..17_520) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", seconds / 3_600 / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::HealthState;

    fn state(status: Status) -> State {
        State {
            status,
            exit_code: 3,
            started_at: "2026-01-01T00:00:00Z".to_owned(),
            finished_at: "2026-01-01T00:01:00Z".to_owned(),
            ..State::default()
        }
    }

    fn text(status: Status, health: Option<HealthStatus>) -> String {
        let health = health.map(|status| HealthState { status, ..HealthState::default() });
        status_text(&State { health, ..state(status) }, "2026-01-01T00:02:03Z".parse().unwrap())
    }

    #[test]
    fn states_have_dockers_texts() {
        assert_eq!(text(Status::Running, None), "Up 2 minutes");
        assert_eq!(text(Status::Running, Some(HealthStatus::Healthy)), "Up 2 minutes (healthy)");
        assert_eq!(text(Status::Running, Some(HealthStatus::Starting)), "Up 2 minutes (health: starting)");
        assert_eq!(text(Status::Paused, Some(HealthStatus::Healthy)), "Up 2 minutes (Paused)");
        assert_eq!(text(Status::Exited, None), "Exited (3) About a minute ago");
        assert_eq!(text(Status::Restarting, None), "Restarting (3) About a minute ago");
        assert_eq!(text(Status::Created, None), "Created");
    }

    #[test]
    fn durations_have_dockers_steps() {
        let hour = 3_600;
        for (seconds, expected) in [
            (0, "Less than a second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (3_599, "59 minutes"),
            (hour, "About an hour"),
            (47 * hour, "47 hours"),
            (48 * hour, "2 days"),
            (14 * 24 * hour, "2 weeks"),
            (60 * 24 * hour, "2 months"),
            (2 * 365 * 24 * hour, "2 years"),
        ] {
            assert_eq!(duration_text(seconds), expected);
        }
    }
}
