//! Instructions that change only how containers of the image run. They make no container.

use crate::configuration::{change, kept_words};
use crate::error::{BuildError, Result};
use crate::stage::Building;
use casement_dockerfile::{CommandLine, Instruction, Pair, quote_list};

/// The command of base images, which nobody chose.
const BASE_COMMAND: &str = r"c:\windows\system32\cmd.exe";

impl Building<'_> {
    pub(crate) fn configure(&mut self, mut instruction: Instruction) -> Result<()> {
        let comment = match &mut instruction {
            Instruction::Env(pairs) => format!("ENV{}", listed(pairs)),
            Instruction::Label { labels, .. } => format!("LABEL{}", listed(labels)),
            Instruction::Maintainer(name) => {
                self.author.clone_from(name);
                format!("MAINTAINER {name}")
            }
            Instruction::Onbuild(text) => format!("ONBUILD {text}"),
            Instruction::Arg(arguments) => {
                let mut texts = Vec::new();
                for argument in arguments {
                    self.arguments.declare(&argument.name, argument.value.as_deref());
                    texts.push(match &argument.value {
                        Some(value) => format!("{}={value}", argument.name),
                        None => argument.name.clone(),
                    });
                }
                format!("ARG {}", texts.join(" "))
            }
            Instruction::Cmd(line) => self.command(line)?,
            Instruction::Entrypoint(line) => self.entry_point(line)?,
            Instruction::Expose(words) => {
                *words = {
                    let (words_of, variables) = (self.job.words, self.variables());
                    let split = words.iter().map(|word| words_of.expand_to_words(word, &variables));
                    split.collect::<Result<Vec<_>, _>>()?.concat()
                };
                format!("EXPOSE {}", words.join(" "))
            }
            Instruction::Healthcheck(check) => {
                if let Some(before) = &self.config.healthcheck
                    && before.test.first().is_some_and(|first| first != "NONE")
                {
                    let shown = before.test.join(" ");
                    self.output.line(format_args!("Note: overriding previous HEALTHCHECK: [{shown}]"))?;
                }
                format!(
                    "HEALTHCHECK &{{{} {} {} {} {} {}}}",
                    quote_list(&check.test),
                    seconds(check.interval),
                    seconds(check.timeout),
                    seconds(check.start_period),
                    seconds(check.start_interval),
                    check.retries
                )
            }
            Instruction::Shell(shell) => format!("SHELL [{}]", shell.join(" ")),
            Instruction::StopSignal(signal) => format!("STOPSIGNAL {signal}"),
            Instruction::User(user) => format!("USER {user}"),
            Instruction::Volume(paths) => format!("VOLUME [{}]", paths.join(" ")),
            Instruction::Add(_) | Instruction::Copy(_) | Instruction::Run(_) | Instruction::Workdir(_) => {
                return Err(BuildError::internal("an instruction that changes files was taken for another"));
            }
        };
        change(&mut self.config, &mut self.command_set, instruction)?;
        let step = self.made_by(self.comment(&format!(" {comment}")));
        let key = self.key(&step);
        if self.taken_from_cache(&key, &step)? {
            return Ok(());
        }
        let snapshot = self.job.workshop.describe(&self.snapshot, &step)?;
        self.made(&key, &step, snapshot)
    }

    /// How the history shows a new `CMD`.
    fn command(&mut self, line: &CommandLine) -> Result<String> {
        let (words, escaped) = kept_words(&self.config, line);
        if !self.config.entrypoint.is_empty() && self.config.args_escaped != escaped {
            self.output.warning(format_args!(
                " ---> [Warning] Shell-form ENTRYPOINT and exec-form CMD may have unexpected results"
            ))?;
        }
        Ok(format!("CMD {}", quote_list(&words)))
    }

    /// How the history shows a new `ENTRYPOINT`.
    fn entry_point(&mut self, line: &CommandLine) -> Result<String> {
        let (words, escaped) = kept_words(&self.config, line);
        let chosen = match self.config.cmd.as_slice() {
            [] => false,
            [one] => !one.eq_ignore_ascii_case(BASE_COMMAND) && self.config.shell.is_empty(),
            _ => true,
        };
        if chosen && self.config.args_escaped != escaped {
            self.output.warning(format_args!(
                " ---> [Warning] Shell-form CMD and exec-form ENTRYPOINT may have unexpected results"
            ))?;
        }
        Ok(format!("ENTRYPOINT {}", quote_list(&words)))
    }
}

fn listed(pairs: &[Pair]) -> String {
    pairs.iter().map(|pair| format!(" {}={}", pair.name, pair.value)).collect()
}

fn seconds(nanoseconds: i64) -> String {
    format!("{}s", nanoseconds as f64 / 1e9)
}
