//! A command that makes images is killed.

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
