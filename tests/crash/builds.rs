//! Commands and daemons that make images are killed.

use casement_tests::Host;

use crate::random::Random;
use crate::trace::nothing_stays;

/// How often the command is killed before it may finish.
const KILLS: usize = 4;

#[test]
fn an_interrupted_base_build_leaves_nothing_and_can_be_repeated() {
    let host = Host::without_daemon();
    let root = host.root();
    for made in ["layers", "content"] {
        std::fs::remove_dir_all(root.join(made)).unwrap();
    }
    std::fs::remove_file(root.join("images.json")).unwrap();
    let mut random = Random::seeded("base build");
    let build = ["base", "build", "nanoserver", "--tag", "ltsc2022"];
    for _ in 0..KILLS {
        let building = host.background(build);
        std::thread::sleep(random.moment(3000));
        building.signal(rustix::process::Signal::KILL);
        drop(building.wait());
    }
    let _ = host.casement(build).succeeded();
    // The daemon clears away what is unfinished when it starts.
    host.start_daemon();
    for directory in ["layers", "content/sha256", "scratches"] {
        let names = std::fs::read_dir(root.join(directory)).into_iter().flatten().flatten();
        let unfinished: Vec<_> =
            names.map(|entry| entry.file_name()).filter(|name| name.to_string_lossy().starts_with('.')).collect();
        assert!(unfinished.is_empty(), "{directory}: {unfinished:?}");
    }
    let output = host.casement(["run", "--rm", "nanoserver", "cmd", "/c", "ver"]).succeeded();
    assert!(output.stdout.contains("10.0.20348"), "{output}");
    nothing_stays(&host);
}

#[test]
fn a_build_that_is_killed_at_any_instant_leaves_nothing_half_done() {
    let host = Host::start();
    let directory = host.new_directory("context");
    let file = "FROM nanoserver\nUSER ContainerAdministrator\nCOPY . C:/data/\nRUN echo one> C:\\data\\one.txt\n\
                RUN reg add HKLM\\Software\\Acme /v X /d 1\nRUN type C:\\data\\one.txt\n";
    std::fs::write(directory.join("Dockerfile"), file).unwrap();
    let directory = directory.display().to_string();
    let mut random = Random::seeded("docker build");
    for _ in 0..KILLS {
        let client = host.docker_background(["build", "--no-cache", &directory]);
        std::thread::sleep(random.moment(2500));
        host.kill_daemon();
        drop(client.wait());
        host.start_daemon();
        assert_eq!(host.docker(["ps", "-a", "-q"]).succeeded().stdout, "");
        let root = host.root();
        let names = |place: &str| -> Vec<String> {
            let entries = std::fs::read_dir(root.join(place)).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        };
        for place in ["layers", "content/blobs/sha256", "scratches", "cache/registries"] {
            assert!(!names(place).iter().any(|name| name.starts_with('.')), "{place}: {:?}", names(place));
        }
        assert_eq!((names("scratches"), names("builds")), (Vec::new(), Vec::new()));
    }
    // Whatever is in the cache is whole.
    let built = host.docker(["build", "-t", "made", &directory]).succeeded();
    assert!(built.stdout.contains("Successfully tagged made:latest"), "{built}");
    let output =
        host.docker(["run", "--rm", "made", "cmd", "/c", r"type C:\data\one.txt && reg query HKLM\Software\Acme"]);
    assert!(output.succeeded().stdout.contains("REG_SZ"));
    nothing_stays(&host);
}
