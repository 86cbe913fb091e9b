#!/usr/bin/env bash
# Measures the memory of the process that serves a volume: anonymous memory (Pss_Anon), before and after a walk over many files in
# several layers, and that of idle containers' silo hosts. Prints the Markdown of docs/benchmarks.md. Needs root:
#   benches/volume_memory.sh [FILES [CONTAINERS]]      100,000 files and 100 containers by default; 0 containers: no containers
#
# CASEMENT_BENCH_ROOT names the root with the runtime and the image (default: target/bench-root, built when missing).
set -euo pipefail
cd "$(dirname "$0")/.."
. benches/casement.sh
files=${1:-100000}
containers=${2:-100}
built=$PWD/target/x86_64-unknown-linux-gnu/release
casement=$built/casement
root=${CASEMENT_BENCH_ROOT:-$PWD/target/bench-root}

in_own_mounts "$@"
cargo build --quiet --release --locked -p casement-wcifs --example serve
mkdir -p "$(dirname "$root")"
work=$(mktemp -d "$(dirname "$root")/bench.XXXXXX")
export CASEMENT_ROOT=$root CASEMENT_RUN=$work/run
server= daemon= started=()
clean_up() {
    [ ${#started[@]} = 0 ] || "$casement" rm -f "${started[@]}" >/dev/null 2>&1 || true
    [ -z "$daemon" ] || { kill "$daemon" && wait "$daemon" || true; } 2>/dev/null
    umount "$work/c" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" || true
    rm -rf "$work"
}
trap clean_up EXIT
anonymous() { awk '$1 == "Pss_Anon:" { print $2 }' "/proc/$1/smaps_rollup"; }

mkdir -p "$work"/{c,scratch/upper,scratch/work,top,base}
python3 - "$work" "$files" <<'PYTHON'
import os, sys
work, files = sys.argv[1], int(sys.argv[2])
for number in range(files):
    directory = f"{work}/{'top' if number % 5 == 0 else 'base'}/directory{number // 200}"
    os.makedirs(directory, exist_ok=True)
    open(f"{directory}/SomeModule{number}.js", "w").close()
PYTHON
"$built/examples/serve" "$work/c" "$work/scratch" 0 "$work/top" "$work/base" >/dev/null &
server=$!
until mountpoint -q "$work/c"; do
    kill -0 "$server" 2>/dev/null || { echo "benches/volume_memory.sh: the volume is not served" >&2; exit 1; }
    sleep 0.02
done
ls "$work/c" >/dev/null
before=$(anonymous "$server")
seen=$(find "$work/c" -type f -size -1 | wc -l)
after=$(anonymous "$server")
[ "$seen" = "$files" ] || { echo "benches/volume_memory.sh: $seen files of $files were found" >&2; exit 1; }
echo "| Process that serves a volume, anonymous memory | |"
echo "|---|---:|"
echo "| as it starts | $before KiB |"
echo "| after $files files were looked up | $after KiB |"
echo "| for each file | $(((after - before) * 1024 / files)) bytes |"

if [ "$containers" != 0 ]; then
    make_images
    start_daemon
    for ((number = 0; number < containers; number++)); do
        started+=("$("$casement" run -d -i nanoserver cmd)")
    done
    for container in "${started[@]}"; do
        until "$casement" logs "$container" | grep -q 'Microsoft Windows'; do sleep 0.05; done
        anonymous "$(pgrep -f "silo-host .*$container")" >>"$work/hosts"
    done
    echo
    echo "| Silo hosts of $containers idle containers, anonymous memory | KiB |"
    echo "|---|---:|"
    sort -n "$work/hosts" | awk '{ v[NR] = $1; s += $1 } END { printf "| median | %d |\n| largest | %d |\n| all | %d |\n", v[int((NR + 1) / 2)], v[NR], s }'
fi
