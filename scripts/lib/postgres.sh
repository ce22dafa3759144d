# shellcheck shell=bash
# A throw-away PostgreSQL for tests. Sourced by scripts/test and others:
#
#   . scripts/lib/postgres.sh
#   trap postgres_stop EXIT
#   postgres_start          # sets and exports TEST_POSTGRES_URL
#
# It listens on 127.0.0.1 only, on a port the system chose, asks for a password, and keeps fsync on:
# what the tests say of durability must be true. Arguments in the array POSTGRES_SETTINGS come last, so they win.

POSTGRES_DIR=""
POSTGRES_PID=""
# More flags for the server; whoever wants some sets them before postgres_start.
POSTGRES_SETTINGS=()

# Prints the folder of the server's programs, the newest version first.
postgres_bin() {
    local dir
    for dir in ${POSTGRES_BIN:-} $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -Vr) /usr/pgsql-*/bin \
        /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin /usr/local/pgsql/bin; do
        if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then
            printf '%s\n' "$dir"
            return 0
        fi
    done
    if command -v initdb >/dev/null && command -v postgres >/dev/null; then
        dirname "$(command -v initdb)"
        return 0
    fi
    echo "No PostgreSQL server found: install it (Debian: apt-get install postgresql) or set POSTGRES_BIN." >&2
    return 1
}

# Replaces this (sub)shell by a command, run as a user that PostgreSQL accepts: it refuses root.
# setpriv is no process of its own beside the command's, so the pid is the command's.
postgres_exec() {
    if [ "$(id -u)" -ne 0 ]; then
        exec "$@"
    fi
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$@"
}

# Prints a port of 127.0.0.1 that nobody listens on. Somebody may take it before we do: the caller tries again.
postgres_free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])' 2>/dev/null ||
        shuf -i 20000-32000 -n 1
}

# Makes a cluster and starts it. Fails with the server's log where it does not come up.
postgres_start() {
    local bin password port attempt
    bin=$(postgres_bin) || return 1
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    POSTGRES_DIR=$(mktemp -d "${TMPDIR:-/tmp}/realtime-chat-pg.XXXXXX") || return 1
    printf '%s\n' "$password" >"$POSTGRES_DIR/password"
    chmod 600 "$POSTGRES_DIR/password"
    if [ "$(id -u)" -eq 0 ]; then
        chown -R postgres "$POSTGRES_DIR" || return 1
    fi
    (cd "$POSTGRES_DIR" && postgres_exec "$bin/initdb" --pgdata="$POSTGRES_DIR/data" --username=tester \
        --pwfile="$POSTGRES_DIR/password" --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-instructions) \
        >"$POSTGRES_DIR/initdb.log" 2>&1 || {
        cat "$POSTGRES_DIR/initdb.log" >&2
        return 1
    }
    for attempt in 1 2 3 4 5; do
        port=$(postgres_free_port)
        if postgres_launch "$bin" "$port"; then
            export TEST_POSTGRES_URL="postgres://tester:$password@127.0.0.1:$port/postgres"
            return 0
        fi
        echo "PostgreSQL did not start on port $port (attempt $attempt)." >&2
    done
    cat "$POSTGRES_DIR/postgres.log" >&2
    return 1
}

# Starts the cluster on a port and waits until it takes connections, or has died.
postgres_launch() {
    local bin=$1 port=$2 waited=0
    (
        cd "$POSTGRES_DIR" || exit 1
        postgres_exec "$bin/postgres" -D "$POSTGRES_DIR/data" -p "$port" -c listen_addresses=127.0.0.1 \
            -c unix_socket_directories= -c max_connections=300 -c fsync=on -c synchronous_commit=on \
            ${POSTGRES_SETTINGS[@]+"${POSTGRES_SETTINGS[@]}"}
    ) >"$POSTGRES_DIR/postgres.log" 2>&1 &
    POSTGRES_PID=$!
    until "$bin/pg_isready" --quiet --host=127.0.0.1 --port="$port" && postgres_owns_port "$port"; do
        if ! kill -0 "$POSTGRES_PID" 2>/dev/null || [ "$waited" -ge 600 ]; then
            kill "$POSTGRES_PID" 2>/dev/null || true
            wait "$POSTGRES_PID" 2>/dev/null || true
            POSTGRES_PID=""
            return 1
        fi
        waited=$((waited + 1))
        sleep 0.1
    done
}

# Whether it is our server that answers: line 1 of postmaster.pid is its pid, line 4 its port.
postgres_owns_port() {
    [ "$(sed -n 1p "$POSTGRES_DIR/data/postmaster.pid" 2>/dev/null)" = "$POSTGRES_PID" ] &&
        [ "$(sed -n 4p "$POSTGRES_DIR/data/postmaster.pid" 2>/dev/null)" = "$1" ]
}

# Stops the server at once (its data are thrown away) and removes its folder. Safe to call twice.
postgres_stop() {
    if [ -n "$POSTGRES_PID" ]; then
        kill -QUIT "$POSTGRES_PID" 2>/dev/null || true
        # A signal may end `wait` early, and a server that still runs writes into the folder.
        while kill -0 "$POSTGRES_PID" 2>/dev/null; do
            wait "$POSTGRES_PID" 2>/dev/null || sleep 0.1
        done
        POSTGRES_PID=""
    fi
    if [ -n "$POSTGRES_DIR" ]; then
        rm -rf "$POSTGRES_DIR"
        POSTGRES_DIR=""
    fi
    unset TEST_POSTGRES_URL
}
