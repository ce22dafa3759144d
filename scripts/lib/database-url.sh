# shellcheck shell=bash disable=SC2034
# For scripts/backup and scripts/restore. DATABASE_URL is in the environment.

# Sets POSTGRES_URL to DATABASE_URL without its password, which goes where others do not see it: everybody may read the
# arguments of a process.
hide_password() {
    local before after password
    POSTGRES_URL=$DATABASE_URL
    if [[ $DATABASE_URL =~ ^(postgres(ql)?://[^:/@]*):([^/@]*)@(.*)$ ]]; then
        before=${BASH_REMATCH[1]}
        password=${BASH_REMATCH[3]}
        after=${BASH_REMATCH[4]}
        # %XX as in any URL; a backslash would be read by printf.
        password=${password//\\/\\\\}
        PGPASSWORD=$(printf '%b' "${password//%/\\x}")
        export PGPASSWORD
        POSTGRES_URL=$before@$after
    fi
    # The rest of what these programs start need not know it.
    unset DATABASE_URL
}

# Stops where a program of PostgreSQL is missing.
need() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || {
            echo "$program is not here (Debian: apt-get install postgresql-client)" >&2
            exit 1
        }
    done
}

# Prints the command of the chat itself.
chat_program() {
    local program=${CHAT_BIN:-realtime-chat}
    command -v "$program" || {
        echo "$program is not here: put it on PATH, or name it with CHAT_BIN" >&2
        return 1
    }
}
