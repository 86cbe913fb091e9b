//! The hives of a Windows installation, and where each belongs.

/// A hive by the place where it is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mount {
    /// `HKLM\SYSTEM`
    System,
    /// `HKLM\SOFTWARE`
    Software,
    /// `HKLM\SAM`
    Sam,
    /// `HKLM\SECURITY`
    Security,
    /// `HKU\.DEFAULT`
    DefaultUser,
    /// `HKU\<the user's SID>`: `NTUSER.DAT` of the user's profile.
    User,
}

impl Mount {
    /// All hives.
    pub const ALL: [Self; 6] = [Self::System, Self::Software, Self::Sam, Self::Security, Self::DefaultUser, Self::User];

    /// Those that a layer has in its directory `Hives`. The user's is a file of the profile.
    pub const OF_LAYERS: [Self; 5] = [Self::System, Self::Software, Self::Sam, Self::Security, Self::DefaultUser];

    /// The key of `HKEY_LOCAL_MACHINE` that the hive is, as Wine spells those that it makes.
    pub fn machine_key(self) -> Option<&'static str> {
        match self {
            Self::System => Some("System"),
            Self::Software => Some("Software"),
            Self::Sam => Some("SAM"),
            Self::Security => Some("SECURITY"),
            Self::DefaultUser | Self::User => None,
        }
    }

    /// The file in `Hives` of a base layer.
    pub fn base_file(self) -> Option<&'static str> {
        match self {
            Self::System => Some("System_Base"),
            Self::Software => Some("Software_Base"),
            Self::Sam => Some("Sam_Base"),
            Self::Security => Some("Security_Base"),
            Self::DefaultUser => Some("DefaultUser_Base"),
            Self::User => None,
        }
    }

    /// The file in `Hives` of an upper layer.
    pub fn delta_file(self) -> Option<&'static str> {
        match self {
            Self::System => Some("System_Delta"),
            Self::Software => Some("Software_Delta"),
            Self::Sam => Some("Sam_Delta"),
            Self::Security => Some("Security_Delta"),
            Self::DefaultUser => Some("DefaultUser_Delta"),
            Self::User => None,
        }
    }

    /// The file of an installation, below `Windows\System32\config`.
    pub fn config_file(self) -> Option<&'static str> {
        match self {
            Self::System => Some("SYSTEM"),
            Self::Software => Some("SOFTWARE"),
            Self::Sam => Some("SAM"),
            Self::Security => Some("SECURITY"),
            Self::DefaultUser => Some("DEFAULT"),
            Self::User => None,
        }
    }
}
