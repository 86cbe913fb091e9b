//! How long reading, writing, merging and comparing take, for 2,000 keys and for as many as a `SOFTWARE` hive has:
//! `cargo bench -p casement-hive`. The least of several runs, in milliseconds.

use casement_hive::{Hive, Name, Times, Tree, Value, diff, merge};
use std::hint::black_box;
use std::time::Instant;

/// Runs of which the fastest counts.
const RUNS: usize = 9;

fn registry(keys: usize) -> Tree {
    let mut tree = Tree::new("ROOT");
    for number in 0..keys {
        let key = tree.create(&format!(
            r"Classes\CLSID\{{{:08X}-0000-0000-C000-000000000046}}\Part{}",
            number / 4,
            number % 4
        ));
        key.set_value(Name::default(), Value::string(&format!("C:\\windows\\system32\\module{number}.dll")));
        key.set_value(Name::from("ThreadingModel"), Value::string("Apartment"));
        key.set_value(Name::from("Flags"), Value::dword(number as u32));
    }
    tree
}

fn least(what: &str, mut run: impl FnMut()) {
    let time = (0..RUNS).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed()
    });
    println!("  {what:<8} {:9.3} ms", time.min().unwrap_or_default().as_secs_f64() * 1e3);
}

fn main() {
    for keys in [2_000, 200_000] {
        let tree = registry(keys);
        let mut changed = tree.clone();
        for number in (0..keys).step_by(10) {
            changed.create(&format!(r"Software\New\{number}")).set_value(Name::from("v"), Value::dword(1));
        }
        let delta = diff(&tree, &changed, Times::Matter);
        let hive = Hive::new(tree.clone(), "BENCH");
        let file = hive.write().unwrap();
        println!("{} keys, {} bytes", tree.root.count(), file.len());
        least("write", || drop(black_box(hive.write())));
        least("read", || drop(black_box(Hive::read(&file))));
        let mut bases = vec![tree.clone(); RUNS].into_iter();
        least("merge", || drop(black_box(bases.next().map(|base| merge(base, [&delta])))));
        least("diff", || drop(black_box(diff(&tree, &changed, Times::Matter))));
    }
}
