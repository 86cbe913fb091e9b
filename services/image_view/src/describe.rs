//! What is told of one name: the JSON of `casement image ls-files`.

use crate::entry::{Content, Entry, Kind, attribute_names};
use crate::name::shown;
use crate::sddl;
use crate::tree::{At, NodeId};
use crate::view::ImageView;
use serde::Serialize;

/// One name of an image, or of one of its layers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Described {
    /// `C:\Windows\notepad.exe`; what is not on the volume from the top of the layer.
    pub path: String,
    /// `directory`, `file`, `symlink`, `junction`, `reparse-point`, `hard-link` (of one layer only, else `file`), `whiteout`
    /// (of one layer only).
    pub kind: &'static str,
    /// Bytes of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// SHA-256 of a file's content, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Names of its attributes, such as `hidden`.
    pub attributes: Vec<String>,
    /// The attributes as a number.
    pub attributes_value: u32,
    /// Whether the layer states them.
    pub attributes_stated: bool,
    /// Time of the last write (ISO 8601, seven digits of the fraction).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
    /// Time of creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Time of the last access.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accessed: Option<String>,
    /// Time of the last change of the metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<String>,
    /// The security descriptor as text (SDDL).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security: Option<String>,
    /// The target of a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The tag of another reparse point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reparse_tag: Option<u32>,
    /// The other name of which this is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hard_link_of: Option<String>,
    /// Alternate data streams.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<DescribedStream>,
    /// NT extended attributes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extended_attributes: Vec<DescribedAttribute>,
    /// Number of the layer that gives the name, the base is 0; none for a directory that only its content speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
}

/// An alternate data stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DescribedStream {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// SHA-256 of its content.
    pub sha256: String,
}

/// An NT extended attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DescribedAttribute {
    /// Its name.
    pub name: String,
    /// Bytes of its value.
    pub size: u64,
}

impl ImageView {
    /// Describes a name of the whole image.
    pub fn describe(&self, id: NodeId) -> Described {
        let node = self.tree.node(id);
        let path = self.tree.shown(id);
        let named = node.at.and_then(|at| Some((at, self.entry(at)?)));
        let layer = named.map(|(at, _)| at.layer);
        let Some((at, file)) = self.file(id) else {
            let kind = if named.is_some() { "hard-link" } else { "directory" };
            return Described { layer, ..Described::bare(path, kind) };
        };
        let mut described = self.describe_entry(at, file);
        if let Some((_, Entry { kind: Kind::HardLink(target), .. })) = named {
            described.hard_link_of = Some(shown(target.split('/')));
        }
        Described { path, layer, ..described }
    }

    /// Describes an entry of one layer, as it stands there.
    pub fn describe_entry(&self, at: At, entry: &Entry) -> Described {
        let path = shown(entry.path.split('/'));
        let security = self.layers.get(at.layer).and_then(|layer| layer.index.as_ref()?.security(entry));
        let mut described = Described {
            attributes: attribute_names(entry.shown_attributes()),
            attributes_value: entry.shown_attributes(),
            attributes_stated: entry.attributes.is_some(),
            modified: Some(entry.modified.to_string()),
            created: Some(entry.created.unwrap_or(entry.modified).to_string()),
            accessed: entry.accessed.map(|time| time.to_string()),
            changed: entry.changed.map(|time| time.to_string()),
            security: security.map(|bytes| sddl::text(bytes).unwrap_or_else(|why| format!("(it {why})"))),
            streams: entry.streams.iter().map(|stream| DescribedStream::of(&stream.name, &stream.content)).collect(),
            extended_attributes: entry
                .extended
                .iter()
                .map(|(name, size)| DescribedAttribute { name: name.clone(), size: *size })
                .collect(),
            layer: Some(at.layer),
            ..Described::bare(path, kind_name(&entry.kind))
        };
        match &entry.kind {
            Kind::File(content) => {
                described.size = Some(content.size);
                described.sha256 = Some(content.digest.hex().to_owned());
            }
            Kind::Symlink(target) | Kind::Junction(target) => described.target = Some(target.clone()),
            Kind::Reparse(tag) => described.reparse_tag = Some(*tag),
            Kind::HardLink(target) => described.hard_link_of = Some(shown(target.split('/'))),
            Kind::Directory { .. } | Kind::Whiteout => {}
        }
        described
    }
}

fn kind_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Directory { .. } => "directory",
        Kind::File(_) => "file",
        Kind::Symlink(_) => "symlink",
        Kind::Junction(_) => "junction",
        Kind::Reparse(_) => "reparse-point",
        Kind::HardLink(_) => "hard-link",
        Kind::Whiteout => "whiteout",
    }
}

impl Described {
    fn bare(path: String, kind: &'static str) -> Self {
        Self {
            path,
            kind,
            size: None,
            sha256: None,
            attributes: Vec::new(),
            attributes_value: 0,
            attributes_stated: false,
            modified: None,
            created: None,
            accessed: None,
            changed: None,
            security: None,
            target: None,
            reparse_tag: None,
            hard_link_of: None,
            streams: Vec::new(),
            extended_attributes: Vec::new(),
            layer: None,
        }
    }
}

impl DescribedStream {
    fn of(name: &str, content: &Content) -> Self {
        Self { name: name.to_owned(), size: content.size, sha256: content.digest.hex().to_owned() }
    }
}
