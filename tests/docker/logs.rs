//! `docker logs`.

use casement_tests::Host;

/// A container that has written what this line of commands writes.
fn written(host: &Host, commands: &str) -> String {
    let id = host.start_container(&[], &["cmd", "/c", commands]);
    assert_eq!(host.wait(&id), 0);
    id
}

#[test]
fn logs_keep_the_streams_apart_and_their_order() {
    let host = Host::start();
    let id = written(&host, "echo one& echo two& echo oops>&2& echo three");
    let output = host.docker(["logs", &id]).succeeded();
    assert_eq!(output.lines(), ["one", "two", "three"]);
    assert_eq!(output.stderr.trim(), "oops");
}

#[test]
fn logs_can_be_cut_by_number_and_time() {
    let host = Host::start();
    let id = written(&host, "echo one& echo two& echo three");
    assert_eq!(host.docker(["logs", "--tail", "1", &id]).succeeded().lines(), ["three"]);
    assert_eq!(host.docker(["logs", "--tail", "0", &id]).succeeded().stdout, "");
    let stamped = host.docker(["logs", "-t", &id]).succeeded();
    let times: Vec<&str> = stamped.lines().into_iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(times.len(), 3, "{stamped}");
    assert!(times.iter().all(|time| time.len() == "2026-01-01T00:00:00.000000000Z".len()), "{stamped}");
    assert_eq!(host.docker(["logs", "--since", times[2], &id]).succeeded().lines(), ["three"]);
    assert_eq!(host.docker(["logs", "--until", times[0], &id]).succeeded().lines(), ["one"]);
    assert_eq!(host.docker(["logs", "--since", "2999-01-01T00:00:00Z", &id]).succeeded().stdout, "");
    let detailed = host.docker(["logs", "--details", &id]).succeeded();
    assert_eq!(detailed.lines(), [" one", " two", " three"]);
}

#[test]
fn logs_are_followed_to_the_end_of_the_container() {
    let host = Host::start();
    let volume = host.programs_volume();
    let mut typing =
        host.docker_background(["run", "-i", "--name", "box", "-v", &volume, "nanoserver", r"C:\t\cat.exe"]);
    typing.write(b"one\n");
    typing.await_stdout("one");
    let following = host.docker_background(["logs", "-f", "box"]);
    following.await_stdout("one");
    typing.write(b"two\n");
    following.await_stdout("two");
    let _ = typing.finish().succeeded();
    assert_eq!(following.wait().succeeded().lines(), ["one", "two"]);
}

#[test]
fn without_a_log_there_is_nothing_to_read() {
    let host = Host::start();
    let words = ["run", "--name", "box", "--log-driver", "none", "nanoserver", "cmd", "/c", "echo hello"];
    assert_eq!(host.docker(words).succeeded().text(), "hello");
    let output = host.docker(["logs", "box"]).exited(1);
    assert!(output.stderr.contains("configured logging driver does not support reading"), "{output}");
}
