//! Writes registry text in its canonical form.

use super::parse::{HEADER, ROOT_COMMENT};
use super::value::{BINARY, DWORD, EXPAND_STRING, MULTI_STRING, STRING};
use super::{Key, Registry, Value, escape};

/// Length at which Wine begins a new line of bytes.
const LINE: usize = 76;

impl Registry {
    /// The text of the registry: sorted, every key with the same `time` (seconds since 1970).
    ///
    /// Keys that have only subkeys are left out, as Wine leaves them out: their subkeys make them.
    pub fn to_text(&self, time: u64) -> String {
        let mut out = format!("{HEADER}\n{ROOT_COMMENT}{}\n\n", self.root);
        if let Some(architecture) = &self.architecture {
            out.push_str(&format!("#arch={architecture}\n"));
        }
        let mut keys = self.keys.iter().peekable();
        while let Some((folded, key)) = keys.next() {
            let has_subkeys = keys.peek().is_some_and(|(next, _)| next.is_below_or(folded));
            if !key.values.is_empty() || key.class.is_some() || key.link || !has_subkeys {
                key.append(&mut out, time);
            }
        }
        out
    }
}

impl Key {
    fn append(&self, out: &mut String, time: u64) {
        out.push_str("\n[");
        let units: Vec<u16> = self.path.encode_utf16().collect();
        escape::append(out, &units, ['[', ']']);
        out.push_str(&format!("] {time}\n"));
        if let Some(class) = &self.class {
            out.push_str("#class=\"");
            quoted(out, class);
            out.push_str("\"\n");
        }
        if self.link {
            out.push_str("#link\n");
        }
        for (name, value) in self.values.values() {
            match name.as_str() {
                "" => out.push('@'),
                _ => {
                    out.push('"');
                    quoted(out, name);
                    out.push('"');
                }
            }
            out.push('=');
            append_data(out, value);
            out.push('\n');
        }
    }
}

fn quoted(out: &mut String, text: &str) {
    let units: Vec<u16> = text.encode_utf16().collect();
    escape::append(out, &units, ['"', '"']);
}

fn append_data(out: &mut String, value: &Value) {
    let units = value.units();
    let terminated = value.data().len().is_multiple_of(2) && units.last() == Some(&0);
    match value.kind() {
        kind @ (STRING | EXPAND_STRING | MULTI_STRING) if terminated => {
            if kind != STRING {
                out.push_str(&format!("str({kind:x}):"));
            }
            out.push('"');
            escape::append(out, &units[..units.len() - 1], ['"', '"']);
            out.push('"');
            return;
        }
        DWORD => {
            if let Some(number) = value.as_dword() {
                out.push_str(&format!("dword:{number:08x}"));
                return;
            }
        }
        _ => {}
    }
    let start = out.rfind('\n').map_or(0, |at| at + 1);
    match value.kind() {
        BINARY => out.push_str("hex:"),
        kind => out.push_str(&format!("hex({kind:x}):")),
    }
    let mut column = out.len() - start;
    for (at, byte) in value.data().iter().enumerate() {
        out.push_str(&format!("{byte:02x}"));
        column += 3;
        if at + 1 < value.data().len() {
            out.push(',');
            if column > LINE {
                out.push_str("\\\n  ");
                column = 2;
            }
        }
    }
}
