//! `docker build`: the images that it makes, as other readers see them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use casement_tests::{Host, Output, places};
use serde_json::Value;

fn context(host: &Host, name: &str, dockerfile: &str) -> PathBuf {
    let directory = host.new_directory(name);
    fs::write(directory.join("Dockerfile"), dockerfile).expect("a Dockerfile");
    directory
}

fn build(host: &Host, directory: &Path, flags: &[&str]) -> Output {
    let directory = directory.display().to_string();
    host.docker(["build"].into_iter().chain(flags.iter().copied()).chain([directory.as_str()]))
}

/// What `read_layers.py` says of an image that skopeo has copied out of an archive.
fn read(host: &Host, image: &str) -> Value {
    let directory = host.new_directory("read");
    let (archive, layout) = (directory.join("image.tar"), directory.join("layout"));
    let _ = host.docker(["save", "-o", archive.to_str().expect("text"), image]).succeeded();
    let run = |command: &mut Command| {
        let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let mut skopeo = Command::new("skopeo");
    skopeo.args(["--override-os", "windows", "--insecure-policy", "copy", "--quiet"]);
    run(skopeo.arg(format!("docker-archive:{}:{image}", archive.display())).arg(format!("oci:{}", layout.display())));
    // The distribution's own Python, which has its packages.
    let mut python = Command::new("/usr/bin/python3");
    let said = run(python.arg(places::source("docker/read_layers.py")).arg(&layout));
    serde_json::from_slice(&said).expect("JSON")
}

#[test]
fn other_readers_find_the_files_keys_and_owners_of_each_step() {
    let host = Host::start();
    let file = "FROM nanoserver\nUSER ContainerAdministrator\nWORKDIR C:/app\nCOPY Dockerfile plain.txt\n\
                COPY --chown=ContainerUser Dockerfile owned/mine.txt\n\
                RUN reg add HKLM\\Software\\Acme /v Version /d 7 && reg add HKCU\\Software\\Acme /v Mine /d yes && attrib +h plain.txt\n\
                RUN del plain.txt && reg delete HKLM\\Software\\Acme /f\n";
    let directory = context(&host, "ctx", file);
    let _ = build(&host, &directory, &["-t", "made:1"]).succeeded();
    let checked = host.casement(["image", "check", "made:1"]).exited(0);
    assert!(checked.stdout.contains("0 errors, 0 warnings"), "{checked}");
    let image = read(&host, "made:1");
    assert_eq!(image["os"], "windows");
    let layers = image["layers"].as_array().expect("layers");
    let [_, work, copy, owned, run, removed] = &layers[..] else { panic!("{image}") };
    let names = |layer: &Value| -> Vec<String> {
        let entries = layer["entries"].as_object().expect("entries");
        entries.keys().filter(|name| !matches!(name.as_str(), "Files" | "Hives")).cloned().collect()
    };
    assert_eq!(names(work), ["Files/app"], "{work}");
    assert_eq!(names(copy), ["Files/app", "Files/app/plain.txt"], "{copy}");
    assert_eq!(names(owned), ["Files/app", "Files/app/owned", "Files/app/owned/mine.txt"], "{owned}");
    for layer in [work, copy, owned, run] {
        for (name, entry) in layer["entries"].as_object().expect("entries") {
            let whole = ["attributes", "owner"].iter().all(|what| entry[what].is_string());
            assert!(whole || name.starts_with("Hives"), "{name}: {entry}");
        }
    }
    let owner = |layer: &Value, name: &str| layer["entries"][name]["owner"].as_str().expect("an owner").to_owned();
    assert_eq!(owner(copy, "Files/app/plain.txt"), "S-1-5-32-544");
    assert_eq!(owner(owned, "Files/app/owned/mine.txt"), "S-1-5-93-2-2");
    assert_eq!(owner(owned, "Files/app/owned"), "S-1-5-93-2-2");
    assert_eq!(owner(owned, "Files/app"), "S-1-5-32-544");
    let attributes: u32 =
        run["entries"]["Files/app/plain.txt"]["attributes"].as_str().expect("attributes").parse().expect("a number");
    assert_eq!(attributes & 2, 2, "it is hidden: {run}");
    assert_eq!(run["hives"]["Software_Delta"], serde_json::json!({ "\\Acme": { "Version": "7" } }), "{run}");
    assert_eq!(run["hives"]["NTUSER.DAT"]["\\Software\\Acme"]["Mine"], "yes", "{run}");
    let gone = removed["entries"].as_object().expect("entries");
    assert!(gone.contains_key("Files/app/.wh.plain.txt"), "{gone:?}");
    assert!(removed["hives"]["Software_Delta"].is_object() && removed["hives"]["NTUSER.DAT"].is_null(), "{removed}");
    // What other readers took apart is whole again here.
    let other = Host::start();
    let archive = host.directory().join("files/read/image.tar");
    let _ = other.docker(["load", "-i", archive.to_str().expect("text")]).succeeded();
    let listed = other.docker(["run", "--rm", "made:1", "cmd", "/c", "dir /b /s"]).succeeded();
    assert!(listed.stdout.contains(r"C:\app\owned\mine.txt") && !listed.stdout.contains("plain.txt"), "{listed}");
}

#[test]
fn mounts_of_a_step_leave_nothing_in_its_layer() {
    let host = Host::start();
    let file = "# escape=`\nFROM nanoserver\nUSER ContainerAdministrator\n\
                RUN --mount=type=cache,target=C:\\made\\cache --mount=type=tmpfs,target=C:\\memory echo x> C:\\made\\cache\\x.txt && echo y> C:\\memory\\y.txt\n\
                RUN --mount=target=C:\\made\\context type C:\\made\\context\\Dockerfile > C:\\kept.txt\n";
    let directory = context(&host, "ctx", file);
    let _ = build(&host, &directory, &["-t", "mounts"]).succeeded();
    let image = read(&host, "mounts");
    let layers = image["layers"].as_array().expect("layers");
    let names = |layer: &Value| layer["entries"].as_object().expect("entries").keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&layers[1]), ["Files", "Hives"]);
    assert_eq!(names(&layers[2]), ["Files", "Files/kept.txt", "Hives"]);
}

#[test]
fn steps_are_taken_from_images_that_were_made_of_the_same() {
    let host = Host::start();
    let directory =
        context(&host, "ctx", "FROM nanoserver\nENV A=b\nRUN echo %RANDOM%> C:\\Users\\Public\\r.txt\nLABEL x=y\n");
    let _ = build(&host, &directory, &["-t", "made"]).succeeded();
    let id = host.docker(["image", "inspect", "-f", "{{json .RootFS.Layers}}", "made"]).succeeded().stdout;
    let archive = host.directory().join("made.tar");
    let _ = host.docker(["save", "-o", archive.to_str().expect("text"), "made"]).succeeded();
    let other = Host::start();
    let _ = other.docker(["load", "-i", archive.to_str().expect("text")]).succeeded();
    let built = build(&other, &directory, &["-t", "again", "--cache-from", "made"]).succeeded();
    assert_eq!(built.stdout.matches(" ---> Using cache").count(), 3, "{built}");
    assert_eq!(other.docker(["image", "inspect", "-f", "{{json .RootFS.Layers}}", "again"]).succeeded().stdout, id);
    // Without it nothing is known.
    let anew = Host::start();
    let built = build(&anew, &directory, &[]).succeeded();
    assert!(!built.stdout.contains("Using cache"), "{built}");
}

#[test]
fn casement_builds_with_secrets_and_passes_codes_on() {
    let host = Host::start();
    let directory = context(
        &host,
        "ctx",
        "FROM nanoserver\nUSER ContainerAdministrator\nARG CODE=0\nRUN --mount=type=secret,id=token findstr s3cr3t C:\\ProgramData\\Docker\\secrets\\token > nul && exit %CODE%\n",
    );
    let secret = host.directory().join("secret.txt");
    fs::write(&secret, "s3cr3t").expect("write");
    let given = format!("id=token,src={}", secret.display());
    let directory = directory.display().to_string();
    let built = host.casement(["build", "-t", "with:secret", "--secret", &given, &directory]).succeeded();
    assert!(built.stdout.contains("Successfully tagged with:secret"), "{built}");
    let failed = host.casement(["build", "--build-arg", "CODE=7", "--secret", &given, &directory]).exited(7);
    assert!(failed.stderr.contains("returned a non-zero code: 7"), "{failed}");
    let quiet = host.casement(["build", "-q", "--secret", &given, &directory]).succeeded();
    assert!(quiet.text().starts_with("sha256:") && quiet.lines().len() == 1, "{quiet}");
    let fed = host.casement_fed(["build", "-"], b"FROM nanoserver\nENV A=b\n").succeeded();
    assert!(fed.stdout.contains("Successfully built"), "{fed}");
    let none = host.casement(["build", "/nonexistent"]).exited(1);
    assert!(none.stderr.contains("path \"/nonexistent\" not found"), "{none}");
}
