//! How fast a gzip file is unpacked: `cargo bench -p casement-inflate -- FILE`. All take turns; medians and least times are given, and the
//! least processor time of all threads, which other work on the machine disturbs less.

use casement_inflate::{GzipReader, Sizes};
use std::fs::File;
use std::io::{self, Read};
use std::time::Instant;

/// Rounds in which each takes its turn.
const ROUNDS: usize = 5;

/// What is measured.
type Turn = fn(&str) -> io::Result<u64>;

fn main() -> io::Result<()> {
    let Some(file) = std::env::args().skip(1).find(|argument| !argument.starts_with('-')) else {
        println!("give a gzip file to measure with");
        return Ok(());
    };
    let turns: [(&str, Turn); 5] = [
        ("zlib-rs, one thread", |file| all(flate2::read::MultiGzDecoder::new(File::open(file)?))),
        ("this decoder, no worker", |file| all(with_workers(file, 0)?)),
        ("one worker", |file| all(with_workers(file, 1)?)),
        ("two workers", |file| all(with_workers(file, 2)?)),
        ("as usual", |file| all(GzipReader::new(File::open(file)?))),
    ];
    let mut times = vec![Vec::new(); turns.len()];
    for _ in 0..ROUNDS {
        for ((_, turn), times) in turns.iter().zip(&mut times) {
            let (start, used) = (Instant::now(), processor_time()?);
            let bytes = turn(&file)?;
            times.push((start.elapsed().as_secs_f64(), processor_time()? - used, bytes as f64 / 1e6));
        }
    }
    for ((what, _), times) in turns.iter().zip(&mut times) {
        let used = times.iter().map(|(_, used, _)| *used).fold(f64::INFINITY, f64::min);
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        let ((least, ..), (median, _, megabytes)) = (times[0], times[times.len() / 2]);
        println!(
            "{what:<25} median {:6.0} ms, least {:6.0} ms, {:5.0} MB/s; processor {:6.0} ms, {:5.0} MB/s",
            median * 1e3,
            least * 1e3,
            megabytes / least,
            used * 1e3,
            megabytes / used
        );
    }
    Ok(())
}

fn with_workers(file: &str, workers: usize) -> io::Result<GzipReader<File>> {
    Ok(GzipReader::with_sizes(File::open(file)?, Sizes { workers, ..Sizes::for_processors(workers) }))
}

fn all(mut from: impl Read) -> io::Result<u64> {
    let mut buffer = vec![0; 256 << 10];
    let mut total = 0;
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(total),
            count => total += count as u64,
        }
    }
}

/// Seconds that all threads of this process have run.
fn processor_time() -> io::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // After the name in parentheses; in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    Ok(fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0)
}
