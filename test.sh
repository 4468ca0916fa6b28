#!/usr/bin/env bash
# Installs what the tests need, builds, and runs them all.
#   ./test.sh          everything
#   ./test.sh --quick  without the tests that wait for minutes of real time, or need the machine for themselves
#   ./test.sh --long   everything, with the runs in which everything goes down several times as large, and this build
#                      mixed with the one before it: the commit in tests/before, or the program in CALRELAY_BEFORE
set -euo pipefail
cd "$(dirname "$0")"

mode=all
case "${1:-}" in
"") ;;
--quick) mode=quick ;;
--long) mode=long ;;
*) echo "usage: ./test.sh [--quick|--long]" >&2; exit 2 ;;
esac

# --- what must be there -------------------------------------------------------------------------
if ! command -v cargo >/dev/null; then
    echo "test.sh: Rust is missing: install it from https://rustup.rs and run this again" >&2
    exit 1
fi

missing() {
    command -v cc >/dev/null || echo gcc libc6-dev
    command -v python3 >/dev/null || echo python3
    python3 -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
    # Google's Node client is one of the peers, and a typed client is made from the contract.
    command -v node >/dev/null || echo nodejs
    command -v npm >/dev/null || echo npm
    command -v chromium >/dev/null || echo chromium
    command -v chromedriver >/dev/null || echo chromium-driver
    # The servers that the tests start for themselves, on ports of their own.
    [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || echo rabbitmq-server
    command -v redis-server >/dev/null || echo redis-server
    command -v redis-sentinel >/dev/null || echo redis-sentinel
    # Makes the certificate of a Redis behind TLS.
    command -v openssl >/dev/null || echo openssl
    # The examples in docs/ are run.
    command -v curl >/dev/null || echo curl
    command -v jq >/dev/null || echo jq
    # Renders k8s/, as its users do.
    command -v kubectl >/dev/null || echo kubernetes-client
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || echo postgresql
    # Its promtool reads what we tell Prometheus.
    command -v promtool >/dev/null || echo prometheus
    # What is in deploy/ is held to them.
    [ -x /usr/sbin/nginx ] || echo nginx-light
    command -v systemd-analyze >/dev/null || echo systemd
}

# Debian starts a server when it is installed. Nobody here needs that, and without an init system it fails.
policy=/usr/sbin/policy-rc.d
packages="$(missing | tr '\n' ' ')"
if [ -n "$packages" ]; then
    install="apt-get install -y --no-install-recommends $packages"
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "test.sh: these are missing: $packages; on Debian: sudo $install" >&2
        exit 1
    fi
    echo "test.sh: installing $packages"
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    $install -qq >/dev/null || echo "test.sh: apt-get was not content; looking whether what is needed is there" >&2
    packages="$(missing | tr '\n' ' ')"
    if [ -n "$packages" ]; then
        echo "test.sh: these are still missing: $packages" >&2
        exit 1
    fi
fi

target="$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')"
venv="$target/test-python"
wanted="$(cat tests/requirements.txt)"
if [ "$(cat "$venv/installed" 2>/dev/null)" != "$wanted" ]; then
    echo "test.sh: making a Python environment with the peers that the tests talk to"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r tests/requirements.txt
    printf '%s\n' "$wanted" >"$venv/installed"
fi
export CALRELAY_PYTHON="$venv/bin/python"

# Installs what tests/$1 locks into a folder of the target's; does nothing when it is there already.
packages() {
    local folder="$target/test-$1"
    cmp -s "tests/$1/package-lock.json" "$folder/installed" && return
    echo "test.sh: installing the npm packages of tests/$1"
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "tests/$1/package.json" "tests/$1/package-lock.json" "$folder"
    npm --prefix "$folder" ci --ignore-scripts --no-audit --no-fund --silent
    cp "tests/$1/package-lock.json" "$folder/installed"
}
# What makes a typed client from the contract, and Google's Node client.
packages contract
packages interop
export CALRELAY_CONTRACT="$target/test-contract" CALRELAY_NODE_MODULES="$target/test-interop/node_modules"

# --- build and run ------------------------------------------------------------------------------
export CALRELAY_TESTS="$mode"

# Builds the program of an earlier commit, of this repository's history, into a folder of the target's.
earlier() {
    local commit="$1" folder="$target/before/$1"
    [ -x "$folder/calrelay" ] && return
    if ! git cat-file -e "$commit^{commit}" 2>/dev/null; then
        echo "test.sh: the build before cannot be made: commit $commit is not in this history (git fetch --unshallow?)" >&2
        return 1
    fi
    echo "test.sh: building the build before this one, $commit"
    rm -rf "$folder"
    mkdir -p "$folder/source"
    git archive "$commit" | tar -x -C "$folder/source"
    # In this build's folder: the dependencies are there. What stands there as its program is made anew below.
    (cd "$folder/source" && CARGO_TARGET_DIR="$target" cargo build -p calrelay --locked) || return 1
    cp "$target/debug/calrelay" "$folder/calrelay"
    rm -rf "$folder/source"
    touch calrelay/src/main.rs
}
mixed=skip
if [ "$mode" = long ]; then
    before="$(cat tests/before)"
    if [ -n "${CALRELAY_BEFORE:-}" ]; then
        mixed=run
    elif earlier "$before"; then
        export CALRELAY_BEFORE="$target/before/$before/calrelay"
        mixed=run
    else
        echo "test.sh: NOT RUN: this build mixed with the one before it; name its program in CALRELAY_BEFORE" >&2
    fi
fi

cargo build --workspace --all-targets --locked

# The suites of the adapters, each on servers of its own. (A filter is found anywhere in a name: no module's may end as
# another one is called.)
adapters=(conformance:: rabbitmq:: redis:: servers:: throttle:: tokens:: vaults::)
# Whole installations that use all of the machine, one at a time. Those in neither list mostly wait.
alone=(alerts:: chaos:: cluster:: deaths::rarely fairness:: installation:: mixed:: waits::rarely)
# Ten minutes each, in most of which they wait: beside the others.
beside=(refused_writes::rarely::ten_minutes)
# These wait for minutes of real time.
slow=()
if [ "$mode" = quick ]; then
    slow=(before:: outage:: pacing:: outputs:: full_disk:: ending:: refused_writes:: grants:: refusals::breakers rabbitmq::troubles servers:: accounts:: cut:: deaths:: erased:: keys:: lost_writes:: notices:: quota:: reconnecting:: secrets:: redis_away:: throttle::newcomers)
fi
# Their clock runs twenty times as fast, which makes each pause of a busy machine twenty times as long.
fast=(pacing::)
# What these show is shown by others in their module too, for a cause that is met more often.
rare=(refused_writes::rarely waits::rarely slow_account::rarely redis::compact::rarely many_accounts::rarely hanging_vault::rarely started_away::rarely late::rarely deaths::rarely deaths::a_job_that_kills)
if [ "$mode" = long ]; then
    rare=()
fi
# They need the build before this one.
if [ "$mixed" = skip ]; then
    rare+=(mixed::)
fi
skipping() {
    for name in "$@"; do printf -- '--skip\n%s\n' "$name"; done
}
mapfile -t skip < <(skipping "${slow[@]}" "${rare[@]}")
mapfile -t skip_fast < <(skipping "${fast[@]}")
mapfile -t skip_both < <(skipping "${adapters[@]}" "${alone[@]}" "${beside[@]}")

log="$target/test.log"
result=0
# Always of the whole workspace: cargo builds its dependencies anew for each other choice of packages.
run() {
    cargo test --workspace --locked --no-fail-fast "$@" 2>&1 | tee -a "$log" || result=1
}
: >"$log"
run --doc
run --lib --bins --test embedded --test http --test it
run --test program --test deploy -- --test-threads=6 "${skip[@]}" "${skip_fast[@]}"
if [ "$mode" = long ]; then
    (run --test distributed -- --test-threads=2 "${beside[@]}"; exit "$result") &
    besides=$!
fi
run --test distributed -- --test-threads=4 "${adapters[@]}" "${skip[@]}"
run --test distributed -- --test-threads=4 "${skip_both[@]}" "${skip[@]}"
if [ "$mode" = long ]; then
    wait "$besides" || result=1
fi
if [ "$mode" != quick ]; then
    run --test program -- --test-threads=1 "${fast[@]}"
    run --test distributed -- --test-threads=1 "${alone[@]}" "${skip[@]}"
fi

# One line for all of them: every suite has its own above.
awk '/^test result:/ { for (i = 1; i < NF; i++) {
        if ($(i + 1) == "passed;") passed += $i
        if ($(i + 1) == "failed;") failed += $i
    } }
    END { printf "%d passed, %d failed\n", passed, failed; exit passed == 0 }' "$log" || result=1
exit "$result"
