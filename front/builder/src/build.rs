//! A whole build: the Dockerfile, its stages, and the image of the last one.

use crate::arguments::Arguments;
use crate::cancel::Cancel;
use crate::context::{Context, DEFAULT_DOCKERFILE};
use crate::error::{BuildError, ErrorKind, Result};
use crate::output::Output;
use crate::settings::BuildSettings;
use crate::stage::{self, Job};
use crate::stage_order::StageOrder;
use crate::workshop::{Snapshot, Workshop};
use casement_dockerfile::{Command, Dockerfile, Instruction, RunMount, Words};
use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, PoisonError};

/// Most stages that are built at the same time.
const MAX_AT_ONCE: usize = 4;

/// What a build came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The image.
    pub image: Snapshot,
}

/// Builds. `dockerfile` is taken instead of the one in the context, if there is one.
///
/// # Errors
/// What kept it from an image; intermediate images and the containers of steps that failed may stay, as the settings say.
pub fn build(
    workshop: &dyn Workshop,
    settings: &BuildSettings,
    context: Option<&Context>,
    dockerfile: Option<&[u8]>,
    output: &dyn Output,
    cancel: &Cancel,
) -> Result<Built> {
    let path = if settings.dockerfile.is_empty() { DEFAULT_DOCKERFILE } else { &settings.dockerfile };
    let bytes = match (dockerfile, context) {
        (Some(bytes), _) => bytes.to_vec(),
        (None, Some(context)) => context.dockerfile(path)?,
        (None, None) => return Err(BuildError::invalid("missing build context")),
    };
    let mut file = Dockerfile::parse(path, &bytes)?;
    if !settings.target.is_empty() {
        let target = file.stage_index(&settings.target).ok_or_else(|| {
            let target = casement_dockerfile::quote(&settings.target);
            BuildError::invalid(format!("target stage {target} could not be found"))
        })?;
        file.stages.truncate(target + 1);
    }
    let labels = settings.labels.iter().map(|(name, value)| Command::label(name, value));
    match file.stages.last_mut() {
        Some(last) => last.commands.extend(labels),
        None => return Err(BuildError::internal("No image was generated. Is your Dockerfile empty?")),
    }
    check_names(&file)?;
    for warning in &file.warnings {
        output.warning(format_args!("{warning}"))?;
    }
    let image = stages(workshop, settings, context, &file, output, cancel)?;
    workshop.keep(&image, &settings.tags)?;
    output.line(format_args!("Successfully built {}", image.id.short()))?;
    for tag in &settings.tags {
        output.line(format_args!("Successfully tagged {}", with_tag(tag)))?;
    }
    Ok(Built { image })
}

fn with_tag(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or_default();
    if last.contains(':') { name.to_owned() } else { format!("{name}:latest") }
}

fn check_names(file: &Dockerfile) -> Result<()> {
    let mut names = BTreeSet::new();
    for name in file.stages.iter().filter_map(|stage| stage.name.as_ref()) {
        if !names.insert(name) {
            return Err(BuildError::invalid(format!("{name} stage name already used")));
        }
    }
    Ok(())
}

fn stages(
    workshop: &dyn Workshop,
    settings: &BuildSettings,
    context: Option<&Context>,
    file: &Dockerfile,
    output: &dyn Output,
    cancel: &Cancel,
) -> Result<Snapshot> {
    let steps = file.arguments.len() + file.stages.iter().map(|stage| 1 + stage.commands.len()).sum::<usize>();
    let words = Words::new(file.escape);
    let mut arguments = Arguments::new(&settings.arguments);
    for (index, command) in file.arguments.iter().enumerate() {
        output.line(format_args!("Step {}/{steps} : {}", index + 1, command.source))?;
        let expanded = {
            let known = arguments.clone();
            command.instruction.expanded(&mut |word| words.expand(word, &|name| known.global_value(name)))?
        };
        if let Instruction::Arg(declared) = expanded {
            for argument in declared {
                arguments.declare_global(&argument.name, argument.value.as_deref());
            }
        }
    }
    let count = file.stages.len();
    let finished = Mutex::new(vec![None; count]);
    let job = Job { workshop, settings, context, cancel, words, steps, epoch: settings.epoch(), finished: &finished };
    let order = StageOrder::new(output, count);
    let mut first = file.arguments.len() + 1;
    let plan: Vec<Plan> = file
        .stages
        .iter()
        .enumerate()
        .map(|(index, stage)| {
            let plan = Plan { first, needs: needs(file, index, &words, &arguments) };
            first += 1 + stage.commands.len();
            plan
        })
        .collect();
    let progress = Progress::new(count, plan);
    let referenced = Mutex::new(arguments.referenced.clone());
    std::thread::scope(|scope| {
        for _ in 0..count.min(MAX_AT_ONCE) {
            scope.spawn(|| {
                while let Some(index) = progress.next() {
                    let stage = &file.stages[index];
                    let said = order.stage(index);
                    let result =
                        stage::build(&job, &said, arguments.for_stage(), stage, index, progress.plan[index].first);
                    match result {
                        Ok((image, used)) => {
                            lock(&finished)[index] = Some((stage.name.clone(), image));
                            lock(&referenced).extend(used.referenced);
                            let shown = order.finished(index);
                            progress.done(index, shown.err().map(BuildError::from));
                        }
                        Err(error) => {
                            let _ = order.failed(index);
                            if progress.done(index, Some(error)) {
                                // The others are for nothing now.
                                cancel.set();
                            }
                        }
                    }
                }
            });
        }
    });
    if let Some(error) = progress.failure() {
        if error.kind == ErrorKind::Cancelled {
            let _ = output.line(format_args!("Build cancelled"));
        }
        return Err(error);
    }
    arguments.referenced = lock(&referenced).clone();
    let unused = arguments.unused();
    if !unused.is_empty() {
        let unused = unused.join(" ");
        output.line(format_args!("[Warning] One or more build-args [{unused}] were not consumed"))?;
    }
    let last = lock(&finished).pop().flatten();
    last.map(|(_, image)| image)
        .ok_or_else(|| BuildError::internal("No image was generated. Is your Dockerfile empty?"))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is known of a stage before it begins.
struct Plan {
    /// Number of its first step.
    first: usize,
    /// The stages that it takes something from.
    needs: BTreeSet<usize>,
}

/// The earlier stages that a stage names in `FROM`, `COPY --from` and `RUN --mount=from=`.
fn needs(file: &Dockerfile, index: usize, words: &Words, arguments: &Arguments) -> BTreeSet<usize> {
    let stage = &file.stages[index];
    let earlier = |name: &str| {
        let named = file.stages[..index]
            .iter()
            .position(|stage| stage.name.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name)));
        named.or_else(|| name.parse().ok().filter(|number| *number < index))
    };
    let base = words.expand(&stage.base, &|name| arguments.global_value(name)).unwrap_or_default();
    let mut needs: BTreeSet<usize> = BTreeSet::new();
    // A number is no stage in `FROM`.
    needs.extend(earlier(&base).filter(|_| base.parse::<usize>().is_err()));
    for command in &stage.commands {
        match &command.instruction {
            Instruction::Copy(copy) if !copy.from.is_empty() => needs.extend(earlier(&copy.from)),
            Instruction::Run(run) => {
                for mount in run.mounts.iter().filter_map(|text| RunMount::parse(text).ok()) {
                    needs.extend(earlier(&mount.from));
                }
                // With variables it is not known what is mounted.
                if run.mounts.iter().any(|mount| mount.contains('$')) {
                    needs.extend(0..index);
                }
            }
            _ => {}
        }
    }
    needs
}

/// Which stages wait, run and are done.
struct Progress {
    plan: Vec<Plan>,
    state: Mutex<Stages>,
    changed: Condvar,
}

struct Stages {
    begun: Vec<bool>,
    done: Vec<bool>,
    failure: Option<BuildError>,
}

impl Progress {
    fn new(count: usize, plan: Vec<Plan>) -> Self {
        let stages = Stages { begun: vec![false; count], done: vec![false; count], failure: None };
        Self { plan, state: Mutex::new(stages), changed: Condvar::new() }
    }

    /// The next stage that can be built; waits for one if all that are left wait. `None` at the end.
    fn next(&self) -> Option<usize> {
        let mut state = lock(&self.state);
        loop {
            if state.failure.is_some() || state.begun.iter().all(|begun| *begun) {
                return None;
            }
            let ready = (0..self.plan.len())
                .find(|index| !state.begun[*index] && self.plan[*index].needs.iter().all(|needed| state.done[*needed]));
            if let Some(index) = ready {
                state.begun[index] = true;
                return Some(index);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A stage ended. Says whether this is the first failure.
    fn done(&self, index: usize, failure: Option<BuildError>) -> bool {
        let mut state = lock(&self.state);
        state.done[index] = true;
        let first = failure.is_some() && state.failure.is_none();
        if first {
            state.failure = failure;
        }
        drop(state);
        self.changed.notify_all();
        first
    }

    fn failure(&self) -> Option<BuildError> {
        lock(&self.state).failure.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_wait_for_those_that_they_name() {
        let text = "ARG B=one\nFROM x AS one\nFROM y AS two\nFROM $B\nCOPY --from=1 a b\nFROM z\nRUN --mount=from=two,target=/t x\nFROM 0";
        let file = Dockerfile::parse("Dockerfile", text.as_bytes()).unwrap();
        let mut arguments = Arguments::default();
        arguments.declare_global("B", Some("one"));
        let needed: Vec<Vec<usize>> = (0..file.stages.len())
            .map(|index| needs(&file, index, &Words::new('\\'), &arguments).into_iter().collect())
            .collect();
        assert_eq!(needed, [vec![], vec![], vec![0, 1], vec![1], vec![]]);
    }

    #[test]
    fn names_get_their_tag() {
        assert_eq!(
            (with_tag("a"), with_tag("r:5000/a"), with_tag("a:b")),
            ("a:latest".to_owned(), "r:5000/a:latest".to_owned(), "a:b".to_owned())
        );
    }
}
