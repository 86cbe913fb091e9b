//! `EXPOSE`: ports and ranges of them.

use crate::error::{BuildError, Result};

/// Most ports of one instruction.
const MAX_PORTS: usize = 65_536;

/// The ports of `[[address:]host:]port[-end][/protocol]` as images have them: `80/tcp`.
pub(crate) fn parse(words: &[String]) -> Result<Vec<String>> {
    let mut ports = Vec::new();
    for word in words {
        ports.extend(one(word)?);
        if ports.len() > MAX_PORTS {
            return Err(BuildError::internal("too many ports"));
        }
    }
    Ok(ports)
}

fn one(word: &str) -> Result<Vec<String>> {
    let container = word.rsplit(':').next().unwrap_or(word);
    let (range, protocol) = container.split_once('/').unwrap_or((container, "tcp"));
    if range.is_empty() {
        return Err(BuildError::internal(format!("no port specified: {word}<empty>")));
    }
    let protocol = if protocol.is_empty() { "tcp".to_owned() } else { protocol.to_lowercase() };
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(BuildError::internal(format!("invalid proto: {protocol}")));
    }
    let invalid = || BuildError::internal(format!("invalid containerPort: {range}"));
    let number = |text: &str| text.parse::<u16>().map_err(|_| invalid());
    let (first, last) = match range.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(range)?, number(range)?),
    };
    if first > last {
        return Err(invalid());
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_have_protocols_and_ranges() {
        let parsed = |words: &[&str]| parse(&words.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(
            parsed(&["80", "53/UDP", "8000-8002", "1:90"]).unwrap(),
            ["80/tcp", "53/udp", "8000/tcp", "8001/tcp", "8002/tcp", "90/tcp"]
        );
        for (word, text) in [
            ("x", "invalid containerPort: x"),
            ("9-8", "invalid containerPort: 9-8"),
            ("80/ipx", "invalid proto: ipx"),
            ("/tcp", "no port specified: /tcp<empty>"),
        ] {
            assert_eq!(parsed(&[word]).unwrap_err().message, text);
        }
    }
}
