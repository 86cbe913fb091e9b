//! Health checks: whether a container does what it should, asked now and then by a program in it. The rules are moby's.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};

use crate::attach::{NearEnds, Wanted};
use crate::container::{Container, Status, time_text};
use crate::document::ExecSettings;
use crate::engine::Engine;
use crate::entry::{Entry, Live};
use crate::error::Result;
use crate::exec::{Exec, ExecConfig, ExecState};
use crate::model::{Config, Health};

/// Between two probes, and before the first.
const INTERVAL: Duration = Duration::from_secs(30);
/// For one probe.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Between two probes while the container is still starting.
const START_INTERVAL: Duration = Duration::from_secs(5);
/// Failures in a row that make a container unhealthy.
const RETRIES: i64 = 3;
/// Results that are kept.
const KEPT_RESULTS: usize = 5;
/// Bytes of a probe's output that are kept.
const KEPT_OUTPUT: usize = 4_096;
/// The shell of checks that are a line of one, unless the container has its own.
const SHELL: [&str; 3] = ["cmd", "/S", "/C"];
/// Exit code of a probe that could not be run or took too long.
const NO_EXIT_CODE: i64 = -1;
/// How long a probe that was ended because it took too long may take to be gone.
const END_PATIENCE: Duration = Duration::from_secs(10);

/// How well a container is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// Not yet known.
    #[default]
    Starting,
    /// The last probe succeeded, or not enough have failed since.
    Healthy,
    /// Too many probes failed one after the other.
    Unhealthy,
}

impl HealthStatus {
    /// The name that `inspect`, listings and events show.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// `State.Health` of `inspect`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthState {
    /// How well it is.
    pub status: HealthStatus,
    /// Failures since the last success.
    pub failing_streak: i64,
    /// The last results, oldest first.
    pub log: Vec<ProbeResult>,
}

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProbeResult {
    /// When it began, RFC 3339.
    pub start: String,
    /// When it was over.
    pub end: String,
    /// Exit code of the program; -1 when there is none.
    pub exit_code: i64,
    /// The beginning of what it wrote.
    pub output: String,
}

impl HealthState {
    /// Takes in a result. `counts` says whether a failure counts while nothing is known yet.
    fn take(&mut self, result: ProbeResult, check: &Health, counts: bool) {
        let healthy = result.exit_code == 0;
        if self.log.len() >= KEPT_RESULTS {
            self.log.drain(..=self.log.len() - KEPT_RESULTS);
        }
        self.log.push(result);
        if healthy {
            self.failing_streak = 0;
            self.status = HealthStatus::Healthy;
        } else if counts || self.status != HealthStatus::Starting {
            self.failing_streak += 1;
            let retries = if check.retries > 0 { check.retries } else { RETRIES };
            if self.failing_streak >= retries {
                self.status = HealthStatus::Unhealthy;
            }
        }
    }
}

/// The program that probes a container of this configuration, if it has a health check.
fn probe_command(config: &Config) -> Option<Vec<String>> {
    let test = &config.healthcheck.as_ref()?.test;
    let (kind, words) = test.split_first()?;
    match kind.as_str() {
        "CMD" => Some(words.to_vec()),
        "CMD-SHELL" => {
            let shell = match &config.shell {
                Some(shell) if !shell.is_empty() => shell.to_vec(),
                _ => SHELL.map(str::to_owned).to_vec(),
            };
            Some(shell.into_iter().chain(words.iter().cloned()).collect())
        }
        _ => None,
    }
    .filter(|command| !command.is_empty())
}

/// Nanoseconds of a check, or what holds when there are none.
fn duration(nanoseconds: i64, default: Duration) -> Duration {
    u64::try_from(nanoseconds).ok().filter(|count| *count > 0).map_or(default, Duration::from_nanos)
}

/// How long to wait before the next probe of a container that has run for `elapsed`.
fn pause(check: &Health, status: HealthStatus, elapsed: Duration) -> Duration {
    let interval = duration(check.interval, INTERVAL);
    let start_period = duration(check.start_period, Duration::ZERO);
    match start_period.checked_sub(elapsed).filter(|left| !left.is_zero()) {
        None => interval,
        Some(left) if left < interval => left.min(match status {
            HealthStatus::Starting => duration(check.start_interval, START_INTERVAL),
            _ => left,
        }),
        Some(_) if status == HealthStatus::Starting => duration(check.start_interval, START_INTERVAL),
        Some(_) => interval,
    }
}

impl Engine {
    /// The state of health of a container that starts now; its last results are shown until there are others.
    pub(crate) fn health_at_start(container: &Container) -> Option<HealthState> {
        probe_command(&container.config)?;
        let log = container.state.health.as_ref().map(|health| health.log.clone()).unwrap_or_default();
        Some(HealthState { log, ..HealthState::default() })
    }

    /// Begins to probe a container that runs, if it has a health check.
    pub(crate) fn begin_probes(self: &Arc<Self>, entry: &Arc<Entry>) {
        let round = {
            let mut live = entry.live();
            live.probes += 1;
            live.container.state.health = Self::health_at_start(&live.container);
            live.probes
        };
        self.probe_later(entry, round);
    }

    /// Sets the clock for the next probe. A round of probes is over when the container ends or another round begins.
    fn probe_later(self: &Arc<Self>, entry: &Arc<Entry>, round: u64) {
        let pause = {
            let live = entry.live();
            let container = &live.container;
            let (Some(check), Some(health)) = (&container.config.healthcheck, &container.state.health) else { return };
            if !live.is_probed(round) {
                return;
            }
            pause(check, health.status, container.state.runs_for(self.clock.now()))
        };
        let (engine, entry) = (Arc::downgrade(self), entry.clone());
        self.clock.after(
            pause,
            Box::new(move || {
                let Some(engine) = engine.upgrade() else { return };
                engine.probe(&entry, round);
                engine.probe_later(&entry, round);
            }),
        );
    }

    /// Probes a container once and takes in the result. One that is held is left in peace.
    fn probe(self: &Arc<Self>, entry: &Entry, round: u64) {
        let container = {
            let live = entry.live();
            if !live.is_probed(round) || live.container.state.status != Status::Running {
                return;
            }
            live.container.clone()
        };
        let (Some(check), Some(command)) = (&container.config.healthcheck, probe_command(&container.config)) else {
            return;
        };
        let start = self.clock.now();
        let runs_for = container.state.runs_for(start);
        let (exit_code, output) =
            self.run_probe(&container, command, check).unwrap_or_else(|error| (NO_EXIT_CODE, error.to_string()));
        let result = ProbeResult { start: time_text(start), end: self.now(), exit_code, output };
        let counts = runs_for >= duration(check.start_period, Duration::ZERO);
        let mut live = entry.live();
        if !live.is_probed(round) {
            return;
        }
        // In memory only: the next daemon asks again.
        let Some(health) = &mut live.container.state.health else { return };
        let before = health.status;
        health.take(result, check, counts);
        let after = health.status;
        if before != after {
            self.tell(&live.container, &format!("health_status: {}", after.as_str()));
        }
        drop(live);
        entry.notify();
    }

    /// Runs the program of a check; returns its exit code and output.
    fn run_probe(
        self: &Arc<Self>,
        container: &Container,
        command: Vec<String>,
        check: &Health,
    ) -> Result<(i64, String)> {
        let settings = ExecSettings { command, ..ExecSettings::default() };
        let wanted = Wanted { stdin: false, stdout: true, stderr: true };
        let config = ExecConfig { settings, wanted, ..ExecConfig::default() };
        let exec = self.exec_create(container.id.as_str(), config)?;
        let exec = self.exec_claim(&exec.id)?;
        let ends = self.exec_start(&exec, false, None)?;
        let timeout = duration(check.timeout, TIMEOUT);
        let deadline = Instant::now() + timeout;
        let mut output = Output::default();
        if output.collect(&ends, deadline).is_ok()
            && let Some(exit_code) = await_end(&exec, deadline)
        {
            return Ok((i64::from(exit_code), output.text()));
        }
        self.end_exec(&exec)?;
        // What it writes until it is gone still belongs to it.
        let _ = output.collect(&ends, Instant::now() + END_PATIENCE);
        let _ = await_end(&exec, Instant::now() + END_PATIENCE);
        let exceeded = format!("Health check exceeded timeout ({})", go_duration(timeout));
        let text = output.text();
        Ok((NO_EXIT_CODE, if text.is_empty() { exceeded } else { format!("{exceeded}: {text}") }))
    }
}

impl Live {
    /// Whether this round of probes goes on.
    fn is_probed(&self, round: u64) -> bool {
        let runs = matches!(self.container.state.status, Status::Running | Status::Paused);
        !self.gone && runs && self.probes == round
    }
}

/// The beginning of what a program writes.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Output {
    /// Reads until all writers are gone.
    fn collect(&mut self, ends: &NearEnds, deadline: Instant) -> io::Result<()> {
        let mut open: Vec<&OwnedFd> = [&ends.stdout, &ends.stderr].into_iter().flatten().collect();
        let mut piece = [0; KEPT_OUTPUT];
        while !open.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            let limit = Timespec::try_from(left).map_err(io::Error::other)?;
            let mut polled: Vec<_> =
                open.iter().map(|end| PollFd::from_borrowed_fd(end.as_fd(), PollFlags::IN)).collect();
            match poll(&mut polled, Some(&limit)) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            let ready: Vec<bool> = polled.iter().map(|end| !end.revents().is_empty()).collect();
            let mut ready = ready.into_iter();
            let mut failed = None;
            open.retain(|end| {
                if !ready.next().unwrap_or(false) {
                    return true;
                }
                match rustix::io::read(end, &mut piece) {
                    Ok(0) => false,
                    Ok(count) => {
                        self.take(&piece[..count]);
                        true
                    }
                    Err(rustix::io::Errno::INTR) => true,
                    Err(errno) => {
                        failed = Some(errno);
                        false
                    }
                }
            });
            if let Some(errno) = failed {
                return Err(errno.into());
            }
        }
        Ok(())
    }

    fn take(&mut self, piece: &[u8]) {
        let room = KEPT_OUTPUT - self.bytes.len();
        self.is_cut |= piece.len() > room;
        self.bytes.extend(&piece[..piece.len().min(room)]);
    }

    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        if self.is_cut { format!("{text}...") } else { text.into_owned() }
    }
}

/// Waits for the end of a further process; `None` when it does not come in time.
fn await_end(exec: &Exec, deadline: Instant) -> Option<u32> {
    let mut states = exec.watch();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().ok()?;
    let ended = runtime.block_on(async {
        let end = states.wait_for(|state| matches!(state, ExecState::Ended { .. }));
        tokio::time::timeout_at(deadline.into(), end).await.ok()?.ok().map(|state| *state)
    });
    match ended? {
        ExecState::Ended { exit_code, .. } => Some(exit_code),
        _ => None,
    }
}

/// A duration as Go writes it: `1m30s`, `1.5s`, `250ms`.
fn go_duration(duration: Duration) -> String {
    fn decimal(number: f64, unit: &str) -> String {
        format!("{number}{unit}")
    }
    if duration < Duration::from_secs(1) {
        return decimal(duration.as_secs_f64() * 1e3, "ms");
    }
    let seconds = duration.as_secs();
    let rest = decimal((duration - Duration::from_secs(seconds / 60 * 60)).as_secs_f64(), "s");
    match (seconds / 3_600, seconds / 60 % 60) {
        (0, 0) => rest,
        (0, minutes) => format!("{minutes}m{rest}"),
        (hours, minutes) => format!("{hours}h{minutes}m{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Words;

    fn result(exit_code: i64) -> ProbeResult {
        ProbeResult { start: String::new(), end: String::new(), exit_code, output: exit_code.to_string() }
    }

    #[test]
    fn failures_in_a_row_make_unhealthy_and_one_success_makes_healthy() {
        let check = Health { retries: 2, ..Health::default() };
        let mut health = HealthState::default();
        let mut take = |exit_code, counts| {
            health.take(result(exit_code), &check, counts);
            (health.status.as_str(), health.failing_streak, health.log.len())
        };
        assert_eq!(take(1, false), ("starting", 0, 1));
        assert_eq!(take(1, true), ("starting", 1, 2));
        assert_eq!(take(0, false), ("healthy", 0, 3));
        assert_eq!(take(-1, false), ("healthy", 1, 4));
        assert_eq!(take(2, true), ("unhealthy", 2, 5));
        assert_eq!(take(3, true), ("unhealthy", 3, 5));
        assert_eq!(take(0, true), ("healthy", 0, 5));
        let codes: Vec<i64> = health.log.iter().map(|result| result.exit_code).collect();
        assert_eq!(codes, [0, -1, 2, 3, 0]);
    }

    #[test]
    fn probes_come_more_often_while_the_container_starts() {
        let seconds = Duration::from_secs;
        let second = 1_000_000_000;
        let check = Health { interval: 20 * second, start_period: 60 * second, ..Health::default() };
        let starting = HealthStatus::Starting;
        assert_eq!(pause(&Health::default(), starting, seconds(0)), INTERVAL);
        assert_eq!(pause(&check, starting, seconds(0)), START_INTERVAL);
        assert_eq!(pause(&check, HealthStatus::Healthy, seconds(0)), seconds(20));
        assert_eq!(pause(&check, starting, seconds(58)), seconds(2), "the first probe that counts");
        assert_eq!(pause(&check, starting, seconds(60)), seconds(20));
    }

    #[test]
    fn a_line_of_shell_has_a_shell() {
        let words = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let command = |test: &[&str], shell: Option<&[&str]>| {
            let healthcheck = Some(Health { test: words(test), ..Health::default() });
            let shell = shell.map(|shell| Words(words(shell)));
            probe_command(&Config { healthcheck, shell, ..Config::default() })
        };
        assert_eq!(command(&["CMD", "a", "b c"], None), Some(words(&["a", "b c"])));
        assert_eq!(command(&["CMD-SHELL", "a b"], None), Some(words(&["cmd", "/S", "/C", "a b"])));
        assert_eq!(command(&["CMD-SHELL", "a"], Some(&["sh", "-c"])), Some(words(&["sh", "-c", "a"])));
        assert_eq!(command(&["NONE"], None), None);
        assert_eq!(command(&["CMD"], None), None);
        assert_eq!(command(&[], None), None);
    }

    #[test]
    fn output_is_cut() {
        let mut output = Output::default();
        output.take(&[b'a'; KEPT_OUTPUT - 1]);
        output.take(b"bc");
        output.take(b"d");
        assert_eq!(output.text().len(), KEPT_OUTPUT + 3);
        assert!(output.text().ends_with("ab..."));
    }

    #[test]
    fn durations_read_as_in_go() {
        for (milliseconds, text) in
            [(30_000, "30s"), (90_000, "1m30s"), (1_500, "1.5s"), (250, "250ms"), (3_600_000, "1h0m0s")]
        {
            assert_eq!(go_duration(Duration::from_millis(milliseconds)), text);
        }
    }
}
