#!/usr/bin/env bash
# From a fresh clone to a Windows program that answers from inside a container. Run as root on Debian 12, Debian 13 or
# Ubuntu 24.04; a second run only does what is not up to date.
#
#   PREFIX=/usr/local   where the programs are installed
#   DEBIAN_MIRROR=URL   a Debian archive; needed on Ubuntu, whose own archive has no Debian packages
#   OWN_NETWORK=1       the daemon gets a network of its own, and the host's stays as it is
#   CASEMENT_ROOT, CASEMENT_RUN   where images and containers, and the socket are (see `casement --help`)
set -euo pipefail
cd "$(dirname "$0")"
prefix=${PREFIX:-/usr/local}
run=${CASEMENT_RUN:-/run/casement}
log=${CASEMENT_DAEMON_LOG:-/var/log/casement.log}

say() { printf '==> %s\n' "$*" >&2; }

if [ "$(id -u)" != 0 ]; then
    echo "quickstart.sh: run this as root: the daemon makes namespaces, mounts and control groups" >&2
    exit 1
fi
. /etc/os-release
case "$ID-$VERSION_ID" in
    debian-12 | debian-13 | ubuntu-24.04) ;;
    *) say "this is $PRETTY_NAME: not one of the distributions this script was written for; trying all the same" ;;
esac

scripts/install-packages
built=$(scripts/build)

# Installs FILE as TARGET if it differs; succeeds if it did.
changed=
put() {
    cmp -s "$1" "$2" && return
    install -D -m "$3" "$1" "$2"
    changed=yes
}
put "$built/casement" "$prefix/bin/casement" 755
for piece in "$built/casement-agent" "$built"/guest/*; do
    put "$piece" "$prefix/lib/casement/$(basename "$piece")" 755
done
casement=$prefix/bin/casement

if ! "$casement" runtime build ${DEBIAN_MIRROR:+--mirror "$DEBIAN_MIRROR"} >/dev/null; then
    say "the runtime could not be built; see the message above and \`casement doctor\`, line runtime"
    exit 1
fi
"$casement" base build nanoserver >/dev/null

answers() { "$casement" ps >/dev/null 2>&1; }
start_daemon() {
    say "starting the daemon (log: $log)"
    mkdir -p "$run"
    setsid ${OWN_NETWORK:+unshare --net} "$casement" daemon </dev/null >>"$log" 2>&1 &
    for _ in $(seq 100); do
        answers && return
        kill -0 $! 2>/dev/null || break
        sleep 0.1
    done
    say "the daemon did not start:"
    tail -n 5 "$log" >&2
    exit 1
}
if ! answers; then
    start_daemon
elif [ -n "$changed" ]; then
    say "casement was updated; the daemon that runs is the old one: kill it and start \`casement daemon\` when you like, containers go on"
fi

say "casement run --rm nanoserver cmd /c ver"
exec "$casement" run --rm nanoserver cmd /c ver
