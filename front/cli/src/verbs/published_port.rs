//! Ports as `-p` has them: `[[ADDRESS:]PORT:]PORT[/PROTOCOL]`, with ranges of the same length on both sides.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use bollard::models::PortBinding;

/// One port, or a range of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedPorts {
    address: Option<IpAddr>,
    /// Ports of the host; none when any will do.
    host: Option<RangeInclusive<u16>>,
    container: RangeInclusive<u16>,
    protocol: &'static str,
}

impl FromStr for PublishedPorts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = |why: &str| format!("{why} in {text:?}: write [[ADDRESS:]PORT:]PORT[/tcp|/udp]");
        let (ports, protocol) = match text.rsplit_once('/') {
            None => (text, "tcp"),
            Some((ports, "tcp")) => (ports, "tcp"),
            Some((ports, "udp")) => (ports, "udp"),
            Some((_, other)) => return Err(refused(&format!("{other} is no protocol"))),
        };
        let (outside, container) = match ports.rsplit_once(':') {
            None => (None, ports),
            Some((outside, container)) => (Some(outside), container),
        };
        let (address, host) = match outside.map(|outside| outside.rsplit_once(':').ok_or(outside)) {
            None => ("", ""),
            Some(Err(host)) => ("", host),
            Some(Ok((address, host))) => (address, host),
        };
        let range = |text: &str| range(text).ok_or_else(|| refused(&format!("{text:?} is no port")));
        let container = range(container)?;
        let host = if host.is_empty() { None } else { Some(range(host)?) };
        let address = match address.trim_start_matches('[').trim_end_matches(']') {
            "" => None,
            address => Some(address.parse().map_err(|_| refused(&format!("{address:?} is no address")))?),
        };
        // A range of the host for one port of the container: any of them.
        if host.as_ref().is_some_and(|host| container.len() != 1 && host.len() != container.len()) {
            return Err(refused("the ranges differ in length"));
        }
        Ok(Self { address, host, container, protocol })
    }
}

impl PublishedPorts {
    /// Each port of the container, as `80/tcp`, and where it is published.
    pub fn bindings(&self) -> impl Iterator<Item = (String, PortBinding)> {
        let one = self.container.len() == 1;
        self.container.clone().enumerate().map(move |(at, port)| {
            let host = self.host.as_ref().map(|host| match (one, host.len()) {
                (true, 2..) => format!("{}-{}", host.start(), host.end()),
                _ => host.clone().nth(at).unwrap_or_default().to_string(),
            });
            let host_ip = self.address.map(|address| address.to_string());
            (format!("{port}/{}", self.protocol), PortBinding { host_ip, host_port: host })
        })
    }
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(text)?, number(text)?),
    };
    (first <= last).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bindings(text: &str) -> Vec<String> {
        let ports: PublishedPorts = text.parse().unwrap();
        let shown = |(port, binding): (String, PortBinding)| {
            let at = [binding.host_ip, binding.host_port].map(Option::unwrap_or_default);
            format!("{}:{}>{port}", at[0], at[1])
        };
        ports.bindings().map(shown).collect()
    }

    #[test]
    fn ports_are_understood_as_docker_understands_them() {
        assert_eq!(bindings("80"), [":>80/tcp"]);
        assert_eq!(bindings("8080:80/udp"), [":8080>80/udp"]);
        assert_eq!(bindings("127.0.0.1:8080:80"), ["127.0.0.1:8080>80/tcp"]);
        assert_eq!(bindings("127.0.0.1::80"), ["127.0.0.1:>80/tcp"]);
        assert_eq!(bindings("[::1]:8080:80"), ["::1:8080>80/tcp"]);
        assert_eq!(bindings("8000-8010:80"), [":8000-8010>80/tcp"]);
        assert_eq!(bindings("8000-8001:80-81"), [":8000>80/tcp", ":8001>81/tcp"]);
        assert_eq!(bindings("80-81"), [":>80/tcp", ":>81/tcp"]);
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for text in ["", "x", "0", "80:", "80/sctp", "65536", "8000-8002:80-81", "81-80", "host:80:80", "1:2:3:80x"] {
            let error = text.parse::<PublishedPorts>().unwrap_err();
            assert!(error.contains("PORT"), "{text}: {error}");
        }
    }
}
