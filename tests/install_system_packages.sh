#!/bin/sh
# Installs what some tests need beside Python packages (Debian or Ubuntu, as root): SLURM and munge, of which it starts no
# daemon, a browser, and the libraries that lay out PDFs.
set -eu

fail() {
    echo "make system-packages: $1; the tests that need them will be skipped" >&2
    exit 1
}

missing=
for program in munged slurmctld slurmd sbatch chromium; do
    PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null || missing="$missing $program"
done
for library in libpango-1.0.so.0 libpangoft2-1.0.so.0 libharfbuzz-subset.so.0; do
    ldconfig -p | grep -q "$library" || missing="$missing $library"
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
packages="slurm-wlm munge chromium fonts-dejavu-core libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
echo "make system-packages: installing $packages"
quietly apt-get update -q
quietly apt-get install -q -y --no-install-recommends $packages
