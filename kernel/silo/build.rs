//! Compiles the seccomp filters, which are kept as data in `filters/`, to BPF.

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=filters/silo.json");
    let json = std::fs::read("filters/silo.json").expect("filters/silo.json is readable");
    let map = seccompiler::compile_from_json(json.as_slice(), seccompiler::TargetArch::x86_64)
        .expect("filters/silo.json is a valid set of filters");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for (name, program) in map {
        let bytes: Vec<u8> = program
            .iter()
            .flat_map(|i| {
                let mut b = [0u8; 8];
                b[..2].copy_from_slice(&i.code.to_le_bytes());
                (b[2], b[3]) = (i.jt, i.jf);
                b[4..].copy_from_slice(&i.k.to_le_bytes());
                b
            })
            .collect();
        std::fs::write(out.join(format!("{name}.bpf")), bytes).expect("OUT_DIR is writable");
    }
}
