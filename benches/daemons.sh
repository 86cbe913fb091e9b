# Sourced by benches that measure Casement against Debian's dockerd 20.10 with Linux containers: makes root and images ready and starts
# both daemons, each in a network namespace of its own. Leaves the shell with
#   casement, root, dockerd (directory of the unpacked packages), work (a directory that goes at the end), ours and theirs (DOCKER_HOST)
# Needs root, python3, the docker command and a Debian archive. CASEMENT_BENCH_ROOT names the root with the runtime and the image
# (default: target/bench-root, built when missing). dockerd comes from the packages docker.io, containerd, runc and busybox-static,
# unpacked below target/bench-dockerd; nothing is installed.
. benches/casement.sh
casement=$PWD/target/x86_64-unknown-linux-gnu/release/casement
root=${CASEMENT_BENCH_ROOT:-$PWD/target/bench-root}
dockerd=$PWD/target/bench-dockerd

in_own_mounts "$@"

if [ ! -e "$dockerd/complete" ]; then
    say "dockerd"
    rm -rf "$dockerd"
    mkdir -p "$dockerd/packages"
    (cd "$dockerd/packages" && apt-get -q download -o APT::Sandbox::User=root docker.io containerd runc busybox-static >&2)
    for package in "$dockerd"/packages/*.deb; do dpkg-deb -x "$package" "$dockerd"; done
    touch "$dockerd/complete"
fi

work=$(mktemp -d "$(dirname "$root")/bench.XXXXXX")
export CASEMENT_ROOT=$root CASEMENT_RUN=$work/run
export DOCKER_CONFIG=$work/config
group=/casement-bench-$$
ours=unix://$work/run/docker.sock theirs=unix://$work/dockerd.sock
daemons=()
clean_up() {
    for host in "$ours" "$theirs"; do
        docker -H "$host" ps -aq 2>/dev/null | xargs -r docker -H "$host" rm -f >/dev/null 2>&1 || true
    done
    for daemon in "${daemons[@]}"; do kill "$daemon" && wait "$daemon" || true; done 2>/dev/null
    umount -R "$work"/dockerd/overlay2/*/merged 2>/dev/null || true
    rmdir "/sys/fs/cgroup$group" /sys/fs/cgroup/*"$group" 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT

say "runtime and image"
make_images

answers() { # host pid log
    until docker -H "$1" version >/dev/null 2>&1; do
        kill -0 "$2" 2>/dev/null || { tail -n 20 "$3" >&2; exit 1; }
        sleep 0.05
    done
}
say "daemons"
unshare --net "$casement" daemon 2>"$work/casement.log" &
daemons+=($!)
PATH=$dockerd/usr/bin:$dockerd/usr/sbin:$PATH unshare --net "$dockerd/usr/sbin/dockerd" -H "$theirs" --data-root "$work/dockerd" \
    --exec-root "$work/exec" --pidfile "$work/dockerd.pid" --bridge=none --iptables=false --ip-forward=false --ip-masq=false \
    --storage-driver overlay2 --cgroup-parent "$group" >"$work/dockerd.log" 2>&1 &
daemons+=($!)
answers "$ours" "${daemons[0]}" "$work/casement.log"
answers "$theirs" "${daemons[1]}" "$work/dockerd.log"

say "a small image of Linux"
mkdir -p "$work/busybox/bin"
cp "$dockerd/bin/busybox" "$work/busybox/bin/busybox"
for name in sh true sleep cat; do ln -s busybox "$work/busybox/bin/$name"; done
tar -C "$work/busybox" -c . | docker -H "$theirs" import - busybox >/dev/null
