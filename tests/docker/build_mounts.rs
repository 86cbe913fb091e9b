//! `docker build`: what steps see and images do not get, what ends them, and what is kept of them.

use std::fs;
use std::path::{Path, PathBuf};

use casement_tests::{Host, Output, deadline, places};

fn context(host: &Host, name: &str, dockerfile: &str, files: &[(&str, &str)]) -> PathBuf {
    let directory = host.new_directory(name);
    fs::write(directory.join("Dockerfile"), dockerfile).expect("a Dockerfile");
    for (path, content) in files {
        fs::write(directory.join(path), content).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    directory
}

fn build(host: &Host, directory: &Path, flags: &[&str]) -> Output {
    let mut words = vec!["build".to_owned()];
    words.extend(flags.iter().map(ToString::to_string));
    words.push(directory.display().to_string());
    host.docker(words)
}

/// Files of the root that hold `text`.
fn holding(directory: &Path, text: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let kind = entry.file_type().expect("a file type");
        if kind.is_dir() {
            found.extend(holding(&path, text));
        } else if kind.is_file()
            && fs::read(&path).is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text))
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn secrets_are_seen_by_their_step_only() {
    let host = Host::start();
    const SECRET: &str = "s3cr3t-0f-th3-t3st";
    let encode = |bytes: &[u8]| base64_url(bytes);
    let header = encode(format!(r#"{{"token":"{}"}}"#, encode(SECRET.as_bytes())).as_bytes());
    let config = host.directory().join("docker-config");
    fs::create_dir_all(&config).expect("mkdir");
    let text = format!(r#"{{"HttpHeaders":{{"X-Casement-Build-Secrets":"{header}"}}}}"#);
    fs::write(config.join("config.json"), text).expect("write");
    let file = "FROM nanoserver\nUSER ContainerAdministrator\n\
                RUN --mount=type=secret,id=token findstr s3cr3t C:\\ProgramData\\Docker\\secrets\\token >nul && echo file ok\n\
                RUN if exist C:\\ProgramData\\Docker\\secrets\\token exit 9\n";
    let directory = context(&host, "ctx", file, &[]);
    let output = build(&host, &directory, &["-t", "secret"]).succeeded();
    assert!(output.stdout.contains("file ok"), "{output}");
    assert_eq!(holding(&host.root(), SECRET.as_bytes()), Vec::<PathBuf>::new());
    assert!(!host.daemon_log().contains(SECRET));
    let missing = "FROM nanoserver\nRUN --mount=type=secret,id=other,required=true echo never\n";
    let directory = context(&host, "missing", missing, &[]);
    let refused = build(&host, &directory, &[]).exited(1);
    assert!(refused.stderr.contains("secret other: not found"), "{refused}");
    let variable = "FROM nanoserver\nRUN --mount=type=secret,id=token,env=TOKEN echo never\n";
    let directory = context(&host, "variable", variable, &[]);
    let refused = build(&host, &directory, &[]).exited(1);
    assert!(refused.stderr.contains("secret token: env= is not implemented"), "{refused}");
}

fn base64_url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            match at <= chunk.len() {
                true => text.push(LETTERS[(number >> (18 - 6 * at) & 63) as usize].into()),
                false => text.push('='),
            }
        }
    }
    text
}

#[test]
fn caches_outlive_builds_and_binds_show_the_context() {
    let host = Host::start();
    let file = "# escape=`\nFROM nanoserver\nUSER ContainerAdministrator\nARG N\n\
                RUN --mount=type=cache,target=C:\\cache echo %N%>> C:\\cache\\seen.txt && type C:\\cache\\seen.txt\n\
                RUN --mount=target=C:\\ctx type C:\\ctx\\a.txt\n";
    let directory = context(&host, "ctx", file, &[("a.txt", "from the context\n")]);
    let _ = build(&host, &directory, &["--build-arg", "N=one"]).succeeded();
    let second = build(&host, &directory, &["--build-arg", "N=two", "-t", "mounts"]).succeeded();
    assert!(second.stdout.contains("one") && second.stdout.contains("two"), "{second}");
    assert!(second.stdout.contains("from the context"), "{second}");
    let inside = host.docker(["run", "--rm", "mounts", "cmd", "/c", "dir", "/b", "/s", r"C:\cache"]);
    assert!(!inside.stdout.contains("seen.txt"), "{inside}");
    let usage = host.docker(["system", "df"]).succeeded();
    assert!(usage.stdout.contains("Build Cache"), "{usage}");
    let _ = host.docker(["builder", "prune", "-a", "-f"]).succeeded();
    let third = build(&host, &directory, &["--build-arg", "N=three"]).succeeded();
    assert!(!third.stdout.contains("Using cache") && !third.stdout.contains("one"), "{third}");
    // What has a name is still whole.
    let _ = host.docker(["run", "--rm", "mounts", "cmd", "/c", "ver"]).succeeded();
}

#[test]
fn the_same_context_and_epoch_give_the_same_image() {
    let file = "FROM nanoserver\nUSER ContainerAdministrator\nWORKDIR C:/app\nCOPY a.txt .\n\
                RUN echo made> made.txt && reg add HKLM\\Software\\Acme /v X /d 1\n\
                RUN setx /M PATH C:\\app && reg add HKCU\\Software\\Acme /v Y /d 2 && mkdir deep && type made.txt > deep\\again.txt\n\
                USER ContainerUser\nRUN del made.txt & set > nul\n";
    let ids: Vec<String> = (0..2)
        .map(|_| {
            let host = Host::start();
            let directory = context(&host, "ctx", file, &[("a.txt", "a")]);
            let times = fs::FileTimes::new()
                .set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000));
            fs::File::options()
                .write(true)
                .open(directory.join("a.txt"))
                .and_then(|file| file.set_times(times))
                .expect("times");
            let output = build(&host, &directory, &["-q", "--build-arg", "SOURCE_DATE_EPOCH=1700000000"]).succeeded();
            output.stdout.trim().to_owned()
        })
        .collect();
    assert_eq!(ids[0], ids[1]);
    assert!(ids[0].starts_with("sha256:"), "{ids:?}");
}

#[test]
fn a_client_that_leaves_ends_the_step_and_nothing_stays() {
    let host = Host::start();
    let programs = places::test_programs();
    let directory =
        context(&host, "ctx", "FROM nanoserver\nCOPY spin.exe C:/\nRUN echo begun && C:\\spin.exe 600\n", &[]);
    fs::copy(programs.join("spin.exe"), directory.join("spin.exe")).expect("copy");
    let client = host.docker_background(["build", "--force-rm", &directory.display().to_string()]);
    client.await_stdout("begun \r\n");
    client.signal(rustix::process::Signal::KILL);
    let _ = client.wait();
    deadline::until("the container of the step is gone", || {
        host.docker(["ps", "-a", "-q"]).succeeded().stdout.is_empty()
    });
    deadline::until("nothing of the build is on the disk", || {
        fs::read_dir(host.root().join("builds")).map_or(0, Iterator::count) == 0
    });
}

#[test]
fn a_daemon_that_is_killed_leaves_nothing_of_a_build() {
    let host = Host::start();
    let programs = places::test_programs();
    let directory =
        context(&host, "ctx", "FROM nanoserver\nCOPY spin.exe C:/\nRUN echo begun && C:\\spin.exe 600\n", &[]);
    fs::copy(programs.join("spin.exe"), directory.join("spin.exe")).expect("copy");
    let client = host.docker_background(["build", &directory.display().to_string()]);
    client.await_stdout("begun \r\n");
    host.kill_daemon();
    let _ = client.wait();
    host.start_daemon();
    assert_eq!(host.docker(["ps", "-a", "-q"]).succeeded().stdout, "");
    assert!(!host.root().join("builds").exists());
    // What was finished is in the cache.
    fs::write(directory.join("Dockerfile"), "FROM nanoserver\nCOPY spin.exe C:/\nRUN echo done\n").expect("write");
    let output = build(&host, &directory, &[]).succeeded();
    assert!(output.stdout.contains("Using cache") && output.stdout.contains("done"), "{output}");
}
