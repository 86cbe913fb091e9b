//! The programs of a container, as `docker top` shows them on Windows.

use casement_schema::properties::ProcessDetails;

use crate::container::Status;
use crate::engine::Engine;
use crate::error::{Error, Result};

/// The columns.
pub const TITLES: [&str; 4] = ["Name", "PID", "CPU", "Private Working Set"];

/// Units of 100 ns in a millisecond.
const UNITS_PER_MILLISECOND: u64 = 10_000;

impl Engine {
    /// The programs of a running container, a row of texts each.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::Conflict`] while it is held or restarting, or that its silo cannot be asked.
    pub fn top(&self, key: &str) -> Result<Vec<[String; 4]>> {
        let entry = self.find(key)?;
        let (container, system) = {
            let live = entry.live();
            (live.container.clone(), live.system.clone())
        };
        let system = match container.state.status {
            Status::Restarting => {
                return Err(Error::Conflict(format!(
                    "Container {} is restarting, wait until the container is running",
                    container.id
                )));
            }
            // Held programs cannot be asked, and neither can the one among them that knows the others.
            Status::Paused => {
                return Err(Error::Conflict(format!(
                    "Container {} is paused, unpause the container before top",
                    container.id
                )));
            }
            _ => system.ok_or_else(|| Error::NotRunning(container.id.clone()))?,
        };
        let mut processes = system.processes()?;
        processes.sort_by_key(|process| process.process_id);
        self.tell(&container, "top");
        Ok(processes.iter().map(row).collect())
    }
}

fn row(process: &ProcessDetails) -> [String; 4] {
    [
        process.image_name.clone(),
        process.process_id.to_string(),
        clock_text(process.kernel_time_100ns.saturating_add(process.user_time_100ns)),
        size_text(process.memory_working_set_private_bytes),
    ]
}

/// `HH:MM:SS.mmm`.
fn clock_text(units: u64) -> String {
    let milliseconds = units / UNITS_PER_MILLISECOND;
    let (seconds, rest) = (milliseconds / 1_000, milliseconds % 1_000);
    format!("{:02}:{:02}:{:02}.{rest:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Four digits and a decimal unit, as Docker's command writes sizes.
fn size_text(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1_000.0 && unit + 1 < UNITS.len() {
        value /= 1_000.0;
        unit += 1;
    }
    // Go's %.4g: four significant digits, no zeroes at the end.
    let digits = if value >= 100.0 {
        1
    } else if value >= 10.0 {
        2
    } else {
        3
    };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_read_as_dockers() {
        assert_eq!(clock_text(310_000), "00:00:00.031");
        assert_eq!(clock_text(3_723_004 * UNITS_PER_MILLISECOND), "01:02:03.004");
        for (bytes, text) in
            [(0, "0B"), (999, "999B"), (249_856, "249.9kB"), (1_000_000, "1MB"), (12_345_678, "12.35MB")]
        {
            assert_eq!(size_text(bytes), text);
        }
    }
}
