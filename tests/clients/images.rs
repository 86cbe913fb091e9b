//! The images that the suites run do what the suites take for granted.

use casement_tests::Host;

#[test]
fn the_small_unix_commands_work_as_on_unix() {
    let host = Host::with_unix_images();
    let shell = |script: &str| host.casement(["run", "--rm", "alpine", "/bin/sh", "-c", script]);
    let output = shell("echo hello out; sleep 0.1; echo hello err >&2; exit 3").exited(3);
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("hello out\n", "hello err\n"));
    let output =
        shell("mkdir -p /a/b && cd /a && touch c && ls -p && pwd && echo x >> d && test `cat d | wc -l` -eq 1");
    assert_eq!(output.succeeded().stdout, "b/\nc\n/a\n");
    let output =
        shell("i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; for w in a \"b c\"; do printf '%s,%d;' \"$w\" $i; done");
    assert_eq!(output.succeeded().stdout, "a,3;b c,3;");
    let output = shell("nosuch; echo $?; (exit 4) || echo $(echo inner) $?").succeeded();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("127\ninner 4\n", "sh: nosuch: not found\n"));

    let output = host.casement(["run", "--rm", "alpine:3.10", "cat", "/test"]).exited(1);
    assert_eq!(output.stderr, "cat: can't open '/test': No such file or directory\n");
    let output = host.casement_fed(["run", "--rm", "-i", "busybox"], b"for i in 1 2\ndo echo $i\ndone\ncat\nrest\n");
    assert_eq!(output.succeeded().stdout, "1\n2\nrest\n");
    let output = host.casement(["run", "--rm", "hello-world"]).succeeded();
    assert_eq!(output.lines()[1], "Hello from Docker!");
}
