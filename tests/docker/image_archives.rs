//! `docker commit`, `history`, `save`, `load` and `import`: images made of containers, and archives of them.

use std::fs;
use std::path::Path;
use std::process::Command;

use casement_tests::{Host, Output, deadline};

const ADMINISTRATOR: [&str; 3] = ["--isolation=process", "-u", "ContainerAdministrator"];

/// Runs a command line in a new container called `name`, which stays.
fn run(host: &Host, name: &str, image: &str, line: &str) -> Output {
    let words = ["run", "--name", name].into_iter().chain(ADMINISTRATOR).chain([image, "cmd", "/c", line]);
    host.docker(words).succeeded()
}

/// What a command line says in a new container, which goes.
fn said(host: &Host, image: &str, line: &str) -> Output {
    let words = ["run", "--rm"].into_iter().chain(ADMINISTRATOR).chain([image, "cmd", "/c", line]);
    host.docker(words)
}

fn text(host: &Host, words: &[&str]) -> String {
    host.docker(words.iter().copied()).succeeded().text().to_owned()
}

const SETUP: &str = r"md C:\app& echo hello> C:\app\file.txt& del C:\Windows\System32\find.exe& reg add HKLM\Software\Zoo /v Animal /d panda /f& reg add HKCU\Environment /v COLOUR /d green /f& reg delete HKLM\Software\Microsoft\Cryptography\Providers\Trust /f";

#[test]
fn a_container_becomes_an_image_with_its_files_its_registry_and_its_deletions() {
    let host = Host::start();
    let _ = run(&host, "made", "nanoserver", SETUP);
    let changes = ["-c", "ENV STAGE=two", "-c", "CMD [\"cmd\", \"/c\", \"type C:\\\\app\\\\file.txt\"]"];
    let words = ["commit", "-m", "a remark", "-a", "someone"].into_iter().chain(changes).chain(["made", "app:1"]);
    let id = host.docker(words).succeeded().text().to_owned();
    assert!(id.starts_with("sha256:"), "{id}");
    assert_eq!(
        text(&host, &["image", "inspect", "-f", "{{.Id}} {{.Author}} {{len .RootFS.Layers}}", "app:1"]),
        format!("{id} someone 2")
    );

    assert_eq!(said(&host, "app:1", r"type C:\app\file.txt").succeeded().text(), "hello");
    assert_eq!(host.docker(["run", "--rm", "app:1"]).succeeded().text(), "hello", "the new command");
    assert_eq!(said(&host, "app:1", "echo %STAGE%").succeeded().text(), "two");
    assert!(said(&host, "app:1", r"reg query HKLM\Software\Zoo /v Animal").succeeded().text().contains("panda"));
    assert!(said(&host, "app:1", r"reg query HKCU\Environment /v COLOUR").succeeded().text().contains("green"));
    let gone = said(&host, "app:1", r"dir C:\Windows\System32\find.exe");
    assert!(gone.stderr.contains("File not found"), "{gone}");
    let key = r"reg query HKLM\Software\Microsoft\Cryptography\Providers\Trust";
    assert_eq!((said(&host, "nanoserver", key).code(), said(&host, "app:1", key).code()), (0, 1));
    assert_ne!(said(&host, "nanoserver", r"reg query HKLM\Software\Zoo").code(), 0, "the parent is as it was");

    // The container goes on, and an image of an image works, too.
    let _ = host.docker(["start", "made"]).succeeded();
    let _ = host.docker(["wait", "made"]).succeeded();
    let _ = run(&host, "second", "app:1", r"echo two>> C:\app\file.txt& reg add HKLM\Software\Zoo /v Second /d 2");
    let _ = host.docker(["commit", "second", "app:2"]).succeeded();
    assert_eq!(said(&host, "app:2", r"type C:\app\file.txt").succeeded().lines(), ["hello", "two"]);
    assert!(said(&host, "app:2", r"reg query HKLM\Software\Zoo").succeeded().text().contains("panda"));
    let history =
        host.docker(["history", "--no-trunc", "--format", "{{.Comment}}|{{.CreatedBy}}", "app:2"]).succeeded();
    assert_eq!(history.lines().len(), 3, "{history}");
    assert!(history.lines()[1].starts_with("a remark|") && history.lines()[1].contains("md C:\\app"), "{history}");
}

#[test]
fn a_running_container_is_not_committed_and_names_are_checked() {
    let host = Host::start();
    let id = host.start_container(&["-u", "ContainerAdministrator"], &[r"C:\t\ctrl.exe", r"C:\event.txt", "600"]);
    let refused = host.docker(["commit", &id, "app:1"]);
    assert!(refused.stderr.contains("windows does not support commit of a running container"), "{refused}");
    let _ = host.docker(["stop", "-t", "1", &id]).succeeded();
    let refused = host.docker(["commit", "-c", "RUN x", &id, "app:1"]);
    assert!(refused.stderr.contains("run is not a valid change command"), "{refused}");
    assert_ne!(host.docker(["commit", &id, "Upper/Case"]).code(), 0);
    let refused = host.docker(["commit", "no-such", "app:1"]);
    assert!(refused.stderr.contains("No such container: no-such"), "{refused}");
    let nameless = host.docker(["commit", &id]).succeeded().text().to_owned();
    assert_eq!(text(&host, &["images", "-q", "--no-trunc", "--filter", "dangling=true"]), nameless);
}

/// A host whose images are loaded into another one.
fn saved(host: &Host, file: &Path, names: &[&str]) {
    let _ = host.docker(["save", "-o", file.to_str().unwrap()].iter().chain(names)).succeeded();
}

#[test]
fn images_go_from_host_to_host_in_archives_that_other_tools_read() {
    let host = Host::start();
    let _ = run(&host, "made", "nanoserver", SETUP);
    let id = host.docker(["commit", "made", "team/app:1"]).succeeded().text().to_owned();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("images.tar");
    saved(&host, &file, &["team/app:1", "nanoserver:ltsc2022"]);

    for source in ["docker-archive:FILE:team/app:1", "docker-archive:FILE:nanoserver:ltsc2022", "oci-archive:FILE:1"] {
        let source = source.replace("FILE", file.to_str().unwrap());
        let inspected = Command::new("skopeo")
            .args(["--override-os", "windows", "inspect", "--raw", &source])
            .output()
            .unwrap_or_else(|e| panic!("skopeo: {e}; scripts/install-packages --tests"));
        assert!(inspected.status.success(), "{source}: {}", String::from_utf8_lossy(&inspected.stderr));
    }
    // It copies every blob and checks every digest.
    let copied = Command::new("skopeo")
        .args(["--override-os", "windows", "--insecure-policy", "copy", "--quiet"])
        .arg(format!("docker-archive:{}:team/app:1", file.display()))
        .arg(format!("dir:{}", directory.path().join("copy").display()))
        .output()
        .unwrap();
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));

    let other = Host::start();
    let loaded = other.docker(["load", "-i", file.to_str().unwrap()]).succeeded();
    for line in ["Loaded image: team/app:1", "Loaded image: nanoserver:ltsc2022"] {
        assert!(loaded.lines().contains(&line), "{loaded}");
    }
    assert_eq!(text(&other, &["image", "inspect", "-f", "{{.Id}}", "team/app:1"]), id);
    assert_eq!(said(&other, "team/app:1", r"type C:\app\file.txt").succeeded().text(), "hello");
    assert!(said(&other, "team/app:1", r"reg query HKLM\Software\Zoo /v Animal").succeeded().text().contains("panda"));
    let gone = said(&other, "team/app:1", r"dir C:\Windows\System32\find.exe");
    assert!(gone.stderr.contains("File not found"), "{gone}");

    // As a stream, by id, and packed.
    let packed = Command::new("gzip").arg("-1c").arg(&file).output().unwrap();
    let loaded = other.docker_fed(["load", "-q"], &packed.stdout).succeeded();
    assert!(loaded.lines().contains(&"Loaded image: team/app:1"), "{loaded}");
    saved(&host, &file, &[&id]);
    let loaded = other.docker(["load", "-i", file.to_str().unwrap()]).succeeded();
    assert_eq!(loaded.text(), format!("Loaded image ID: {id}"));
}

#[test]
fn archives_that_are_none_of_windows_images_are_refused() {
    let host = Host::start();
    let before = text(&host, &["images", "-q"]);
    let refused = host.docker_fed(["load"], b"no archive at all");
    assert_ne!(refused.code(), 0, "{refused}");
    let refused = host.docker(["save", "no-such:1"]);
    assert!(refused.stderr.contains("No such image: no-such:1"), "{refused}");
    let refused = host.docker(["export", "no-such"]);
    assert!(refused.stderr.contains("No such container: no-such"), "{refused}");
    assert_eq!(text(&host, &["images", "-q"]), before);
}

/// The names in a tar archive.
fn listed(archive: &Path) -> Vec<String> {
    let output = Command::new("tar").arg("-tf").arg(archive).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn an_exported_container_is_imported_and_runs_without_its_image() {
    let host = Host::start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("container.tar");
    let _ = run(&host, "made", "nanoserver:1809", SETUP);
    let _ = host.docker(["export", "-o", file.to_str().unwrap(), "made"]).succeeded();
    let names = listed(&file);
    let has = |name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    for name in ["Files/app/file.txt", "Files/Windows/System32/cmd.exe", "Hives/System_Base", "Hives/Software_Base"] {
        assert!(has(name), "{name}: {names:?}");
    }
    assert!(!has("Files/Windows/System32/find.exe"), "{names:?}");
    let checked = host.casement(["image", "check", &format!("layer:{}", file.display())]).succeeded();
    assert!(!checked.stdout.contains("error ["), "{checked}");

    let id = host.docker(["import", file.to_str().unwrap(), "whole:1"]).succeeded().text().to_owned();
    let shown = text(&host, &["image", "inspect", "-f", "{{.Id}} {{len .RootFS.Layers}} {{.OsVersion}}", "whole:1"]);
    let version = text(&host, &["image", "inspect", "-f", "{{.OsVersion}}", "nanoserver:1809"]);
    assert_eq!(shown, format!("{id} 1 {version}"));
    let _ = host.docker(["rm", "made"]).succeeded();
    let _ = host.docker(["rmi", "nanoserver:1809"]).succeeded();
    let line =
        r"type C:\app\file.txt& ver& reg query HKLM\Software\Zoo /v Animal& reg query HKCU\Environment /v COLOUR";
    let told = said(&host, "whole:1", line).succeeded();
    for part in ["hello", "10.0.17763", "panda", "green"] {
        assert!(told.stdout.contains(part), "{part}: {told}");
    }
    let gone = said(&host, "whole:1", r"dir C:\Windows\System32\find.exe");
    assert!(gone.stderr.contains("File not found"), "{gone}");
    assert_eq!(said(&host, "whole:1", r"reg query HKLM\Software\Microsoft\Cryptography\Providers\Trust").code(), 1);
}

#[test]
fn running_containers_and_those_on_disks_of_their_own_are_exported() {
    let host = Host::start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("container.tar");
    let export = |container: &str| {
        let _ = host.docker(["export", "-o", file.to_str().unwrap(), container]).succeeded();
        listed(&file)
    };
    let line = ["cmd", "/c", r"echo there> C:\running.txt& C:\t\ctrl.exe C:\event.txt 600"];
    let id = host.start_container(&["-u", "ContainerAdministrator"], &line);
    deadline::until("the file is there", || host.docker(["diff", &id]).succeeded().stdout.contains("running.txt"));
    let names = export(&id);
    assert!(names.iter().any(|name| name == "Files/running.txt"), "{names:?}");
    // The volume of programs that is mounted in it is none of its files.
    assert!(!names.iter().any(|name| name.starts_with("Files/t/") && name != "Files/t/"), "{names:?}");

    let flags = ["run", "--name", "sized", "--storage-opt", "size=64MB"];
    let line = ["nanoserver", "cmd", "/c", r"echo on a disk> C:\disk.txt"];
    let _ = host.docker(flags.iter().chain(&ADMINISTRATOR).chain(&line)).succeeded();
    assert!(export("sized").iter().any(|name| name == "Files/disk.txt"));
}

#[test]
fn a_layer_is_imported_as_an_image() {
    let host = Host::start();
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir_all(directory.path().join("Files/app")).unwrap();
    fs::create_dir_all(directory.path().join("Hives")).unwrap();
    fs::write(directory.path().join("Files/app/file.txt"), "text").unwrap();
    let tar = Command::new("tar")
        .args(["--format=pax", "-cC"])
        .arg(directory.path())
        .args(["Files", "Hives"])
        .output()
        .unwrap();
    let words = ["import", "-c", "ENV A=b", "-m", "from a tar", "-", "imported:1"];
    let id = host.docker_fed(words, &tar.stdout).succeeded().text().to_owned();
    let shown = text(&host, &["image", "inspect", "-f", "{{.Id}} {{.Os}} {{.Config.Env}}", "imported:1"]);
    assert_eq!(shown, format!("{id} windows [A=b]"));
    let refused = host.docker(["create", "imported:1", "cmd"]);
    assert!(refused.stderr.contains("no registry"), "{refused}");
    let linux = Command::new("tar").args(["-cC", "/etc", "hostname"]).output().unwrap();
    let refused = host.docker_fed(["import", "-", "imported:2"], &linux.stdout);
    assert!(format!("{refused}").contains("outside of Files"), "{refused}");
}
