//! What cannot be done is said in Docker's words, with Docker's exit codes, and leaves nothing behind.

use casement_tests::Host;

#[test]
fn a_missing_program_is_127_in_the_words_of_windows() {
    let host = Host::start();
    let output = host.casement(["run", "--rm", "nanoserver", "nosuch.exe", "-x"]).exited(127);
    let text = "encountered an error during hcs::System::CreateProcess: nosuch.exe -x: failure in a Windows system call: The system cannot find the file specified. (0x2)";
    assert!(output.stderr.contains(text), "{output}");
    assert_eq!(host.casement(["ps", "-a", "-q"]).succeeded().stdout, "");
}

#[test]
fn a_file_that_is_no_program_is_126() {
    let host = Host::start();
    let directory = host.new_directory("shared");
    std::fs::write(directory.join("text.exe"), "not a program").expect("write");
    let volume = format!(r"{}:C:\data", directory.display());
    let output = host.casement(["run", "--rm", "-v", &volume, "nanoserver", r"C:\data\text.exe"]).exited(126);
    assert!(output.stderr.contains("%1 is not a valid Win32 application. (0xc1)"), "{output}");
}

#[test]
fn bad_flags_are_125_and_name_the_flag() {
    let host = Host::start();
    for flags in [&["--nosuch"][..], &["-m", "lots"], &["--cpus", "x"], &["-v", "/tmp"], &["--name", "a b"]] {
        let line = ["run"].iter().chain(flags).chain(&["nanoserver", "cmd"]);
        let output = host.casement(line.copied()).exited(125);
        assert!(flags.iter().any(|word| output.stderr.contains(word)), "{output}");
    }
    let _ = host.casement(["run"]).exited(125);
}

#[test]
fn a_name_in_use_is_a_conflict_that_names_its_holder() {
    let host = Host::start();
    let holder = host.start_container(&["--name", "web"], &["cmd", "/c", "exit 0"]);
    let output = host.casement(["run", "--rm", "--name", "web", "nanoserver", "cmd"]).exited(125);
    let text = format!(
        "Conflict. The container name \"/web\" is already in use by container \"{holder}\". You have to remove (or rename) that container to be able to reuse that name."
    );
    assert!(output.stderr.contains(&text), "{output}");
    assert_eq!(host.wait("web"), 0);
    let _ = host.casement(["rm", "web"]).succeeded();
    let _ = host.casement(["run", "--rm", "--name", "web", "nanoserver", "cmd", "/c", "exit 0"]).succeeded();
}

#[test]
fn verbs_on_an_unknown_container_fail_and_say_its_name() {
    let host = Host::start();
    for words in [
        &["logs", "ghost"][..],
        &["stop", "ghost"],
        &["kill", "ghost"],
        &["rm", "ghost"],
        &["wait", "ghost"],
        &["inspect", "ghost"],
        &["start", "ghost"],
        &["exec", "ghost", "cmd"],
    ] {
        let output = host.casement(words).exited(1);
        assert!(output.stderr.contains("No such container: ghost"), "{output}");
    }
}

#[test]
fn without_a_daemon_every_verb_says_so() {
    let host = Host::bare();
    for words in [&["ps"][..], &["run", "nanoserver", "cmd"], &["logs", "x"]] {
        let output = host.casement(words);
        assert_ne!(output.code(), 0);
        assert!(output.stderr.contains("docker.sock") && output.stderr.contains("daemon"), "{output}");
    }
}
