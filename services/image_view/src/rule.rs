//! The rules of `casement image check`: docs/image-check.md is this table, which a test holds.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How bad it is when a rule is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Windows takes the image, and it is not what its maker meant.
    Warning,
    /// Windows refuses the image, or it fails there.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// What is known of a rule.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// How bad it is to break it.
    pub severity: Severity,
    /// What it asks for.
    pub rule: &'static str,
    /// What Windows does with an image that breaks it.
    pub windows: &'static str,
    /// The way out.
    pub remedy: &'static str,
}

macro_rules! rules {
    ($($name:ident $id:literal $severity:ident $rule:literal $windows:literal $remedy:literal;)*) => {
        /// A rule, by its id.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Rule {
            $(#[doc = $rule] #[serde(rename = $id)] $name,)*
        }

        impl Rule {
            /// All rules, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its id, which stays the same.
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// What is known of it.
            pub fn about(self) -> About {
                match self {
                    $(Self::$name => About { severity: Severity::$severity, rule: $rule, windows: $windows, remedy: $remedy },)*
                }
            }
        }
    };
}

rules! {
    DocumentDamaged "document-damaged" Error
        "Manifest and config are JSON documents of the OCI or Docker image format."
        "Pulling or loading fails."
        "Make the image again.";
    ManifestMediaType "manifest-media-type" Warning
        "The manifest's media type is that of an OCI or Docker image manifest."
        "Some registries and engines refuse it."
        "Set `mediaType` to `application/vnd.oci.image.manifest.v1+json`.";
    BlobDigest "blob-digest" Error
        "Every blob has the digest that its descriptor states."
        "Pulling fails: filesystem layer verification failed."
        "Push or copy the image again; never edit a blob in place.";
    BlobSize "blob-size" Error
        "Every blob has the size that its descriptor states."
        "Pulling fails."
        "Write the descriptor after the blob is closed.";
    BlobMissing "blob-missing" Error
        "Every layer's blob is there."
        "Loading fails; pulling fetches it if the registry has it."
        "`casement pull --base-policy=fetch` fetches the blobs of an image.";
    LayerMediaType "layer-media-type" Error
        "A layer is a tar archive, plain or packed with gzip or Zstandard, and its media type says so."
        "The layer is refused or read in the wrong way."
        "Use `application/vnd.oci.image.layer.v1.tar+gzip`.";
    ForeignLayer "foreign-layer" Note
        "Layers are of a distributable media type."
        "Fetches such a layer from the addresses in `urls`; registries do not hold it."
        "Nothing is wrong. Current base images of Microsoft have ordinary layers.";
    BaseSubstituted "base-substituted" Note
        "The image is on the base that it was made on."
        "Never sees this: a push gives the registry the original image, unless something was built on this one."
        "Nothing is wrong. To see the original base, pull it with `--base-policy=fetch`.";
    LayerCount "layer-count" Error
        "Manifest and config name as many layers."
        "Pulling fails: the layers cannot be matched with their diff ids."
        "Add each layer to both `layers` and `rootfs.diff_ids`.";
    DiffId "diff-id" Error
        "A layer's diff id is the digest of its unpacked archive."
        "Pulling fails: wrong diff id calculated on extraction."
        "Put the digest of the archive before packing in `rootfs.diff_ids`.";
    OsMissing "os-missing" Error
        "The config states `os`."
        "The image is taken for one of Linux, or refused."
        "Set `os` to `windows`.";
    OsWrong "os-wrong" Error
        "`os` is `windows`."
        "Refused: image operating system cannot be used on this platform."
        "Set `os` to `windows`, or check an image for Windows.";
    Architecture "architecture" Warning
        "`architecture` is `amd64` or `arm64`."
        "The image is not chosen from an index, or its programs do not start."
        "Set `architecture` to `amd64`.";
    OsVersionMissing "os-version-missing" Warning
        "The config states `os.version`."
        "Cannot tell whether host and image match: process isolation fails late with 0xc0370101, and an index may choose the wrong image."
        "Copy `os.version` from the config of the base image.";
    OsVersionMalformed "os-version-malformed" Error
        "`os.version` has four numbers: `10.0.20348.2700`."
        "The build is not recognised: pulling or starting fails."
        "Copy `os.version` from the config of the base image.";
    OsVersionUnknown "os-version-unknown" Note
        "The build in `os.version` is one that Microsoft publishes base images for."
        "Runs it on a host of that build only."
        "Nothing, if the build is meant.";
    PlatformDiffers "platform-differs" Error
        "The index describes the platform as the config does."
        "Another image than the index promises is pulled, and may not start."
        "Write `os`, `architecture` and `os.version` of the config into the index.";
    CommandMissing "command-missing" Warning
        "The config has `Cmd` or `Entrypoint`."
        "`docker run IMAGE` fails: no command specified."
        "Set `Cmd`, in base images `c:\\windows\\system32\\cmd.exe`.";
    VariablesTwice "variables-twice" Warning
        "No two environment variables differ in case only."
        "Programs see one of them."
        "Remove one; Windows' names of variables have no case.";
    HistoryCount "history-count" Warning
        "The history has one step for each layer, besides those marked `empty_layer`."
        "`docker history` shows wrong sizes; base images are not recognised by it."
        "Add a step for each layer, or leave `history` out.";
    CreatedMalformed "created-malformed" Warning
        "Times in the config are RFC 3339."
        "Pulling fails in clients that parse the time."
        "Write it like `2024-05-14T00:00:00Z`.";
    ArchiveDamaged "archive-damaged" Error
        "A layer's archive can be read to its end."
        "Extracting the layer fails."
        "Make the layer again.";
    EntryDamaged "entry-damaged" Error
        "Every entry's header and PAX records parse."
        "Extracting the layer fails."
        "Write PAX archives with a library that knows them.";
    RecordDamaged "record-damaged" Error
        "`MSWINDOWS.` and `LIBARCHIVE.` records have the form that go-winio reads: numbers in decimal, bytes in base64."
        "Extracting the layer fails, or the metadata is lost."
        "`MSWINDOWS.fileattr` is a decimal number, `MSWINDOWS.rawsd` a self-relative descriptor in base64.";
    EntryType "entry-type" Error
        "Entries are files, directories, symbolic links and hard links."
        "Extracting the layer fails: no device, pipe or socket is a file of NTFS."
        "Leave it out of the layer.";
    LimitPassed "limit-passed" Error
        "A layer stays within the limits of what can be read."
        "Extracting the layer does not end, or fills the disk."
        "Do not use the image.";
    TopLevel "top-level" Error
        "All entries are below `Files`, `Hives` and `UtilityVM`."
        "The layer is not imported; builders for Linux write files at the top."
        "Put the files of volume C: below `Files/`.";
    FilesMissing "files-missing" Error
        "Every layer has the directory `Files`."
        "The layer is not imported: the system cannot find the path specified."
        "Add the directory entry `Files`.";
    HivesMissing "hives-missing" Error
        "Every layer has the directory `Hives`."
        "The layer is not imported: the system cannot find the path specified (what Linux builders forget most)."
        "Add the directory entry `Hives`, empty if the registry does not change.";
    BaseHiveMissing "base-hive-missing" Error
        "The base layer has the five hives `Hives/*_Base`."
        "The container does not start: its registry cannot be made."
        "Build on a base image. `casement base build` makes one.";
    UtilityVmMissing "utility-vm-missing" Note
        "The base layer has `UtilityVM`."
        "Runs it with process isolation only."
        "Nothing, if Hyper-V isolation on Windows is not needed.";
    NameEscapes "name-escapes" Error
        "No name is absolute or leads out of the layer."
        "The layer is refused; older versions wrote outside of it."
        "Do not use the image.";
    NameRefused "name-refused" Error
        "Names are possible on NTFS: no `< > : \" | ? *`, backslash or control character, at most 255 units."
        "Extracting the layer fails: the filename, directory name, or volume label syntax is incorrect."
        "Rename the file.";
    NameOfDevice "name-of-device" Warning
        "Names are possible for programs of Windows: no device such as `NUL`, no dot or blank at the end."
        "Extracts the file; programs cannot open it by its name."
        "Rename the file.";
    NameEncoding "name-encoding" Error
        "Names are UTF-8."
        "Extracting the layer fails, or makes another name."
        "Write names in UTF-8.";
    CaseCollision "case-collision" Error
        "No two names of a directory differ in case only."
        "The later replaces the earlier, or extracting fails: the file exists."
        "Rename one.";
    EntryTwice "entry-twice" Warning
        "No name is in a layer twice."
        "The later replaces the earlier, or extracting fails: the file exists."
        "Write each name once.";
    ParentMissing "parent-missing" Warning
        "The directory of an entry comes before it in the layer."
        "Extracting fails where the import opens each name in its directory: the system cannot find the path specified."
        "Write an entry for each directory on the way.";
    AttributesMissing "attributes-missing" Warning
        "Entries have `MSWINDOWS.fileattr`."
        "Files get no attributes: hidden, system and read-only are lost."
        "Write `MSWINDOWS.fileattr`: 16 for directories, 32 for files.";
    AttributesWrong "attributes-wrong" Warning
        "Attributes agree with the kind of the entry."
        "Extracting fails, or the attributes are corrected silently."
        "Set bit 16 on directories only and bit 1024 on links only.";
    SecurityMissing "security-missing" Warning
        "Entries have a security descriptor (`MSWINDOWS.rawsd`), or their directory has one to inherit."
        "They get what the directory of the import hands down: `ContainerUser` may not be able to start or write them."
        "Write `MSWINDOWS.rawsd`, at least for directories; Linux builders have none unless told.";
    SecurityMalformed "security-malformed" Error
        "Security descriptors are self-relative and sound."
        "Extracting the layer fails: the security descriptor structure is invalid."
        "Write the bytes of a self-relative descriptor in base64.";
    TimeRange "time-range" Warning
        "Times can be kept as FILETIME: 1601 and later."
        "Extracting the layer fails: the parameter is incorrect."
        "Write a time after 1601.";
    TimeZero "time-zero" Note
        "Files have a time of modification after 1 January 1970."
        "Keeps it; some installers and build tools take it for no time at all."
        "Reproducible builders can set a later fixed time.";
    StreamOrphan "stream-orphan" Error
        "An alternate data stream follows its file."
        "Extracting the layer fails, or the stream is lost."
        "Write `file:stream` directly after `file`.";
    WhiteoutOpaque "whiteout-opaque" Error
        "There are no opaque markers (`.wh..wh..opq`)."
        "Does not know them: what was to be hidden in the directory stays."
        "Write a whiteout for each name.";
    WhiteoutInBase "whiteout-in-base" Error
        "The base layer has no whiteouts."
        "The layer is not imported."
        "Leave them out: there is nothing below.";
    WhiteoutOfNothing "whiteout-of-nothing" Warning
        "A whiteout names something that lower layers have."
        "Ignores it; if the name was misspelt, the file stays."
        "Remove the whiteout or correct its name.";
    WhiteoutPlace "whiteout-place" Error
        "Whiteouts are below `Files` or `UtilityVM/Files`."
        "The layer is not imported; hives are changed by deltas."
        "Delete keys by a `*_Delta` hive.";
    WhiteoutAndEntry "whiteout-and-entry" Warning
        "No name is deleted and made in one layer."
        "Either may win."
        "Leave the whiteout out: the new file replaces the old one.";
    HardLinkNowhere "hard-link-nowhere" Error
        "A hard link's target is in this layer or one below."
        "Extracting the layer fails: the system cannot find the file specified."
        "Write the target before the link, by its name from the top of the layer.";
    HardLinkForward "hard-link-forward" Error
        "A hard link's target comes before it in the layer."
        "Extracting the layer fails where the link is made at once."
        "Write the target before the link.";
    HardLinkPlace "hard-link-place" Error
        "Hard links and their targets are below `Files` or `UtilityVM/Files`."
        "The layer is not imported: invalid hard link."
        "Write the file instead.";
    HardLinkKind "hard-link-kind" Error
        "A hard link's target is a file."
        "Extracting the layer fails: access is denied."
        "Write a junction or symbolic link.";
    LinkLeaves "link-leaves" Warning
        "Symbolic links and junctions stay on volume C:."
        "Makes the link; programs that follow it fail, or reach what is mounted there."
        "Use a target on C: or a relative one.";
    LinkOfUnix "link-of-unix" Warning
        "Targets are paths of Windows."
        "Takes `/usr/bin/x` for `C:\\usr\\bin\\x` or makes a link that leads nowhere."
        "Write the target as a path of Windows.";
    LinkNowhere "link-nowhere" Note
        "Targets of links are in the image."
        "Makes the link; it leads nowhere until a container makes the target."
        "Nothing, if a volume or the first start provides it.";
    LinkLoop "link-loop" Warning
        "Following a link comes to an end."
        "Programs fail: the name of the file cannot be resolved by the system."
        "Remove a link of the circle.";
    HiveDamaged "hive-damaged" Error
        "Hives load."
        "The layer is not imported, or the container does not start: the configuration registry database is corrupt."
        "Make the hive again; Linux tools that edit hives often leave what Windows refuses.";
    HiveDirty "hive-dirty" Warning
        "Hives were closed in order."
        "Loads what their file holds; what stands in logs only is lost, as layers carry no logs."
        "Close the hive before the layer is made.";
    HiveUnknown "hive-unknown" Warning
        "`Hives` holds `DefaultUser`, `Sam`, `Security`, `Software` and `System` with `_Base` or `_Delta`."
        "Ignores it."
        "Remove it.";
    HiveOfWine "hive-of-wine" Error
        "The registry is in hives."
        "Cannot read Wine's text: the container does not start."
        "Build the image again with a current Casement.";
    DeltaWithoutBase "delta-without-base" Error
        "Below a `*_Delta` is a layer with its `*_Base`."
        "The container does not start: there is nothing that the delta belongs to."
        "Build on a base image.";
    DeltaInBase "delta-in-base" Error
        "The base layer has no `*_Delta`."
        "The container does not start."
        "Merge it into the base hive.";
    BaseInUpper "base-in-upper" Error
        "Upper layers have no `*_Base`."
        "Ignores it, or the layer is not imported: what is in it does not reach the registry."
        "Write what changed as `*_Delta`.";
    DeltaNotLayered "delta-not-layered" Warning
        "A `*_Delta` is marked as a hive with layered keys."
        "Takes its tombstones and semantics for nothing: deleted keys come back."
        "Set flag 2 in the base block and write minor version 6.";
}

impl Rule {
    /// How bad it is to break it.
    pub fn severity(self) -> Severity {
        self.about().severity
    }
}

/// The table of all rules in Markdown, as in `docs/image-check.md`.
pub fn table() -> String {
    let mut text = String::from(
        "| Rule | Severity | What it asks for | What Windows does otherwise | The way out |\n|---|---|---|---|---|\n",
    );
    let cell = |text: &str| text.replace('|', "\\|");
    for rule in Rule::ALL {
        let about = rule.about();
        text.push_str(&format!(
            "| `{}` | {} | {} | {} | {} |\n",
            rule.id(),
            about.severity,
            cell(about.rule),
            cell(about.windows),
            cell(about.remedy)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_rules_is_this_table() {
        let page = include_str!("../../../docs/image-check.md");
        assert!(page.contains(&table()), "docs/image-check.md lacks this table:\n{}", table());
    }

    #[test]
    fn ids_are_distinct_and_stay_words() {
        let mut ids: Vec<_> = Rule::ALL.iter().map(|rule| rule.id()).collect();
        assert!(ids.iter().all(|id| id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), Rule::ALL.len());
    }
}
