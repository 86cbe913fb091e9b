//! Other programs read what we write, and we read what they write: hivex, reglookup and regipy have nothing in common
//! with this crate or with each other.

use crate::logs;
use casement_hive::{BaseBlock, Hive, Key, Minor, Name, NtTime, Security, Tree, Value};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// What the readers can be asked about: all types of values, names of one and two bytes a letter, many subkeys, big data.
fn sample() -> Tree {
    let mut tree = Tree::new("ROOT");
    tree.root.time = NtTime::from_unix(1_700_000_000);
    for number in 0..1300 {
        tree.create(&format!(r"many\key {number}")).time = NtTime::from_unix(1_600_000_000 + number);
    }
    for (path, count) in [(r"Software\Größe", 3), (r"Software\Ключ\名前", 5), (r"SYSTEM\Select", 9)] {
        let key = tree.create(path);
        key.class = Some(Name::from("class"));
        key.security =
            Security::new(&[&Security::default().bytes()[..40], &Security::default().bytes()[40..]].concat());
        for number in 0..count {
            key.set_value(Name::from(format!("value {number}").as_str()), Value::dword(number));
        }
        key.set_value(Name::from("имя"), Value::string("текст €"));
        key.set_value(Name::from("é"), Value::multi_string(&["a", "b"]));
        key.set_value(Name::default(), Value::expand_string("%SystemRoot%"));
    }
    let key = tree.create("Types");
    for kind in 0..12 {
        let data = [1, 0, 2, 0, 0, 0, 0, 0];
        let length = if kind == 4 || kind == 5 { 4 } else { 8 };
        key.set_value(Name::from(format!("type {kind}").as_str()), Value::raw(kind, data[..length].to_vec()));
    }
    key.set_value(Name::from("nothing"), Value::binary(Vec::new()));
    for length in [1, 5, 5000, 16_344, 16_345, 70_000] {
        let data = (0..length).map(|at| at as u8).collect();
        key.set_value(Name::from(format!("length {length}").as_str()), Value::binary(data));
    }
    tree
}

fn file(directory: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Runs a program that has to end well and gives what it writes.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}; scripts/install-packages --tests"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn script(name: &str, arguments: &[&Path]) -> Command {
    // The distribution's own Python, which has its packages.
    let mut command = Command::new("/usr/bin/python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers").join(name)).args(arguments);
    command
}

/// Regipy is not in distributions: the set-up of the tests puts it beside the test programs.
fn regipy(arguments: &[&Path]) -> String {
    let programs = std::env::var_os("CASEMENT_TEST_PROGRAMS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-programs"), PathBuf::from);
    let readers = programs.join("readers");
    assert!(readers.is_dir(), "{} is missing: run tests/fetch-readers", readers.display());
    run(script("regipy_list.py", arguments).env("PYTHONPATH", readers))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The listing of hivex's script, made by us. Values are in another order.
fn listing(key: &Key, path: &str, lines: &mut Vec<String>) {
    lines.push(format!("key {} {}", hex(path.as_bytes()), key.time.0));
    for (name, value) in key.values() {
        let (name, data) = (hex(format!("{path}\\:{name}").as_bytes()), hex(value.data()));
        lines.push(format!("value {name} {} {data}", value.kind()));
    }
    for (name, subkey) in key.subkeys() {
        listing(subkey, &format!("{path}\\{name}"), lines);
    }
}

fn same(listed: &str, tree: &Tree) {
    let mut lines = Vec::new();
    listing(&tree.root, "", &mut lines);
    let mut listed: Vec<&str> = listed.lines().map(str::trim_end).collect();
    lines.sort();
    listed.sort();
    for (theirs, ours) in listed.iter().zip(&lines) {
        assert_eq!(*theirs, ours.trim_end());
    }
    assert_eq!(listed.len(), lines.len());
}

#[test]
fn hivex_reads_what_we_write() {
    let directory = tempfile::tempdir().unwrap();
    for minor in [Minor::Three, Minor::Five, Minor::Six] {
        let base = BaseBlock { minor, ..BaseBlock::new("TEST", false) };
        let hive = Hive { tree: sample(), base };
        let path = file(&directory, "hive", &hive.write().unwrap());
        same(&run(&mut script("hivex_list.py", &[&path])), &hive.tree);
    }
}

#[test]
fn we_read_what_hivex_writes() {
    let directory = tempfile::tempdir().unwrap();
    let mut tree = sample();
    tree.create(r"Deleted\with\subkeys");
    tree.create("Changed").set_value(Name::from("v"), Value::string("old"));
    let path = file(&directory, "hive", &Hive::new(tree.clone(), "TEST").write().unwrap());
    run(&mut script("hivex_edit.py", &[&path]));
    let edited = std::fs::read(&path).unwrap();
    let hive = Hive::read(&edited).unwrap();
    same(&run(&mut script("hivex_list.py", &[&path])), &hive.tree);

    assert!(hive.tree.key("Deleted").is_none());
    assert_eq!(hive.tree.key("Changed").unwrap().value(&Name::from("v")), Some(&Value::string("new")));
    let made = hive.tree.key("made BY hivex").unwrap();
    let names: Vec<String> = made.subkeys().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["Alpha", "mike", "zulu"]);
    assert_eq!(made.value(&Name::from("number")), Some(&Value::dword(42)));
    assert_eq!(made.value(&Name::from("long")).unwrap().data().len(), 256 * 80);
    assert_eq!(made.value(&Name::default()), Some(&Value::string("default")));
    assert_eq!(hive.tree.key("Types"), tree.key("Types"));
}

#[test]
fn reglookup_reads_keys_values_and_security_descriptors() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, "hive", &Hive::new(sample(), "TEST").write().unwrap());
    let listed = run(Command::new("reglookup").arg("-s").arg(&path));
    let lines: Vec<&str> = listed.lines().collect();
    for start in [
        r"/SYSTEM/Select,KEY,,",
        r"/SYSTEM/Select/value 8,DWORD,0x00000008,",
        r"/many/key 1299,KEY,,2020-09-13 12:48:19,",
        r"/SYSTEM/Select/,EXPAND_SZ,%25SystemRoot%25,",
        r"/Types/length 70000,BINARY,%00%01%02",
        r"/Types/type 11,QWORD,",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(start)), "{start} in {listed:.2000}");
    }
    let keys = lines.iter().filter(|line| line.split(',').nth(1) == Some("KEY")).count();
    assert_eq!(keys, sample().root.count() + 1);
    let all = "QRY_VAL SET_VAL CREATE_KEY ENUM_KEYS NOTIFY CREATE_LNK DELETE R_CONT W_DAC W_OWNER";
    let root = lines.iter().find(|line| line.starts_with("/,KEY")).unwrap();
    for part in [
        ",S-1-5-32-544,S-1-5-18,".to_owned(),
        format!("S-1-5-18:ALLOW:{all}:CI"),
        format!("S-1-5-32-544:ALLOW:{all}:CI"),
        "S-1-5-32-545:ALLOW:QRY_VAL ENUM_KEYS NOTIFY R_CONT:CI".to_owned(),
    ] {
        assert!(root.contains(&part), "{part} in {root}");
    }
}

/// Keys with their times, and names and types of values, of a listing by regipy and of ours.
fn without_data(listed: &str) -> Vec<String> {
    let types = ["REG_NONE", "REG_SZ", "REG_EXPAND_SZ", "REG_BINARY", "REG_DWORD", "REG_DWORD_BIG_ENDIAN", "REG_LINK"];
    let words = |line: &str| {
        let mut words: Vec<String> = line.split(' ').take(3).map(str::to_owned).collect();
        if let Some(number) = words.get(2).filter(|_| words[0] == "value").and_then(|kind| kind.parse::<usize>().ok()) {
            words[2] = types.get(number).map_or_else(|| "other".to_owned(), |name| (*name).to_owned());
        } else if words[0] == "value" && !types.contains(&words[2].as_str()) {
            words[2] = "other".to_owned();
        }
        words.join(" ")
    };
    let mut lines: Vec<String> = listed.lines().map(words).collect();
    lines.sort();
    lines
}

#[test]
fn regipy_reads_what_we_write() {
    let directory = tempfile::tempdir().unwrap();
    let mut tree = sample();
    // Regipy takes Latin-1 for ASCII.
    tree.remove(r"Software\Größe");
    for path in [r"Software\Ключ\名前", r"SYSTEM\Select"] {
        tree.create(path).remove_value(&Name::from("é"));
    }
    let path = file(&directory, "hive", &Hive::new(tree.clone(), "TEST").write().unwrap());
    let mut ours = Vec::new();
    listing(&tree.root, "", &mut ours);
    assert_eq!(without_data(&regipy(&[&path])), without_data(&ours.join("\n")));
}

#[test]
fn regipy_replays_logs_to_the_same_registry() {
    let directory = tempfile::tempdir().unwrap();
    let dirty = logs::two_logs();
    let hive = file(&directory, "hive", &dirty.file);
    let first = file(&directory, "hive.LOG1", &dirty.logs[0]);
    let second = file(&directory, "hive.LOG2", &dirty.logs[1]);
    // Regipy replays the log that is named last first.
    let ours = Hive::read_with_logs(&dirty.file, &[&dirty.logs[0], &dirty.logs[1]]).unwrap();
    let mut lines = Vec::new();
    listing(&ours.tree.root, "", &mut lines);
    assert_eq!(without_data(&regipy(&[&hive, &second, &first])), without_data(&lines.join("\n")));
}
