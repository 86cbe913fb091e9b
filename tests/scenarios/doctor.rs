//! `casement doctor` says what the host offers, line by line.

use casement_tests::Host;
use serde_json::Value;

/// Lines that a user must find, by words of their names.
const SUBJECTS: [&str; 10] =
    ["kernel", "namespace", "control-groups", "wcifs", "fuse", "networks", "kvm", "seccomp", "runtime", "disk"];

fn lines(host: &Host, words: &[&str]) -> Vec<Value> {
    let line = ["doctor", "--json"].iter().chain(words);
    let output = host.casement(line.copied());
    let report: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    report["lines"].as_array().cloned().unwrap_or_else(|| panic!("{output}"))
}

#[test]
fn every_line_has_a_name_a_verdict_a_finding_and_a_meaning() {
    let host = Host::without_daemon();
    let lines = lines(&host, &[]);
    for line in &lines {
        for field in ["line", "verdict", "found", "means"] {
            assert!(line[field].as_str().is_some_and(|text| !text.is_empty()), "{field} of {line}");
        }
        let verdict = line["verdict"].as_str().unwrap_or_default();
        assert!(["ok", "degraded", "missing", "unchecked"].contains(&verdict), "{line}");
    }
    let names: Vec<&str> = lines.iter().filter_map(|line| line["line"].as_str()).collect();
    for subject in SUBJECTS {
        assert!(names.iter().any(|name| name.contains(subject)), "no line about {subject} in {names:?}");
    }
}

#[test]
fn text_and_json_tell_the_same() {
    let host = Host::without_daemon();
    let lines = lines(&host, &[]);
    let text = host.casement(["doctor"]).succeeded();
    assert_eq!(text.lines().len(), lines.len(), "{text}");
    for (line, shown) in lines.iter().zip(text.lines()) {
        let name = line["line"].as_str().unwrap_or_default();
        assert!(shown.starts_with(name) && shown.contains(line["verdict"].as_str().unwrap_or_default()), "{shown}");
    }
}

#[test]
fn a_missing_runtime_is_missing_and_commands_name_the_line() {
    let host = Host::bare();
    let found = lines(&host, &["runtime"]);
    assert_eq!(found[0]["verdict"], "missing", "{found:?}");
    let _ = host.casement(["doctor", "runtime"]).exited(1);
    let output = host.casement(["base", "build", "nanoserver"]);
    assert_ne!(output.code(), 0);
    assert!(output.stderr.contains("doctor"), "{output}");
}
