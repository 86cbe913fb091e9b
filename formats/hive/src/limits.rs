//! The limits on what is read and written, with what Windows has.

/// Largest bytes of bins, hence of a hive without its base block: cells are addressed by positive 32-bit numbers.
pub const MAX_BINS: usize = 0x7fff_f000;
/// Deepest key below the root ("Registry element size limits", Microsoft Learn: 512 levels).
pub const MAX_DEPTH: usize = 512;
/// Longest name of a key in UTF-16 units (`REG_MAX_KEY_NAME_LENGTH` of the WDK: 512 bytes).
pub const MAX_KEY_NAME: usize = 256;
/// Longest name of a value in UTF-16 units ("Registry element size limits": 16,383 characters).
pub const MAX_VALUE_NAME: usize = 16_383;
/// Longest class name in UTF-16 units: its length is kept in 16 bits of bytes.
pub const MAX_CLASS: usize = 32_767;
/// Longest data of one value: as many segments of big data as 16 bits count.
pub const MAX_DATA: usize = 65_535 * SEGMENT;
/// Most bytes of data in one cell; longer data is cut into segments of this length.
pub const SEGMENT: usize = 16_344;
/// Longest security descriptor: the lengths of its lists are kept in 16 bits, and there are two.
pub const MAX_SECURITY: usize = 0x2_0200;
