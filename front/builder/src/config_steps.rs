//! Instructions that change only how containers of the image run. They make no container.

use crate::environment;
use crate::error::{BuildError, Result};
use crate::ports;
use crate::stage::Building;
use casement_dockerfile::{CommandLine, Instruction, Pair, quote_list};
use casement_layers::oci::{Empty, Healthcheck};

/// The command of base images, which nobody chose.
const BASE_COMMAND: &str = r"c:\windows\system32\cmd.exe";

impl Building<'_> {
    pub(crate) fn configure(&mut self, instruction: Instruction) -> Result<()> {
        let comment = match instruction {
            Instruction::Env(pairs) => {
                for pair in &pairs {
                    environment::set(&mut self.config.env, &pair.name, &pair.value);
                }
                format!("ENV{}", listed(&pairs))
            }
            Instruction::Label { labels, .. } => {
                let named = labels.iter().map(|pair| (pair.name.clone(), pair.value.clone()));
                self.config.labels.extend(named);
                format!("LABEL{}", listed(&labels))
            }
            Instruction::Maintainer(name) => {
                self.author.clone_from(&name);
                format!("MAINTAINER {name}")
            }
            Instruction::Onbuild(text) => {
                self.config.on_build.push(text.clone());
                format!("ONBUILD {text}")
            }
            Instruction::Arg(arguments) => {
                let mut texts = Vec::new();
                for argument in &arguments {
                    self.arguments.declare(&argument.name, argument.value.as_deref());
                    texts.push(match &argument.value {
                        Some(value) => format!("{}={value}", argument.name),
                        None => argument.name.clone(),
                    });
                }
                format!("ARG {}", texts.join(" "))
            }
            Instruction::Cmd(line) => self.command(&line)?,
            Instruction::Entrypoint(line) => self.entry_point(&line)?,
            Instruction::Expose(words) => {
                let ports = {
                    let (words_of, variables) = (self.job.words, self.variables());
                    let split = words.iter().map(|word| words_of.expand_to_words(word, &variables));
                    split.collect::<Result<Vec<_>, _>>()?.concat()
                };
                let exposed = ports::parse(&ports)?;
                self.config.exposed_ports.extend(exposed.into_iter().map(|port| (port, Empty {})));
                format!("EXPOSE {}", ports.join(" "))
            }
            Instruction::Healthcheck(check) => {
                if let Some(before) = &self.config.healthcheck
                    && before.test.first().is_some_and(|first| first != "NONE")
                {
                    let shown = before.test.join(" ");
                    self.output.line(format_args!("Note: overriding previous HEALTHCHECK: [{shown}]"))?;
                }
                let shown = format!(
                    "HEALTHCHECK &{{{} {} {} {} {} {}}}",
                    quote_list(&check.test),
                    seconds(check.interval),
                    seconds(check.timeout),
                    seconds(check.start_period),
                    seconds(check.start_interval),
                    check.retries
                );
                self.config.healthcheck = Some(Healthcheck {
                    test: check.test,
                    interval: check.interval,
                    timeout: check.timeout,
                    start_period: check.start_period,
                    start_interval: check.start_interval,
                    retries: check.retries,
                });
                shown
            }
            Instruction::Shell(shell) => {
                let shown = format!("SHELL [{}]", shell.join(" "));
                self.config.shell = shell;
                shown
            }
            Instruction::StopSignal(signal) => {
                check_signal(&signal)?;
                self.config.stop_signal.clone_from(&signal);
                format!("STOPSIGNAL {signal}")
            }
            Instruction::User(user) => {
                self.config.user.clone_from(&user);
                format!("USER {user}")
            }
            Instruction::Volume(paths) => {
                if paths.iter().any(String::is_empty) {
                    return Err(BuildError::internal("VOLUME specified can not be an empty string"));
                }
                self.config.volumes.extend(paths.iter().map(|path| (path.clone(), Empty {})));
                format!("VOLUME [{}]", paths.join(" "))
            }
            Instruction::Add(_) | Instruction::Copy(_) | Instruction::Run(_) | Instruction::Workdir(_) => {
                return Err(BuildError::internal("an instruction that changes files was taken for another"));
            }
        };
        let step = self.made_by(self.comment(&format!(" {comment}")));
        let key = self.key(&step);
        if self.taken_from_cache(&key, &step)? {
            return Ok(());
        }
        let snapshot = self.job.workshop.describe(&self.snapshot, &step)?;
        self.made(&key, &step, snapshot)
    }

    /// The words of `CMD` and `ENTRYPOINT` as the image keeps them, and whether they are a whole command line.
    fn kept_words(&self, line: &CommandLine) -> (Vec<String>, bool) {
        match line {
            CommandLine::Empty => (Vec::new(), self.config.args_escaped),
            CommandLine::Exec(words) => (words.clone(), false),
            CommandLine::Shell(text) => (vec![format!("{} {text}", self.shell().join(" "))], true),
        }
    }

    fn command(&mut self, line: &CommandLine) -> Result<String> {
        let (words, escaped) = self.kept_words(line);
        if !self.config.entrypoint.is_empty() && self.config.args_escaped != escaped {
            self.output.warning(format_args!(
                " ---> [Warning] Shell-form ENTRYPOINT and exec-form CMD may have unexpected results"
            ))?;
        }
        self.command_set |= *line != CommandLine::Empty;
        let shown = format!("CMD {}", quote_list(&words));
        (self.config.cmd, self.config.args_escaped) = (words, escaped);
        Ok(shown)
    }

    fn entry_point(&mut self, line: &CommandLine) -> Result<String> {
        let (words, escaped) = self.kept_words(line);
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
        let shown = format!("ENTRYPOINT {}", quote_list(&words));
        (self.config.entrypoint, self.config.args_escaped) = (words, escaped);
        if !self.command_set {
            self.config.cmd = Vec::new();
        }
        Ok(shown)
    }
}

fn listed(pairs: &[Pair]) -> String {
    pairs.iter().map(|pair| format!(" {}={}", pair.name, pair.value)).collect()
}

fn seconds(nanoseconds: i64) -> String {
    format!("{}s", nanoseconds as f64 / 1e9)
}

/// A number, or a name such as `SIGTERM` or `TERM`.
fn check_signal(signal: &str) -> Result<()> {
    let name = signal.trim_start_matches("SIG");
    let known = match signal.parse::<u32>() {
        Ok(number) => (1..=64).contains(&number),
        Err(_) => !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-')),
    };
    if known { Ok(()) } else { Err(BuildError::invalid(format!("invalid signal: {signal}"))) }
}
