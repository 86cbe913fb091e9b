//! Limits hold, and what they end is reported.

use casement_tests::Host;

#[test]
fn a_program_that_takes_more_memory_than_its_limit_is_ended_and_reported() {
    let host = Host::start();
    let id = host.start_container(&["-m", "100m"], &[r"C:\t\alloc.exe", "200"]);
    assert_ne!(host.wait(&id), 0);
    let view = host.inspect(&id);
    assert_eq!(view["State"]["OOMKilled"], true, "{view:#}");
    assert_ne!(view["State"]["ExitCode"], 0);
    let logs = host.casement(["logs", &id]).succeeded();
    assert!(logs.stdout.contains("64 MB") && !logs.stdout.contains("112 MB"), "{logs}");
}

#[test]
fn a_program_within_its_memory_limit_is_left_alone() {
    let host = Host::start();
    let id = host.start_container(&["-m", "200m"], &[r"C:\t\alloc.exe", "100"]);
    assert_eq!(host.wait(&id), 0);
    assert_eq!(host.inspect(&id)["State"]["OOMKilled"], false);
}

#[test]
fn half_a_processor_is_half_of_the_processor_time() {
    const SECONDS: u32 = 4;
    let host = Host::start();
    let output = host.run_program_with(&["--cpus", "0.5"], &["spin.exe", &SECONDS.to_string(), "2"]).succeeded();
    let milliseconds = output.text().split(' ').next().and_then(|number| number.parse::<u32>().ok());
    let milliseconds = milliseconds.unwrap_or_else(|| panic!("{output}"));
    let share = f64::from(milliseconds) / f64::from(SECONDS * 1000);
    // A busy machine gives less; twice the limit would be a whole processor.
    assert!(share > 0.05 && share < 0.75, "share {share}: {output}");
}

#[test]
fn threads_without_end_are_refused_at_the_limit_and_hurt_nobody() {
    let host = Host::start();
    let output = host.run_program(&["threads.exe", "100000"]).succeeded();
    assert!(output.stdout.contains("refused") && !output.stdout.contains("not refused"), "{output}");
    let _ = host.casement(["run", "--rm", "nanoserver", "cmd", "/c", "exit 0"]).succeeded();
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    let host = Host::start();
    for flags in [["-m", "1m"], ["-m", "-5"], ["--cpus", "0"], ["--cpus", "100000"], ["--cpus", "-1"]] {
        let line = ["run", "--rm"].iter().chain(&flags).chain(&["nanoserver", "cmd", "/c", "exit 0"]);
        let output = host.casement(line.copied());
        assert_eq!(output.code(), 125, "{output}");
    }
}
