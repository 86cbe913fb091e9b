//! `docker images`, `image inspect`, `history`, `tag`, `rmi` and `image prune`.

use std::collections::BTreeSet;

use casement_tests::{Background, Host};

/// Takes away the names that the base image has at Microsoft's registry, and leaves `nanoserver:ltsc2022`.
fn leave_one_name(host: &Host) {
    let _ = host.docker(["rmi", "mcr.microsoft.com/windows/nanoserver:ltsc2022"]).succeeded();
}

/// The names and ids that `docker images` shows.
fn names(host: &Host, flags: &[&str]) -> BTreeSet<String> {
    let words = ["images", "--format", "{{.Repository}}:{{.Tag}}"].into_iter().chain(flags.iter().copied());
    host.docker(words).succeeded().lines().into_iter().map(str::to_owned).collect()
}

fn id(host: &Host, name: &str) -> String {
    host.docker(["image", "inspect", "--format", "{{.Id}}", name]).succeeded().text().to_owned()
}

#[test]
fn images_are_listed_and_filtered() {
    let host = Host::start();
    let _ = host.docker(["tag", "nanoserver", "registry.example:5000/team/app:v1"]).succeeded();
    let all = names(&host, &[]);
    assert!(all.contains("nanoserver:ltsc2022") && all.contains("registry.example:5000/team/app:v1"), "{all:?}");
    let app = BTreeSet::from(["registry.example:5000/team/app:v1".to_owned()]);
    assert_eq!(names(&host, &["--filter", "reference=*/team/*"]), app);
    assert_eq!(names(&host, &["registry.example:5000/team/app"]), app);
    assert!(names(&host, &["mcr.microsoft.com/windows/nanoserver"]).contains("nanoserver:ltsc2022"));
    assert!(names(&host, &["--filter", "dangling=true"]).is_empty());
    assert_eq!(names(&host, &["--filter", "dangling=false"]), all);
    assert!(names(&host, &["--filter", "label=no.such.label"]).is_empty());
    assert!(names(&host, &["--filter", "until=2001-01-01"]).is_empty());
    assert_eq!(names(&host, &["--filter", "until=1s"]), all);
    assert!(names(&host, &["--filter", "before=nanoserver:ltsc2022"]).is_disjoint(&app));
    let refused = host.docker(["images", "--filter", "colour=red"]);
    assert!(refused.stderr.contains("invalid filter 'colour'"), "{refused}");
    let refused = host.docker(["images", "--filter", "since=no-such"]);
    assert!(refused.stderr.contains("No such image: no-such"), "{refused}");
    let shown = host.docker(["images", "-q", "--no-trunc", "nanoserver:ltsc2022"]).succeeded();
    assert_eq!(shown.text(), id(&host, "nanoserver"));
}

#[test]
fn an_image_answers_to_all_its_names() {
    let host = Host::start();
    let image = host.docker_json(["image", "inspect", "mcr.microsoft.com/windows/nanoserver:ltsc2022"]);
    let image = &image[0];
    assert_eq!((&image["Os"], &image["Architecture"]), (&"windows".into(), &"amd64".into()), "{image}");
    assert!(image["OsVersion"].as_str().unwrap().starts_with("10.0.20348."), "{image}");
    assert_eq!(image["GraphDriver"]["Name"], "windowsfilter");
    assert_eq!(image["Config"]["User"], "ContainerUser");
    assert_eq!(image["RootFS"]["Layers"].as_array().unwrap().len(), 1);
    assert!(image["Size"].as_u64().unwrap() > 1 << 20, "{image}");
    let full = image["Id"].as_str().unwrap();
    let digest = image["RepoDigests"][0].as_str().unwrap();
    let short = &full["sha256:".len()..][..12];
    for name in [full, short, digest, "nanoserver", "docker.io/library/nanoserver:ltsc2022"] {
        assert_eq!(id(&host, name), full, "{name}");
    }
    let missing = host.docker(["image", "inspect", "no/such"]);
    assert!(missing.stderr.contains("No such image: no/such"), "{missing}");
    let malformed = host.docker(["tag", "nanoserver", "Upper/Case"]);
    assert_ne!(malformed.code(), 0, "{malformed}");

    let history = host.docker(["history", "--no-trunc", "--format", "{{.ID}} {{.Size}}", "nanoserver"]).succeeded();
    let first = history.lines()[0].to_owned();
    assert!(first.starts_with(full) && !first.ends_with(" 0B"), "{history}");
}

#[test]
fn a_name_that_moves_leaves_an_image_without_one_until_it_is_pruned() {
    let host = Host::start();
    leave_one_name(&host);
    let _ = host.docker(["tag", "nanoserver:ltsc2022", "app:1"]).succeeded();
    let nano = id(&host, "nanoserver:ltsc2022");
    let removed = host.docker(["rmi", "nanoserver:ltsc2022"]).succeeded();
    assert_eq!(removed.lines(), ["Untagged: nanoserver:ltsc2022"], "{removed}");
    assert_eq!(id(&host, "app:1"), nano);
    let other = id(&host, "nanoserver:1809");
    let _ = host.docker(["tag", "nanoserver:1809", "app:1"]).succeeded();
    assert_eq!(id(&host, "app:1"), other);
    assert_eq!(names(&host, &["--filter", "dangling=true"]), BTreeSet::from(["<none>:<none>".to_owned()]));

    let container = host.docker(["create", &nano, "cmd"]).succeeded();
    let kept = host.docker(["image", "prune", "-f"]).succeeded();
    assert!(kept.stdout.contains("Total reclaimed space: 0B"), "{kept}");
    let _ = host.docker(["rm", container.text()]).succeeded();
    let pruned = host.docker(["image", "prune", "-f"]).succeeded();
    assert!(pruned.stdout.contains(&format!("deleted: {nano}")), "{pruned}");
    assert!(!pruned.stdout.contains("Total reclaimed space: 0B"), "{pruned}");
    assert!(names(&host, &["--filter", "dangling=true"]).is_empty());
    assert_ne!(host.docker(["image", "inspect", &nano]).code(), 0);
}

#[test]
fn an_image_that_containers_need_is_not_removed() {
    let host = Host::start();
    leave_one_name(&host);
    let nano = id(&host, "nanoserver:ltsc2022");
    let short = &nano["sha256:".len()..][..12];
    let stopped = host.docker(["create", "nanoserver:ltsc2022", "cmd"]).succeeded().text().to_owned();
    let refused = host.docker(["rmi", "nanoserver:ltsc2022"]);
    let text = format!(
        "conflict: unable to remove repository reference \"nanoserver:ltsc2022\" (must force) - container {} is using its referenced image {short}",
        &stopped[..12]
    );
    assert!(refused.stderr.contains(&text), "{refused}");
    let refused = host.docker(["rmi", &nano]);
    let text = format!(
        "conflict: unable to delete {short} (must be forced) - image is being used by stopped container {}",
        &stopped[..12]
    );
    assert!(refused.stderr.contains(&text), "{refused}");

    let running = host.docker(["run", "-d", "-i", "nanoserver:ltsc2022", "cmd"]).succeeded().text().to_owned();
    let refused = host.docker(["rmi", "-f", &nano]);
    let text = format!(
        "conflict: unable to delete {short} (cannot be forced) - image is being used by running container {}",
        &running[..12]
    );
    assert!(refused.stderr.contains(&text), "{refused}");

    // A forced removal by name takes the name away; the image stays for its containers.
    let untagged = host.docker(["rmi", "-f", "nanoserver:ltsc2022"]).succeeded();
    assert_eq!(untagged.lines(), ["Untagged: nanoserver:ltsc2022"], "{untagged}");
    let _ = host.docker(["rm", "-f", &running]).succeeded();

    // The image goes, and what the stopped container needs of it stays.
    let deleted = host.docker(["rmi", "-f", &nano]).succeeded();
    assert_eq!(deleted.lines(), [format!("Deleted: {nano}")], "{deleted}");
    let output = host.docker(["start", &stopped]).succeeded();
    assert_eq!(output.text(), stopped);
    let _ = host.docker(["rm", "-f", &stopped]).succeeded();
}

#[test]
fn an_image_with_two_names_goes_by_id_only_by_force() {
    let host = Host::start();
    leave_one_name(&host);
    let nano = id(&host, "nanoserver:ltsc2022");
    let _ = host.docker(["tag", "nanoserver:ltsc2022", "one:1"]).succeeded();
    let refused = host.docker(["rmi", &nano]);
    assert!(refused.stderr.contains("(must be forced) - image is referenced in multiple repositories"), "{refused}");
    let removed = host.docker(["rmi", "-f", &nano]).succeeded();
    let lines = removed.lines();
    assert_eq!(
        lines[..3],
        ["Untagged: nanoserver:ltsc2022", "Untagged: one:1", &format!("Deleted: {nano}")],
        "{removed}"
    );
    assert!(lines[3].starts_with("Deleted: sha256:"), "{removed}");
}

#[test]
fn what_happens_to_images_is_told() {
    let host = Host::start();
    let filter = ["--filter", "type=image", "--format", "{{.Action}} {{index .Actor.Attributes \"name\"}}"];
    let nano = id(&host, "nanoserver:ltsc2022");
    let _ = host.docker(["tag", "nanoserver:ltsc2022", "app:1"]).succeeded();
    let _ = host.docker(["rmi", "app:1"]).succeeded();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 1;
    let until = now.to_string();
    let words = ["events", "--since", "1", "--until", &until];
    let events: Background = host.docker_background(words.into_iter().chain(filter));
    let events = events.finish().succeeded();
    assert_eq!(events.lines(), ["tag app:1".to_owned(), format!("untag {nano}")], "{events}");
}
