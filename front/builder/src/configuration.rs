//! What instructions change in the configuration of an image: in a build, and without one for `--change` of `docker commit` and
//! `docker import`.

use crate::error::{BuildError, Result};
use crate::{environment, ports};
use casement_dockerfile::{CommandLine, Dockerfile, Instruction, Words};
use casement_layers::ImageConfig;
use casement_layers::oci::{Empty, Healthcheck};

/// The shell of lines that are for one, where the image names none.
const SHELL: [&str; 3] = ["cmd", "/S", "/C"];

/// Applies instructions, each a line, to the configuration of an image that is made without a build.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] in Docker's words for what is no instruction, or one that needs a build.
pub fn apply_changes(config: &mut ImageConfig, changes: &[String]) -> Result<()> {
    let invalid = |why: String| BuildError::invalid(why);
    let mut command_set = false;
    for text in changes.iter().filter(|text| !text.trim().is_empty()) {
        let parsed = Dockerfile::parse_instruction(text).map_err(|e| invalid(e.to_string()))?;
        let words = Words::new('\\');
        let variables = config.env.clone();
        let value = |name: &str| environment::get(&variables, name).map(str::to_owned);
        let mut expand = |word: &str| words.expand(word, &value);
        let instruction = parsed.instruction.expanded(&mut expand).map_err(|e| invalid(e.to_string()))?;
        // Docker's list of what a commit may change has no SHELL.
        let allowed = !matches!(instruction, Instruction::Shell(_));
        if !allowed || !change(config, &mut command_set, instruction).map_err(|e| invalid(e.message))? {
            let name = text.split_whitespace().next().unwrap_or_default().to_lowercase();
            return Err(invalid(format!("{name} is not a valid change command")));
        }
    }
    Ok(())
}

/// Changes a configuration as an instruction says, whose words have their values. `command_set`: one before has set the command,
/// which a new entry point leaves then. `false`: it changes something else.
pub(crate) fn change(config: &mut ImageConfig, command_set: &mut bool, instruction: Instruction) -> Result<bool> {
    match instruction {
        Instruction::Env(pairs) => {
            pairs.iter().for_each(|pair| environment::set(&mut config.env, &pair.name, &pair.value));
        }
        Instruction::Label { labels, .. } => config.labels.extend(labels.into_iter().map(|l| (l.name, l.value))),
        Instruction::Onbuild(text) => config.on_build.push(text),
        Instruction::Cmd(line) => {
            *command_set |= line != CommandLine::Empty;
            (config.cmd, config.args_escaped) = kept_words(config, &line);
        }
        Instruction::Entrypoint(line) => {
            (config.entrypoint, config.args_escaped) = kept_words(config, &line);
            if !*command_set {
                config.cmd = Vec::new();
            }
        }
        Instruction::Expose(words) => {
            config.exposed_ports.extend(ports::parse(&words)?.into_iter().map(|port| (port, Empty {})));
        }
        Instruction::Healthcheck(check) => {
            config.healthcheck = Some(Healthcheck {
                test: check.test,
                interval: check.interval,
                timeout: check.timeout,
                start_period: check.start_period,
                start_interval: check.start_interval,
                retries: check.retries,
            });
        }
        Instruction::Shell(shell) => config.shell = shell,
        Instruction::StopSignal(signal) => {
            check_signal(&signal)?;
            config.stop_signal = signal;
        }
        Instruction::User(user) => config.user = user,
        Instruction::Volume(paths) => {
            if paths.iter().any(String::is_empty) {
                return Err(BuildError::internal("VOLUME specified can not be an empty string"));
            }
            config.volumes.extend(paths.into_iter().map(|path| (path, Empty {})));
        }
        Instruction::Workdir(path) => config.working_dir = path.replace('/', "\\"),
        _ => return Ok(false),
    }
    Ok(true)
}

/// The shell of shell forms.
pub(crate) fn shell(config: &ImageConfig) -> Vec<String> {
    match config.shell.as_slice() {
        [] => SHELL.map(str::to_owned).to_vec(),
        shell => shell.to_vec(),
    }
}

/// The words of `CMD` and `ENTRYPOINT` as the image keeps them, and whether they are a whole command line.
pub(crate) fn kept_words(config: &ImageConfig, line: &CommandLine) -> (Vec<String>, bool) {
    match line {
        CommandLine::Empty => (Vec::new(), config.args_escaped),
        CommandLine::Exec(words) => (words.clone(), false),
        CommandLine::Shell(text) => (vec![format!("{} {text}", shell(config).join(" "))], true),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(changes: &[&str]) -> Result<ImageConfig> {
        let mut config = ImageConfig {
            env: vec!["Path=C:\\a".to_owned()],
            cmd: vec!["of the image".to_owned()],
            ..ImageConfig::default()
        };
        let changes: Vec<String> = changes.iter().map(|change| (*change).to_owned()).collect();
        apply_changes(&mut config, &changes).map(|()| config)
    }

    #[test]
    fn instructions_change_the_configuration() {
        let config = applied(&[
            "ENV PATH=\"$path;b\" X=1",
            "CMD [\"a\", \"b c\"]",
            "entrypoint run it",
            "EXPOSE 80 53/UDP 8000-8001",
            "LABEL a=\"b c\"",
            "WORKDIR C:/src",
            "USER someone",
            "VOLUME C:\\\\data",
            "ONBUILD RUN x",
        ])
        .unwrap();
        assert_eq!(config.env, ["PATH=C:\\a;b", "X=1"]);
        assert_eq!(config.cmd, ["a", "b c"]);
        assert_eq!((config.entrypoint, config.args_escaped), (vec!["cmd /S /C run it".to_owned()], true));
        assert_eq!(config.exposed_ports.keys().collect::<Vec<_>>(), ["53/udp", "80/tcp", "8000/tcp", "8001/tcp"]);
        assert_eq!((config.labels["a"].as_str(), config.working_dir.as_str()), ("b c", r"C:\src"));
        assert_eq!((config.user.as_str(), config.on_build.len()), ("someone", 1));
    }

    #[test]
    fn a_new_entry_point_drops_the_old_command() {
        assert!(applied(&["ENTRYPOINT [\"e\"]"]).unwrap().cmd.is_empty());
        assert_eq!(applied(&["CMD [\"c\"]", "ENTRYPOINT [\"e\"]"]).unwrap().cmd, ["c"]);
        assert_eq!(applied(&["ENTRYPOINT [\"e\"]", "CMD [\"c\"]"]).unwrap().cmd, ["c"]);
    }

    #[test]
    fn what_needs_a_build_is_refused() {
        let text = |change: &str| applied(&[change]).unwrap_err().to_string();
        assert_eq!(text("RUN x"), "run is not a valid change command");
        assert_eq!(text("SHELL [\"x\"]"), "shell is not a valid change command");
        assert!(text("NONSENSE x").contains("NONSENSE"));
        assert_eq!(text("EXPOSE x"), "invalid containerPort: x");
        assert_eq!(text("STOPSIGNAL no-signal!"), "invalid signal: no-signal!");
    }
}
