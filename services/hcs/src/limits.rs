//! The limits of a document, for a job.

use crate::error::ComputeError;
use casement_gcs::payload::RequestBase;
use casement_job::{CpuRate, IoLimit, JobLimits};
use casement_schema::container::{Container, Memory, Processor};
use casement_schema::storage::StorageQoS;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Billionths of a processor in one.
const NANO_CPUS_PER_CPU: u64 = 1_000_000_000;

/// Request [`crate::protocol::LIMIT`]: what is absent is not limited any more, but storage traffic stays as it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChangeLimits {
    /// Which compute system.
    #[serde(flatten)]
    pub base: RequestBase,
    /// Memory.
    pub memory: Option<Memory>,
    /// Processors.
    pub processor: Option<Processor>,
    /// Storage traffic.
    #[serde(rename = "QoS")]
    pub qos: Option<StorageQoS>,
}

impl ChangeLimits {
    /// The limits of `container`.
    pub fn new(base: RequestBase, container: &Container) -> Self {
        Self {
            base,
            memory: container.memory.clone(),
            processor: container.processor.clone(),
            qos: container.storage.as_ref().and_then(|s| s.qos.clone()),
        }
    }

    /// Puts these limits into a document.
    pub fn apply(self, container: &mut Container) {
        container.memory = self.memory;
        container.processor = self.processor;
        if let (Some(qos), Some(storage)) = (self.qos, container.storage.as_mut()) {
            storage.qos = Some(qos);
        }
    }
}

/// The limits that a document asks for. Memory is given in MB, processors as a number, in ten-thousandths of all
/// processors (`Processor.Maximum`) and as a weight; storage traffic is that of the scratch's device.
pub fn job_limits(container: &Container, processes: u32) -> Result<JobLimits, ComputeError> {
    let processor = container.processor.as_ref();
    let count = processor.filter(|p| p.count > 0).map(|p| CpuRate::NanoCpus(u64::from(p.count) * NANO_CPUS_PER_CPU));
    let maximum = processor.filter(|p| p.maximum > 0).map(|p| CpuRate::Maximum(p.maximum));
    let storage = container.storage.as_ref();
    let qos = storage.and_then(|s| Some((s, s.qos.as_ref()?)));
    let io = qos.filter(|(_, q)| q.bandwidth_maximum > 0 || q.iops_maximum > 0).map(|(storage, q)| {
        let scratch = Path::new(&storage.path);
        let device =
            casement_job::device_of(scratch).map_err(|e| ComputeError::file("find the disk of", scratch, e))?;
        let given = |value: u64| (value > 0).then_some(value);
        Ok::<_, ComputeError>(IoLimit {
            device,
            bytes_per_second: given(q.bandwidth_maximum),
            operations_per_second: given(q.iops_maximum),
        })
    });
    Ok(JobLimits {
        memory: container.memory.as_ref().filter(|m| m.size_in_mb > 0).map(|m| m.size_in_mb.saturating_mul(1 << 20)),
        cpu: maximum.or(count),
        weight: processor.filter(|p| p.weight > 0).map(|p| p.weight),
        processes,
        io: io.transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(processor: Processor) -> JobLimits {
        job_limits(&Container { processor: Some(processor), ..Container::default() }, 7).unwrap()
    }

    #[test]
    fn a_number_of_processors_is_so_much_of_their_time() {
        let limits = limits(Processor { count: 2, ..Processor::default() });
        assert_eq!((limits.cpu, limits.weight, limits.processes), (Some(CpuRate::NanoCpus(2_000_000_000)), None, 7));
    }

    #[test]
    fn shares_are_a_weight() {
        let limits = limits(Processor { weight: 5_000, ..Processor::default() });
        assert_eq!((limits.cpu, limits.weight), (None, Some(5_000)));
    }

    #[test]
    fn what_is_absent_is_not_limited() {
        let limits = limits(Processor::default());
        assert_eq!((limits.cpu, limits.weight, limits.memory, limits.io), (None, None, None, None));
    }

    #[test]
    fn changes_survive_the_way_to_the_silo_host() {
        let container = Container {
            memory: Some(Memory { size_in_mb: 64 }),
            processor: Some(Processor { maximum: 5_000, ..Processor::default() }),
            ..Container::default()
        };
        let sent = serde_json::to_vec(&ChangeLimits::new(RequestBase::new("x"), &container)).unwrap();
        let mut changed = Container::default();
        serde_json::from_slice::<ChangeLimits>(&sent).unwrap().apply(&mut changed);
        assert_eq!(changed, container);
    }
}
