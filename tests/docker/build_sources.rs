//! `docker build`: what comes from outside of the context: base images of registries, files of the web, repositories.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use casement_tests::registry::{Access, Registry};
use casement_tests::{Host, Output, deadline, process};

/// A server of files in the network of a host; it ends with the process.
fn serve(host: &Host, directory: &Path) -> SocketAddr {
    let listener = host.network().within(|| TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("an address");
    let directory = directory.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let directory = directory.clone();
            std::thread::spawn(move || drop(answer(stream, &directory)));
        }
    });
    address
}

/// Answers one request: with a file, a redirect (`/to/ADDRESS`), or 404.
fn answer(mut stream: TcpStream, directory: &Path) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    if let Some(target) = path.strip_prefix("/to/") {
        return write!(
            stream,
            "HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    match fs::read(directory.join(path.trim_start_matches('/'))) {
        Ok(content) => {
            let kind =
                if path.ends_with("Dockerfile") { "text/plain; charset=utf-8" } else { "application/octet-stream" };
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nLast-Modified: Sun, 09 Sep 2001 01:46:40 GMT\r\nConnection: close\r\n\r\n",
                content.len()
            )?;
            stream.write_all(&content)
        }
        Err(_) => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnone"),
    }
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("start");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn context(host: &Host, name: &str, dockerfile: &str) -> PathBuf {
    let directory = host.new_directory(name);
    fs::write(directory.join("Dockerfile"), dockerfile).expect("a Dockerfile");
    directory
}

fn build(host: &Host, source: &str, flags: &[&str]) -> Output {
    host.docker(["build"].into_iter().chain(flags.iter().copied()).chain([source]))
}

/// A build whose context the daemon fetches: the docker command would fetch it by itself.
fn build_remote(host: &Host, source: &str, flags: &[&str]) -> Output {
    host.casement(["build"].into_iter().chain(flags.iter().copied()).chain([source]))
}

#[test]
fn a_missing_base_is_pulled_with_the_accounts_of_the_client() {
    let host = Host::without_daemon();
    let registry = Registry::start(&host, Access::Protected);
    let config = registry.trust(&host);
    host.start_daemon_with(["--config".as_ref(), config.as_os_str()]);
    let name = format!("{}/team/base:v1", registry.host());
    let application = context(&host, "base", "FROM nanoserver\nLABEL of=registry\n");
    let _ = build(&host, &application.display().to_string(), &["-t", &name]).succeeded();
    let _ = host.docker(["login", "-u", "anna", "-p", "secret", registry.host()]).succeeded();
    let _ = host.docker(["push", &name]).succeeded();
    let _ = host.docker(["rmi", &name]).succeeded();
    let directory = context(&host, "ctx", &format!("FROM {name}\nENV A=b\n"));
    let built = build(&host, &directory.display().to_string(), &["-t", "pulled"]).succeeded();
    assert!(built.stdout.contains("v1: Pulling from team/base"), "{built}");
    assert!(built.stdout.contains(&format!("Status: Downloaded newer image for {name}")), "{built}");
    let label = host.docker(["image", "inspect", "--format", "{{.Config.Labels.of}}", "pulled"]).succeeded();
    assert_eq!(label.text(), "registry");
    // --pull asks again.
    let again = build(&host, &directory.display().to_string(), &["--pull"]).succeeded();
    assert!(again.stdout.contains("Status: Image is up to date for"), "{again}");
    let _ = host.docker(["logout", registry.host()]).succeeded();
    let _ = host.docker(["rmi", "-f", "pulled", &name]).succeeded();
    let refused = build(&host, &directory.display().to_string(), &[]).exited(1);
    assert!(refused.stderr.contains("no basic auth credentials"), "{refused}");
}

#[test]
fn files_of_the_web_are_added_and_lead_nowhere_else() {
    let host = Host::start();
    let files = host.new_directory("web");
    fs::write(files.join("tool.txt"), "from the web\r\n").expect("write");
    let address = serve(&host, &files);
    let file = format!("FROM nanoserver\nADD http://{address}/to/http://{address}/tool.txt C:/web/tool.txt\n");
    let directory = context(&host, "ctx", &file);
    let _ = build(&host, &directory.display().to_string(), &["-t", "web"]).succeeded();
    let shown = host.docker(["run", "--rm", "web", "cmd", "/c", r"type C:\web\tool.txt && dir C:\web"]).succeeded();
    assert!(shown.stdout.contains("from the web") && shown.stdout.contains("2001"), "{shown}");
    for (source, text) in [
        (format!("http://{address}/none"), "with status 404 Not Found: none"),
        (format!("http://{address}/to/http://169.254.169.254/latest"), "169.254.169.254 is an address that"),
        ("http://169.254.169.254/latest".to_owned(), "169.254.169.254 is an address that"),
        (format!("http://{address}/to/file:///etc/passwd"), "only http and https addresses are asked"),
    ] {
        fs::write(directory.join("Dockerfile"), format!("FROM nanoserver\nADD {source} C:/x\n")).expect("write");
        let refused = build(&host, &directory.display().to_string(), &[]).exited(1);
        assert!(refused.stderr.contains(text), "{text}: {refused}");
    }
}

#[test]
fn contexts_are_fetched_by_the_daemon() {
    let host = Host::start();
    let files = host.new_directory("web");
    let address = serve(&host, &files);
    fs::write(files.join("Dockerfile"), "FROM nanoserver\nENV FROM_WEB=yes\n").expect("write");
    fs::write(files.join("note.txt"), "note").expect("write");
    let _ = build_remote(&host, &format!("http://{address}/Dockerfile"), &["-t", "alone"]).succeeded();
    let variables = host.docker(["image", "inspect", "--format", "{{.Config.Env}}", "alone"]).succeeded();
    assert!(variables.stdout.contains("FROM_WEB=yes"), "{variables}");
    fs::write(files.join("other"), "FROM nanoserver\nCOPY note.txt C:/\n").expect("write");
    run(Command::new("tar")
        .arg("-C")
        .arg(&files)
        .arg("-czf")
        .arg(files.join("context.tar.gz"))
        .args(["other", "note.txt"]));
    let built = build_remote(&host, &format!("http://{address}/context.tar.gz"), &["-f", "other"]).succeeded();
    assert!(built.stdout.contains("Step 2/2 : COPY note.txt C:/"), "{built}");
    let refused = build_remote(&host, &format!("http://{address}/none.tar"), &[]).exited(1);
    assert!(refused.stderr.contains("404"), "{refused}");
}

#[test]
fn repositories_are_checked_out_by_git() {
    let host = Host::start();
    let work = host.new_directory("work");
    let git = |words: &[&str]| {
        let mut command = Command::new("git");
        command.arg("-C").arg(&work).args(["-c", "user.name=t", "-c", "user.email=t@example.com"]).args(words);
        run(command.env("GIT_CONFIG_GLOBAL", "/dev/null"));
    };
    git(&["init", "-q", "-b", "main"]);
    fs::create_dir(work.join("sub")).expect("mkdir");
    fs::write(work.join("sub/Dockerfile"), "FROM nanoserver\nCOPY . C:/repo/\nENV BRANCH=main\n").expect("write");
    std::os::unix::fs::symlink("/etc/passwd", work.join("sub/leak")).expect("symlink");
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "one"]);
    git(&["checkout", "-q", "-b", "other"]);
    fs::write(work.join("sub/Dockerfile"), "FROM nanoserver\nENV BRANCH=other\n").expect("write");
    git(&["commit", "-q", "-a", "-m", "two"]);
    git(&["checkout", "-q", "main"]);
    let served = host.new_directory("served");
    run(Command::new("git").args(["clone", "-q", "--bare"]).arg(&work).arg(served.join("repo.git")));
    run(Command::new("git").arg("-C").arg(served.join("repo.git")).arg("update-server-info"));
    let branch =
        |image: &str| host.docker(["image", "inspect", "--format", "{{.Config.Env}}", image]).succeeded().stdout;

    // git's own protocol, one commit deep.
    let port = host.network().within(|| TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr())).expect("a port");
    let mut daemon = Command::new("git");
    daemon.args(["daemon", "--export-all", "--listen=127.0.0.1", &format!("--port={}", port.port())]);
    daemon.arg(format!("--base-path={}", served.display())).arg(&served).stdin(Stdio::null()).stderr(Stdio::null());
    process::dies_with_its_parent(host.network().enter(&mut daemon));
    let mut daemon = daemon.spawn().expect("start git daemon");
    deadline::until("the git daemon answers", || host.network().within(|| TcpStream::connect(port).is_ok()));
    let built = build_remote(&host, &format!("git://{port}/repo.git#:sub"), &["-t", "git"]);
    let _ = daemon.kill();
    let _ = daemon.wait();
    let _ = built.succeeded();
    assert!(branch("git").contains("BRANCH=main"));
    let listed = host.docker(["run", "--rm", "git", "cmd", "/c", r"dir /b /a C:\repo"]).succeeded();
    assert!(!listed.stdout.contains(".git") && listed.stdout.contains("Dockerfile"), "{listed}");

    // Plain files over http, by a name.
    let address = serve(&host, &served);
    let repository = format!("http://localhost:{}/repo.git", address.port());
    let _ = build_remote(&host, &format!("{repository}#other:sub"), &["-t", "http"]).succeeded();
    assert!(branch("http").contains("BRANCH=other"));
    for (context, text) in [
        (format!("{repository}#none"), "there is no none: git checkout of"),
        (format!("{repository}#main:sub/none"), "the directory sub/none of the build context"),
        (format!("{repository}#main:.."), "the directory .. of the build context"),
        ("git@localhost:repo.git".to_owned(), "the daemon has no keys of ssh"),
        ("http://169.254.169.254/repo.git".to_owned(), "169.254.169.254 is an address that"),
    ] {
        let refused = build_remote(&host, &context, &[]).exited(1);
        assert!(refused.stderr.contains(text), "{context}: {refused}");
    }
    assert_eq!(fs::read_dir(host.root().join("builds")).map_or(0, Iterator::count), 0);
}
