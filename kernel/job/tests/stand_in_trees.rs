//! Jobs on directories that stand in for the kernel's trees: what is written where, on version 1, version 2 and
//! hosts that lack something.

use std::{fs, path::Path};

use casement_job::{
    Controller, CpuRate, DeviceNumber, Hierarchy, IoLimit, Job, JobError, JobLimits, JobName, TreeSpec, Version,
};
use tempfile::TempDir;

fn seed(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(file, content)| (file.to_string(), content.to_string())).collect()
}

fn version2_seed() -> Vec<(String, String)> {
    seed(&[
        ("cgroup.procs", ""),
        ("cgroup.events", "populated 0\nfrozen 0\n"),
        ("cgroup.controllers", "cpu io memory pids\n"),
        ("cgroup.subtree_control", ""),
        ("cgroup.freeze", "0\n"),
        ("cgroup.kill", ""),
        ("memory.max", "max\n"),
        ("memory.swap.max", "max\n"),
        ("memory.current", "4096\n"),
        ("memory.peak", "8192\n"),
        ("memory.stat", "anon 1024\nfile 3072\n"),
        ("memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\n"),
        ("cpu.max", "max 100000\n"),
        ("cpu.weight", "100\n"),
        ("cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\n"),
        ("io.max", ""),
        ("io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4\n"),
        ("pids.max", "max\n"),
        ("pids.current", "7\n"),
    ])
}

/// A pure version 2 host with these controllers.
fn version2(root: &TempDir, controllers: &str) -> Hierarchy {
    fs::write(root.path().join("cgroup.controllers"), controllers).unwrap();
    fs::write(root.path().join("cgroup.subtree_control"), "").unwrap();
    let tree =
        TreeSpec { path: root.path().to_owned(), version: Version::V2, controllers: Vec::new(), seed: version2_seed() };
    Hierarchy::at(vec![tree]).unwrap()
}

fn version1_tree(root: &Path, name: &str, controllers: &[Controller], files: &[(&str, &str)]) -> TreeSpec {
    let path = root.join(name);
    fs::create_dir(&path).unwrap();
    let mut seed = seed(files);
    seed.push(("cgroup.procs".into(), String::new()));
    TreeSpec { path, version: Version::V1, controllers: controllers.to_vec(), seed }
}

fn version1(root: &TempDir) -> Hierarchy {
    let root = root.path();
    Hierarchy::at(vec![
        version1_tree(
            root,
            "memory",
            &[Controller::Memory],
            &[
                ("memory.limit_in_bytes", "9223372036854771712\n"),
                ("memory.memsw.limit_in_bytes", "9223372036854771712\n"),
                ("memory.usage_in_bytes", "4096\n"),
                ("memory.max_usage_in_bytes", "8192\n"),
                ("memory.stat", "rss 1\ntotal_rss 1024\n"),
                ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"),
            ],
        ),
        version1_tree(
            root,
            "cpu,cpuacct",
            &[Controller::Cpu, Controller::CpuAccounting],
            &[
                ("cpu.cfs_quota_us", "-1\n"),
                ("cpu.cfs_period_us", "100000\n"),
                ("cpu.shares", "1024\n"),
                ("cpuacct.usage", "5000\n"),
                ("cpuacct.stat", "user 2\nsystem 1\n"),
            ],
        ),
        version1_tree(root, "pids", &[Controller::Processes], &[("pids.max", "max\n"), ("pids.current", "3\n")]),
        version1_tree(root, "freezer", &[Controller::Freezer], &[("freezer.state", "THAWED\n")]),
        version1_tree(
            root,
            "blkio",
            &[Controller::Io],
            &[
                ("blkio.throttle.io_service_bytes", "8:0 Read 10\n8:0 Write 20\nTotal 30\n"),
                ("blkio.throttle.io_serviced", "8:0 Read 1\n8:0 Write 2\nTotal 3\n"),
            ],
        ),
    ])
    .unwrap()
}

fn limits() -> JobLimits {
    JobLimits {
        memory: Some(100 << 20),
        cpu: Some(CpuRate::NanoCpus(500_000_000)),
        weight: Some(200),
        processes: 64,
        io: None,
    }
}

fn text(root: &TempDir, file: &str) -> String {
    fs::read_to_string(root.path().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn name(name: &str) -> JobName {
    JobName::new(name).unwrap()
}

#[test]
fn version2_writes_every_limit_and_hands_the_controllers_down() {
    let root = TempDir::new().unwrap();
    let hierarchy = version2(&root, "cpuset cpu io memory hugetlb pids rdma\n");
    let job = Job::create(&hierarchy, &name("one"), &limits()).unwrap();
    assert!(job.missing().is_empty(), "{:?}", job.missing());
    assert_eq!(text(&root, "casement/one/memory.max"), "104857600");
    assert_eq!(text(&root, "casement/one/memory.swap.max"), "0");
    assert_eq!(text(&root, "casement/one/cpu.max"), "50000 100000");
    assert_eq!(text(&root, "casement/one/cpu.weight"), "200");
    assert_eq!(text(&root, "casement/one/pids.max"), "64");
    // An ordinary file keeps only the last of several writes.
    assert!(text(&root, "cgroup.subtree_control").starts_with('+'));
    assert!(text(&root, "casement/cgroup.subtree_control").starts_with('+'));
    assert_eq!(text(&root, "casement/one/cgroup.subtree_control"), "");
}

#[test]
fn version2_reads_its_counters() {
    let root = TempDir::new().unwrap();
    let job = Job::create(&version2(&root, "cpu io memory pids"), &name("one"), &limits()).unwrap();
    let statistics = job.statistics().unwrap();
    let cpu = statistics.cpu.unwrap();
    assert_eq!((cpu.total, cpu.user, cpu.kernel), (300, 200, 100));
    let memory = statistics.memory.unwrap();
    assert_eq!((memory.usage, memory.peak, memory.private_working_set), (4096, 8192, 1024));
    assert_eq!(memory.limit, Some(100 << 20));
    let io = statistics.io.unwrap();
    assert_eq!((io.read_bytes, io.write_bytes, io.reads, io.writes), (1, 2, 3, 4));
    assert_eq!(statistics.processes, Some(7));
    assert_eq!(statistics.oom_kills, 2);
    assert!(job.oom_killed().unwrap());
}

#[test]
fn version2_limits_can_be_lifted() {
    let root = TempDir::new().unwrap();
    let mut job = Job::create(&version2(&root, "cpu io memory pids"), &name("one"), &limits()).unwrap();
    job.update(&JobLimits::default()).unwrap();
    assert_eq!(text(&root, "casement/one/memory.max"), "max");
    assert_eq!(text(&root, "casement/one/memory.swap.max"), "max");
    assert_eq!(text(&root, "casement/one/cpu.max"), "max 100000");
    assert_eq!(text(&root, "casement/one/cpu.weight"), "100");
    assert_eq!(text(&root, "casement/one/pids.max"), "4096");
    assert_eq!(job.statistics().unwrap().memory.unwrap().limit, None);
}

fn with_io() -> JobLimits {
    let device = DeviceNumber { major: 8, minor: 0 };
    JobLimits { io: Some(IoLimit { device, bytes_per_second: Some(1000), operations_per_second: None }), ..limits() }
}

#[test]
fn version2_limits_the_traffic_of_a_disk() {
    let root = TempDir::new().unwrap();
    Job::create(&version2(&root, "cpu io memory pids"), &name("one"), &with_io()).unwrap();
    assert_eq!(text(&root, "casement/one/io.max"), "8:0 rbps=1000 wbps=1000 riops=max wiops=max");
}

#[test]
fn a_host_that_cannot_limit_traffic_refuses_it() {
    let root = TempDir::new().unwrap();
    let error = Job::create(&version2(&root, "cpu memory pids"), &name("one"), &with_io()).unwrap_err();
    assert!(matches!(error, JobError::Unsupported { .. }), "{error}");
    assert!(!root.path().join("casement/one").exists());
}

#[test]
fn version2_assigns_freezes_and_kills_by_its_files() {
    let root = TempDir::new().unwrap();
    let job = Job::create(&version2(&root, "cpu io memory pids"), &name("one"), &limits()).unwrap();
    assert!(job.version2_directory().is_some());
    let events = root.path().join("casement/one/cgroup.events");
    fs::write(&events, "populated 0\nfrozen 1\n").unwrap();
    job.freeze().unwrap();
    assert_eq!(text(&root, "casement/one/cgroup.freeze"), "1");
    fs::write(&events, "populated 0\nfrozen 0\n").unwrap();
    job.thaw().unwrap();
    assert_eq!(text(&root, "casement/one/cgroup.freeze"), "0");
    job.terminate().unwrap();
    assert_eq!(text(&root, "casement/one/cgroup.kill"), "", "nothing to kill, nothing written");
    job.assign(12).unwrap();
    assert_eq!(text(&root, "casement/one/cgroup.procs"), "12");
    assert_eq!(job.processes().unwrap(), [12]);
}

#[test]
fn controllers_that_are_off_are_reported_and_the_rest_is_applied() {
    let root = TempDir::new().unwrap();
    let hierarchy = version2(&root, "cpu pids");
    assert_eq!(
        hierarchy.missing().iter().map(|missing| missing.controller).collect::<Vec<_>>(),
        [Controller::Memory, Controller::Io]
    );
    let job = Job::create(&hierarchy, &name("one"), &limits()).unwrap();
    let missing: Vec<_> = job.missing().iter().map(|missing| missing.controller).collect();
    assert_eq!(missing, [Controller::Memory, Controller::Io]);
    assert_eq!(text(&root, "casement/one/memory.max"), "max\n", "not touched");
    assert_eq!(text(&root, "casement/one/pids.max"), "64");
    assert!(job.statistics().unwrap().memory.is_none());
    assert!(!job.oom_killed().unwrap());
}

#[test]
fn a_controller_that_was_not_handed_down_is_found_out() {
    let root = TempDir::new().unwrap();
    fs::write(root.path().join("cgroup.controllers"), "memory pids cpu io").unwrap();
    let mut seed = version2_seed();
    seed.retain(|(file, _)| !file.starts_with("memory."));
    let tree = TreeSpec { path: root.path().to_owned(), version: Version::V2, controllers: vec![], seed };
    let job = Job::create(&Hierarchy::at(vec![tree]).unwrap(), &name("one"), &limits()).unwrap();
    let missing: Vec<_> = job.missing().iter().map(|missing| missing.controller).collect();
    assert_eq!(missing, [Controller::Memory]);
}

#[test]
fn version1_writes_every_limit() {
    let root = TempDir::new().unwrap();
    let mut job = Job::create(&version1(&root), &name("one"), &limits()).unwrap();
    assert!(job.missing().is_empty(), "{:?}", job.missing());
    assert!(job.version2_directory().is_none());
    assert_eq!(text(&root, "memory/casement/one/memory.limit_in_bytes"), "104857600");
    assert_eq!(text(&root, "memory/casement/one/memory.memsw.limit_in_bytes"), "104857600");
    assert_eq!(text(&root, "cpu,cpuacct/casement/one/cpu.cfs_quota_us"), "50000");
    assert_eq!(text(&root, "cpu,cpuacct/casement/one/cpu.shares"), "2048");
    assert_eq!(text(&root, "pids/casement/one/pids.max"), "64");
    job.update(&JobLimits::default()).unwrap();
    assert_eq!(text(&root, "memory/casement/one/memory.limit_in_bytes"), "-1");
    assert_eq!(text(&root, "cpu,cpuacct/casement/one/cpu.cfs_quota_us"), "-1");
}

#[test]
fn version1_reads_its_counters() {
    let root = TempDir::new().unwrap();
    let job = Job::create(&version1(&root), &name("one"), &limits()).unwrap();
    let statistics = job.statistics().unwrap();
    let cpu = statistics.cpu.unwrap();
    assert_eq!((cpu.total, cpu.user, cpu.kernel), (50, 200_000, 100_000));
    let memory = statistics.memory.unwrap();
    assert_eq!((memory.usage, memory.peak, memory.private_working_set), (4096, 8192, 1024));
    let io = statistics.io.unwrap();
    assert_eq!((io.read_bytes, io.write_bytes, io.reads, io.writes), (10, 20, 1, 2));
    assert_eq!(statistics.oom_kills, 5);
}

#[test]
fn version1_freezes_in_every_tree_it_has() {
    let root = TempDir::new().unwrap();
    let job = Job::create(&version1(&root), &name("one"), &limits()).unwrap();
    job.freeze().unwrap();
    assert_eq!(text(&root, "freezer/casement/one/freezer.state"), "FROZEN");
    job.thaw().unwrap();
    assert_eq!(text(&root, "freezer/casement/one/freezer.state"), "THAWED");
    job.assign(12).unwrap();
    for tree in ["memory", "cpu,cpuacct", "pids", "freezer", "blkio"] {
        assert_eq!(text(&root, &format!("{tree}/casement/one/cgroup.procs")), "12", "{tree}");
    }
}

#[test]
fn jobs_are_listed_opened_and_removed_again() {
    for build in [version1 as fn(&TempDir) -> Hierarchy, |root| version2(root, "cpu memory pids")] {
        let root = TempDir::new().unwrap();
        let hierarchy = build(&root);
        assert!(hierarchy.jobs().unwrap().is_empty());
        Job::create(&hierarchy, &name("b"), &limits()).unwrap();
        Job::create(&hierarchy, &name("a"), &limits()).unwrap();
        let again = Job::create(&hierarchy, &name("a"), &limits());
        assert!(matches!(again, Err(JobError::Exists(_))), "{again:?}");
        assert_eq!(hierarchy.jobs().unwrap(), [name("a"), name("b")], "the first stays whole");
        let job = Job::open(&hierarchy, &name("a")).unwrap();
        assert!(job.statistics().unwrap().cpu.is_some());
        job.destroy().unwrap();
        job.destroy().unwrap();
        assert!(matches!(Job::open(&hierarchy, &name("a")), Err(JobError::NotFound(_))));
        assert_eq!(hierarchy.jobs().unwrap(), [name("b")]);
        Job::open(&hierarchy, &name("b")).unwrap().destroy().unwrap();
        hierarchy.remove_parent().unwrap();
        assert!(!root.path().join("casement").exists());
        Job::create(&hierarchy, &name("c"), &limits()).unwrap();
    }
}

#[test]
fn a_job_that_only_some_trees_hold_is_found_and_removed() {
    let root = TempDir::new().unwrap();
    let hierarchy = version1(&root);
    Job::create(&hierarchy, &name("half"), &limits()).unwrap();
    fs::remove_dir_all(root.path().join("memory/casement/half")).unwrap();
    assert_eq!(hierarchy.jobs().unwrap(), [name("half")]);
    Job::open(&hierarchy, &name("half")).unwrap().destroy().unwrap();
    assert!(hierarchy.jobs().unwrap().is_empty());
}

#[test]
fn what_cannot_be_removed_is_named_and_the_rest_is_removed() {
    let root = TempDir::new().unwrap();
    let hierarchy = version1(&root);
    let job = Job::create(&hierarchy, &name("full"), &limits()).unwrap();
    fs::create_dir(root.path().join("pids/casement/full/child")).unwrap();
    let error = job.destroy().unwrap_err();
    let JobError::Teardown { errors, .. } = &error else { panic!("{error}") };
    assert_eq!(errors.len(), 1, "{error}");
    assert!(error.to_string().contains("pids/casement/full"), "{error}");
    for tree in ["memory", "cpu,cpuacct", "freezer", "blkio"] {
        assert!(!root.path().join(tree).join("casement/full").exists(), "{tree}");
    }
}

#[test]
fn another_parent_can_be_chosen() {
    let root = TempDir::new().unwrap();
    let hierarchy = version2(&root, "cpu memory pids").with_parent("a/b").unwrap();
    let job = Job::create(&hierarchy, &name("one"), &limits()).unwrap();
    assert_eq!(text(&root, "a/b/one/pids.max"), "64");
    job.destroy().unwrap();
    hierarchy.remove_parent().unwrap();
    assert!(!root.path().join("a").exists());
    assert!(version2(&root, "cpu").with_parent("../b").is_err());
    assert!(version2(&root, "cpu").with_parent("/b").is_err());
}

#[test]
fn no_tree_is_an_error() {
    assert!(matches!(Hierarchy::at(Vec::new()), Err(JobError::NoHierarchy)));
}
