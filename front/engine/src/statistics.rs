//! What a container uses, in the shape of the statistics of Windows containers.

use std::collections::BTreeMap;

use casement_schema::statistics::Statistics;
use serde::Serialize;

use crate::container::{Container, NEVER, now};
use crate::engine::Engine;
use crate::error::Result;
use crate::networks::attachment::{Attachment, SHARED};

/// A sample. Processor times are in units of 100 ns.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    name: String,
    id: String,
    read: String,
    preread: String,
    pids_stats: Empty,
    blkio_stats: BlockStats,
    num_procs: u32,
    storage_stats: StorageSample,
    cpu_stats: CpuStats,
    precpu_stats: CpuStats,
    memory_stats: MemorySample,
    /// By endpoint.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    networks: BTreeMap<String, NetworkSample>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Empty {}

/// Linux only: always empty.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct BlockStats {
    io_service_bytes_recursive: Option<()>,
    io_serviced_recursive: Option<()>,
    io_queue_recursive: Option<()>,
    io_service_time_recursive: Option<()>,
    io_wait_time_recursive: Option<()>,
    io_merged_recursive: Option<()>,
    io_time_recursive: Option<()>,
    sectors_recursive: Option<()>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct StorageSample {
    #[serde(skip_serializing_if = "is_zero")]
    read_count_normalized: u64,
    #[serde(skip_serializing_if = "is_zero")]
    read_size_bytes: u64,
    #[serde(skip_serializing_if = "is_zero")]
    write_count_normalized: u64,
    #[serde(skip_serializing_if = "is_zero")]
    write_size_bytes: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct CpuStats {
    cpu_usage: CpuUsage,
    throttling_data: Throttling,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct CpuUsage {
    total_usage: u64,
    usage_in_kernelmode: u64,
    usage_in_usermode: u64,
}

/// Linux only: always zero.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Throttling {
    periods: u64,
    throttled_periods: u64,
    throttled_time: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct MemorySample {
    #[serde(skip_serializing_if = "is_zero")]
    commitbytes: u64,
    #[serde(skip_serializing_if = "is_zero")]
    commitpeakbytes: u64,
    #[serde(skip_serializing_if = "is_zero")]
    privateworkingset: u64,
}

/// What went through an endpoint, as its container sees it. Windows counts no errors.
#[derive(Clone, Debug, Default, Serialize)]
struct NetworkSample {
    rx_bytes: u64,
    rx_packets: u64,
    rx_errors: u64,
    rx_dropped: u64,
    tx_bytes: u64,
    tx_packets: u64,
    tx_errors: u64,
    tx_dropped: u64,
    endpoint_id: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Engine {
    /// What a container uses now, after `before`. One that does not run uses nothing.
    ///
    /// # Errors
    /// [`crate::Error::NoSuchContainer`], or that its job cannot be asked.
    pub fn sample(&self, key: &str, before: Option<&Sample>) -> Result<Sample> {
        let entry = self.find(key)?;
        let (container, system) = {
            let live = entry.live();
            (live.container.clone(), live.system.clone())
        };
        let ended = || !entry.live().is_active();
        match system.map(|system| system.statistics()).transpose() {
            Ok(statistics) => {
                let mut sample = Sample::new(&container, statistics.as_ref(), self.host_cpus(), before);
                if statistics.is_some() {
                    sample.networks = self.network_samples(&container);
                }
                Ok(sample)
            }
            Err(_) if ended() => Ok(Sample::new(&entry.container(), None, self.host_cpus(), before)),
            Err(error) => Err(error),
        }
    }

    /// The counters of the endpoints that a container has or uses.
    fn network_samples(&self, container: &Container) -> BTreeMap<String, NetworkSample> {
        let Ok(service) = self.networks.service() else { return BTreeMap::new() };
        let shared = container.host_config.network_mode.strip_prefix(SHARED);
        let holder = shared.and_then(|other| self.find(other).ok()).map(|entry| entry.container());
        let attachments = &holder.as_ref().unwrap_or(container).network;
        let sample = |attachment: &Attachment| {
            // One that has just left its network counts nothing.
            let counted = service.statistics(&attachment.endpoint).ok()?;
            let id = attachment.endpoint.to_string().to_ascii_uppercase();
            let sample = NetworkSample {
                rx_bytes: counted.bytes_received,
                rx_packets: counted.packets_received,
                rx_dropped: counted.dropped_packets_incoming,
                tx_bytes: counted.bytes_sent,
                tx_packets: counted.packets_sent,
                tx_dropped: counted.dropped_packets_outgoing,
                endpoint_id: id.clone(),
                ..NetworkSample::default()
            };
            Some((id, sample))
        };
        attachments.endpoints.values().filter_map(sample).collect()
    }
}

impl Sample {
    fn new(container: &Container, statistics: Option<&Statistics>, host_cpus: u32, before: Option<&Self>) -> Self {
        let processor = statistics.and_then(|statistics| statistics.processor.clone()).unwrap_or_default();
        let memory = statistics.and_then(|statistics| statistics.memory.clone()).unwrap_or_default();
        let storage = statistics.and_then(|statistics| statistics.storage.clone()).unwrap_or_default();
        Self {
            name: format!("/{}", container.name),
            id: container.id.to_string(),
            read: if statistics.is_some() { now() } else { NEVER.to_owned() },
            preread: before.map_or_else(|| NEVER.to_owned(), |before| before.read.clone()),
            pids_stats: Empty {},
            blkio_stats: BlockStats::default(),
            num_procs: if statistics.is_some() { host_cpus } else { 0 },
            storage_stats: StorageSample {
                read_count_normalized: storage.read_count_normalized,
                read_size_bytes: storage.read_size_bytes,
                write_count_normalized: storage.write_count_normalized,
                write_size_bytes: storage.write_size_bytes,
            },
            cpu_stats: CpuStats {
                cpu_usage: CpuUsage {
                    total_usage: processor.total_runtime_100ns,
                    usage_in_kernelmode: processor.runtime_kernel_100ns,
                    usage_in_usermode: processor.runtime_user_100ns,
                },
                ..CpuStats::default()
            },
            precpu_stats: before.map(|before| before.cpu_stats).unwrap_or_default(),
            memory_stats: MemorySample {
                commitbytes: memory.memory_usage_commit_bytes,
                commitpeakbytes: memory.memory_usage_commit_peak_bytes,
                privateworkingset: memory.memory_usage_private_working_set_bytes,
            },
            networks: BTreeMap::new(),
        }
    }
}
