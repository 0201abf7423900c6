#!/bin/sh
# Installs what tests/slurm.py needs to start a SLURM of its own (Debian or Ubuntu, as root). Starts no daemon.
set -eu

fail() {
    echo "make slurm: $1; the tests that need SLURM will be skipped" >&2
    exit 1
}

missing=
for program in munged slurmctld slurmd sbatch; do
    PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null || missing="$missing $program"
done
[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || fail "not root, so cannot install$missing"
command -v apt-get >/dev/null || fail "no apt-get here to install$missing"

work=$(mktemp -d)
policy=/usr/sbin/policy-rc.d
ours=
cleanup() {
    [ -z "$ours" ] || rm -f "$policy"
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
# Packages start their services when installed, unless this file forbids it.
if [ ! -e "$policy" ]; then
    ours=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
quietly() {
    "$@" >"$work/log" 2>&1 || {
        tail -n 20 "$work/log" >&2
        fail "'$*' failed"
    }
}
echo "make slurm: installing slurm-wlm and munge"
quietly apt-get update -q
quietly apt-get install -q -y --no-install-recommends slurm-wlm munge
