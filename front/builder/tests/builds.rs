//! Whole builds in a workshop that lives in directories: what is said, what comes of it, and what the cache saves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use casement_builder::{
    BuildError, BuildSettings, Cancel, Context, Downloaded, ErrorKind, Event, Gone, Output, Request, Result, Snapshot,
    Step, Workshop, build,
};
use casement_layers::volume::VolumeTree;
use casement_layers::{Digest, ImageConfig};

/// Images and containers are directories below one.
struct Bench {
    root: tempfile::TempDir,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    containers: BTreeMap<String, Request>,
    made: usize,
    cache: BTreeMap<String, Snapshot>,
    hashes: BTreeMap<String, String>,
    bases: BTreeMap<String, Snapshot>,
    kept: Vec<(Digest, Vec<String>)>,
    ran: Vec<String>,
    histories: BTreeMap<String, Vec<String>>,
    web: BTreeMap<String, String>,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { root: tempfile::tempdir().unwrap(), state: Mutex::default() };
        bench.base(
            "base",
            ImageConfig { cmd: vec![r"c:\windows\system32\cmd.exe".to_owned()], ..ImageConfig::default() },
        );
        bench
    }

    fn base(&self, name: &str, config: ImageConfig) {
        let id = Digest::of(name.as_bytes());
        std::fs::create_dir_all(self.path(id.hex()).join("Windows")).unwrap();
        let snapshot = Snapshot { id: id.clone(), manifest: id, config };
        self.state.lock().unwrap().bases.insert(name.to_owned(), snapshot);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn copy(&self, from: &str, to: &str) {
        let status = Command::new("cp").arg("-a").arg(self.path(from)).arg(self.path(to)).status().unwrap();
        assert!(status.success());
    }

    fn image(&self, parent: &Snapshot, step: &Step, files: &str) -> Snapshot {
        let mut state = self.state.lock().unwrap();
        state.made += 1;
        let id = Digest::of(format!("{} {step:?} {}", parent.id, state.made).as_bytes());
        let mut history = state.histories.get(parent.id.hex()).cloned().unwrap_or_default();
        history.push(step.created_by.clone());
        state.histories.insert(id.hex().to_owned(), history);
        drop(state);
        self.copy(files, id.hex());
        Snapshot { id: id.clone(), manifest: id, config: step.config.clone() }
    }

    fn build(&self, dockerfile: &str, files: &[(&str, &str)], settings: BuildSettings) -> (Result<Snapshot>, String) {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in files.iter().copied().chain([("Dockerfile", dockerfile)]) {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        let bytes = archive.into_inner().unwrap();
        let context = Context::receive(tempfile::tempdir().unwrap(), &bytes[..]).unwrap();
        let said = Said::default();
        let settings = BuildSettings { remove: true, ..settings };
        let built = build(self, &settings, Some(&context), None, &said, &Cancel::default());
        (built.map(|built| built.image), said.0.into_inner().unwrap())
    }

    fn ran(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().ran)
    }

    fn history(&self, image: &Snapshot) -> Vec<String> {
        self.state.lock().unwrap().histories[image.id.hex()].clone()
    }
}

#[derive(Default)]
struct Said(Mutex<String>);

impl Output for Said {
    fn show(&self, event: Event) -> Result<(), Gone> {
        let mut said = self.0.lock().unwrap();
        match event {
            Event::Out(text) => said.push_str(&text),
            Event::Error(text) => said.push_str(&format!("!{text}")),
            Event::Image(_) => said.push_str("*\n"),
            Event::Progress(_) => {}
        }
        Ok(())
    }
}

impl Workshop for Bench {
    fn base(&self, name: &str, _: bool, _: &dyn Output, _: &Cancel) -> Result<Snapshot> {
        let found = self.state.lock().unwrap().bases.get(name).cloned();
        found.ok_or_else(|| BuildError::new(ErrorKind::NotFound, format!("No such image: {name}")))
    }

    fn download(&self, address: &str, into: &Path, _: &dyn Output, _: &Cancel) -> Result<Downloaded> {
        let files = &self.state.lock().unwrap().web;
        let content = files.get(address).ok_or_else(|| BuildError::new(ErrorKind::NotFound, "404"))?;
        std::fs::write(into, content).unwrap();
        Ok(Downloaded { modified: Some(1_000_000_000) })
    }

    fn recall(&self, key: &str) -> Option<Snapshot> {
        self.state.lock().unwrap().cache.get(key).cloned()
    }

    fn remember(&self, key: &str, _: &str, snapshot: &Snapshot) -> Result<()> {
        self.state.lock().unwrap().cache.insert(key.to_owned(), snapshot.clone());
        Ok(())
    }

    fn recall_hash(&self, key: &str) -> Option<String> {
        self.state.lock().unwrap().hashes.get(key).cloned()
    }

    fn remember_hash(&self, key: &str, hash: &str) -> Result<()> {
        self.state.lock().unwrap().hashes.insert(key.to_owned(), hash.to_owned());
        Ok(())
    }

    fn restore(&self, _: &Snapshot, _: &Step, _: &[String]) -> Option<Snapshot> {
        None
    }

    fn describe(&self, parent: &Snapshot, step: &Step) -> Result<Snapshot> {
        Ok(self.image(parent, step, parent.id.hex()))
    }

    fn create(&self, request: &Request) -> Result<(String, Vec<String>)> {
        let mut state = self.state.lock().unwrap();
        state.made += 1;
        let id = format!("{:064x}", state.made);
        state.containers.insert(id.clone(), request.clone());
        drop(state);
        self.copy(request.image.id.hex(), &id);
        Ok((id, Vec::new()))
    }

    /// Programs are lines such as `cmd /S /C exit 3`; any other one writes a file of its name.
    fn run(&self, container: &str, output: &dyn Output, _: &Cancel) -> Result<u32> {
        let request = self.state.lock().unwrap().containers[container].clone();
        self.state.lock().unwrap().ran.push(request.command_line.clone());
        output.show(Event::Out(format!("<{}>\n", request.command_line)))?;
        if let Some((_, code)) = request.command_line.split_once("exit ") {
            return Ok(code.trim().parse().unwrap());
        }
        std::fs::write(self.path(container).join("ran"), request.environment.join(";")).unwrap();
        Ok(0)
    }

    fn with_files(&self, container: &str, work: &mut dyn FnMut(&VolumeTree) -> Result<()>) -> Result<()> {
        use rustix::fs::{Mode, OFlags};
        let root = rustix::fs::open(self.path(container), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        work(&VolumeTree::new(root, rustix::process::geteuid().as_raw()))
    }

    fn commit(&self, container: &str, parent: &Snapshot, step: &Step) -> Result<Snapshot> {
        Ok(self.image(parent, step, container))
    }

    fn remove(&self, container: &str) -> Result<()> {
        self.state.lock().unwrap().containers.remove(container);
        Ok(())
    }

    fn cache_directory(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(&format!("cache-{}", Digest::of(name.as_bytes()).hex()));
        std::fs::create_dir_all(&path).unwrap();
        Ok(path)
    }

    fn temporary_directory(&self, _: bool) -> Result<tempfile::TempDir> {
        Ok(tempfile::tempdir().unwrap())
    }

    fn keep(&self, snapshot: &Snapshot, names: &[String]) -> Result<()> {
        self.state.lock().unwrap().kept.push((snapshot.id.clone(), names.to_vec()));
        Ok(())
    }
}

#[test]
fn the_lines_of_a_build() {
    let bench = Bench::new();
    let file = "FROM base\nENV A=1\nRUN one\nCOPY x y/\n";
    let settings = BuildSettings { tags: vec!["t".to_owned()], ..BuildSettings::default() };
    let (built, said) = bench.build(file, &[("x", "x")], settings);
    let image = built.unwrap();
    let shape: Vec<String> = said
        .lines()
        .map(|line| {
            line.split_once("> ").map_or(line, |(a, b)| if b.len() == 12 { a } else { line }).chars().take(40).collect()
        })
        .collect();
    assert_eq!(shape[0], "Step 1/4 : FROM base");
    assert_eq!(shape.iter().filter(|line| *line == " ---").count(), 4, "{said}");
    for line in ["Step 2/4 : ENV A=1", "Step 3/4 : RUN one", "<cmd /S /C one>", "Step 4/4 : COPY x y/", "*"] {
        assert!(said.lines().any(|said| said == line), "{line}: {said}");
    }
    assert!(said.ends_with(&format!("Successfully built {}\nSuccessfully tagged t:latest\n", image.id.short())));
    assert_eq!(bench.history(&image)[..2], ["cmd /S /C #(nop)  ENV A=1", "cmd /S /C one"]);
    assert!(bench.history(&image)[2].starts_with("cmd /S /C #(nop) COPY file:"), "{:?}", bench.history(&image));
    assert!(bench.path(image.id.hex()).join("y/x").is_file());
    assert!(bench.state.lock().unwrap().containers.is_empty());
}

#[test]
fn the_cache_ends_where_something_changed() {
    let bench = Bench::new();
    let build = |content: &str, last: &str, no_cache: bool| {
        let file = format!("FROM base\nRUN one\nCOPY x .\nRUN {last}\n");
        let settings = BuildSettings { no_cache, ..BuildSettings::default() };
        let (built, said) = bench.build(&file, &[("x", content)], settings);
        built.unwrap();
        (bench.ran().len(), said.matches("Using cache").count())
    };
    assert_eq!(build("1", "two", false), (2, 0));
    assert_eq!(build("1", "two", false), (0, 3));
    assert_eq!(build("1", "three", false), (1, 2));
    assert_eq!(build("2", "two", false), (1, 1));
    assert_eq!(build("1", "two", true), (2, 0));
}

#[test]
fn arguments_reach_steps_and_are_part_of_what_they_are() {
    let bench = Bench::new();
    let file = "ARG NAME=base\nFROM $NAME\nARG WHO=nobody\nENV fixed=1\nARG fixed=2\nRUN one $WHO\n";
    let who = |who: &str| BuildSettings {
        arguments: [("WHO".to_owned(), Some(who.to_owned())), ("X".to_owned(), None)].into(),
        ..BuildSettings::default()
    };
    let (built, said) = bench.build(file, &[], who("me"));
    let image = built.unwrap();
    assert_eq!(std::fs::read_to_string(bench.path(image.id.hex()).join("ran")).unwrap(), "fixed=1;WHO=me");
    assert_eq!(bench.history(&image).last().unwrap(), "|1 WHO=me cmd /S /C one $WHO");
    assert!(said.contains("[Warning] One or more build-args [X] were not consumed"), "{said}");
    bench.ran();
    bench.build(file, &[], who("you")).0.unwrap();
    assert_eq!(bench.ran().len(), 1);
}

#[test]
fn a_step_that_fails_is_told_in_dockers_words() {
    let bench = Bench::new();
    let (failed, said) = bench.build("FROM base\nRUN exit 3\nRUN two\n", &[], BuildSettings::default());
    let error = failed.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Exit(3));
    assert_eq!(error.message, "The command 'cmd /S /C exit 3' returned a non-zero code: 3");
    assert!(!said.contains("Step 3/3"), "{said}");
    let (failed, _) = bench.build("FROM nothing\n", &[], BuildSettings::default());
    assert_eq!(failed.unwrap_err().message, "No such image: nothing");
    assert!(bench.state.lock().unwrap().kept.is_empty());
}

#[test]
fn stages_are_told_in_their_order_and_take_from_each_other() {
    let bench = Bench::new();
    let file =
        "FROM base AS a\nRUN a1\nFROM base AS b\nRUN b1\nFROM a\nCOPY --from=b /ran /of-b\nCOPY --from=0 /ran /of-a\n";
    let (built, said) = bench.build(file, &[], BuildSettings::default());
    let image = built.unwrap();
    let steps: Vec<&str> = said.lines().filter(|line| line.starts_with("Step")).collect();
    let numbers: Vec<String> = (1..=7).map(|number| format!("Step {number}/7")).collect();
    assert!(steps.iter().zip(&numbers).all(|(step, number)| step.starts_with(number.as_str())), "{said}");
    for name in ["of-a", "of-b"] {
        assert!(bench.path(image.id.hex()).join(name).is_file(), "{name}");
    }
    let (failed, _) = bench.build("FROM base\nCOPY --from=0 a b\n", &[], BuildSettings::default());
    assert_eq!(failed.unwrap_err().message, "invalid from flag value 0: refers to current build stage");
}

#[test]
fn commands_and_entry_points_follow_the_rules_of_windows() {
    let bench = Bench::new();
    let config = |file: &str| {
        let (built, said) = bench.build(&format!("FROM base\n{file}"), &[], BuildSettings::default());
        (built.unwrap().config, said)
    };
    let (shell, _) = config("CMD type  \"a b\"\n");
    assert_eq!((shell.cmd, shell.args_escaped), (vec!["cmd /S /C type  \"a b\"".to_owned()], true));
    let (exec, said) = config("ENTRYPOINT [\"a.exe\"]\nCMD x\n");
    assert!(
        said.contains("![Warning]") || said.contains("[Warning] Shell-form ENTRYPOINT and exec-form CMD"),
        "{said}"
    );
    assert_eq!((exec.entrypoint, exec.cmd), (vec!["a.exe".to_owned()], vec!["cmd /S /C x".to_owned()]));
    let (own, _) = config("SHELL [\"powershell\", \"-Command\"]\nENTRYPOINT run\n");
    assert_eq!(own.entrypoint, ["powershell -Command run"]);
    assert!(own.cmd.is_empty(), "an entry point takes the command of the base away");
    let (rest, said) = config(
        "ENV Path=a\nENV PATH=b\nEXPOSE 80 90/udp\nVOLUME C:\\\\data\nUSER me\nLABEL a=b\nSTOPSIGNAL SIGTERM\nHEALTHCHECK --interval=5s CMD x\nHEALTHCHECK NONE\nWORKDIR a\n",
    );
    assert_eq!(
        (rest.env, rest.user, rest.working_dir),
        (vec!["PATH=b".to_owned()], "me".to_owned(), "C:\\a".to_owned())
    );
    assert!(rest.exposed_ports.contains_key("90/udp") && rest.volumes.contains_key("C:\\data"));
    assert_eq!(rest.healthcheck.unwrap().test, ["NONE"]);
    assert!(said.contains("Note: overriding previous HEALTHCHECK: [CMD-SHELL x]"), "{said}");
}

#[test]
fn triggers_run_in_the_build_that_begins_with_their_image() {
    let bench = Bench::new();
    let (built, _) = bench.build("FROM base\nONBUILD RUN trigger\nONBUILD ENV A=$A-b\n", &[], BuildSettings::default());
    let mut config = built.unwrap().config;
    assert_eq!(config.on_build, ["RUN trigger", "ENV A=$A-b"]);
    config.env = vec!["A=a".to_owned()];
    bench.base("with-triggers", config);
    let (built, said) = bench.build("FROM with-triggers\nRUN own\n", &[], BuildSettings::default());
    assert!(said.contains("# Executing 2 build triggers"), "{said}");
    assert_eq!(bench.ran(), ["cmd /S /C trigger", "cmd /S /C own"]);
    let config = built.unwrap().config;
    assert_eq!((config.env, config.on_build), (vec!["A=a-b".to_owned()], Vec::<String>::new()));
}

#[test]
fn a_build_that_is_given_up_runs_nothing_more() {
    let bench = Bench::new();
    let cancel = Cancel::default();
    cancel.set();
    let dockerfile = Some(&b"FROM base\nRUN one\n"[..]);
    let given_up = build(&bench, &BuildSettings::default(), None, dockerfile, &Said::default(), &cancel);
    assert_eq!(given_up.unwrap_err().kind, ErrorKind::Cancelled);
    assert!(bench.ran().is_empty());
}

#[test]
fn files_of_the_web_are_added_and_known_by_their_content() {
    let bench = Bench::new();
    let put =
        |text: &str| bench.state.lock().unwrap().web.insert("http://h/d/tool.tar?v=1".to_owned(), text.to_owned());
    put("one");
    let file = "FROM base\nADD http://h/d/tool.tar?v=1 C:/tools/\nADD http://h/d/tool.tar?v=1 /as.bin\n";
    let (image, _) = bench.build(file, &[], BuildSettings::default());
    let image = image.unwrap();
    let content = |name: &str| std::fs::read_to_string(bench.path(image.id.hex()).join(name)).unwrap();
    assert_eq!((content("tools/tool.tar"), content("as.bin")), ("one".to_owned(), "one".to_owned()));
    let (_, said) = bench.build(file, &[], BuildSettings::default());
    assert_eq!(said.matches("Using cache").count(), 2, "{said}");
    put("two");
    let (_, said) = bench.build(file, &[], BuildSettings::default());
    assert_eq!(said.matches("Using cache").count(), 0, "{said}");
    for (file, text) in [
        ("FROM base\nADD http://h/none /x\n", "ADD failed: 404"),
        ("FROM base\nADD http://h/ /x\n", "ADD failed: cannot determine filename for source http://h/"),
        ("FROM base\nCOPY http://h/x /x\n", "COPY failed: source can't be a URL for COPY"),
    ] {
        let (refused, _) = bench.build(file, &[], BuildSettings::default());
        assert_eq!(refused.unwrap_err().message, text, "{file}");
    }
}
