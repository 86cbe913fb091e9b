//! Programs see the Windows version of their image, and one daemon runs several side by side.

use casement_tests::Host;

/// The tags that have a base image in the prepared root, with their builds.
const BUILDS: [(&str, &str); 3] = [("1809", "17763"), ("ltsc2022", "20348"), ("ltsc2025", "26100")];

#[test]
fn ver_prints_the_build_of_the_image() {
    let host = Host::start();
    for (tag, build) in BUILDS {
        let image = format!("nanoserver:{tag}");
        let output = host.casement(["run", "--rm", &image, "cmd", "/c", "ver"]).succeeded();
        assert!(output.text().starts_with(&format!("Microsoft Windows 10.0.{build}")), "{output}");
        assert_eq!(output.stderr, "");
    }
}

#[test]
fn every_way_to_ask_for_the_version_gives_the_build_of_the_image_side_by_side() {
    let host = Host::start();
    let volume = host.programs_volume();
    let running = BUILDS.map(|(tag, build)| {
        let image = format!("nanoserver:{tag}");
        (build, host.background(["run", "--rm", "-v", &volume, &image, r"C:\t\version.exe"]))
    });
    for (build, running) in running {
        let output = running.finish().succeeded();
        let version = format!("10.0.{build}");
        assert!(output.after("RtlGetVersion ").starts_with(&version), "{output}");
        assert!(output.after("KUSER_SHARED_DATA ").starts_with(&version), "{output}");
        assert_eq!(output.after("windows directory "), r"C:\windows", "{output}");
    }
}
