//! Builds the Wine runtime: `cargo run -p casement-nt --example runtime -- ROOT PIECES [--refresh] [--mirror URL]`.

use casement_nt::RuntimeBuilder;
use casement_nt::runtime::GuestPieces;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, pieces, options @ ..] = arguments.as_slice() else {
        return Err("usage: runtime ROOT PIECES [--refresh] [--mirror URL]".into());
    };
    let mirror = options.iter().position(|o| o == "--mirror").and_then(|at| options.get(at + 1)).cloned();
    let started = Instant::now();
    let runtime = RuntimeBuilder::new(root, GuestPieces::in_directory(Path::new(pieces)))
        .mirror(mirror)
        .refresh(options.iter().any(|o| o == "--refresh"))
        .build(&|stage: &str, fraction: f64| eprintln!("{:3.0} % {stage}", fraction * 100.0))?;
    println!("{} in {:?}", runtime.directory().display(), started.elapsed());
    Ok(())
}
