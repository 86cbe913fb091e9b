#!/usr/bin/env bash
# Sets up and runs every test. Needs root and the package archives (Debian, npm, PyPI, crates); what it makes is below
# target/. Arguments go to the test runner: ./test.sh -E 'test(ver)'.
set -euo pipefail
cd "$(dirname "$0")"
export PATH="$HOME/.cargo/bin:$PATH"

say() { printf '==> %s\n' "$*" >&2; }

if [ "$(id -u)" != 0 ]; then
    echo "test.sh: run this as root: the suites run the real daemon and real containers" >&2
    exit 1
fi
scripts/install-packages --tests
built=$(scripts/build)

export CASEMENT_TEST_ROOT=${CASEMENT_TEST_ROOT:-$PWD/target/test-root}
export CASEMENT_TEST_PROGRAMS=${CASEMENT_TEST_PROGRAMS:-$PWD/target/test-programs}
export CASEMENT_TEST_CLIENTS=${CASEMENT_TEST_CLIENTS:-$PWD/target/test-clients}
say "building the test programs"
make --no-print-directory -s -C tests/programs OUT="$CASEMENT_TEST_PROGRAMS"
tests/fetch-programs
tests/fetch-readers
tests/fetch-clients
export PATH="$CASEMENT_TEST_CLIENTS/bin:$PATH"
say "building the runtime and the base images"
images() { "$built/casement" --root "$CASEMENT_TEST_ROOT" "$@" >/dev/null; }
images runtime build
images base build nanoserver --tag 1809 --tag ltsc2022 --tag ltsc2025
images base build servercore --tag ltsc2022

before=$(mktemp)
trap 'rm -f "$before"' EXIT
tests/leftovers before "$before"
status=0
say "running the tests"
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --release --workspace --locked "$@" || status=$?
else
    cargo test --release --workspace --locked "$@" || status=$?
fi
tests/leftovers after "$before" || status=1
exit $status
