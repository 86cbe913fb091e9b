//! One stage: its image so far, and the steps that go on from there.

use crate::arguments::Arguments;
use crate::cancel::Cancel;
use crate::context::Context;
use crate::error::{BuildError, Result};
use crate::output::{Event, Output};
use crate::settings::BuildSettings;
use crate::workshop::{Snapshot, Step, Workshop};
use crate::{configuration, environment};
use casement_dockerfile::{Command, Dockerfile, Instruction, Stage, Words};
use casement_layers::ImageConfig;
use sha2::{Digest, Sha256};
use std::sync::Mutex;

/// A finished stage: its name, if it has one, and its image.
type FinishedStage = (Option<String>, Snapshot);

/// What all stages of a build share.
pub(crate) struct Job<'a> {
    pub(crate) workshop: &'a dyn Workshop,
    pub(crate) settings: &'a BuildSettings,
    pub(crate) context: Option<&'a Context>,
    pub(crate) cancel: &'a Cancel,
    pub(crate) words: Words,
    pub(crate) steps: usize,
    /// Files of steps are younger than this at most; the time of their images.
    pub(crate) epoch: Option<i64>,
    /// The stages, in the order of the Dockerfile; `None` where one is not finished.
    pub(crate) finished: &'a Mutex<Vec<Option<FinishedStage>>>,
}

/// A stage that is being built.
pub(crate) struct Building<'a> {
    pub(crate) job: &'a Job<'a>,
    pub(crate) output: &'a dyn Output,
    pub(crate) arguments: Arguments,
    /// The configuration after the steps so far.
    pub(crate) config: ImageConfig,
    pub(crate) snapshot: Snapshot,
    pub(crate) author: String,
    /// Whether this stage has given a command.
    pub(crate) command_set: bool,
    /// Place of this stage in the Dockerfile.
    pub(crate) index: usize,
    /// Containers of steps that are still there.
    pub(crate) containers: Vec<String>,
    /// After the first step that is not in the cache no other is looked for.
    cache_missed: bool,
}

/// Builds one stage whose first step has the number `first`. Returns its image and the arguments that it declared.
pub(crate) fn build(
    job: &Job<'_>,
    output: &dyn Output,
    arguments: Arguments,
    stage: &Stage,
    index: usize,
    first: usize,
) -> Result<(Snapshot, Arguments)> {
    let steps = job.steps;
    output.line(format_args!("Step {first}/{steps} : {}", stage.source))?;
    let snapshot = begin(job, output, &arguments, stage)?;
    let mut config = snapshot.config.clone();
    let triggers = std::mem::take(&mut config.on_build);
    let mut building = Building {
        job,
        output,
        arguments,
        config,
        snapshot,
        author: String::new(),
        command_set: false,
        index,
        containers: Vec::new(),
        cache_missed: false,
    };
    let done = building.all(stage, &triggers, first);
    if (done.is_ok() && job.settings.remove) || job.settings.force_remove || job.cancel.is_set() {
        building.remove_containers();
    }
    done?;
    output.show(Event::Image(building.snapshot.id.to_string()))?;
    Ok((building.snapshot, building.arguments))
}

fn begin(job: &Job<'_>, output: &dyn Output, arguments: &Arguments, stage: &Stage) -> Result<Snapshot> {
    let expand = |word: &str| job.words.expand(word, &|name| arguments.global_value(name));
    let platform = match stage.platform.as_str() {
        "" => job.settings.platform.clone(),
        written => expand(written)?,
    };
    check_platform(&platform)?;
    let name = expand(&stage.base)?;
    if name.is_empty() {
        return Err(BuildError::invalid(format!("base name ({}) should not be blank", stage.base)));
    }
    if let Some(snapshot) = job.stage(&name) {
        return Ok(snapshot);
    }
    if name == "scratch" {
        return Err(BuildError::invalid("Windows does not support FROM scratch"));
    }
    job.workshop.base(&name, job.settings.pull, output, job.cancel)
}

/// Stages are for Windows on amd64.
fn check_platform(platform: &str) -> Result<()> {
    let lower = platform.to_lowercase();
    let (os, architecture) = lower.split_once('/').unwrap_or((&lower, "amd64"));
    let os = os.split('(').next().unwrap_or_default();
    match (os, architecture) {
        ("" | "windows", "amd64" | "x86_64" | "x86-64") | ("amd64" | "x86_64", _) => Ok(()),
        _ => Err(BuildError::invalid(format!(
            "cannot build a stage for platform {platform}: Casement builds Windows images for amd64 (windows/amd64) only. \
             Build that stage with another engine and copy its files from the context or from an image"
        ))),
    }
}

impl Job<'_> {
    /// The image of the finished stage with this name.
    pub(crate) fn stage(&self, name: &str) -> Option<Snapshot> {
        let finished = self.finished.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let named = |entry: &&(Option<String>, Snapshot)| {
            entry.0.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name))
        };
        finished.iter().flatten().find(named).map(|(_, snapshot)| snapshot.clone())
    }

    /// The image that `--from` means: a stage by name or number, or any image.
    pub(crate) fn from(&self, name: &str, current: usize, output: &dyn Output) -> Result<Snapshot> {
        if let Some(snapshot) = self.stage(name) {
            return Ok(snapshot);
        }
        if let Ok(number) = name.parse::<i64>() {
            return match usize::try_from(number) {
                Ok(number) if number < current => {
                    let finished = self.finished.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    let found = finished.get(number).and_then(|entry| entry.as_ref());
                    found.map(|(_, snapshot)| snapshot.clone()).ok_or_else(BuildError::cancelled)
                }
                Ok(number) if number == current => Err(BuildError::invalid("refers to current build stage")),
                _ => Err(BuildError::invalid("index out of bounds")),
            };
        }
        self.workshop.base(name, self.settings.pull, output, self.cancel)
    }

    /// The moment that images of this build are from.
    pub(crate) fn created(&self) -> String {
        match self.epoch.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok()) {
            Some(moment) => moment.to_string(),
            None => format!("{:.9}", jiff::Timestamp::now()),
        }
    }
}

impl Building<'_> {
    fn all(&mut self, stage: &Stage, triggers: &[String], first: usize) -> Result<()> {
        if !triggers.is_empty() {
            let plural = if triggers.len() > 1 { "s" } else { "" };
            self.output.line(format_args!("# Executing {} build trigger{plural}", triggers.len()))?;
            for trigger in triggers {
                let command = Dockerfile::parse_instruction(trigger)?;
                self.step(&command)?;
            }
        }
        self.show_image()?;
        for (offset, command) in stage.commands.iter().enumerate() {
            if self.job.cancel.is_set() {
                return Err(BuildError::cancelled());
            }
            let number = first + 1 + offset;
            self.output.line(format_args!("Step {number}/{} : {}", self.job.steps, command.source))?;
            self.step(command)?;
            self.show_image()?;
        }
        Ok(())
    }

    fn show_image(&self) -> Result<()> {
        Ok(self.output.line(format_args!(" ---> {}", self.snapshot.id.short()))?)
    }

    fn step(&mut self, command: &Command) -> Result<()> {
        let expanded = {
            let (words, variables) = (self.job.words, self.variables());
            command.instruction.expanded(&mut |word| words.expand(word, &variables))?
        };
        match expanded {
            Instruction::Add(copy) => self.copy("ADD", &copy)?,
            Instruction::Copy(copy) => self.copy("COPY", &copy)?,
            Instruction::Run(run) => self.run(&run)?,
            Instruction::Workdir(path) => self.work_directory(&path)?,
            other => self.configure(other)?,
        }
        if self.job.settings.remove {
            self.remove_containers();
        }
        Ok(())
    }

    /// The value of a variable in a word: the image's environment, then arguments.
    pub(crate) fn variables(&self) -> impl Fn(&str) -> Option<String> + '_ {
        |name| {
            let set = environment::get(&self.config.env, name).map(str::to_owned);
            set.or_else(|| self.arguments.stage_value(name))
        }
    }

    /// How the history names a step that runs nothing.
    pub(crate) fn comment(&self, text: &str) -> String {
        format!("{} #(nop) {text}", configuration::shell(&self.config).join(" "))
    }

    /// A step with this history.
    pub(crate) fn made_by(&self, created_by: String) -> Step {
        Step {
            config: self.config.clone(),
            created_by,
            author: self.author.clone(),
            created: self.job.created(),
            epoch: self.job.epoch,
            owner: None,
        }
    }

    /// What the cache knows a step by: the image that it begins with, and everything that it is.
    pub(crate) fn key(&self, step: &Step) -> String {
        let parts =
            serde_json::json!([self.snapshot.id.to_string(), step.config, step.created_by, step.author, step.epoch,]);
        format!("step:{}", casement_nt::digest::hex(&Sha256::digest(parts.to_string().as_bytes())))
    }

    /// Goes on from what an earlier build made of this step, if there is that.
    pub(crate) fn taken_from_cache(&mut self, key: &str, step: &Step) -> Result<bool> {
        if self.job.settings.no_cache || self.cache_missed {
            return Ok(false);
        }
        // Whoever names images as caches wants no others.
        let known = match &self.job.settings.cache_from[..] {
            [] => self.job.workshop.recall(key),
            named => self.job.workshop.restore(&self.snapshot, step, named),
        };
        match known {
            Some(snapshot) => {
                self.output.line(format_args!(" ---> Using cache"))?;
                self.snapshot = snapshot;
                Ok(true)
            }
            None => {
                self.cache_missed = true;
                Ok(false)
            }
        }
    }

    /// Goes on from an image that this step has made.
    pub(crate) fn made(&mut self, key: &str, step: &Step, snapshot: Snapshot) -> Result<()> {
        self.job.workshop.remember(key, &step.created_by, &snapshot)?;
        self.snapshot = snapshot;
        Ok(())
    }

    /// Removes a container of a step that is done with.
    pub(crate) fn remove_containers(&mut self) {
        for container in std::mem::take(&mut self.containers) {
            let short: String = container.chars().take(12).collect();
            match self.job.workshop.remove(&container) {
                Ok(()) => drop(self.output.line(format_args!(" ---> Removed intermediate container {short}"))),
                Err(error) => drop(self.output.line(format_args!("Removing intermediate container {short}: {error}"))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_platforms_are_refused_clearly() {
        for platform in ["", "windows", "Windows/amd64", "windows(10.0.20348)/amd64", "amd64"] {
            assert!(check_platform(platform).is_ok(), "{platform}");
        }
        for platform in ["linux", "linux/amd64", "windows/arm64"] {
            let text = check_platform(platform).unwrap_err().message;
            assert!(text.starts_with(&format!("cannot build a stage for platform {platform}: ")), "{text}");
        }
    }
}
