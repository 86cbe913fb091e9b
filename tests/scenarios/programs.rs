//! Unmodified Windows programs do their work in containers of the smallest image. tests/real-programs.txt says where they
//! come from.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    directory: PathBuf,
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

    /// Runs a program that succeeds in a container of that name, which stays.
    fn run_and_keep(&self, name: &str, words: &[&str]) -> Output {
        let programs = self.host.programs_volume();
        let line = [&["run", "--name", name, "-v", &programs], &self.flags()[..], &["nanoserver"], words].concat();
        // A tree of thousands of files takes its time where other tests run too.
        self.host.background(line).wait_within(4 * deadline::GENEROUS).succeeded()
    }

    /// A copy of a directory of a container.
    fn take_out(&self, container: &str, path: &str) -> PathBuf {
        let to = self.host.new_directory("taken");
        let _ = self.host.docker(["cp", &format!("{container}:{path}"), &to.display().to_string()]).succeeded();
        to.join(path.rsplit('\\').next().expect("a last step"))
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
fn an_archiver_unpacks_over_names_of_a_layer_in_another_case() {
    const DIRECTORIES: usize = 8;
    const FILES: usize = 40;
    let work = Workplace::new();
    let old = |directory: usize, file: usize| format!("SubDirectory{directory}/File{file}.TXT");
    let new = |directory: usize, file: usize| format!("SUBDIRECTORY{directory}/fILE{file}.txt");
    let text = |directory: usize, file: usize| format!("text {file} of {directory}\n").repeat(file + 1);
    for directory in 0..DIRECTORIES {
        for file in 0..FILES {
            work.put(&format!("old/{}", old(directory, file)), "old");
            // Every fourth is only in the layer, and as many are new.
            let name = if file % 4 == 0 { format!("SUBDIRECTORY{directory}/new{file}") } else { new(directory, file) };
            work.put(&format!("new/{name}"), &text(directory, file));
        }
    }
    let tree = r"C:\Users\ContainerUser\tree";
    for name in ["old", "new"] {
        let _ = work.run(&[ARCHIVER, "a", "-mx1", &format!("{name}.7z"), &format!(r".\{name}\*")]).succeeded();
    }
    let output = work.run_and_keep("layer", &[ARCHIVER, "x", &format!("-o{tree}"), "old.7z"]);
    assert!(output.stdout.contains("Everything is Ok"), "{output}");
    let _ = work.host.docker(["commit", "layer", "with-tree"]).succeeded();

    let programs = work.host.programs_volume();
    let over = ["with-tree", ARCHIVER, "x", "-aoa", &format!("-o{}", tree.to_uppercase()), "new.7z"];
    let line = [&["run", "--name", "over", "-v", &programs], &work.flags()[..], &over].concat();
    let output = work.host.casement(line).succeeded();
    assert!(output.stdout.contains("Everything is Ok"), "{output}");

    let taken = work.take_out("over", tree);
    let found = content_below(&taken);
    assert_eq!(found.len(), DIRECTORIES * (FILES + FILES / 4), "one file for all spellings of a name");
    for directory in 0..DIRECTORIES {
        for file in 0..FILES {
            let is = |name: &str, text: &str| {
                let (spelled, content) =
                    found.iter().find(|(spelled, _)| spelled.eq_ignore_ascii_case(name)).expect(name);
                assert!(content == text.as_bytes(), "{spelled}");
                assert!(spelled.starts_with("SubDirectory"), "{spelled}: directories stay as they are written");
            };
            if file % 4 == 0 {
                is(&old(directory, file), "old");
                is(&format!("SubDirectory{directory}/new{file}"), &text(directory, file));
            } else {
                is(&new(directory, file), &text(directory, file));
            }
        }
    }
}

#[test]
fn npm_installs_thousands_of_files_as_they_were_published() {
    const PACKAGES: [&str; 2] = ["rxjs", "tslib"];
    let work = Workplace::new();
    let real = places::test_programs().join("real");
    for name in PACKAGES {
        let mut pack = Command::new("tar");
        pack.arg("-czf").arg(work.directory.join(format!("{name}.tgz"))).arg("-C").arg(&real);
        pack.args(["--exclude=.package", &format!("--transform=s,^{name},package,"), name]);
        assert!(pack.status().expect("start tar").success());
        let description = fs::read_to_string(real.join(name).join("package.json")).expect("package.json");
        work.put(&format!("{name}.json"), &description);
    }
    work.put("install.js", include_str!("programs/install.js"));
    work.put("installed.js", include_str!("programs/installed.js"));
    // tslib is what rxjs depends on; each archive is asked for once.
    let script = [
        r"mkdir C:\Users\ContainerUser\app",
        r"cd C:\Users\ContainerUser\app",
        &format!(r"{NODE} C:\work\install.js C:\t\real\npm\bin\npm-cli.js C:\work rxjs@7.8.2"),
        &format!(r"{NODE} C:\work\installed.js"),
    ];
    let output = work.run_and_keep("installed", &["cmd", "/c", &script.join("& ")]);
    assert!(output.stdout.contains("added 2 packages"), "{output}");
    assert!(output.lines().contains(&"npm 0 2"), "{output}");
    assert_eq!(output.lines().last(), Some(&"120"), "{output}");

    let installed = work.take_out("installed", r"C:\Users\ContainerUser\app\node_modules");
    let mut files = 0;
    for name in PACKAGES {
        let (expected, found) = (content_below(&real.join(name)), content_below(&installed.join(name)));
        let names = |tree: &BTreeMap<String, Vec<u8>>| tree.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&found), names(&expected), "{name}");
        assert!(found == expected, "{name}: files differ from those of the package");
        files += found.len();
    }
    assert!(files > 2_000, "{files} files");
}

#[test]
fn libgit2_commits_and_checks_out_what_git_reads() {
    let work = Workplace::new();
    work.put("git.js", include_str!("programs/git.js"));
    let script = [
        r"mkdir C:\Users\ContainerUser\Repository",
        &format!(
            r"{NODE} git.js C:\t\real\libgit2\git2.dll C:\t\real\koffi\koffi.node C:\users\containeruser\REPOSITORY"
        ),
    ];
    let output = work.run_and_keep("repository", &["cmd", "/c", &script.join("&& ")]);
    let lines = output.lines();
    let expected = [
        "new 320",
        "committed 0",
        "changed 160",
        "committed 0",
        "first 320 0",
        "second 280 0",
        "packed 2",
        "folds case",
    ];
    assert_eq!(lines[..expected.len()], expected, "{output}");
    let ids: Vec<&str> = lines.last().expect("a last line").split(' ').collect();
    let ["ids", first, second] = ids[..] else { panic!("{output}") };

    let repository = work.take_out("repository", r"C:\Users\ContainerUser\Repository");
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(&repository).args(["-c", "safe.directory=*"]).args(words);
        let output = git.output().expect("start git");
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8").trim_end().to_owned()
    };
    let _ = git(&["fsck", "--full", "--strict", "--no-dangling"]);
    assert_eq!(git(&["log", "--format=%H %s"]), format!("{second} second\n{first} first"));
    assert_eq!(git(&["status", "--porcelain"]), "");
    assert_eq!(git(&["show", &format!("{first}:Part8/Sub-DIR/File24.Txt")]), vec!["file 24, version 1"; 25].join("\n"));
    assert_eq!(git(&["diff", "--name-status", "--no-renames", first, second]).lines().count(), 160);
}

/// What is below a directory: `/`-separated path and bytes of each file. What tests/fetch-programs adds is left out.
fn content_below(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut ahead = vec![root.to_owned()];
    while let Some(directory) = ahead.pop() {
        for entry in fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                ahead.push(path);
            } else if !path.ends_with(".package") {
                let name = path.strip_prefix(root).expect("below it").display().to_string();
                files.insert(name, fs::read(&path).expect("read"));
            }
        }
    }
    files
}

#[test]
fn sqlite_keeps_the_counts_of_two_processes() {
    let work = Workplace::new();
    work.put("count.js", include_str!("programs/count.js"));
    for mode in ["delete", "wal"] {
        let database = r"C:\Users\ContainerUser\counts.db";
        let output = work.run(&[NODE, "--no-warnings", "count.js", database, mode]).succeeded();
        assert_eq!(output.text(), "0 true ok", "{mode}: {output}");
    }
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
