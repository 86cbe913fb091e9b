//! The Dockerfiles of `examples/`, built and run with real programs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use casement_tests::{Host, Output, deadline, places};

/// A copy of an example, with these of the real programs beside it.
fn example(host: &Host, name: &str, programs: &[(&str, &str)]) -> PathBuf {
    let directory = host.new_directory(name);
    copy(&places::source("../examples").join(name).join("."), &directory);
    for (program, to) in programs {
        let real = places::test_programs().join("real").join(program);
        assert!(real.exists(), "{} is missing: tests/fetch-programs makes it", real.display());
        copy(&real, &directory.join(to));
    }
    directory
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-r").arg(from).arg(to).status().expect("cp");
    assert!(status.success(), "copy {}", from.display());
}

fn build(host: &Host, directory: &Path, name: &str) -> Output {
    host.docker(["build", "-t", name, &directory.display().to_string()]).succeeded()
}

#[test]
fn a_node_server_is_installed_by_npm_and_serves() {
    let host = Host::start();
    let directory = example(&host, "node", &[("node/node.exe", "node.exe"), ("npm", "npm")]);
    build(&host, &directory, "hello");
    let _ = host.docker(["run", "-d", "--name", "web", "-p", "8080:8080", "hello"]).succeeded();
    deadline::until("the server listens", || host.docker(["logs", "web"]).stdout.contains("listening on 8080"));
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "20", "http://127.0.0.1:8080/world"]);
    let output = host.network().enter(&mut curl).output().expect("start curl");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello world from win32\n", "{output:?}");
}

#[test]
fn a_go_program_is_compiled_in_one_stage_and_runs_in_the_next() {
    let host = Host::start();
    let directory = example(&host, "go", &[("go", "go")]);
    build(&host, &directory, "hello");
    let output = host.docker(["run", "--rm", "hello", "you"]).succeeded();
    assert_eq!(output.text(), "hello [you] from windows");
    let inside = host.docker(["run", "--rm", "--entrypoint", "cmd", "hello", "/c", r"if exist C:\go exit 1"]);
    let _ = inside.succeeded();
}

#[test]
fn a_path_and_a_key_of_one_step_are_used_in_a_later_one() {
    let host = Host::start();
    let directory = example(&host, "tool", &[("7zip/7za.exe", "7za.exe")]);
    let built = build(&host, &directory, "tool");
    assert!(built.stdout.contains("Everything is Ok") && built.stdout.contains("0x9"), "{built}");
    let output = host.docker(["run", "--rm", "tool"]).succeeded();
    assert!(output.stdout.contains("note.txt"), "{output}");
}

#[test]
fn thirty_steps_are_built_and_then_come_from_the_cache() {
    let host = Host::start();
    let directory = example(&host, "steps", &[]);
    let first = build(&host, &directory, "steps");
    assert!(first.stdout.contains("Step 30/30"), "{first}");
    let begun = Instant::now();
    let second = build(&host, &directory, "steps");
    eprintln!("thirty steps from the cache: {} ms", begun.elapsed().as_millis());
    assert_eq!(second.stdout.matches(" ---> Using cache").count(), 29, "{second}");
    let output = host.docker(["run", "--rm", "steps"]).succeeded();
    assert_eq!(
        output.stdout.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
        (1..=12).map(|n| n.to_string()).collect::<Vec<_>>()
    );
}

#[test]
fn installers_install_in_steps() {
    let host = Host::start();
    let directory = example(&host, "installer", &[]);
    for words in [&["makensis", "-V1", "setup.nsi"][..], &["wixl", "-a", "x64", "setup.wxs"]] {
        let output = Command::new(words[0]).args(&words[1..]).current_dir(&directory).output();
        let output = output.unwrap_or_else(|error| panic!("{words:?}: {error}; scripts/install-packages --tests"));
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
    }
    let built = build(&host, &directory, "installed");
    assert!(built.stdout.contains("REG_SZ    2.0") && built.stdout.contains("REG_SZ    1.0.0"), "{built}");
    let output = host.docker(["run", "--rm", "installed"]).succeeded();
    let said: Vec<&str> = output.lines().into_iter().map(str::trim_end).collect();
    assert_eq!(said, ["hello from the installed program", "goodbye from the installed package"]);
}
