#!/usr/bin/env bash
# Measures work on many names and small files from Windows programs on volume C:, and prints the Markdown of docs/benchmarks.md:
# names.exe of tests/programs, in a container without and in one with a mapped directory, and node.exe beside the host's node on the
# host's file system, which take turns in every round.
# Needs root, node and the test programs (tests/fetch-programs). With few processors and other work, a round takes a minute:
#   benches/files.sh [ROUNDS]      7 rounds by default
#
# CASEMENT_BENCH_ROOT names the root with the runtime and the image (default: target/bench-root, built when missing).
set -euo pipefail
cd "$(dirname "$0")/.."
. benches/casement.sh
rounds=${1:-7}
casement=$PWD/target/x86_64-unknown-linux-gnu/release/casement
programs=${CASEMENT_TEST_PROGRAMS:-$PWD/target/test-programs}
export CASEMENT_ROOT=${CASEMENT_BENCH_ROOT:-$PWD/target/bench-root}

[ "$(id -u)" = 0 ] || { echo "benches/files.sh: run this as root" >&2; exit 1; }
scripts/build >/dev/null
make --no-print-directory -s -C tests/programs OUT="$programs"
work=$(mktemp -d "$(dirname "$CASEMENT_ROOT")/bench.XXXXXX")
export CASEMENT_RUN=$work/run
daemon=
clean_up() {
    for container in ${container:-} ${plain:-}; do "$casement" rm -f "$container" >/dev/null 2>&1 || true; done
    [ -z "$daemon" ] || { kill "$daemon" && wait "$daemon" || true; } 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
make_images
start_daemon
cp benches/small_files.js "$work/"
chmod 755 "$work"
container=$("$casement" run -d -i -u ContainerAdministrator -v "$programs:C:\\t:ro" -v "$work:C:\\work:ro" nanoserver cmd)
in_container() { "$casement" exec -u ContainerAdministrator "$container" "$@"; }

mkdir "$work/image"
cp "$programs/names.exe" "$work/image/"
printf 'FROM nanoserver:ltsc2022\nCOPY names.exe C:/\n' >"$work/image/Dockerfile"
"$casement" build --tag bench-names "$work/image" >/dev/null
plain=$("$casement" run -d -i -u ContainerAdministrator bench-names cmd)
"$casement" exec -u ContainerAdministrator "$plain" 'C:\names.exe' 'C:\names' "$rounds" | tr -d '\r' >"$work/names"
in_container 'C:\t\names.exe' 'C:\names' "$rounds" | tr -d '\r' >"$work/names.mapped"
mkdir "$work/here"
for ((round = -1; round < rounds; round++)); do
    in_container 'C:\t\real\node\node.exe' 'C:\work\small_files.js' 'C:\' >>"$work/windows"
    node "$work/small_files.js" "$work/here" >>"$work/linux"
    # The first round warms up.
    [ "$round" -ge 0 ] || rm "$work/windows" "$work/linux"
done
python3 - "$work" <<'PYTHON'
import json, statistics, sys
work = sys.argv[1]
print("| Opens in a directory of 5,000 files, µs each | median | to the exact name | with a mapped directory | to the exact name |")
print("|---|---:|---:|---:|---:|")
plain, mapped = (dict(line.split() for line in open(f"{work}/{name}")) for name in ("names", "names.mapped"))
for key, title in [("exact", "the name as it is written"), ("wrong-case", "in another case"),
                   ("missing", "missing, for the first time"), ("missing-again", "missing, again")]:
    cells = [f"{float(times[key]):.1f} | {float(times[key]) / float(times['exact']):.2f}" for times in (plain, mapped)]
    print(f"| {title} | {' | '.join(cells)} |")
rows = {side: [json.loads(line) for line in open(f"{work}/{side}")] for side in ("windows", "linux")}
print("\n| node's work on small files, ms | node.exe on C: | node on the host's disk | ratio |\n|---|---:|---:|---:|")
for key, title in [("write", "1,000 writes"), ("stat", "2,000 stats"), ("miss", "1,000 misses"), ("remove", "removal of the 1,000")]:
    ours, theirs = (statistics.median(row[key] for row in rows[side]) for side in ("windows", "linux"))
    print(f"| {title} | {ours:.1f} | {theirs:.1f} | {ours / theirs:.1f} |")
total = [statistics.median(sum(row.values()) for row in rows[side]) for side in ("windows", "linux")]
print(f"| all | {total[0]:.1f} | {total[1]:.1f} | {total[0] / total[1]:.1f} |")
PYTHON
