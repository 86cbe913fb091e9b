//! Unmodified Windows programs do their work in containers of the smallest image. tests/real-programs.txt says where they
//! come from.

use std::fs;
use std::path::Path;

use casement_tests::{Host, Output, deadline, places};

/// Where the containers of these tests show the host directory with their input and output.
const WORK: &str = r"C:\work";
const NODE: &str = r"C:\t\real\node\node.exe";
const GO: &str = r"C:\t\real\go\bin\go.exe";
const POSTGRES: &str = r"C:\t\real\postgresql\bin\postgres.exe";
const INITDB: &str = r"C:\t\real\postgresql\bin\initdb.exe";
const ARCHIVER: &str = r"C:\t\real\7zip\7za.exe";

/// A host, and a directory of it that containers see as [`WORK`].
struct Workplace {
    host: Host,
    directory: std::path::PathBuf,
    volume: String,
}

impl Workplace {
    fn new() -> Self {
        let real = places::test_programs().join("real");
        assert!(real.is_dir(), "{} is missing: tests/fetch-programs makes it", real.display());
        let host = Host::start();
        let directory = host.new_directory("work");
        let volume = format!("{}:{WORK}", directory.display());
        Self { host, directory, volume }
    }

    fn put(&self, name: &str, content: &str) {
        let path = self.directory.join(name);
        fs::create_dir_all(path.parent().expect("below a directory")).expect("create the directory");
        fs::write(path, content).expect("write");
    }

    fn flags(&self) -> [&str; 4] {
        ["-v", &self.volume, "-w", WORK]
    }

    fn line(&self, further: &[&str], words: &[&str]) -> Vec<String> {
        let programs = self.host.programs_volume();
        let line = [&["run", "--rm", "-v", &programs], &self.flags()[..], further, &["nanoserver"], words].concat();
        line.into_iter().map(str::to_owned).collect()
    }

    fn run(&self, words: &[&str]) -> Output {
        self.host.casement(self.line(&[], words))
    }

    fn start(&self, name: &str, words: &[&str]) -> String {
        self.host.start_container(&[&["--name", name], &self.flags()[..]].concat(), words)
    }

    fn await_log(&self, container: &str, text: &str) {
        deadline::until(&format!("{container} logs {text:?}"), || {
            let logs = self.host.casement(["logs", container]);
            logs.stdout.contains(text) || logs.stderr.contains(text)
        });
    }
}

#[test]
fn esbuild_bundles_modules() {
    let work = Workplace::new();
    work.put("main.ts", "import { add } from './add';\nconsole.log('sum ' + add(40, 2));\n");
    work.put("add.ts", "export const add = (a: number, b: number): number => a + b;\n");
    let esbuild = r"C:\t\real\esbuild\esbuild.exe";
    let output = work.run(&[esbuild, "main.ts", "--bundle", r"--outfile=C:\work\out\bundle.js"]).succeeded();
    assert!(output.stderr.contains("bundle.js"), "{output}");
    let bundle = fs::read_to_string(work.directory.join("out/bundle.js")).expect("the bundle");
    assert!(bundle.contains("(a, b) => a + b") && !bundle.contains("import"), "{bundle}");
    let output = work.run(&[NODE, r"out\bundle.js"]).succeeded();
    assert_eq!(output.text(), "sum 42");
}

#[test]
fn ruff_finds_the_violation_in_a_tree() {
    let work = Workplace::new();
    for number in 0..40 {
        work.put(&format!("package{}/module{number}.py", number % 4), "def one() -> int:\n    return 1\n");
    }
    work.put("package3/deep/broken.py", "import os\n\nprint(os.name, undefined_name)\n");
    let ruff = r"C:\t\real\ruff\ruff.exe";
    let output = work.run(&[ruff, "check", "--isolated", "--no-cache", "--output-format", "concise", "."]).exited(1);
    let findings: Vec<&str> = output.lines().into_iter().filter(|line| line.contains(".py:")).collect();
    let [finding] = findings[..] else { panic!("{output}") };
    assert!(finding.starts_with(r"package3\deep\broken.py:3:16: F821"), "{output}");
}

#[test]
fn node_serves_http_with_piped_streams() {
    let work = Workplace::new();
    work.put("serve.js", include_str!("programs/serve.js"));
    let mut input = vec![b'x'; 300_000];
    input.extend_from_slice(b"the end");
    let output = work.host.casement_fed(work.line(&["-i"], &[NODE, "serve.js"]), &input).exited(7);
    assert_eq!(output.text(), "200 POST /path?q=1 300007 the end");
    assert_eq!(output.stderr.trim(), "served");
}

#[test]
fn node_serves_http_to_a_second_program_of_the_container() {
    let work = Workplace::new();
    work.put("listen.js", include_str!("programs/listen.js"));
    work.put("ask.js", include_str!("programs/ask.js"));
    let server = work.start("server", &[NODE, "listen.js"]);
    work.await_log(&server, "listening");
    let output = work.host.casement(["exec", &server, NODE, r"C:\work\ask.js"]).succeeded();
    assert_eq!(output.lines(), ["200 you asked for /news", "win32 v24 10.0.20348"], "{output}");
}

#[test]
fn an_archiver_packs_and_unpacks_with_equal_content() {
    let work = Workplace::new();
    work.put("in/empty", "");
    work.put("in/with space/Grüße 世界.txt", "Grüße");
    let noise: Vec<u8> = (0..3_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    fs::write(work.directory.join("in/noise.bin"), &noise).expect("write");
    let _ = work.run(&[ARCHIVER, "a", "-mx1", "packed.7z", "in"]).succeeded();
    fs::rename(work.directory.join("in"), work.directory.join("before")).expect("rename");
    let output = work.run(&[ARCHIVER, "x", "packed.7z"]).succeeded();
    assert!(output.stdout.contains("Everything is Ok"), "{output}");
    let same = |name: &str| {
        let read = |tree: &str| {
            fs::read(work.directory.join(tree).join(name)).unwrap_or_else(|error| panic!("{tree}/{name}: {error}"))
        };
        read("in") == read("before")
    };
    assert!(same("empty") && same("with space/Grüße 世界.txt") && same("noise.bin"));
}

#[test]
fn an_archiver_unpacks_over_names_in_another_case() {
    let work = Workplace::new();
    work.put("in/ReadMe.TXT", "new");
    work.put("in/SubDirectory/Deep.Txt", "deep");
    let script = [
        &format!(r"{ARCHIVER} a C:\Users\ContainerUser\packed.7z .\in\* >nul"),
        r"mkdir C:\Users\ContainerUser\tree\SUBDIRECTORY",
        r"cd C:\Users\ContainerUser\TREE",
        r"echo old> README.txt",
        &format!(r"{ARCHIVER} x -aoa C:\users\containeruser\PACKED.7z >nul"),
        r"dir /b /s",
        r"type readme.txt",
        r"type subdirectory\DEEP.txt",
    ];
    let output = work.run(&["cmd", "/c", &script.join("& ")]).succeeded();
    let names = output.lines().into_iter().filter(|line| line.to_lowercase().contains(r"\tree\")).count();
    assert_eq!(names, 3, "one file and one directory with one file: {output}");
    assert!(output.stdout.trim().ends_with("newdeep"), "{output}");
}

#[test]
fn npm_installs_a_package_of_hundreds_of_files() {
    const DIRECTORIES: usize = 24;
    const MODULES: usize = 16;
    let work = Workplace::new();
    work.put("installed.js", include_str!("programs/installed.js"));
    work.put("package/package.json", r#"{"name": "many-modules", "version": "1.0.0"}"#);
    for number in 0..DIRECTORIES * MODULES {
        let name = format!("package/part{}/Module{number}.js", number % DIRECTORIES);
        work.put(&name, &format!("module.exports = {number};\n"));
    }
    let mut pack = std::process::Command::new("tar");
    pack.arg("-czf").arg(work.directory.join("many.tgz")).arg("-C").arg(&work.directory).arg("package");
    assert!(pack.status().expect("start tar").success());
    let script = [
        r"mkdir C:\Users\ContainerUser\app",
        r"cd C:\Users\ContainerUser\app",
        &format!(r"{NODE} C:\t\real\npm\bin\npm-cli.js install --offline --no-audit --no-fund C:\work\many.tgz"),
        &format!(r"{NODE} C:\work\installed.js"),
    ];
    let output = work.run(&["cmd", "/c", &script.join("& ")]).succeeded();
    assert!(output.stdout.contains("added 1 package"), "{output}");
    let files = DIRECTORIES * MODULES;
    assert_eq!(output.lines().last(), Some(&&*format!("{files} {}", files * (files - 1) / 2)), "{output}");
}

#[test]
fn sqlite_keeps_the_counts_of_two_processes() {
    let work = Workplace::new();
    work.put("count.js", include_str!("programs/count.js"));
    let database = r"C:\Users\ContainerUser\counts.db";
    let output = work.run(&[NODE, "--no-warnings", "count.js", database]).succeeded();
    assert_eq!(output.text(), "0 200 ok", "{output}");
}

#[test]
fn postgresql_answers_and_stops_in_order() {
    let work = Workplace::new();
    work.put("select.js", include_str!("programs/select.js"));
    let _ = work
        .run(&[INITDB, "-D", r"C:\work\data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"])
        .succeeded();
    let server = work.start("database", &[POSTGRES, "-D", r"C:\work\data"]);
    work.await_log(&server, "database system is ready to accept connections");
    let output = work.host.casement(["exec", &server, NODE, r"C:\work\select.js"]).succeeded();
    assert_eq!(output.lines()[0], "5050", "{output}");
    assert!(output.lines()[1].starts_with("PostgreSQL 18.4 on x86_64-windows"), "{output}");

    let _ = work.host.casement(["stop", "-t", "120", &server]).succeeded();
    let logs = work.host.casement(["logs", &server]);
    for text in ["received fast shutdown request", "database system is shut down"] {
        assert!(logs.stderr.contains(text), "{logs}");
    }
    assert_eq!(work.host.inspect(&server)["State"]["ExitCode"], 0, "{logs}");

    let server = work.start("again", &[POSTGRES, "-D", r"C:\work\data"]);
    work.await_log(&server, "database system is ready to accept connections");
    let logs = work.host.casement(["logs", &server]);
    assert!(!logs.stderr.contains("not properly shut down"), "{logs}");
    let _ = work.host.casement(["stop", "-t", "120", &server]).succeeded();
}

#[test]
fn go_builds_a_program_that_runs() {
    let work = Workplace::new();
    work.put("go.mod", "module hello\n\ngo 1.24\n");
    work.put("hello.go", include_str!("programs/hello.go"));
    let _ = work.run(&[GO, "build", "-o", "hello.exe", "."]).succeeded();
    assert!(starts_with_mz(&work.directory.join("hello.exe")));
    let output = work.run(&[r"C:\work\hello.exe", "a", "b c"]).exited(3);
    assert_eq!(output.text(), "hello from windows [a b c]");
}

fn starts_with_mz(path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"MZ"))
}
