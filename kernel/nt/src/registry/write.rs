//! Writes registry text, as Wine writes it.

use super::parse::{HEADER, ROOT_COMMENT};
use super::{Key, KeyTimes, Name, Registry, Value, escape, order};
use casement_hive::value;

/// Length at which Wine begins a new line of bytes.
const LINE: usize = 76;

impl Registry {
    /// The text of the registry.
    ///
    /// Keys that have only subkeys are left out, as Wine leaves them out: their subkeys make them. With their own times,
    /// those that would get another time then are there.
    pub fn to_text(&self, times: KeyTimes) -> String {
        let mut out = format!("{HEADER}\n{ROOT_COMMENT}{}\n\n", self.root);
        if let Some(architecture) = &self.architecture {
            out.push_str(&format!("#arch={architecture}\n"));
        }
        Writer { out: &mut out, times }.key(&mut String::new(), &self.tree.root);
        out
    }
}

struct Writer<'a> {
    out: &'a mut String,
    times: KeyTimes,
}

impl Writer<'_> {
    /// Writes a key and all below it. `path` is that of the key, with its escapes.
    fn key(&mut self, path: &mut String, key: &Key) {
        let subkeys = order::sorted(key.subkeys());
        if self.is_written(key, subkeys.first().map(|(_, subkey)| *subkey), path.is_empty()) {
            self.entry(path, key);
        }
        let length = path.len();
        for (name, subkey) in subkeys {
            if length > 0 {
                path.push_str("\\\\");
            }
            escape::append(path, name.units(), ['[', ']']);
            self.key(path, subkey);
            path.truncate(length);
        }
    }

    fn is_written(&self, key: &Key, first: Option<&Key>, is_root: bool) -> bool {
        let content = key.entries().len() > 0 || key.class.is_some() || key.flags.is_link();
        let alone = first.is_none() && !is_root;
        let inherited = first.map(|first| first.time).unwrap_or_default();
        content || alone || self.times == KeyTimes::Own && key.time != inherited
    }

    fn entry(&mut self, path: &str, key: &Key) {
        match self.times {
            KeyTimes::Same(seconds) => self.out.push_str(&format!("\n[{path}] {seconds}\n")),
            KeyTimes::Own => {
                let (seconds, high, low) = (key.time.unix(), key.time.0 >> 32, key.time.0 as u32);
                self.out.push_str(&format!("\n[{path}] {seconds}\n#time={high:x}{low:08x}\n"));
            }
        }
        if let Some(class) = &key.class {
            self.out.push_str("#class=");
            self.quoted(class);
            self.out.push('\n');
        }
        if key.flags.is_link() {
            self.out.push_str("#link\n");
        }
        for (name, value) in order::sorted(key.values()) {
            let start = self.out.len();
            match name.is_empty() {
                true => self.out.push('@'),
                false => self.quoted(name),
            }
            self.out.push('=');
            self.data(value, start);
            self.out.push('\n');
        }
    }

    fn quoted(&mut self, name: &Name) {
        self.out.push('"');
        escape::append(self.out, name.units(), ['"', '"']);
        self.out.push('"');
    }

    /// Writes the data of a value whose line began at `start`.
    fn data(&mut self, value: &Value, start: usize) {
        let units = value.units();
        let whole = value.data().len().is_multiple_of(2);
        match (value.kind(), units.split_last()) {
            (kind @ (value::STRING | value::EXPAND_STRING | value::MULTI_STRING), Some((0, text))) if whole => {
                if kind != value::STRING {
                    self.out.push_str(&format!("str({kind:x}):"));
                }
                self.out.push('"');
                escape::append(self.out, text, ['"', '"']);
                self.out.push('"');
            }
            _ => match value.as_dword() {
                Some(number) => self.out.push_str(&format!("dword:{number:08x}")),
                None => self.bytes(value, start),
            },
        }
    }

    fn bytes(&mut self, value: &Value, start: usize) {
        match value.kind() {
            value::BINARY => self.out.push_str("hex:"),
            kind => self.out.push_str(&format!("hex({kind:x}):")),
        }
        let mut column = self.out.len() - start;
        for (at, byte) in value.data().iter().enumerate() {
            self.out.push_str(&format!("{byte:02x}"));
            column += 3;
            if at + 1 < value.data().len() {
                self.out.push(',');
                if column > LINE {
                    self.out.push_str("\\\n  ");
                    column = 2;
                }
            }
        }
    }
}
