#!/usr/bin/env bash
# The README's two commands on a machine with nothing on it: a bare Debian 12 in a folder, with this machine's Rust and
# an empty cargo cache. Run it as root; it installs nothing here, and leaves nothing mounted.
#   tests/fresh.sh               `cargo run --release` until the README's first event is created, then `./test.sh`
#   tests/fresh.sh --quick       the same with `./test.sh --quick`
#   tests/fresh.sh --run         `cargo run --release` alone
#   tests/fresh.sh --deploy      a plain build, and of the tests those that hold deploy/ and the Dockerfile
# FRESH_DIR names an empty folder for the root (a temporary one if unset; it is removed at the end, unless it is named).
# FRESH_COPY names more of this machine's files to copy in, such as a proxy's certificate.
set -euo pipefail
cd "$(dirname "$0")/.."
source="$PWD"

mode=all
case "${1:-}" in
"") ;;
--quick) mode=quick ;;
--run) mode=run ;;
--deploy) mode=deploy ;;
*) echo "usage: tests/fresh.sh [--quick|--run|--deploy]" >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || { echo "fresh.sh: run it as root: it mounts, and changes its root" >&2; exit 1; }
for tool in mmdebstrap git rustc cargo chroot curl; do
    command -v "$tool" >/dev/null || { echo "fresh.sh: $tool is missing" >&2; exit 1; }
done

kept="${FRESH_DIR:-}"
root="${kept:-$(mktemp -d)}"
mkdir -p "$root"
root="$(realpath "$root")"
[ -z "$(ls -A "$root")" ] || { echo "fresh.sh: $root is not empty" >&2; exit 1; }
mounted=()
running=
# Every process inside, or those of one name.
pids_inside() {
    local folder
    for folder in /proc/[0-9]*; do
        if [ "$(readlink "$folder/root" 2>/dev/null)" = "$root" ] && grep -q "^${1:-}" "$folder/comm" 2>/dev/null; then
            basename "$folder"
        fi
    done
}
leave() {
    local at pid
    [ -z "$running" ] || kill "$running" 2>/dev/null || true
    # Whatever was started inside goes first: a mount that is used stays.
    for pid in $(pids_inside); do
        kill -KILL "$pid" 2>/dev/null || true
    done
    for ((at = ${#mounted[@]} - 1; at >= 0; at--)); do
        umount "${mounted[at]}" 2>/dev/null || umount --lazy "${mounted[at]}"
    done
    # Never through a mount that is still there.
    [ -n "$kept" ] || rm -rf --one-file-system "$root"
}
trap leave EXIT
trap 'exit 130' INT TERM

mount_in() {
    local from="$1" to="$root$2"
    shift 2
    mkdir -p "$to"
    mount --bind "$from" "$to"
    mounted+=("$to")
    # A bind mount takes its options only when it is mounted again.
    [ $# = 0 ] || mount -o "remount,bind,$1" "$to"
}

copy_in() {
    [ -e "$1" ] || return 0
    mkdir -p "$root$(dirname "$2")"
    # A link there that leads to / would be followed to this machine's own file.
    cp -rL --remove-destination "$1" "$root$(dirname "$2")/"
}

echo "fresh.sh: making a bare Debian 12 in $root"
mmdebstrap --quiet --variant=minbase --include=ca-certificates,git bookworm "$root"

# How this machine reaches Debian, cargo's registry, Python's and npm's: so does the fresh one.
rm -rf "$root/etc/apt/sources.list" "$root/etc/apt/sources.list.d"
for path in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf /etc/apt/apt.conf.d /etc/apt/auth.conf.d \
    /etc/apt/keyrings /etc/apt/trusted.gpg.d /usr/share/keyrings /etc/pip.conf /etc/npmrc /etc/resolv.conf /etc/hosts \
    /etc/ssl/certs /usr/local/share/ca-certificates ${FRESH_COPY:-}; do
    copy_in "$path" "$path"
done
# Those of other distributors' packages may want what is not there.
find "$root/etc/apt/sources.list.d" -type f 2>/dev/null | while read -r list; do
    grep -q -i debian "$list" || rm "$list"
done
for path in .config/pip .pip .netrc .npmrc; do
    copy_in "$HOME/$path" "/root/$path"
done
cargo_home="${CARGO_HOME:-$HOME/.cargo}"
mkdir -p "$root/root/.cargo"
for path in config.toml config credentials.toml; do
    [ ! -e "$cargo_home/$path" ] || cp "$cargo_home/$path" "$root/root/.cargo/"
done
mapfile -t carried < <(env | grep -E -i '^(https?_proxy|all_proxy|no_proxy|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|NPM_CONFIG_.*|CARGO_(REGISTRIES|REGISTRY|HTTP|NET|SOURCE)_.*|PIP_.*|CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE)=' || true)

# A root that is no mount point cannot be unshared, and a test mounts a disk for its process alone.
mount --bind "$root" "$root"
mounted+=("$root")
mount --make-private "$root"
mount_in /proc /proc
mount_in /sys /sys
mount_in /dev /dev
mount_in /dev/shm /dev/shm
mount_in "$(rustc --print sysroot)" /opt/rust ro
git clone --quiet --no-hardlinks "$source" "$root/root/calrelay"

inside() {
    chroot "$root" /usr/bin/env -i HOME=/root TERM=dumb LANG=C.UTF-8 "${carried[@]}" \
        PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        sh -c "cd /root/calrelay && $1"
}
told() {
    printf 'fresh.sh: %-40s %4d s\n' "$1" "$2"
}

[ -z "$(find "$root/root/.cargo" -name registry)" ] || { echo "fresh.sh: cargo's cache is not empty" >&2; exit 1; }
commit="$(git -C "$source" rev-parse --short HEAD)"
echo "fresh.sh: $commit, $(rustc --version)"

# Rust needs a linker, and says so; test.sh installs it, and the README's first command rests on it.
inside "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev" >/dev/null

# Ports of its own: another calrelay may run on this machine.
port=$((20000 + RANDOM % 10000))
run_until_the_first_event() {
    local log="$root/root/run.log" began="$SECONDS" key answer
    inside "PORT=$port ADMIN_PORT=$((port + 1)) SANDBOX_PORT=$((port + 2)) exec cargo run --release" >"$log" 2>&1 &
    running=$!
    until grep -q 'Ready: accepting jobs' "$log"; do
        kill -0 "$running" 2>/dev/null || { tail -n 40 "$log" >&2; echo "fresh.sh: cargo run --release ended" >&2; exit 1; }
        sleep 1
    done
    told "cargo run --release, until it is ready" $((SECONDS - began))
    key="$(sed -n 's/^export CALRELAY_KEY=//p' "$log")"
    [ -n "$key" ] || { tail -n 40 "$log" >&2; echo "fresh.sh: no key was shown" >&2; exit 1; }
    # The README's own lines, on this port.
    answer="$(sed -n '/^curl -X POST localhost:3001/,/^```/p' README.md | sed -n '/^```/q;p' \
        | sed "s/localhost:3001/localhost:$port/" | CALRELAY_KEY="$key" NO_PROXY=localhost sh -s)"
    case "$answer" in
    *'"success":true'*) echo "fresh.sh: the README's curl created its event" ;;
    *) echo "fresh.sh: the README's curl was answered: $answer" >&2; exit 1 ;;
    esac
    kill -TERM $(pids_inside calrelay)
    wait "$running" || { echo "fresh.sh: it did not stop in order" >&2; exit 1; }
    running=
}

tests() {
    local began="$SECONDS" result=0
    inside "$1" || result=$?
    told "$1" $((SECONDS - began))
    [ "$result" = 0 ] || exit "$result"
}

case "$mode" in
all) run_until_the_first_event; tests ./test.sh ;;
quick) run_until_the_first_event; tests "./test.sh --quick" ;;
run) run_until_the_first_event ;;
deploy) tests "cargo build --locked && cargo test --locked -p tests --test deploy dockerfile::" ;;
esac
echo "fresh.sh: all well"
