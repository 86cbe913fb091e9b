//! Flags, texts and exit codes.

use std::fs;

use casement_tests::Host;
use serde_json::Value;

const IMAGE: &str = "nanoserver:ltsc2022";

#[test]
fn files_are_copied_out_and_a_root_file_system_is_written() {
    let host = Host::without_daemon();
    let out = host.directory().join("out");
    let words = ["image", "extract", IMAGE, out.to_str().unwrap(), "--path", r"C:\windows\SYSTEM32\cmd.exe", "--json"];
    let output = host.casement(words).succeeded();
    let copied: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(copied["files"], 1, "{output}");
    let again = host.casement(words).exited(1);
    assert!(again.stderr.contains("is not empty"), "{again}");

    let rootfs = host.directory().join("rootfs");
    let output = host.casement(["image", "export-rootfs", IMAGE, rootfs.to_str().unwrap(), "--json"]).succeeded();
    let written: Value = serde_json::from_str(&output.stdout).unwrap();
    for hive in written["hives"].as_array().cloned().unwrap_or_default() {
        let bytes = fs::read(rootfs.join(hive.as_str().unwrap())).unwrap();
        assert!(bytes.starts_with(b"regf"), "{hive}");
    }
    assert!(written["hives"].as_array().is_some_and(|hives| hives.len() >= 2), "{written}");
    let listing = host.casement(["image", "ls-files", "-q", IMAGE]).succeeded();
    let files = fs::read_dir(&rootfs).unwrap().count();
    assert!(files > 0 && listing.lines().len() > 100, "{files}");
}

#[test]
fn nothing_is_made_by_looking() {
    let host = Host::bare();
    let root = host.root();
    let output = host.casement(["image", "ls-files", "nanoserver"]).exited(1);
    assert!(output.stderr.contains("no such image: nanoserver") && output.stderr.contains("no store"), "{output}");
    assert!(!root.join("content").exists());
}

#[test]
fn defects_make_the_exit_code() {
    let host = Host::bare();
    let directory = host.new_directory("layers");
    // A tar archive of Linux: `tar -cf` of a directory.
    fs::create_dir_all(directory.join("app")).unwrap();
    fs::write(directory.join("app/tool.sh"), "#!/bin/sh\n").unwrap();
    let archive = directory.join("layer.tar");
    let made = std::process::Command::new("tar").arg("-C").arg(&directory).arg("-cf").arg(&archive).arg("app").status();
    assert!(made.unwrap().success());
    let layer = format!("layer:{}", archive.display());
    let output = host.casement(["image", "check", &layer]).exited(2);
    for text in ["error [top-level]", "error [hives-missing]", "error [files-missing]", "way out: ", "errors, "] {
        assert!(output.stdout.contains(text), "{text}: {output}");
    }
    let quiet = host.casement(["image", "check", "-q", &layer]).exited(2);
    assert!(!quiet.stdout.contains("way out"), "{quiet}");
    let output = host.casement(["image", "check", "--json", &layer]).exited(2);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!((report["worst"].as_str(), report["source"].as_str()), (Some("error"), Some("layer")), "{output}");
    assert!(
        report["findings"]
            .as_array()
            .is_some_and(|findings| findings.iter().all(|finding| finding["remedy"].is_string()))
    );
    let _ = host.casement(["image", "check", "/no/such/file"]).exited(125);
}

#[test]
fn a_second_look_takes_the_index_that_the_first_has_kept() {
    let host = Host::without_daemon();
    let first = host.casement(["image", "ls-files", "--json", IMAGE]).succeeded();
    let indices = host.root().join("cache/layer-indices");
    let kept: Vec<_> = fs::read_dir(&indices).unwrap().flatten().map(|entry| entry.path()).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let before = fs::read(&kept[0]).unwrap();
    let second = host.casement(["image", "ls-files", "--json", IMAGE]).succeeded();
    assert_eq!(first.stdout, second.stdout);
    assert_eq!(fs::read(&kept[0]).unwrap(), before);
    // A damaged one is made again.
    fs::write(&kept[0], b"damaged").unwrap();
    let third = host.casement(["image", "ls-files", "--json", IMAGE]).succeeded();
    assert_eq!(first.stdout, third.stdout);
    assert_eq!(fs::read(&kept[0]).unwrap(), before);
}

/// The blob of the only layer.
fn blob(host: &Host) -> std::path::PathBuf {
    let listing = host.casement(["image", "ls-files", "--json", IMAGE]).succeeded();
    let listing: Value = serde_json::from_str(&listing.stdout).unwrap();
    let digest = listing["layers"][0]["blob"].as_str().unwrap().to_owned();
    host.root().join("content/blobs").join(digest.replace(':', "/"))
}

#[test]
fn an_unpacked_layer_says_the_same_as_its_archive() {
    let host = Host::without_daemon();
    let blob = blob(&host);
    let list = || {
        let output = host.casement(["image", "ls-files", "--json", IMAGE]).succeeded();
        let listing: Value = serde_json::from_str(&output.stdout).unwrap();
        listing["files"].as_array().cloned().unwrap()
    };
    let of_archive = list();
    fs::remove_file(&blob).unwrap();
    fs::remove_dir_all(host.root().join("cache/layer-indices")).unwrap();
    let of_directory = list();
    assert_eq!(of_archive.len(), of_directory.len());
    for (one, other) in of_archive.iter().zip(&of_directory) {
        // Directories were made anew by this test's host, and files that have the default descriptor keep none.
        let security = ["security"].into_iter().filter(|_| one["kind"] == "directory");
        for field in ["path", "kind", "size", "sha256", "attributes"].into_iter().chain(security) {
            assert_eq!(one[field], other[field], "{field}: {one} {other}");
        }
    }
    let cat = host.casement(["image", "cat", IMAGE, r"C:\windows\system32\cmd.exe"]).succeeded();
    assert!(cat.stdout_bytes.starts_with(b"MZ"));
    let output = host.casement(["image", "check", IMAGE]).exited(2);
    assert!(output.stdout.contains("[blob-missing]"), "{output}");
}

#[test]
fn layers_that_are_not_here_are_told_with_the_command_that_fetches_them() {
    let host = Host::without_daemon();
    fs::remove_file(blob(&host)).unwrap();
    fs::remove_dir_all(host.root().join("layers")).unwrap();
    fs::create_dir(host.root().join("layers")).unwrap();
    fs::remove_dir_all(host.root().join("cache/layer-indices")).unwrap();
    let output = host.casement(["image", "ls-files", IMAGE]).exited(1);
    assert!(output.stderr.contains("casement pull --base-policy=fetch"), "{output}");
}
