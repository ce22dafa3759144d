# shellcheck shell=bash
# What the tests need beside a Rust toolchain. Sourced by scripts/test; does nothing where all is there.

# Debian packages, each with how to see that it is there.
have_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; }
# For tests/it/pooler.rs.
have_pgbouncer() { [ -x /usr/sbin/pgbouncer ] || [ -x /usr/bin/pgbouncer ]; }
# What carries news between servers, for tests of many.
have_redis() { command -v redis-server >/dev/null; }
# What is told what webhooks are told: tests/it/amqp.rs starts one of its own.
have_rabbitmq() { [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]; }
have_node() { command -v node >/dev/null && command -v npm >/dev/null; }
have_chromium() { command -v chromium >/dev/null; }
have_curl() { command -v curl >/dev/null; }
# A library that moves the clock which a program sees.
have_faketime() { compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null; }
have_compiler() { command -v cc >/dev/null; }
# For scripts/check-manifests (Prometheus, which it needs too, is in prometheus.sh): the ingress controller's proxy, and Python's way to install beside the system.
have_haproxy() { [ -x /usr/sbin/haproxy ] || command -v haproxy >/dev/null; }
# For the proxies of docs/OPERATIONS.md (tests/it/proxies.rs): they, and what makes and holds a certificate.
have_nginx() { [ -x /usr/sbin/nginx ] || command -v nginx >/dev/null; }
have_caddy() { command -v caddy >/dev/null; }
have_apache() { [ -x /usr/sbin/apache2 ] || command -v apache2 >/dev/null; }
have_openssl() { command -v openssl >/dev/null; }
# For the recipe that signs in PHP (docs/EMBED.md).
have_php() { command -v php >/dev/null; }
have_python_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }
# Without a font the screenshots of Korean text would show boxes.
have_korean_font() { compgen -G '/usr/share/fonts/*/*/*CJK*' >/dev/null; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Installs packages without starting the servers among them, on ports that may be somebody else's: Debian asks this program
# first. One that is there already stays as it is.
install_quietly() {
    local policy=/usr/sbin/policy-rc.d status=0 ours=''
    if [ ! -e "$policy" ]; then
        ours=yes
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    as_root apt-get install -y -qq --no-install-recommends "$@" >/dev/null || status=$?
    [ -z "$ours" ] || as_root rm -f "$policy"
    return "$status"
}

install_packages() {
    local missing=()
    have_compiler || missing+=(build-essential)
    have_curl || missing+=(curl)
    have_postgres || missing+=(postgresql)
    have_pgbouncer || missing+=(pgbouncer)
    have_redis || missing+=(redis-server)
    have_rabbitmq || missing+=(rabbitmq-server)
    have_node || missing+=(nodejs npm)
    have_chromium || missing+=(chromium)
    have_faketime || missing+=(faketime)
    have_korean_font || missing+=(fonts-noto-cjk)
    have_haproxy || missing+=(haproxy)
    have_nginx || missing+=(nginx)
    have_caddy || missing+=(caddy)
    have_apache || missing+=(apache2)
    have_openssl || missing+=(openssl)
    have_php || missing+=(php-cli)
    have_python_venv || missing+=(python3-venv)
    [ "${#missing[@]}" -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "These are missing; install them and run this again: ${missing[*]}" >&2
        return 1
    fi
    echo "installing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update -qq
    install_quietly "${missing[@]}"
}

install_rust_components() {
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return 0
    rustup component add rustfmt clippy
}

install_npm_packages() {
    # npm writes this file last: it is as new as what it installed.
    if [ node_modules/.package-lock.json -nt package-lock.json ] && [ node_modules/.package-lock.json -nt package.json ]; then
        return 0
    fi
    npm ci --silent --no-audit --no-fund
}

# A client in Python for a test (stomp: tests/it/doors/stomp.rs, amqp: tests/it/amqp.rs, grpc:
# tests/it/doors/grpc.rs), as pinned in its list, in a folder
# of its own; again only where the list has changed.
install_client() {
    local folder=${CARGO_TARGET_DIR:-target}/$1-client list=scripts/lib/$1-requirements.txt
    cmp -s "$list" "$folder/installed" && return 0
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$list"
    cp "$list" "$folder/installed"
}

install_all() {
    install_packages
    install_rust_components
    install_npm_packages
    install_client stomp
    install_client amqp
    install_client grpc
}
