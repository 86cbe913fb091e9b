//! Microsoft's table of which images run on which host, for the policy `strict` (`osversion/platform_compat_windows.go` of
//! microsoft/hcsshim; "Windows container version compatibility", Microsoft Learn).

use crate::platform::HostBuild;

/// From this build on, hosts run older images in process isolation, down to the long-term release before them.
const FIRST_STABLE: u32 = 20348;
/// The long-term releases since then.
const LONG_TERM: [u32; 2] = [20348, 26100];

/// What HCS says of an image that does not fit its host, after the name of the operation.
pub const MISMATCH: &str = "The container operating system does not match the host operating system.";

/// Whether a host runs an image of this build in process isolation.
pub fn runs(host: HostBuild, image: u32) -> bool {
    if host.0 < FIRST_STABLE {
        return host.0 == image;
    }
    let floor = LONG_TERM.into_iter().rev().find(|build| *build < host.0).unwrap_or(FIRST_STABLE);
    (floor..=host.0).contains(&image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_microsofts() {
        for (host, images) in [
            (14393, &[14393][..]),
            (17763, &[17763]),
            (20348, &[20348]),
            // Windows 11 and the annual channel run Server 2022; Server 2025 runs it too.
            (22621, &[20348]),
            (25398, &[20348, 25398]),
            (26100, &[20348, 25398, 26100]),
            (26200, &[26100]),
        ] {
            let all = [14393, 17763, 20348, 25398, 26100];
            let run: Vec<u32> = all.into_iter().filter(|image| runs(HostBuild(host), *image)).collect();
            assert_eq!(run, images, "{host}");
        }
    }
}
