//! `docker build`: the images that it makes, as other readers see them.

use std::fs;
use std::path::{Path, PathBuf};

use casement_tests::{Host, Output};

fn context(host: &Host, name: &str, dockerfile: &str) -> PathBuf {
    let directory = host.new_directory(name);
    fs::write(directory.join("Dockerfile"), dockerfile).expect("a Dockerfile");
    directory
}

fn build(host: &Host, directory: &Path, flags: &[&str]) -> Output {
    let directory = directory.display().to_string();
    host.docker(["build"].into_iter().chain(flags.iter().copied()).chain([directory.as_str()]))
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
