//! `--change` of `docker commit` and `docker import`: instructions of a Dockerfile that change how containers of an image run.

use casement_dockerfile::{CommandLine, Dockerfile, Instruction, Words};
use casement_layers::ImageConfig;
use casement_layers::oci::{Empty, Healthcheck};

use crate::error::{Error, Result};

/// The shell of lines that are for one, where the image names none.
const SHELL: [&str; 3] = ["cmd", "/S", "/C"];

/// Applies instructions, each a line.
///
/// # Errors
/// [`Error::InvalidParameter`] in Docker's words for what is no instruction, or one that needs a build.
pub(crate) fn apply(config: &mut ImageConfig, changes: &[String]) -> Result<()> {
    let invalid = |why: String| Error::InvalidParameter(why);
    for change in changes.iter().filter(|change| !change.trim().is_empty()) {
        let parsed = Dockerfile::parse_instruction(change).map_err(|e| invalid(e.to_string()))?;
        let words = Words::new('\\');
        let variables = config.env.clone();
        let value = |name: &str| find(&variables, name).map(str::to_owned);
        let mut expand = |word: &str| words.expand(word, &value);
        let instruction = parsed.instruction.expanded(&mut expand).map_err(|e| invalid(e.to_string()))?;
        one(config, instruction, change)?;
    }
    Ok(())
}

fn one(config: &mut ImageConfig, instruction: Instruction, text: &str) -> Result<()> {
    match instruction {
        Instruction::Env(pairs) => pairs.iter().for_each(|pair| set(&mut config.env, &pair.name, &pair.value)),
        Instruction::Label { labels, .. } => config.labels.extend(labels.into_iter().map(|l| (l.name, l.value))),
        Instruction::Onbuild(text) => config.on_build.push(text),
        Instruction::Cmd(line) => (config.cmd, config.args_escaped) = command(config, line),
        Instruction::Entrypoint(line) => (config.entrypoint, config.args_escaped) = command(config, line),
        Instruction::Expose(ports) => {
            for port in ports {
                config.exposed_ports.insert(exposed(&port)?, Empty {});
            }
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
        Instruction::StopSignal(signal) => config.stop_signal = signal,
        Instruction::User(user) => config.user = user,
        Instruction::Volume(paths) => config.volumes.extend(paths.into_iter().map(|path| (path, Empty {}))),
        Instruction::Workdir(path) => config.working_dir = path.replace('/', "\\"),
        _ => {
            let name = text.split_whitespace().next().unwrap_or_default().to_lowercase();
            return Err(Error::InvalidParameter(format!("{name} is not a valid change command")));
        }
    }
    Ok(())
}

/// The words as the image keeps them, and whether they are a whole command line.
fn command(config: &ImageConfig, line: CommandLine) -> (Vec<String>, bool) {
    match line {
        CommandLine::Empty => (Vec::new(), config.args_escaped),
        CommandLine::Exec(words) => (words, false),
        CommandLine::Shell(text) => {
            let shell = if config.shell.is_empty() { SHELL.join(" ") } else { config.shell.join(" ") };
            (vec![format!("{shell} {text}")], true)
        }
    }
}

/// `80/tcp` of `80`.
fn exposed(word: &str) -> Result<String> {
    let (port, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
    let protocol = protocol.to_lowercase();
    match port.parse::<u16>() {
        Ok(port) if matches!(protocol.as_str(), "tcp" | "udp" | "sctp") => Ok(format!("{port}/{protocol}")),
        Ok(_) => Err(Error::InvalidParameter(format!("invalid proto: {protocol}"))),
        Err(_) => Err(Error::InvalidParameter(format!("invalid containerPort: {port}"))),
    }
}

/// The value of a variable, whose name has no case.
fn find<'a>(variables: &'a [String], name: &str) -> Option<&'a str> {
    let mut pairs = variables.iter().map(|text| text.split_once('=').unwrap_or((text, "")));
    pairs.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Sets a variable in its place, or after all others.
pub(crate) fn set(variables: &mut Vec<String>, name: &str, value: &str) {
    let text = format!("{name}={value}");
    let is_it = |known: &&mut String| known.split('=').next().is_some_and(|known| known.eq_ignore_ascii_case(name));
    match variables.iter_mut().find(is_it) {
        Some(known) => *known = text,
        None => variables.push(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(changes: &[&str]) -> Result<ImageConfig> {
        let mut config = ImageConfig { env: vec!["Path=C:\\a".to_owned()], ..ImageConfig::default() };
        let changes: Vec<String> = changes.iter().map(|change| (*change).to_owned()).collect();
        apply(&mut config, &changes).map(|()| config)
    }

    #[test]
    fn instructions_change_the_configuration() {
        let config = applied(&[
            "ENV PATH=\"$path;b\" X=1",
            "CMD [\"a\", \"b c\"]",
            "entrypoint run it",
            "EXPOSE 80 53/UDP",
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
        assert_eq!(config.exposed_ports.keys().collect::<Vec<_>>(), ["53/udp", "80/tcp"]);
        assert_eq!((config.labels["a"].as_str(), config.working_dir.as_str()), ("b c", r"C:\src"));
        assert_eq!((config.user.as_str(), config.on_build.len()), ("someone", 1));
    }

    #[test]
    fn what_needs_a_build_is_refused() {
        let text = |change: &str| applied(&[change]).unwrap_err().to_string();
        assert_eq!(text("RUN x"), "run is not a valid change command");
        assert!(text("NONSENSE x").contains("NONSENSE"));
        assert_eq!(text("EXPOSE x"), "invalid containerPort: x");
    }
}
