//! The base images that Casement makes, seen with the tools for images of anybody.

use casement_tests::Host;
use serde_json::Value;

const IMAGE: &str = "nanoserver:ltsc2022";

fn json(host: &Host, words: &[&str]) -> Value {
    let output = host.casement(["image"].iter().chain(words).copied());
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
}

#[test]
fn base_images_break_no_rule() {
    let host = Host::without_daemon();
    for image in ["nanoserver:1809", IMAGE, "nanoserver:ltsc2025", "servercore:ltsc2022"] {
        let output = host.casement(["image", "check", image]).exited(0);
        assert!(output.stdout.contains("0 errors, 0 warnings"), "{output}");
    }
}

#[test]
fn files_of_a_base_image_have_layer_attributes_and_content() {
    let host = Host::without_daemon();
    let listing = json(&host, &["ls-files", IMAGE, r"c:/WINDOWS\System32\CMD.EXE", "--json"]);
    let file = &listing["files"][0];
    assert_eq!(listing["files"].as_array().map(Vec::len), Some(1), "{listing}");
    assert_eq!((file["kind"].as_str(), file["layer"].as_u64()), (Some("file"), Some(0)), "{file}");
    let path = file["path"].as_str().unwrap_or_default();
    assert!(path.eq_ignore_ascii_case(r"C:\Windows\System32\cmd.exe"), "{path}");
    let content = host.casement(["image", "cat", IMAGE, r"\windows\system32\cmd.exe"]).succeeded().stdout_bytes;
    assert_eq!(Some(content.len() as u64), file["size"].as_u64());
    assert_eq!(&content[..2], b"MZ");
    let digest = casement_layers::Digest::of(&content);
    assert_eq!(Some(digest.hex()), file["sha256"].as_str());
}

#[test]
fn the_registry_tells_the_build() {
    let host = Host::without_daemon();
    let key = r"hklm\software\microsoft\windows nt\currentversion";
    let output = host.casement(["image", "reg", IMAGE, key, "-v", "currentbuild"]).succeeded();
    let line = output.lines().into_iter().find(|line| line.starts_with("    ")).unwrap_or_default();
    assert_eq!(line.split("    ").skip(2).collect::<Vec<_>>(), ["REG_SZ", "20348"], "{output}");
    let shown = json(&host, &["reg", IMAGE, key, "--json"]);
    let values = shown["values"].as_array().cloned().unwrap_or_default();
    let build = values
        .iter()
        .find(|value| value["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case("CurrentBuild")));
    assert_eq!(build.map(|value| (value["data"].clone(), value["layer"].clone())), Some(("20348".into(), 0.into())));
    let missing = host.casement(["image", "reg", IMAGE, r"HKLM\SOFTWARE\No\Such\Key"]).exited(1);
    assert!(missing.stderr.contains("unable to find the specified registry key or value"), "{missing}");
    assert!(
        host.casement(["image", "reg", IMAGE, r"HKLM\SYSTEM\CurrentControlSet\Control"])
            .succeeded()
            .text()
            .contains("HKEY_LOCAL_MACHINE")
    );
}

#[test]
fn builds_differ_in_their_version_and_nothing_is_different_from_itself() {
    let host = Host::without_daemon();
    let same = host.casement(["image", "diff", IMAGE, "mcr.microsoft.com/windows/nanoserver:ltsc2022"]).exited(0);
    assert_eq!(same.stdout, "");
    let output = host.casement(["image", "diff", "--json", "nanoserver:1809", IMAGE]).exited(1);
    let difference: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    let config = difference["config"].as_array().cloned().unwrap_or_default();
    assert!(config.iter().any(|change| change["path"] == "/os.version"), "{config:?}");
    let registry = difference["registry"].to_string();
    assert!(registry.contains("17763") && registry.contains("20348"), "{registry}");
    let _ = host.casement(["image", "diff", IMAGE, "no-such-image"]).exited(2);
}
