//! One pass over a layer's archive.

use super::names;
use super::streams::{Measured, digest_of};
use super::{MAX_ARCHIVE, MAX_ENTRIES};
use crate::entry::{ATTRIBUTE_DIRECTORY, ATTRIBUTE_REPARSE, Content, Entry, Kind, Stream};
use crate::error::ViewError;
use crate::finding::Findings;
use crate::index::LayerIndex;
use crate::inflate::{Checkpoint, Members, Packing};
use crate::name::fold;
use crate::rule::Rule;
use crate::source::Blob;
use crate::stamp::Stamp;
use casement_layer_tar::{self as layer_tar, LayerReader, LayerTarError};
use casement_layers::Digest;
use std::collections::HashMap;
use std::io::{self, BufReader, Read};

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;

/// Reads the whole archive `blob` and lists what is in it. Entries that are refused and what is wrong with others are among the
/// findings; the pass ends where the archive itself is damaged.
///
/// # Errors
/// When the file cannot be read or the archive is packed in a way that is not known.
pub fn scan_archive(blob: &Blob, what: &str) -> Result<LayerIndex, ViewError> {
    let failed = |e| ViewError::io("read", what)(e);
    match blob.packing().map_err(failed)? {
        Packing::Gzip => {
            let members = Members::new(BufReader::with_capacity(BUFFER, blob.reader(0)));
            let (index, members) = scan(members, what)?;
            Ok(LayerIndex { checkpoints: members.checkpoints().to_vec(), ..index })
        }
        Packing::Plain => Ok(scan(BufReader::with_capacity(BUFFER, blob.reader(0)), what)?.0),
        Packing::Zstd => Ok(scan(blob.unpacked(0, &[] as &[Checkpoint]).map_err(failed)?, what)?.0),
    }
}

fn scan<R: Read>(archive: R, what: &str) -> Result<(LayerIndex, R), ViewError> {
    let (mut measured, position) = Measured::new(archive, MAX_ARCHIVE);
    let mut reader = LayerReader::new(&mut measured);
    let mut pass = Pass::default();
    let mut buffer = vec![0; BUFFER];
    loop {
        match reader.next_entry() {
            Ok(None) => break,
            Ok(Some(entry)) => {
                let begin = position.get();
                match digest_of(&mut reader, &mut buffer) {
                    Ok((digest, _)) => pass.take(entry, digest, begin),
                    Err(error) => {
                        pass.findings.add(Rule::ArchiveDamaged, what, error.to_string());
                        break;
                    }
                }
                if pass.entries.len() >= MAX_ENTRIES {
                    pass.findings.add(Rule::LimitPassed, what, format!("more than {MAX_ENTRIES} entries"));
                    break;
                }
            }
            Err(error) => {
                if pass.refuse(what, &error) {
                    break;
                }
            }
        }
    }
    // The digest is that of all bytes, also of those behind what could be read.
    if let Err(error) = io::copy(&mut measured, &mut io::sink()) {
        pass.findings.add(Rule::ArchiveDamaged, what, error.to_string());
    }
    let (diff_id, archive) = measured.finish();
    let diff_id = diff_id.ok_or_else(|| ViewError::damaged(what, "it has no digest"))?;
    let index = LayerIndex {
        archive_size: position.get(),
        entries: pass.entries,
        securities: pass.securities,
        findings: pass.findings,
        ..LayerIndex::new(diff_id)
    };
    Ok((index, archive))
}

/// What was read so far.
#[derive(Default)]
struct Pass {
    entries: Vec<Entry>,
    /// Entries by their folded names: how a stream finds its file.
    places: HashMap<String, usize>,
    securities: Vec<Vec<u8>>,
    security_numbers: HashMap<Vec<u8>, u32>,
    findings: Findings,
}

impl Pass {
    fn take(&mut self, entry: layer_tar::Entry, digest: Option<Digest>, begin: u64) {
        let path = entry.path.as_str().to_owned();
        let Some(digest) = digest else { return };
        let content = |size| Content { position: Some(begin), size, digest: digest.clone() };
        let kind = match entry.kind {
            layer_tar::Kind::Directory => Kind::Directory { opaque: false },
            layer_tar::Kind::File { size } => Kind::File(content(size)),
            layer_tar::Kind::Stream { name, size } => {
                let content = content(size);
                return self.take_stream(&path, name, content);
            }
            layer_tar::Kind::Reparse(point) if point.is_mount_point => Kind::Junction(point.target),
            layer_tar::Kind::Reparse(point) => Kind::Symlink(point.target),
            layer_tar::Kind::HardLink(target) => Kind::HardLink(target.as_str().to_owned()),
            layer_tar::Kind::Whiteout => Kind::Whiteout,
            layer_tar::Kind::Opaque => {
                self.findings.add(Rule::WhiteoutOpaque, &path, "has an opaque marker");
                return;
            }
        };
        let metadata = entry.metadata;
        let has_metadata = !matches!(kind, Kind::HardLink(_) | Kind::Whiteout);
        let security = metadata.security.map(|descriptor| self.security(descriptor));
        let entry = Entry {
            path,
            attributes: Some(metadata.attributes).filter(|_| metadata.attributes_stated && has_metadata),
            modified: metadata.modified.into(),
            created: Some(metadata.created.into()).filter(|created: &Stamp| *created != metadata.modified.into()),
            accessed: metadata.accessed.map(Stamp::from),
            changed: metadata.changed.map(Stamp::from),
            security,
            streams: Vec::new(),
            extended: metadata.extended.into_iter().map(|(name, value)| (name, value.len() as u64)).collect(),
            kind,
        };
        self.look_at(&entry);
        self.places.insert(fold(&entry.path), self.entries.len());
        self.entries.push(entry);
    }

    fn take_stream(&mut self, path: &str, name: String, content: Content) {
        let file = self.places.get(&fold(path)).and_then(|place| self.entries.get_mut(*place));
        match file.filter(|file| !matches!(file.kind, Kind::Whiteout | Kind::HardLink(_))) {
            Some(file) => file.streams.push(Stream { name, content }),
            None => self.findings.add(Rule::StreamOrphan, format!("{path}:{name}"), "comes without its file"),
        }
    }

    fn security(&mut self, descriptor: Vec<u8>) -> u32 {
        if let Some(number) = self.security_numbers.get(&descriptor) {
            return *number;
        }
        // There are fewer than MAX_ENTRIES of them.
        let number = self.securities.len() as u32;
        self.securities.push(descriptor.clone());
        self.security_numbers.insert(descriptor, number);
        number
    }

    /// What is wrong with an entry by itself.
    fn look_at(&mut self, entry: &Entry) {
        let path = &entry.path;
        let refused = path.split('/').skip(1).find_map(|part| Some((part, names::rule_of_component(part)?)));
        if let Some((part, (rule, why))) = refused.filter(|_| entry.kind != Kind::Whiteout) {
            self.findings.add(rule, path, format!("\"{part}\": {why}"));
        }
        if let Some(attributes) = entry.attributes {
            let wrong = match entry.kind {
                Kind::File(_) if attributes & ATTRIBUTE_DIRECTORY != 0 => {
                    Some("a file has the attribute of directories")
                }
                Kind::File(_) | Kind::Directory { .. } if attributes & ATTRIBUTE_REPARSE != 0 => {
                    Some("has the attribute of links and is none")
                }
                _ => None,
            };
            if let Some(wrong) = wrong {
                self.findings.add(Rule::AttributesWrong, path, format!("{attributes:#x}: {wrong}"));
            }
        }
        let times = [Some(entry.modified), entry.created, entry.accessed, entry.changed];
        if times.iter().flatten().any(|time| time.filetime().is_none()) {
            self.findings.add(Rule::TimeRange, path, "has a time before 1601");
        }
        if matches!(entry.kind, Kind::File(_)) && entry.modified == Stamp(0) {
            self.findings.add(Rule::TimeZero, path, "was modified at 1970-01-01T00:00:00Z");
        }
    }

    /// Notes why an entry was refused; true when the pass cannot go on.
    fn refuse(&mut self, what: &str, error: &LayerTarError) -> bool {
        match error {
            LayerTarError::BadName { name, why } => {
                self.findings.add(names::rule_of_refused(name, why), name, why);
                false
            }
            LayerTarError::BadRecord { name, key } => {
                let rule = match key.as_str() {
                    "MSWINDOWS.rawsd" | "MSWINDOWS.sd" => Rule::SecurityMalformed,
                    "?" => Rule::EntryDamaged,
                    _ => Rule::RecordDamaged,
                };
                self.findings.add(rule, name, format!("the record {key} does not parse"));
                false
            }
            LayerTarError::Unsupported { name, what } => {
                self.findings.add(Rule::EntryType, name, format!("is {what}"));
                false
            }
            LayerTarError::TooLarge(limit) => {
                self.findings.add(Rule::LimitPassed, what, limit);
                true
            }
            other => {
                self.findings.add(Rule::ArchiveDamaged, what, other.to_string());
                true
            }
        }
    }
}
