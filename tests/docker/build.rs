//! `docker build`: images of Dockerfiles, with steps that run.

use std::fs;
use std::path::{Path, PathBuf};

use casement_tests::{Host, Output};

/// A directory with these files.
fn context(host: &Host, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let directory = host.new_directory(name);
    for (path, content) in files {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("mkdir");
        fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    directory
}

/// `docker build FLAGS… DIRECTORY` with the classic builder.
fn build(host: &Host, directory: &Path, flags: &[&str]) -> Output {
    let mut words = vec!["build".to_owned()];
    words.extend(flags.iter().map(ToString::to_string));
    words.push(directory.display().to_string());
    host.docker(words)
}

/// What a container of an image prints.
fn printed(host: &Host, image: &str, command: &[&str]) -> String {
    let words = ["run", "--rm", image].into_iter().chain(command.iter().copied());
    host.docker(words).succeeded().stdout.replace("\r\n", "\n")
}

/// Ids of all containers.
fn containers(host: &Host) -> String {
    host.docker(["ps", "-a", "-q"]).succeeded().stdout
}

#[test]
fn steps_run_and_the_lines_are_dockers() {
    let host = Host::start();
    let directory = context(
        &host,
        "ctx",
        &[
            (
                "Dockerfile",
                "# escape=`\nFROM nanoserver\nWORKDIR C:\\app\nCOPY hello.txt .\nENV Greeting=hi\nRUN echo %greeting%> said.txt && echo out && echo err>&2\nCMD type hello.txt said.txt\n",
            ),
            ("hello.txt", "hello\n"),
        ],
    );
    let output = build(&host, &directory, &["-t", "first"]).succeeded();
    // What a step wrote to its standard error is red, and the end of the colour stands before the next line.
    let lines: Vec<&str> = output.stdout.lines().map(|line| line.trim_end().trim_start_matches("\u{1b}[0m")).collect();
    let text = output.stdout.replace("\r\n", "\n");
    for line in [
        "Step 1/6 : FROM nanoserver",
        "Step 2/6 : WORKDIR C:\\app",
        "Step 3/6 : COPY hello.txt .",
        "Step 4/6 : ENV Greeting=hi",
        "Step 5/6 : RUN echo %greeting%> said.txt && echo out && echo err>&2",
        "Step 6/6 : CMD type hello.txt said.txt",
        "out",
        "Successfully tagged first:latest",
    ] {
        assert!(lines.contains(&line), "{line}: {text}");
    }
    let with = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!((with(" ---> Running in "), with(" ---> Removed intermediate container ")), (2, 2), "{text}");
    assert_eq!(with("Successfully built "), 1, "{text}");
    assert!(text.contains("\u{1b}[91merr"), "{text}");
    let printed = printed(&host, "first", &[]);
    assert!(printed.contains("hello") && printed.contains("hi"), "{printed:?}");
    assert_eq!(containers(&host), "");
    let again = build(&host, &directory, &["-t", "first"]).succeeded().stdout;
    assert_eq!(again.matches(" ---> Using cache").count(), 5, "{again}");
    assert!(!again.contains("Running in"), "{again}");
    let history = host.docker(["history", "--no-trunc", "--format", "{{.CreatedBy}}", "first"]).succeeded().stdout;
    assert!(history.contains("cmd /S /C echo %greeting%> said.txt && echo out && echo err>&2"), "{history}");
    assert!(history.contains(r"cmd /S /C #(nop) WORKDIR C:\app"), "{history}");
    let config = host.docker_json(["image", "inspect", "--format", "{{json .Config}}", "first"]);
    assert_eq!(config["Cmd"], serde_json::json!(["cmd /S /C type hello.txt said.txt"]));
    assert_eq!((&config["ArgsEscaped"], &config["WorkingDir"]), (&true.into(), &r"C:\app".into()));
}

#[test]
fn a_step_that_fails_ends_the_build_with_its_code() {
    let host = Host::start();
    let directory =
        context(&host, "ctx", &[("Dockerfile", "FROM nanoserver\nRUN echo before && exit 3\nRUN echo never\n")]);
    let output = build(&host, &directory, &["--force-rm"]).exited(3);
    assert!(
        output.stderr.contains("The command 'cmd /S /C echo before && exit 3' returned a non-zero code: 3"),
        "{output}"
    );
    assert!(output.stdout.contains("before") && !output.stdout.contains("never"), "{output}");
    assert_eq!(containers(&host), "");
    // Without --force-rm the container stays, for those who want to look.
    let _ = build(&host, &directory, &[]).exited(3);
    assert_eq!(containers(&host).lines().count(), 1);
}

#[test]
fn the_registry_of_a_step_is_that_of_the_next() {
    let host = Host::start();
    let file = "FROM nanoserver\nUSER ContainerAdministrator\n\
                RUN reg add HKLM\\Software\\Acme /v Version /d 7 && reg add HKCU\\Software\\Acme /v Mine /d yes\n\
                RUN reg query HKLM\\Software\\Acme /v Version && reg query HKCU\\Software\\Acme /v Mine\n";
    let directory = context(&host, "ctx", &[("Dockerfile", file)]);
    let output = build(&host, &directory, &["-t", "reg"]).succeeded();
    assert!(output.stdout.contains("7") && output.stdout.contains("yes"), "{output}");
    assert!(printed(&host, "reg", &["reg", "query", r"HKLM\Software\Acme"]).contains("Version"));
}

#[test]
fn files_that_a_step_removes_are_gone() {
    let host = Host::start();
    let file = "FROM nanoserver\nUSER ContainerAdministrator\nCOPY . C:/data/\nRUN del C:\\data\\a.txt && rmdir /s /q C:\\data\\sub\nRUN dir /b /s C:\\data\n";
    let files = [
        ("Dockerfile", file),
        ("a.txt", "a"),
        ("b.txt", "b"),
        ("sub/c.txt", "c"),
        (".dockerignore", "Dockerfile\n.dockerignore\n"),
    ];
    let directory = context(&host, "ctx", &files);
    let _ = build(&host, &directory, &["-t", "less"]).succeeded();
    assert_eq!(printed(&host, "less", &["cmd", "/c", "dir", "/b", r"C:\data"]).trim(), "b.txt");
}

#[test]
fn stages_copy_from_each_other() {
    let host = Host::start();
    let file = "ARG BASE=nanoserver\nFROM $BASE AS Build\nUSER ContainerAdministrator\nWORKDIR /out\nRUN echo built> tool.txt\n\
                FROM nanoserver AS other\nRUN echo other\n\
                FROM nanoserver\nARG WHO=nobody\nCOPY --from=build C:\\\\out\\\\*.txt C:/tools/\nLABEL who=$WHO\n";
    let directory = context(&host, "ctx", &[("Dockerfile", file)]);
    let output =
        build(&host, &directory, &["-t", "multi", "--build-arg", "WHO=me", "--build-arg", "NOT=used"]).succeeded();
    assert!(output.stdout.contains("[Warning] One or more build-args [NOT] were not consumed"), "{output}");
    assert_eq!(printed(&host, "multi", &["cmd", "/c", "type", r"C:\tools\tool.txt"]).trim(), "built");
    let label = host.docker(["image", "inspect", "--format", "{{.Config.Labels.who}}", "multi"]).succeeded().stdout;
    assert_eq!(label.trim(), "me");
    let again = build(&host, &directory, &["--build-arg", "WHO=me"]).succeeded().stdout;
    assert!(!again.contains("Running in"), "{again}");
    let target = build(&host, &directory, &["--target", "BUILD", "-q"]).succeeded().stdout;
    assert!(target.starts_with("sha256:") && target.lines().count() == 1, "{target}");
    let unknown = build(&host, &directory, &["--target", "nothing"]).exited(1);
    assert!(unknown.stderr.contains("target stage \"nothing\" could not be found"), "{unknown}");
}

#[test]
fn what_cannot_be_built_is_refused_in_dockers_words() {
    let host = Host::start();
    let mut number = 0;
    let mut refused = |file: &str, flags: &[&str], text: &str| {
        number += 1;
        let directory = context(&host, &format!("ctx{number}"), &[("Dockerfile", file), ("a", "a")]);
        let output = build(&host, &directory, flags);
        assert!(!output.status.success() && output.stderr.contains(text), "{file}: {output}");
    };
    refused("FROM scratch\n", &[], "Windows does not support FROM scratch");
    refused("FROM nanoserver\nFOO x\n", &[], "dockerfile parse error on line 2: unknown instruction: FOO");
    refused("FROM --platform=linux/amd64 alpine\n", &[], "cannot build a stage for platform linux/amd64");
    refused(
        "FROM nanoserver\nCOPY nothing x\n",
        &[],
        "COPY failed: file not found in build context or excluded by .dockerignore: stat nothing: file does not exist",
    );
    refused("FROM nanoserver\nCOPY --chmod=755 a b\n", &[], "the --chmod option requires BuildKit");
    refused(
        "FROM nanoserver\nCOPY a D:\\\\x\n",
        &[],
        "Windows does not support destinations not on the system drive (C:)",
    );
    refused(
        "FROM nanoserver\nCOPY --from=nanoserver C:\\\\Windows x\n",
        &[],
        r"copy from c:\ or c:\windows is not allowed on windows",
    );
    refused(
        "FROM nanoserver\nWORKDIR C:\n",
        &[],
        r"C:. is not a directory. If you are specifying a drive letter, please add a trailing '\'",
    );
    refused("FROM nanoserver\nCOPY ../../etc/passwd x\n", &[], "COPY failed");
    refused("FROM nanoserver\n", &["-f", "Nothing"], "Nothing");
    assert_eq!(containers(&host), "");
}

#[test]
fn shell_quoting_reaches_programs_verbatim() {
    let host = Host::start();
    let programs = casement_tests::places::test_programs();
    let file = r#"# escape=`
FROM nanoserver
COPY args.exe C:/t/
RUN C:\t\args.exe "a  b" 'c d' e^&f %% "q""r" \"s\"
RUN ["C:\\t\\args.exe", "x y", "\"z\"", "\\back\\"]
SHELL ["cmd", "/S", "/C", "echo shell&&"]
RUN C:\t\args.exe again
"#;
    let directory = context(&host, "ctx", &[("Dockerfile", file)]);
    fs::copy(programs.join("args.exe"), directory.join("args.exe")).expect("copy args.exe");
    let built = build(&host, &directory, &["-t", "quoting"]).succeeded();
    for argument in ["a  b", "x y", "\"z\"", "\\back\\", "again"] {
        assert!(built.stdout.contains(argument), "{argument}: {built}");
    }
    assert!(built.stdout.contains("\nshell"), "{built}");
}

#[test]
fn a_step_that_changes_nothing_adds_an_empty_layer() {
    let host = Host::start();
    let directory = context(&host, "ctx", &[("Dockerfile", "FROM nanoserver\nRUN cmd /c exit\nRUN cmd /c ver\n")]);
    let _ = build(&host, &directory, &["-t", "empty"]).succeeded();
    let layers = host.docker_json(["image", "inspect", "--format", "{{json .RootFS.Layers}}", "empty"]);
    let layers = layers.as_array().expect("layers");
    let files = |layer: &serde_json::Value| {
        let id = layer.as_str().and_then(|id| id.strip_prefix("sha256:")).expect("a digest");
        let layer = host.root().join("layers").join(id);
        let count = |name: &str| fs::read_dir(layer.join(name)).map_or(0, Iterator::count);
        (count("Files"), count("Hives"))
    };
    assert_eq!(files(&layers[layers.len() - 1]), (0, 0));
    assert_eq!(files(&layers[layers.len() - 2]), (0, 0));
}
