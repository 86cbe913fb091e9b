//! Random operations on a volume and on a model of it that is nothing but a tree in memory with NTFS's rules for names:
//! both must always agree, also after the volume was mounted anew.

use crate::fixture::{Fixture, Mode, fill};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

in_every_mode!(random_operations_agree_with_the_model);

/// A file or directory of the model. Names are found by their upper case and keep their spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Thing {
    File(Vec<u8>),
    Directory(BTreeMap<String, (String, Thing)>),
}

type Entries = BTreeMap<String, (String, Thing)>;

/// Reproducible chance (xorshift64*).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit
    }

    fn name(&mut self) -> String {
        const NAMES: [&str; 8] = ["alpha", "Beta", "γάμμα", "Delta.TXT", "e", "ßeta", "Ж", "omega.long.name"];
        let name = NAMES[self.below(NAMES.len())];
        match self.below(4) {
            0 => name.chars().map(casement_wcifs::upcase::upcase).collect(),
            1 => name.to_ascii_lowercase(),
            _ => name.to_owned(),
        }
    }

    fn path(&mut self) -> Vec<String> {
        (0..1 + self.below(3)).map(|_| self.name()).collect()
    }
}

fn key(name: &str) -> String {
    name.chars().map(casement_wcifs::upcase::upcase).collect()
}

/// The entries of the directory that holds the last step of a path.
fn parent<'a>(mut at: &'a mut Entries, path: &[String]) -> Option<&'a mut Entries> {
    for step in &path[..path.len() - 1] {
        at = match at.get_mut(&key(step)) {
            Some((_, Thing::Directory(inner))) => inner,
            _ => return None,
        };
    }
    Some(at)
}

fn get<'a>(root: &'a mut Entries, path: &[String]) -> Option<&'a mut (String, Thing)> {
    parent(root, path)?.get_mut(&key(path.last().unwrap()))
}

fn read(path: &Path) -> Entries {
    let mut entries = Entries::new();
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let thing = if entry.file_type().unwrap().is_dir() {
            Thing::Directory(read(&entry.path()))
        } else {
            Thing::File(fs::read(entry.path()).unwrap())
        };
        assert!(entries.insert(key(&name), (name.clone(), thing)).is_none(), "{name} twice");
    }
    entries
}

/// One operation on both: whether it succeeded must be the same.
fn step(chance: &mut Chance, volume: &Fixture, model: &mut Entries) -> String {
    let path = chance.path();
    let real = volume.at(&path.join("/"));
    let last = path.last().unwrap().clone();
    let (what, done, expected) = match chance.below(9) {
        0 | 1 => {
            let content = format!("{}", chance.below(1000)).into_bytes();
            let done = fs::write(&real, &content).is_ok();
            let expected = parent(model, &path).is_some_and(|directory| match directory.get_mut(&key(&last)) {
                Some((_, Thing::Directory(_))) => false,
                Some((_, Thing::File(old))) => {
                    *old = content;
                    true
                }
                None => {
                    directory.insert(key(&last), (last.clone(), Thing::File(content)));
                    true
                }
            });
            (format!("write {path:?}"), done, expected)
        }
        2 => {
            let done = fs::OpenOptions::new().append(true).open(&real).and_then(|mut f| f.write_all(b"+")).is_ok();
            let expected = match get(model, &path) {
                Some((_, Thing::File(content))) => {
                    content.push(b'+');
                    true
                }
                _ => false,
            };
            (format!("append {path:?}"), done, expected)
        }
        3 => {
            let done = fs::create_dir(&real).is_ok();
            let expected = parent(model, &path).is_some_and(|directory| {
                let free = !directory.contains_key(&key(&last));
                if free {
                    directory.insert(key(&last), (last.clone(), Thing::Directory(Entries::new())));
                }
                free
            });
            (format!("mkdir {path:?}"), done, expected)
        }
        4 => {
            let done = fs::remove_file(&real).is_ok();
            let expected = matches!(get(model, &path), Some((_, Thing::File(_))));
            if expected {
                parent(model, &path).unwrap().remove(&key(&last));
            }
            (format!("unlink {path:?}"), done, expected)
        }
        5 => {
            let done = fs::remove_dir(&real).is_ok();
            let expected = matches!(get(model, &path), Some((_, Thing::Directory(inner))) if inner.is_empty());
            if expected {
                parent(model, &path).unwrap().remove(&key(&last));
            }
            (format!("rmdir {path:?}"), done, expected)
        }
        6 if chance.below(8) == 0 => {
            let done = fs::remove_dir_all(&real).is_ok();
            let expected = matches!(get(model, &path), Some((_, Thing::Directory(_))));
            if expected {
                parent(model, &path).unwrap().remove(&key(&last));
            }
            (format!("remove all {path:?}"), done, expected && done)
        }
        _ => {
            let to = chance.path();
            let done = fs::rename(&real, volume.at(&to.join("/"))).is_ok();
            (format!("rename {path:?} {to:?}"), done, rename(model, &path, &to))
        }
    };
    assert_eq!(done, expected, "{what}");
    what
}

fn rename(model: &mut Entries, from: &[String], to: &[String]) -> bool {
    let keys = |path: &[String]| path.iter().map(|s| key(s)).collect::<Vec<_>>();
    let (from_keys, to_keys) = (keys(from), keys(to));
    let Some((_, moved)) = get(model, from).cloned() else { return false };
    if parent(model, to).is_none() {
        return false;
    }
    let new = to.last().unwrap().clone();
    if from_keys == to_keys {
        // Linux does not ask a file system to rename what is the same to the letter.
        if from.last() != to.last() {
            get(model, from).unwrap().0 = new;
        }
        return true;
    }
    if to_keys.starts_with(&from_keys) || from_keys.starts_with(&to_keys) {
        return false;
    }
    match (get(model, to), &moved) {
        (None, _) | (Some((_, Thing::File(_))), Thing::File(_)) => {}
        (Some((_, Thing::Directory(inner))), Thing::Directory(_)) if inner.is_empty() => {}
        _ => return false,
    }
    parent(model, from).unwrap().remove(&key(from.last().unwrap()));
    parent(model, to).unwrap().insert(key(&new), (new, moved));
    true
}

/// The last steps.
fn tail(history: &[String]) -> &[String] {
    &history[history.len().saturating_sub(12)..]
}

fn differences(found: &Entries, model: &Entries, at: &str) -> String {
    let keys: std::collections::BTreeSet<&String> = found.keys().chain(model.keys()).collect();
    let mut text = String::new();
    for key in keys {
        match (found.get(key), model.get(key)) {
            (a, b) if a == b => {}
            (Some((a, Thing::Directory(x))), Some((b, Thing::Directory(y)))) if a == b => {
                text += &differences(x, y, &format!("{at}/{a}"));
            }
            (a, b) => text += &format!("{at}/{key}: found {a:?}, expected {b:?}\n"),
        }
    }
    text
}

fn random_operations_agree_with_the_model(mode: Mode) {
    let rounds: u64 = std::env::var("WCIFS_ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(3);
    for round in 0..rounds {
        let seed = round * 7919 + 12345;
        let mut chance = Chance(seed);
        let mut volume = Fixture::new(
            mode,
            &[
                &|l| fill(l, &[("Alpha/Beta/e", "top"), ("alpha/Ж/", ""), ("omega.long.name", "file")]),
                &|l| {
                    fill(l, &[("ALPHA/beta/E", "hidden"), ("alpha/γάμμα/e", "1"), ("e/e/e", "2"), ("Ж", "3")]);
                    crate::fixture::bury(&l.join("beta"));
                },
                &|l| fill(l, &[("Alpha/beta/Delta.txt", "low"), ("BETA/e", "hidden"), ("ALPHA/DELTA.TXT", "base")]),
            ],
        );
        let mut model = read(&volume.root());
        let mut history = Vec::new();
        for count in 1..=400 {
            history.push(step(&mut chance, &volume, &mut model));
            if chance.below(50) == 0 {
                history.push("remount".to_owned());
                volume.remount();
            }
            let found = read(&volume.root());
            assert!(
                found == model,
                "seed {seed}, step {count}, after {:#?}\n{}",
                tail(&history),
                differences(&found, &model, "")
            );
        }
        assert_eq!(crate::fixture::names(&volume.work()), [""; 0]);
    }
}
