//! Images are found by the names that people type.

use casement_tests::Host;

fn build_of(host: &Host, image: &str) -> String {
    let output = host.casement(["run", "--rm", image, "cmd", "/c", "ver"]).succeeded();
    let version = output.text().strip_prefix("Microsoft Windows 10.0.").unwrap_or_else(|| panic!("{output}"));
    version.chars().take_while(char::is_ascii_digit).collect()
}

#[test]
fn short_tagged_and_full_names_are_the_same_images() {
    let host = Host::start();
    for (name, build) in [
        ("nanoserver", "20348"),
        ("nanoserver:1809", "17763"),
        ("nanoserver:ltsc2022", "20348"),
        ("mcr.microsoft.com/windows/nanoserver:ltsc2022", "20348"),
        ("mcr.microsoft.com/windows/nanoserver:ltsc2025", "26100"),
    ] {
        assert_eq!(build_of(&host, name), build, "{name}");
    }
}

#[test]
fn images_lists_every_base_image() {
    let host = Host::start();
    let output = host.casement(["images"]).succeeded();
    for tag in ["1809", "ltsc2022", "ltsc2025"] {
        let line = output.lines().into_iter().find(|line| line.contains("nanoserver") && line.contains(tag));
        assert!(line.is_some(), "no line for {tag}: {output}");
    }
}

#[test]
fn an_unknown_image_is_refused_and_nothing_is_made() {
    let host = Host::start();
    let output = host.casement(["run", "--rm", "no-such-image", "cmd"]).exited(125);
    assert!(output.stderr.contains("Unable to find image 'no-such-image' locally"), "{output}");
    assert!(output.stderr.contains("No such image: no-such-image"), "{output}");
    assert_eq!(host.casement(["ps", "-a", "-q"]).succeeded().stdout, "");
}
