//! Line `kvm`: not whether the device is there, but whether it runs an ordinary kernel's code at full speed.
//!
//! A software KVM (in a cloud machine without nested virtualisation) opens and makes machines like a real one, but
//! interprets everything that runs in ring 0, a thousand times slower, and stops at instructions it does not know.

use std::time::Duration;

use super::super::kvm_machine::{Ended, Machine};
use super::super::{Line, Topic, Verdict};

/// Turns of the measured loop, two instructions each.
const TURNS: u64 = 100_000;
/// A processor needs 0.1 ms for the loop and an interpreter more than 100 ms.
const QUICK: Duration = Duration::from_millis(20);
/// Each program runs this often, and the quickest run counts: another program may hold the processor meanwhile.
const RUNS: usize = 3;

/// `mov rcx, TURNS; dec rcx; jnz -5; hlt` in 64-bit code.
fn counting_loop() -> Vec<u8> {
    let mut code = vec![0x48, 0xb9];
    code.extend(TURNS.to_le_bytes());
    code.extend([0x48, 0xff, 0xc9, 0x75, 0xfb, 0xf4]);
    code
}

/// `lock cmpxchg16b [rsp]; hlt`: every ordinary 64-bit kernel has it in its memory allocator.
const EXCHANGE: [u8; 7] = [0xf0, 0x48, 0x0f, 0xc7, 0x0c, 0x24, 0xf4];

pub fn machine() -> Line {
    match measure() {
        Ok(measured) => judge(&measured),
        Err(error) => {
            let means = "Hyper-V isolation will emulate the processor, which is slow";
            Line::failed(Topic::Kvm, Verdict::Degraded, error, means)
        }
    }
}

struct Measured {
    counted: Ended,
    time: Duration,
    exchanged: Ended,
}

fn measure() -> Result<Measured, String> {
    let (mut counted, mut time) = (Ended::Elsewhere, Duration::MAX);
    for _ in 0..RUNS {
        let mut machine = Machine::new(&counting_loop())?;
        let (ended, this) = machine.run()?;
        counted = ended;
        time = time.min(this);
        if ended != Ended::AtHalt || time < QUICK {
            break;
        }
    }
    let (exchanged, _) = Machine::new(&EXCHANGE)?.run()?;
    Ok(Measured { counted, time, exchanged })
}

fn judge(measured: &Measured) -> Line {
    let topic = Topic::Kvm;
    let emulated = "Hyper-V isolation will emulate the processor, which is slow";
    let speed = 2.0 * TURNS as f64 / measured.time.as_secs_f64() / 1e6;
    let time = format!("{:.1} ms", measured.time.as_secs_f64() * 1e3);
    if measured.counted != Ended::AtHalt {
        let found = "/dev/kvm opens, but a loop of two instructions does not come to its end";
        return Line::new(topic, Verdict::Degraded, found, emulated);
    }
    if measured.time >= QUICK {
        let more = if measured.exchanged == Ended::AtHalt { "" } else { ", no cmpxchg16b" };
        let found = format!("/dev/kvm only interprets: {speed:.1} M instructions/s{more}");
        let means = format!("ordinary kernels do not boot: {emulated}");
        return Line::new(topic, Verdict::Degraded, found, means);
    }
    if measured.exchanged != Ended::AtHalt {
        let found = format!("/dev/kvm is quick ({time}), but cannot do cmpxchg16b");
        return Line::new(topic, Verdict::Degraded, found, format!("ordinary kernels do not boot: {emulated}"));
    }
    let found = format!("ring-0 code runs at full speed ({time} for {TURNS} turns)");
    Line::new(topic, Verdict::Ok, found, "Hyper-V isolation will use it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(counted: Ended, milliseconds: u64, exchanged: Ended) -> Verdict {
        judge(&Measured { counted, time: Duration::from_millis(milliseconds), exchanged }).verdict
    }

    #[test]
    fn only_a_quick_and_complete_machine_is_good() {
        assert_eq!(verdict(Ended::AtHalt, 1, Ended::AtHalt), Verdict::Ok);
        assert_eq!(verdict(Ended::AtHalt, 131, Ended::AtHalt), Verdict::Degraded);
        assert_eq!(verdict(Ended::AtHalt, 1, Ended::Elsewhere), Verdict::Degraded);
        assert_eq!(verdict(Ended::Elsewhere, 1, Ended::AtHalt), Verdict::Degraded);
    }

    #[test]
    fn the_loop_jumps_back_to_its_decrement() {
        let code = counting_loop();
        let after_jump = code.len() - 1;
        let target = after_jump as i64 + i64::from(code[after_jump - 1] as i8);
        assert_eq!(&code[target as usize..][..3], [0x48, 0xff, 0xc9]);
        assert_eq!(code.last(), Some(&0xf4));
    }
}
