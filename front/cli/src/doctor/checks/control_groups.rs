//! Line `control-groups`: version, controllers, and whether a job can be made.

use casement_job::{Controller, Hierarchy, Job, JobError, JobLimits, JobName, Version};

use super::super::probe::started_as_root;
use super::super::{Line, Topic, Verdict};
use super::chain;

pub fn controllers() -> Line {
    let topic = Topic::ControlGroups;
    let hierarchy = match Hierarchy::detect() {
        Ok(hierarchy) => hierarchy,
        Err(error) => {
            return Line::new(topic, Verdict::Missing, chain(&error), "no container runs");
        }
    };
    let offered: Vec<String> = Controller::ALL
        .into_iter()
        .filter(|controller| hierarchy.tree_of(*controller).is_some())
        .map(|controller| controller.to_string())
        .collect();
    let found = format!("{}: {}", layout(&hierarchy), offered.join(" "));
    if started_as_root() {
        match try_job(&hierarchy) {
            Ok(missing) => judge(found, &missing),
            Err(error) => {
                let found = format!("{found}; {}", chain(&error));
                Line::new(topic, Verdict::Missing, found, "no container runs: let root write the control groups")
            }
        }
    } else {
        let missing: Vec<_> = hierarchy.missing().iter().map(|missing| missing.controller).collect();
        judge(format!("{found} (not tried)"), &missing)
    }
}

fn layout(hierarchy: &Hierarchy) -> &'static str {
    let has = |version| hierarchy.trees().iter().any(|tree| tree.version() == version);
    match (has(Version::V1), has(Version::V2)) {
        (true, true) => "versions 1 and 2",
        (true, false) => "version 1",
        _ => "version 2",
    }
}

/// Makes a job with every limit and removes it.
fn try_job(hierarchy: &Hierarchy) -> Result<Vec<Controller>, JobError> {
    let parent = format!("casement-doctor-{}", std::process::id());
    let hierarchy = hierarchy.clone().with_parent(&parent)?;
    let made = JobName::new("doctor").and_then(|name| {
        let job = Job::create(&hierarchy, &name, &JobLimits { memory: Some(64 << 20), ..Default::default() })?;
        let missing = job.missing().iter().map(|missing| missing.controller).collect();
        job.destroy().map(|()| missing)
    });
    let removed = hierarchy.remove_parent();
    made.and_then(|missing| removed.map(|()| missing))
}

fn judge(found: String, missing: &[Controller]) -> Line {
    let lost = |controller| match controller {
        Controller::Memory => "-m does not hold",
        Controller::Cpu => "--cpus does not hold",
        Controller::CpuAccounting => "no processor time in statistics",
        Controller::Processes => "fork bombs are not stopped",
        Controller::Freezer => "no pause",
        Controller::Io => "no disk traffic in statistics",
    };
    if missing.is_empty() {
        return Line::new(Topic::ControlGroups, Verdict::Ok, found, "limits and statistics work");
    }
    let names: Vec<_> = missing.iter().map(ToString::to_string).collect();
    let means: Vec<_> = missing.iter().copied().map(lost).collect();
    let found = format!("{found}; not {}", names.join(", "));
    Line::new(Topic::ControlGroups, Verdict::Degraded, found, means.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_controller_that_is_not_there_costs_something() {
        assert_eq!(judge("version 2".into(), &[]).verdict, Verdict::Ok);
        let line = judge("version 2: pids".into(), &[Controller::Memory, Controller::Cpu]);
        assert_eq!(line.verdict, Verdict::Degraded);
        assert_eq!(line.found, "version 2: pids; not memory, cpu");
        assert_eq!(line.means, "-m does not hold; --cpus does not hold");
    }
}
