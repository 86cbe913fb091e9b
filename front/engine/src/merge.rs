//! What a container takes over from its image, and the command line that comes of both.

use casement_layers::ImageConfig;
use casement_nt::command_line;

use crate::error::{Error, Result};
use crate::model::{Config, Words};

/// The configuration of a container that was asked for as `asked`, of an image with `image`. Variables are left as they are.
///
/// Docker's rules: an entry point given takes the image's command away too, a command given replaces the image's, and an entry
/// point of one empty word takes the image's away.
pub(crate) fn with_image(asked: &Config, image: &ImageConfig) -> Config {
    let empty = |words: &Option<Words>| words.as_ref().is_none_or(|words| words.is_empty());
    let mut config = asked.clone();
    if empty(&asked.entrypoint) {
        if empty(&asked.cmd) {
            config.cmd = words(&image.cmd);
        }
        if asked.entrypoint.is_none() {
            config.entrypoint = words(&image.entrypoint);
        }
    }
    config.entrypoint = config.entrypoint.filter(|words| !words.is_empty() && words.0 != [""]);
    // What the image's words are is said by the image; Windows engines say it of all words then.
    config.args_escaped |= image.args_escaped;
    inherit(&mut config.user, &image.user);
    inherit(&mut config.working_dir, &image.working_dir);
    config.working_dir = config.working_dir.replace('/', "\\");
    inherit(&mut config.stop_signal, &image.stop_signal);
    config.shell = config.shell.or_else(|| words(&image.shell));
    inherit_health(&mut config, image);
    config.exposed_ports.extend(image.exposed_ports.clone());
    if !image.volumes.is_empty() {
        config.volumes.get_or_insert_default().extend(image.volumes.clone());
    }
    for (name, value) in &image.labels {
        config.labels.entry(name.clone()).or_insert_with(|| value.clone());
    }
    config
}

/// Whatever of its health check a container does not say, the image says.
fn inherit_health(config: &mut Config, image: &ImageConfig) {
    let Some(inherited) = &image.healthcheck else { return };
    let check = config.healthcheck.get_or_insert_default();
    if check.test.is_empty() {
        check.test.clone_from(&inherited.test);
    }
    for (number, inherited) in [
        (&mut check.interval, inherited.interval),
        (&mut check.timeout, inherited.timeout),
        (&mut check.start_period, inherited.start_period),
        (&mut check.start_interval, inherited.start_interval),
        (&mut check.retries, inherited.retries),
    ] {
        if *number == 0 {
            *number = inherited;
        }
    }
}

fn words(words: &[String]) -> Option<Words> {
    (!words.is_empty()).then(|| words.to_vec().into())
}

fn inherit(text: &mut String, inherited: &str) {
    if text.is_empty() {
        inherited.clone_into(text);
    }
}

/// The command line of a container's first process: entry point, then command.
///
/// # Errors
/// [`Error::InvalidParameter`] when there is neither.
pub(crate) fn command_line(config: &Config) -> Result<String> {
    let words: Vec<&str> = [&config.entrypoint, &config.cmd]
        .into_iter()
        .flatten()
        .flat_map(|words| words.iter())
        .map(String::as_str)
        .collect();
    match words.split_first() {
        None => Err(Error::InvalidParameter("no command specified".to_owned())),
        Some((first, [])) if config.args_escaped => Ok((*first).to_owned()),
        Some((first, rest)) if config.args_escaped => Ok(format!("{first} {}", command_line::join(rest))),
        Some(_) => Ok(command_line::join(&words)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> ImageConfig {
        ImageConfig {
            cmd: vec![r"c:\windows\system32\cmd.exe".to_owned()],
            entrypoint: vec!["app.exe".to_owned(), "-q".to_owned()],
            user: "ContainerUser".to_owned(),
            labels: [("a".to_owned(), "image".to_owned()), ("b".to_owned(), "image".to_owned())].into(),
            ..ImageConfig::default()
        }
    }

    fn asked(entrypoint: Option<&[&str]>, cmd: &[&str]) -> Config {
        let words = |words: &[&str]| Words(words.iter().map(ToString::to_string).collect());
        let cmd = (!cmd.is_empty()).then(|| words(cmd));
        Config { entrypoint: entrypoint.map(words), cmd, ..Config::default() }
    }

    fn line(asked: &Config, image: &ImageConfig) -> Result<String> {
        command_line(&with_image(asked, image))
    }

    #[test]
    fn entry_point_and_command_follow_dockers_rules() {
        let image = image();
        assert_eq!(line(&asked(None, &[]), &image).unwrap(), r"app.exe -q c:\windows\system32\cmd.exe");
        assert_eq!(line(&asked(None, &["x"]), &image).unwrap(), "app.exe -q x");
        assert_eq!(line(&asked(Some(&["other.exe"]), &["x"]), &image).unwrap(), "other.exe x");
        assert_eq!(line(&asked(Some(&["other.exe"]), &[]), &image).unwrap(), "other.exe");
        assert_eq!(line(&asked(Some(&[""]), &["x"]), &image).unwrap(), "x");
        assert_eq!(line(&asked(Some(&[]), &[]), &image).unwrap(), r"c:\windows\system32\cmd.exe");
        assert_eq!(line(&asked(Some(&[""]), &[]), &image).unwrap_err().to_string(), "no command specified");
    }

    #[test]
    fn an_escaped_command_is_not_quoted_again() {
        let mut image = ImageConfig { args_escaped: true, ..ImageConfig::default() };
        image.cmd = vec![r#"cmd /S /C echo "a  b""#.to_owned()];
        assert_eq!(line(&asked(None, &[]), &image).unwrap(), r#"cmd /S /C echo "a  b""#);
        assert_eq!(line(&asked(None, &["a b", "c d"]), &image).unwrap(), r#"a b "c d""#);
        let mut own = asked(None, &["a b", "c d"]);
        assert_eq!(line(&own, &ImageConfig::default()).unwrap(), r#""a b" "c d""#);
        own.args_escaped = true;
        assert_eq!(line(&own, &ImageConfig::default()).unwrap(), r#"a b "c d""#);
    }

    #[test]
    fn labels_and_names_are_the_images_unless_given() {
        let mut own = asked(None, &[]);
        own.labels = [("b".to_owned(), "own".to_owned())].into();
        let config = with_image(&own, &image());
        assert_eq!(
            (config.user.as_str(), config.labels["a"].as_str(), config.labels["b"].as_str()),
            ("ContainerUser", "image", "own")
        );
    }

    #[test]
    fn what_a_health_check_does_not_say_the_image_says() {
        let mut image = image();
        let check = crate::model::Health {
            test: vec!["CMD".to_owned(), "probe.exe".to_owned()],
            interval: 5,
            retries: 2,
            ..Default::default()
        };
        image.healthcheck = Some(check);
        let mut own = asked(None, &[]);
        own.healthcheck = Some(crate::model::Health { interval: 7, ..Default::default() });
        let merged = with_image(&own, &image).healthcheck.unwrap();
        assert_eq!((merged.test.len(), merged.interval, merged.retries), (2, 7, 2));
    }
}
