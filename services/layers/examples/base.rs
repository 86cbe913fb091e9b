//! Builds a base image: `cargo run -p casement-layers --example base -- ROOT FLAVOUR TAG [SCRATCH_ID]`.
//! With a fourth argument it makes a scratch of that name, owned by root.

use casement_layers::{BaseBuilder, Store};
use casement_nt::Runtime;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, flavour, tag, rest @ ..] = arguments.as_slice() else {
        return Err("usage: base ROOT FLAVOUR TAG [SCRATCH_ID]".into());
    };
    let store = Store::open(root)?;
    let started = Instant::now();
    let runtime = Runtime::current(Path::new(root))?;
    let image = BaseBuilder::new(&store, runtime, flavour.parse()?, tag.parse()?)
        .build(&|stage: &str, fraction: f64| eprintln!("{:3.0} % {stage}", fraction * 100.0))?;
    println!("built in {:?}", started.elapsed());
    println!("{image:#?}");
    if let [id, ..] = rest {
        store.remove_scratch(id)?;
        let started = Instant::now();
        let scratch = store.create_scratch(id, &image, 0)?;
        println!("scratch {} in {:?}", scratch.directory().display(), started.elapsed());
    }
    Ok(())
}
