//! Properties of a compute system, from its job.

use casement_job::Job;
use casement_schema::properties::{OsType, Properties, PropertyQuery, PropertyType, State, SystemType};
use casement_schema::statistics::{MemoryStats, ProcessorStats, Statistics, StorageStats};
use jiff::Timestamp;

/// What does not change about a compute system.
pub struct Facts<'a> {
    /// Its id.
    pub id: &'a str,
    /// Who made it.
    pub owner: &'a str,
    /// GUID of this run.
    pub runtime_id: &'a str,
    /// When it started.
    pub started: Timestamp,
}

/// The properties that `query` asks for; the basic ones are always there.
pub fn properties(facts: &Facts<'_>, state: State, job: &Job, query: &PropertyQuery) -> Properties {
    let mut answer = Properties {
        id: facts.id.to_owned(),
        name: facts.id.to_owned(),
        owner: facts.owner.to_owned(),
        system_type: Some(SystemType::Container),
        runtime_os_type: Some(OsType::Windows),
        runtime_id: facts.runtime_id.to_owned(),
        state: Some(state),
        ..Properties::default()
    };
    if query.property_types.contains(&PropertyType::Statistics) {
        answer.statistics = statistics(facts, job);
    }
    answer
}

fn statistics(facts: &Facts<'_>, job: &Job) -> Option<Statistics> {
    let counted = job.statistics().inspect_err(|error| tracing::warn!(%error, "no statistics")).ok()?;
    let now = Timestamp::now();
    let uptime = now.duration_since(facts.started).as_nanos().max(0) / 100;
    Some(Statistics {
        timestamp: now.to_string(),
        container_start_time: facts.started.to_string(),
        uptime_100ns: u64::try_from(uptime).unwrap_or(u64::MAX),
        processor: counted.cpu.map(|cpu| ProcessorStats {
            total_runtime_100ns: cpu.total,
            runtime_user_100ns: cpu.user,
            runtime_kernel_100ns: cpu.kernel,
        }),
        memory: counted.memory.map(|memory| MemoryStats {
            memory_usage_commit_bytes: memory.usage,
            memory_usage_commit_peak_bytes: memory.peak,
            memory_usage_private_working_set_bytes: memory.private_working_set,
        }),
        storage: counted.io.map(|io| StorageStats {
            read_count_normalized: io.reads,
            read_size_bytes: io.read_bytes,
            write_count_normalized: io.writes,
            write_size_bytes: io.write_bytes,
        }),
    })
}
