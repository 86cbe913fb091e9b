//! Resource limits as people type them: `-m 512m`, `--cpus 1.5`.

use crate::error::{Error, Result};

/// Smallest memory limit, in bytes: below it Wine's server and the first program do not come up.
pub const MIN_MEMORY_BYTES: u64 = 32 << 20;
/// Billionths of a CPU in one CPU.
pub const NANO_CPUS_PER_CPU: u64 = 1_000_000_000;
/// The smallest CPU limit, 0.01 CPU, as in Docker.
pub const MIN_NANO_CPUS: u64 = NANO_CPUS_PER_CPU / 100;
/// The whole of a processor limit in HCS documents: hundredths of a percent of all CPUs.
pub const PROCESSOR_MAXIMUM: u32 = 10_000;

/// Reads a size with an optional unit `b`, `k`, `m`, `g` or `t` (powers of 1024, any case, an optional `b` or `ib` behind it),
/// with a fraction if wanted, and returns bytes.
///
/// # Errors
/// [`Error::InvalidParameter`] for anything else.
pub fn parse_size(text: &str) -> Result<u64> {
    let invalid = || Error::InvalidParameter(format!("invalid size: '{text}'"));
    let trimmed = text.trim();
    let digits = trimmed.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, unit) = trimmed.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(invalid()),
    };
    let factor = 1u64 << shift;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = whole.parse().map_err(|_| invalid())?;
    let whole = whole.checked_mul(factor).ok_or_else(invalid)?;
    if fraction.is_empty() {
        return Ok(whole);
    }
    let numerator = decimal_fraction(fraction, 9).ok_or_else(invalid)?;
    let part = u128::from(numerator) * u128::from(factor) / 1_000_000_000;
    whole.checked_add(u64::try_from(part).map_err(|_| invalid())?).ok_or_else(invalid)
}

/// Reads a memory limit, in bytes.
///
/// # Errors
/// [`Error::InvalidParameter`] when it is no size or below [`MIN_MEMORY_BYTES`].
pub fn parse_memory(text: &str) -> Result<u64> {
    let bytes = parse_size(text)?;
    check_memory(bytes)?;
    Ok(bytes)
}

/// Checks a memory limit given in bytes.
///
/// # Errors
/// [`Error::InvalidParameter`] when it is below [`MIN_MEMORY_BYTES`].
pub fn check_memory(bytes: u64) -> Result<()> {
    if bytes < MIN_MEMORY_BYTES {
        return Err(Error::InvalidParameter(format!("Minimum memory limit allowed is {}MB", MIN_MEMORY_BYTES >> 20)));
    }
    Ok(())
}

/// Reads a number of CPUs such as `0.5` and returns billionths of a CPU.
///
/// # Errors
/// [`Error::InvalidParameter`] when it is no decimal number.
pub fn parse_cpus(text: &str) -> Result<u64> {
    let invalid = || Error::InvalidParameter(format!("invalid number of CPUs: '{text}'"));
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let whole: u64 = if whole.is_empty() { 0 } else { decimal_digits(whole).ok_or_else(invalid)? };
    let fraction = if fraction.is_empty() { 0 } else { decimal_fraction(fraction, 9).ok_or_else(invalid)? };
    let nano = whole.checked_mul(NANO_CPUS_PER_CPU).and_then(|nano| nano.checked_add(fraction));
    // In a request 0 would mean no limit.
    nano.filter(|nano| *nano > 0).ok_or_else(invalid)
}

/// Turns billionths of a CPU into a processor limit of a `host_cpus` host: 1 to [`PROCESSOR_MAXIMUM`].
///
/// # Errors
/// [`Error::InvalidParameter`] when the host has fewer CPUs or the limit is below [`MIN_NANO_CPUS`].
pub fn processor_maximum(nano_cpus: u64, host_cpus: u32) -> Result<u32> {
    let whole = u64::from(host_cpus) * NANO_CPUS_PER_CPU;
    if !(MIN_NANO_CPUS..=whole).contains(&nano_cpus) {
        return Err(Error::InvalidParameter(format!(
            "range of CPUs is from 0.01 to {host_cpus}.00, as there are only {host_cpus} CPUs available"
        )));
    }
    let share = u128::from(nano_cpus) * u128::from(PROCESSOR_MAXIMUM) / u128::from(whole);
    Ok(u32::try_from(share).unwrap_or(PROCESSOR_MAXIMUM).clamp(1, PROCESSOR_MAXIMUM))
}

fn decimal_digits(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// `text` as digits behind a decimal point, scaled to `places` places; further places are dropped.
fn decimal_fraction(text: &str, places: usize) -> Option<u64> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let kept = &text[..text.len().min(places)];
    let value: u64 = kept.parse().ok()?;
    Some(value * 10u64.pow(u32::try_from(places - kept.len()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("1048576").unwrap(), 1 << 20);
        assert_eq!(parse_size("512m").unwrap(), 512 << 20);
        assert_eq!(parse_size("512MB").unwrap(), 512 << 20);
        assert_eq!(parse_size("1g").unwrap(), 1 << 30);
        assert_eq!(parse_size("1.5g").unwrap(), 3 << 29);
        assert_eq!(parse_size("64 KiB").unwrap(), 64 << 10);
    }

    #[test]
    fn nonsense_sizes_are_refused() {
        for text in ["", ".", "-1", "1x", "1.2.3m", "99999999999999999999", "99999999999g", "0x10", "1..m"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        assert!(parse_memory("1m").is_err());
        assert!(parse_memory("100m").is_ok());
    }

    #[test]
    fn cpus_are_decimal() {
        assert_eq!(parse_cpus("1").unwrap(), NANO_CPUS_PER_CPU);
        assert_eq!(parse_cpus("0.5").unwrap(), NANO_CPUS_PER_CPU / 2);
        assert_eq!(parse_cpus(".25").unwrap(), NANO_CPUS_PER_CPU / 4);
        for text in ["", ".", "0", "0.0", "-1", "+1", "1e3", "x", "1,5"] {
            assert!(parse_cpus(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_cpu_limit_is_a_share_of_the_whole_host() {
        assert_eq!(processor_maximum(NANO_CPUS_PER_CPU / 2, 2).unwrap(), 2_500);
        assert_eq!(processor_maximum(2 * NANO_CPUS_PER_CPU, 2).unwrap(), PROCESSOR_MAXIMUM);
        assert_eq!(processor_maximum(MIN_NANO_CPUS, 256).unwrap(), 1);
        let text = processor_maximum(3 * NANO_CPUS_PER_CPU, 2).unwrap_err().to_string();
        assert_eq!(text, "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available");
        assert!(processor_maximum(0, 2).is_err());
    }
}
