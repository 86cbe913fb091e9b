//! Images on Microsoft's base that are none of Microsoft's: put together in a layout directory as their builder writes them, taken in on
//! our base, run, and given to a registry as they came.

use std::path::Path;
use std::process::Command;

use casement_hive::{Hive, Name, Times, Tree, Value, diff};
use casement_layer_tar::{Entry, Kind, LayerPath, LayerWriter, Metadata, NtTime, security};
use casement_layers::Digest;
use casement_tests::Host;
use casement_tests::registry::{Access, Registry};
use serde_json::json;

const BASE: &str = "A layer of Microsoft's that is never fetched:";
/// More than the attributes of a file on the host take.
const STREAM: &str = include_str!("look_alikes.rs");
const TRUST: &str = r"Microsoft\Cryptography\Providers\Trust";

/// What the application changed in the registry of a base that has more keys than ours.
fn software_delta() -> Vec<u8> {
    let (mut old, mut new) = (Tree::new("ROOT"), Tree::new("ROOT"));
    for tree in [&mut old, &mut new] {
        tree.create(r"Microsoft\Cryptography\Providers");
        tree.create(r"Microsoft\OnlyWindows\Deep").set_value(Name::from("kept"), Value::dword(1));
    }
    old.create(TRUST);
    new.create("Zoo").set_value(Name::from("Animal"), Value::string("panda"));
    new.create(r"Microsoft\OnlyWindows\Deep").set_value(Name::from("added"), Value::string("here"));
    Hive::new(diff(&old, &new, Times::Ignored), "Software_Delta").write().expect("a hive")
}

/// The layer of the application: files, further names of files of the base that ours has and has not, a deletion, and keys.
fn application() -> Vec<u8> {
    let time = NtTime::from_seconds(1_600_000_000);
    let path = |name: &str| LayerPath::new(name).expect("a name");
    let mut writer = LayerWriter::new(Vec::new());
    for name in ["Files", "Files/app", "Files/Windows", "Files/Windows/System32", "Hives"] {
        let metadata = Metadata { security: Some(security::of_directories()), ..Metadata::directory(time) };
        writer.directory(&path(name), &metadata).expect("written");
    }
    let delta = software_delta();
    for (name, bytes) in [("Files/app/hello.txt", &b"from the application"[..]), ("Hives/Software_Delta", &delta[..])] {
        writer.file(&path(name), &Metadata::file(time), bytes.len() as u64, bytes).expect("written");
        if name.ends_with(".txt") {
            let kind = Kind::Stream { name: "long".to_owned(), size: STREAM.len() as u64 };
            let entry = Entry { path: path(name), kind, metadata: Metadata::file(time) };
            writer.entry(&entry, STREAM.as_bytes()).expect("written");
        }
    }
    for (name, kind) in [
        ("Files/app/shell.exe", Kind::HardLink(path("Files/WINDOWS/system32/cmd.exe"))),
        ("Files/app/absent.dll", Kind::HardLink(path("Files/Windows/WinSxS/amd64_absent/absent.dll"))),
        ("Files/Windows/System32/find.exe", Kind::Whiteout),
    ] {
        writer
            .entry(&Entry { path: path(name), kind, metadata: Metadata::file(time) }, std::io::empty())
            .expect("written");
    }
    writer.finish().expect("written")
}

/// The base of Microsoft's that an image stands on.
struct Base {
    flavour: &'static str,
    version: &'static str,
    /// Packed sizes of its layers.
    layers: &'static [u64],
    /// How the steps that made them begin.
    steps: &'static [&'static str],
    /// Whether its layers are foreign, as those of older builds.
    foreign: bool,
}

const NANOSERVER_1809: Base = Base {
    flavour: "nanoserver",
    version: "10.0.17763.1339",
    layers: &[101_000_000],
    steps: &["Apply image 10.0.17763.1"],
    foreign: true,
};

const SERVERCORE_2022: Base = Base {
    flavour: "servercore",
    version: "10.0.20348.2700",
    layers: &[1_251_700_000, 811_000_000],
    steps: &["Apply image 10.0.20348.1", "Install update 10.0.20348.2700"],
    foreign: false,
};

/// Writes the image on a base into a layout directory, under the tag `v1`; gives the digest of its manifest.
fn layout(directory: &Path, base: &Base) -> Digest {
    let blobs = directory.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).expect("a directory");
    let put = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        std::fs::write(blobs.join(digest.hex()), bytes).expect("written");
        json!({ "digest": digest.to_string(), "size": bytes.len() })
    };
    let typed = |mut blob: serde_json::Value, media_type: &str| {
        blob["mediaType"] = json!(media_type);
        blob
    };
    let tar = application();
    let packed = directory.join("layer");
    std::fs::write(&packed, &tar).expect("written");
    // Other builders pack with Zstandard.
    let output = Command::new("zstd").args(["-q", "-c"]).arg(&packed).output().expect("zstd");
    assert!(output.status.success(), "zstd: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::remove_file(&packed).expect("removed");
    let digest_of =
        |at: usize, what: &str| Digest::of(format!("{BASE} {} {at} {what}", base.flavour).as_bytes()).to_string();
    let of_base = base.layers.iter().enumerate().map(|(at, size)| {
        let mut layer = json!({ "digest": digest_of(at, "packed"), "size": size });
        layer["mediaType"] = json!("application/vnd.oci.image.layer.v1.tar+gzip");
        if base.foreign {
            layer["mediaType"] = json!("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip");
            layer["urls"] = json!([format!("https://mcr.microsoft.com/v2/windows/{}/blobs/sha256:{at}", base.flavour)]);
        }
        layer
    });
    let layer = typed(put(&output.stdout), "application/vnd.oci.image.layer.v1.tar+zstd");
    let layers: Vec<_> = of_base.chain([layer]).collect();
    let unpacked = (0..base.layers.len()).map(|at| digest_of(at, "unpacked"));
    let diff_ids: Vec<_> = unpacked.chain([Digest::of(&tar).to_string()]).collect();
    let steps = base.steps.iter().chain(&["cmd /S /C copy app"]);
    let history: Vec<_> = steps.map(|step| json!({ "created_by": step })).collect();
    let config = json!({
        "architecture": "amd64", "os": "windows", "os.version": base.version, "created": "2020-01-01T00:00:00Z",
        "config": { "Cmd": ["cmd"], "User": "ContainerUser" },
        "history": history, "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    let config = typed(put(&serde_json::to_vec(&config).expect("text")), "application/vnd.oci.image.config.v1+json");
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config, "layers": layers,
    });
    let bytes = serde_json::to_vec(&manifest).expect("text");
    let mut entry = typed(put(&bytes), "application/vnd.oci.image.manifest.v1+json");
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": "v1" });
    let index = json!({ "schemaVersion": 2, "manifests": [entry] });
    std::fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("written");
    std::fs::write(directory.join("index.json"), index.to_string()).expect("written");
    Digest::of(&bytes)
}

fn one(host: &Host, name: &str) -> serde_json::Value {
    host.docker_json(["image", "inspect", name])[0].clone()
}

/// Files, links into the base, deletions and registry changes of the application are over our base.
fn the_application_runs(host: &Host, name: &str) {
    let line = r"type C:\app\hello.txt& C:\app\shell.exe /c echo linked& reg query HKLM\Software\Zoo& reg query HKLM\Software\Microsoft\OnlyWindows\Deep";
    let run = |line: &str| host.docker(["run", "--rm", name, "cmd", "/c", line]);
    let told = run(line).succeeded();
    for text in ["from the application", "linked", "panda", "here"] {
        assert!(told.stdout.contains(text), "{text}: {told}");
    }
    assert!(!told.stdout.contains("kept"), "what only the original base had: {told}");
    for gone in
        [r"dir C:\Windows\System32\find.exe", r"dir C:\app\absent.dll", &format!(r"reg query HKLM\Software\{TRUST}")]
    {
        assert_ne!(run(gone).code(), 0, "{gone}");
    }
}

#[test]
fn an_image_on_microsofts_base_runs_on_ours_and_goes_to_a_registry_as_it_came() {
    let host = Host::start();
    let registry = Registry::start(&host, Access::Open);
    let directory = host.new_directory("layout");
    let digest = layout(&directory, &NANOSERVER_1809);
    let name = format!("{}/team/alike:1", registry.host());
    let source = format!("oci:{}:v1", directory.display());

    // What only looks needs neither base nor daemon.
    let listed = host.casement(["image", "ls-files", "-q", &source, "--layer", "1"]).succeeded();
    assert!(listed.stdout.contains("absent.dll"), "{listed}");
    let refused = host.casement(["image", "mount", &source, host.directory().to_str().expect("text")]).exited(1);
    assert!(refused.stderr.contains("casement pull"), "{refused}");

    // The base is made when it is needed.
    let _ = host.docker(["rmi", "-f", one(&host, "nanoserver:1809")["Id"].as_str().expect("an id")]).succeeded();
    let pulled = host.casement(["pull", &source, "--name", &name]).succeeded();
    for text in ["Making base image nanoserver:ltsc2019", "is replaced by Casement's nanoserver:ltsc2019"] {
        assert!(pulled.stdout.contains(text), "{text}: {pulled}");
    }
    let shown = one(&host, &name);
    assert_eq!(shown["Casement"]["BaseSubstituted"], "nanoserver 10.0.17763.1339 (urls)", "{shown}");
    assert_eq!(shown["Casement"]["LeftOut"], json!(["Files/app/absent.dll"]), "{shown}");
    assert_eq!(shown["OsVersion"], one(&host, "nanoserver:1809")["OsVersion"]);

    the_application_runs(&host, &name);

    // Who looks is told whose base it is.
    let listed = host.casement(["image", "ls-files", "--json", &name, r"C:\app"]).succeeded();
    assert!(
        listed.stderr.contains("note: its base is Casement's, in the place of nanoserver 10.0.17763.1339"),
        "{listed}"
    );
    let document: serde_json::Value = serde_json::from_str(&listed.stdout).expect("JSON");
    assert_eq!(document["base_substituted"], "nanoserver 10.0.17763.1339 (urls)");
    let checked = host.casement(["image", "check", &name]);
    assert!(checked.stdout.contains("note [base-substituted]"), "{checked}");

    // Pushed, it is what it was, and so it is after a detour through an archive.
    let pushed = host.docker(["push", &name]).succeeded();
    assert!(pushed.stdout.contains("Skipped foreign layer"), "{pushed}");
    assert!(pushed.stdout.contains(&format!("1: digest: {digest}")), "{pushed}");
    let archive = host.directory().join("saved.tar");
    let _ = host.docker(["save", "-o", archive.to_str().expect("text"), &name]).succeeded();
    let _ = host.docker(["rmi", &name]).succeeded();
    let _ = host.docker(["load", "-i", archive.to_str().expect("text")]).succeeded();
    assert_eq!(one(&host, &name)["Casement"]["LeftOut"], json!(["Files/app/absent.dll"]));
    let pushed = host.docker(["push", &name]).succeeded();
    assert!(pushed.stdout.contains(&format!("1: digest: {digest}")), "{pushed}");
    let _ = host.docker(["rmi", &name]).succeeded();
    let _ = host.docker(["pull", &name]).succeeded();
    let digests = one(&host, &name)["RepoDigests"].clone();
    assert_eq!(digests, json!([format!("{}/team/alike@{digest}", registry.host())]));
}

#[test]
fn an_image_on_servercore_of_2022_runs_on_ours_with_both_of_its_base_layers_replaced() {
    let host = Host::start();
    let directory = host.new_directory("layout");
    layout(&directory, &SERVERCORE_2022);
    let pulled = host.casement(["pull", &format!("oci:{}:v1", directory.display()), "--name", "alike:1"]).succeeded();
    assert_eq!(pulled.stdout.matches("Replaced by Casement's base").count(), 2, "{pulled}");
    let shown = one(&host, "alike:1");
    assert_eq!(shown["Casement"]["BaseSubstituted"], "servercore 10.0.20348.2700 (history)", "{shown}");
    assert_eq!(shown["RootFS"]["Layers"].as_array().map(Vec::len), Some(2), "{shown}");
    assert_eq!(shown["OsVersion"], one(&host, "servercore:ltsc2022")["OsVersion"]);
    the_application_runs(&host, "alike:1");

    // Its base layers are for everyone, but nobody ever gave them to us: what would lack them is not written.
    let target = host.new_directory("target");
    let refused = host.casement(["push", "alike:1", &format!("oci:{}", target.display())]).exited(1);
    assert!(refused.stderr.contains("which was replaced and never fetched"), "{refused}");
    assert!(!target.join("index.json").exists());
}

#[test]
fn what_is_built_on_ours_is_pushed_with_it_and_read_by_others() {
    let host = Host::start();
    let registry = Registry::start(&host, Access::Open);
    let directory = host.new_directory("layout");
    layout(&directory, &NANOSERVER_1809);
    let _ = host.casement(["pull", &format!("oci:{}:v1", directory.display()), "--name", "alike:1"]).succeeded();
    let line = [
        "alike:1",
        "cmd",
        "/c",
        r"echo new> C:\app\new.txt& echo more>> C:\app\hello.txt& reg add HKLM\Software\Zoo /v Second /d bear",
    ];
    let flags = ["run", "--name", "made", "-u", "ContainerAdministrator"];
    let _ = host.docker(flags.iter().chain(&line)).succeeded();
    let name = format!("{}/team/built:1", registry.host());
    let _ = host.docker(["commit", "made", &name]).succeeded();
    // The stream went with its file into the container, and into the new layer.
    for image in ["alike:1", &name] {
        let read = host.casement(["image", "cat", image, r"C:\app\hello.txt:long"]).succeeded();
        assert_eq!(read.stdout, STREAM, "{image}");
    }
    let read = host.casement(["image", "cat", &name, r"C:\app\hello.txt"]).succeeded();
    assert_eq!(read.stdout, "from the applicationmore\r\n");
    let _ = host.docker(["push", &name]).succeeded();

    // Every blob is copied and checked by skopeo, and read by Python.
    let copy = host.new_directory("copy");
    let mut skopeo = Command::new("skopeo");
    skopeo.args(["--override-os", "windows", "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false"]);
    skopeo.args([format!("docker://{name}"), format!("oci:{}:1", copy.display())]);
    let output = host.network().enter(&mut skopeo).output().expect("skopeo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docker/read_layout.py");
    let output = Command::new("python3").arg(script).arg(&copy).output().expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");

    // A layout directory that it is pushed into has the same for them.
    let pushed = host.new_directory("pushed");
    let _ = host.casement(["push", &name, &format!("oci:{}:2", pushed.display())]).succeeded();
    let digest = |place: &str| {
        let mut skopeo = Command::new("skopeo");
        let output = skopeo.args(["inspect", "--override-os", "windows", "--format", "{{.Digest}}", place]).output();
        let output = output.expect("skopeo");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    assert_eq!(digest(&format!("oci:{}:2", pushed.display())), digest(&format!("oci:{}:1", copy.display())));
    let output = Command::new("python3").arg(script).arg(&pushed).output().expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(read, serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON"));

    assert_eq!((&read["os"], &read["architecture"]), (&json!("windows"), &json!("amd64")), "{read}");
    assert!(read["os.version"].as_str().is_some_and(|version| version.starts_with("10.0.17763.")), "{read}");
    let layers = read["layers"].as_array().expect("layers");
    assert_eq!(layers.len(), 3, "{read}");
    let hives = |at: usize| layers[at]["hives"].to_string();
    assert!(hives(0).contains("Hives/System_Base") && hives(2).contains("Hives/Software_Delta"), "{read}");
    assert!(layers[2]["files"].to_string().contains("Files/app/new.txt"), "{read}");
}
