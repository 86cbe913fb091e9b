//! Jobs on the control groups of the running kernel: limits hold, accounting counts, nothing survives.
//!
//! They need root and a writable hierarchy, and say so when they have not. Each uses a parent directory of its own
//! and removes it.

use std::{
    io::Write,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use casement_job::{Controller, CpuRate, Hierarchy, Job, JobError, JobLimits, JobName, Started, Version};

/// How long anything may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A job in a parent directory of its own; everything in it dies with the value.
struct Scene {
    hierarchy: Hierarchy,
    job: Job,
    children: Vec<Child>,
}

impl Scene {
    /// `None`, with the reason printed, when this machine cannot run the test.
    fn new(test: &str, hierarchy: Result<Hierarchy, JobError>, limits: &JobLimits) -> Option<Self> {
        if !is_root() {
            println!("skipped {test}: needs root");
            return None;
        }
        let hierarchy = match hierarchy {
            Ok(hierarchy) => hierarchy,
            Err(JobError::NoHierarchy) => {
                println!("skipped {test}: no such control group tree is mounted");
                return None;
            }
            Err(error) => panic!("{error}"),
        };
        let parent = format!("casement-test-{}-{test}", std::process::id());
        let hierarchy = hierarchy.with_parent(&parent).unwrap();
        let job = match Job::create(&hierarchy, &JobName::new("job").unwrap(), limits) {
            Ok(job) => job,
            Err(error) if matches!(error.os_error(), Some(1 | 13 | 30)) => {
                println!("skipped {test}: the hierarchy cannot be written: {error}");
                return None;
            }
            Err(error) => panic!("{error}"),
        };
        Some(Self { hierarchy, job, children: Vec::new() })
    }

    fn offers(&self, test: &str, controller: Controller) -> bool {
        let offered = self.hierarchy.tree_of(controller).is_some();
        if !offered {
            println!("skipped {test}: this host has no {controller} controller");
        }
        offered
    }

    /// Starts a shell script inside the job.
    fn script(&mut self, script: &str) -> &mut Child {
        let mut child = Command::new("/bin/sh")
            .args(["-c", &format!("read _\n{script}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.job.assign(child.id()).unwrap();
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
        self.children.push(child);
        self.children.last_mut().unwrap()
    }

    fn until(&self, what: &str, reached: impl Fn(&Job) -> bool) {
        let start = Instant::now();
        while !reached(&self.job) {
            assert!(start.elapsed() < PATIENCE, "never happened: {what}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let ended = self.job.terminate();
        for child in &mut self.children {
            let _ = child.wait();
        }
        let removed = self.job.destroy();
        let parent = self.hierarchy.remove_parent();
        if !std::thread::panicking() {
            ended.unwrap();
            removed.unwrap();
            parent.unwrap();
            assert!(self.hierarchy.jobs().unwrap().is_empty());
        }
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The hierarchies to try: as found, and what is left of it when version 2 is not used.
fn both() -> [(&'static str, Result<Hierarchy, JobError>); 2] {
    [("found", Hierarchy::detect()), ("version1", Hierarchy::detect_only(Version::V1))]
}

#[test]
fn memory_limit_kills_a_program_that_allocates_more() {
    for (kind, hierarchy) in both() {
        let test = format!("memory-{kind}");
        let limits = JobLimits { memory: Some(32 << 20), ..Default::default() };
        let Some(mut scene) = Scene::new(&test, hierarchy, &limits) else {
            continue;
        };
        if !scene.offers(&test, Controller::Memory) {
            continue;
        }
        assert!(!scene.job.oom_killed().unwrap());
        // Without a line end tail keeps all it reads.
        let status = scene.script("exec tail /dev/zero").wait().unwrap();
        assert!(!status.success());
        assert!(scene.job.oom_killed().unwrap());
        let memory = scene.job.statistics().unwrap().memory.unwrap();
        assert_eq!(memory.limit, Some(32 << 20));
        assert!(memory.peak <= 32 << 20 && memory.peak > 16 << 20, "{memory:?}");
    }
}

#[test]
fn memory_limit_can_be_raised_lowered_and_lifted() {
    let Some(mut scene) =
        Scene::new("memory-update", Hierarchy::detect(), &JobLimits { memory: Some(32 << 20), ..Default::default() })
    else {
        return;
    };
    if !scene.offers("memory-update", Controller::Memory) {
        return;
    }
    for memory in [Some(64 << 20), Some(16 << 20), None, Some(8 << 20)] {
        scene.job.update(&JobLimits { memory, ..Default::default() }).unwrap();
        assert_eq!(scene.job.statistics().unwrap().memory.unwrap().limit, memory);
    }
}

#[test]
fn processor_quota_shows_in_the_time_used() {
    for (kind, hierarchy) in both() {
        let test = format!("cpu-{kind}");
        let limits = JobLimits { cpu: Some(CpuRate::NanoCpus(200_000_000)), ..Default::default() };
        let Some(mut scene) = Scene::new(&test, hierarchy, &limits) else {
            continue;
        };
        if !scene.offers(&test, Controller::Cpu) || !scene.offers(&test, Controller::CpuAccounting) {
            continue;
        }
        let start = Instant::now();
        scene.script("while :; do :; done");
        // 0.2 s of work in units of 100 ns.
        scene.until("0.2 s of processor time", |job| job.statistics().unwrap().cpu.unwrap().total > 2_000_000);
        let elapsed = start.elapsed();
        assert!(elapsed > Duration::from_millis(700), "a fifth of a processor, but {elapsed:?}");
    }
}

#[test]
fn process_limit_holds() {
    let limits = JobLimits { processes: 8, ..Default::default() };
    let Some(mut scene) = Scene::new("pids", Hierarchy::detect(), &limits) else {
        return;
    };
    if !scene.offers("pids", Controller::Processes) {
        return;
    }
    let many = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1000 & done; exit 0";
    let status = scene.script(many).wait().unwrap();
    assert!(!status.success(), "the shell could not start all of them");
    assert_eq!(scene.job.processes().unwrap().len(), 7, "8 without the shell that ended");
    assert_eq!(scene.job.statistics().unwrap().processes, Some(7));
}

#[test]
fn terminate_ends_a_tree_that_keeps_forking() {
    for (kind, hierarchy) in both() {
        let test = format!("terminate-{kind}");
        let limits = JobLimits { processes: 100, ..Default::default() };
        let Some(mut scene) = Scene::new(&test, hierarchy, &limits) else {
            continue;
        };
        let fork = "f() { while :; do (exec sleep 0.05) & (setsid sleep 1000) & done; }";
        scene.script(&format!("{fork}; f & f & f & (trap '' TERM HUP INT; while :; do :; done)"));
        scene.until("thirty processes", |job| job.processes().unwrap().len() > 30);
        scene.job.terminate().unwrap();
        assert!(scene.job.processes().unwrap().is_empty());
    }
}

#[test]
fn frozen_processes_stand_still_and_can_be_killed() {
    for (kind, hierarchy) in both() {
        let test = format!("freeze-{kind}");
        let Some(mut scene) = Scene::new(&test, hierarchy, &JobLimits::default()) else {
            continue;
        };
        if !scene.offers(&test, Controller::Freezer) {
            continue;
        }
        let used = |job: &Job| job.statistics().unwrap().cpu.unwrap().total;
        scene.script("while :; do :; done");
        scene.until("work", |job| used(job) > 100_000);
        scene.job.freeze().unwrap();
        let before = used(&scene.job);
        std::thread::sleep(Duration::from_millis(60));
        assert_eq!(used(&scene.job), before);
        scene.job.thaw().unwrap();
        scene.until("work after the thaw", |job| used(job) > before + 100_000);
        scene.job.freeze().unwrap();
        scene.job.terminate().unwrap();
    }
}

#[test]
fn a_thread_enters_by_itself_and_its_children_are_inside() {
    let test = "enter";
    let Some(scene) = Scene::new(test, Hierarchy::detect_only(Version::V1), &JobLimits::default()) else {
        return;
    };
    let entrance = scene.job.entrance(Started::Outside).unwrap();
    let child = std::thread::spawn(move || {
        let start = Instant::now();
        entrance.enter().unwrap();
        println!("entered in {:?}", start.elapsed());
        Command::new("sleep").arg("1000").spawn().unwrap()
    });
    let mut child = child.join().unwrap();
    scene.until("only the child is left", |job| job.processes().unwrap() == [child.id()]);
    scene.job.terminate().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_job_with_processes_is_not_removed_and_says_why() {
    let Some(mut scene) = Scene::new("busy", Hierarchy::detect(), &JobLimits::default()) else {
        return;
    };
    scene.script("exec sleep 1000");
    let error = scene.job.destroy().unwrap_err();
    let JobError::Teardown { errors, .. } = &error else { panic!("{error}") };
    assert_eq!(errors.len(), scene.hierarchy.trees().len(), "{error}");
    assert!(error.to_string().contains("busy"), "{error}");
}

#[test]
fn making_and_removing_a_job_is_quick() {
    let Some(scene) = Scene::new("quick", Hierarchy::detect(), &JobLimits::default()) else {
        return;
    };
    let limits = JobLimits {
        memory: Some(32 << 20),
        cpu: Some(CpuRate::Maximum(5000)),
        weight: Some(50),
        processes: 10,
        io: None,
    };
    let mut times: Vec<(Duration, Duration)> = (0..21)
        .map(|turn| {
            let name = JobName::new(&format!("quick-{turn}")).unwrap();
            let start = Instant::now();
            let job = Job::create(&scene.hierarchy, &name, &limits).unwrap();
            let made = start.elapsed();
            let start = Instant::now();
            job.destroy().unwrap();
            (made, start.elapsed())
        })
        .collect();
    times.sort();
    println!("median of 21: create and destroy {:?}", times[10]);
    // Ten times what it takes on an idle machine: a bound that catches a wait, not a busy machine.
    assert!(times[10].0 < Duration::from_millis(30), "{times:?}");
}
