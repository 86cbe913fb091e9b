//! The table of what is run by which test is true.

use std::collections::BTreeMap;

use casement_tests::places;

/// Rows that there are at least: what is promised of the docker command.
const ROWS: usize = 60;

/// The texts of a cell that stand between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The source of a test, up to the end of its function, if there is such a test in a file.
fn body<'a>(source: &'a str, name: &str) -> Option<&'a str> {
    let start = source.find(&format!("#[test]\nfn {name}("))?;
    let rest = &source[start..];
    Some(rest.find("\n}\n").map_or(rest, |end| &rest[..end]))
}

/// Whether a word is in the texts of a test: alone, among others, or with a value.
fn has(source: &str, word: &str) -> bool {
    source.match_indices(word).any(|(at, _)| {
        let (before, after) = (source[..at].chars().next_back(), source[at + word.len()..].chars().next());
        matches!(before, Some('"' | ' ' | ',')) && (word.ends_with('=') || matches!(after, Some('"' | ' ' | ',' | '=')))
    })
}

#[test]
fn every_command_and_flag_has_a_test_that_runs_it() {
    let directory = places::source("docker");
    let table = std::fs::read_to_string(directory.join("COMMANDS.md")).unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| What"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert!(rows.len() >= ROWS, "{} rows", rows.len());
    let mut sources: BTreeMap<String, String> = BTreeMap::new();
    for row in rows {
        let [what, words, tests] = row[..] else { panic!("{row:?}") };
        let mut all = String::new();
        for test in quoted(tests) {
            let (module, name) = test.split_once("::").unwrap_or_else(|| panic!("{test}"));
            let source = sources.entry(module.to_owned()).or_insert_with(|| {
                let file = directory.join(format!("{module}.rs"));
                std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{test}: {error}"))
            });
            all += body(source, name).unwrap_or_else(|| panic!("there is no test {test}"));
            // Words that several tests have stand above them.
            all += source.split("#[test]").next().unwrap_or_default();
        }
        assert!(!all.is_empty(), "{what}: no test");
        for word in quoted(words) {
            assert!(has(&all, word), "{what}: {word} is in none of {tests}");
        }
    }
}
