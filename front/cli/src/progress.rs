//! Progress of long steps: a bar on a terminal, a line for each stage elsewhere.

use std::io::IsTerminal;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};

/// Steps of the bar.
const STEPS: u64 = 1000;

/// Shows how far a long step is.
pub struct Shown {
    bar: Option<ProgressBar>,
    stage: Mutex<String>,
}

impl Shown {
    /// Starts to show a step.
    pub fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(STEPS);
            if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3}%  {elapsed:>4}  {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, stage: Mutex::default() }
    }

    /// `stage` is being done now; `fraction` (0.0 to 1.0) of the whole is done.
    pub fn report(&self, stage: &str, fraction: f64) {
        if let Some(bar) = &self.bar {
            bar.set_position((fraction.clamp(0.0, 1.0) * STEPS as f64) as u64);
            bar.set_message(stage.to_owned());
            return;
        }
        let Ok(mut last) = self.stage.lock() else { return };
        if *last != stage {
            stage.clone_into(&mut last);
            eprintln!("{:>3.0}%  {stage}", fraction.clamp(0.0, 1.0) * 100.0);
        }
    }

    /// The step is done; the bar goes away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
