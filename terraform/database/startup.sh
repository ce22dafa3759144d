#!/usr/bin/env bash
# Makes the machine a PostgreSQL server and keeps it one. Runs as root at every boot; each step looks first.
# Everything it must know is in the machine's metadata. Talks to Google over HTTP, because the command line tools need
# more memory than this machine can spare.
set -euo pipefail

METADATA=${METADATA:-http://metadata.google.internal/computeMetadata/v1/instance}
SECRET_MANAGER=${SECRET_MANAGER:-https://secretmanager.googleapis.com/v1}
DISK=/dev/disk/by-id/google-database
DATA=/var/lib/postgresql

metadata() { curl --silent --fail --show-error --retry 5 --header 'Metadata-Flavor: Google' "$METADATA/$1"; }

google() {
    local token
    token=$(metadata service-accounts/default/token | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
    # The header through a file descriptor: a process list shows arguments.
    curl --silent --fail --show-error --retry 5 --header @<(printf 'Authorization: Bearer %s' "$token") "$@"
}

# One gigabyte of memory is little while packages are installed.
make_swap() {
    [ ! -e /swapfile ] || return 0
    fallocate --length 1G /swapfile
    chmod 600 /swapfile
    mkswap /swapfile >/dev/null
    echo '/swapfile none swap sw 0 0' >>/etc/fstab
    swapon /swapfile
}

# The data live on a disk of their own, which survives the machine.
mount_disk() {
    mountpoint --quiet "$DATA" && return 0
    if ! blkid "$DISK" >/dev/null; then
        mkfs.ext4 -q -L database "$DISK"
    fi
    mkdir -p "$DATA"
    grep -q ' /var/lib/postgresql ' /etc/fstab || echo "LABEL=database $DATA ext4 defaults,discard 0 2" >>/etc/fstab
    mount "$DATA"
}

# A machine that is made anew finds the cluster of the old one on the disk, and with it its role and password.
install_postgres() {
    command -v pg_lsclusters >/dev/null && [ -n "$(pg_lsclusters --no-header)" ] && return 0
    export DEBIAN_FRONTEND=noninteractive
    apt-get update --quiet=2
    apt-get install --quiet=2 --yes --no-install-recommends postgresql-common unattended-upgrades
    local version=17
    if [ -d "$DATA/$version/main" ]; then
        # The user's number may be another one than on the old machine.
        chown -R postgres:postgres "$DATA"
        # pg_createcluster takes over a data folder that is there, and makes the configuration that is not.
        sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
        apt-get install --quiet=2 --yes --no-install-recommends "postgresql-$version"
        pg_createcluster "$version" main
    else
        apt-get install --quiet=2 --yes --no-install-recommends "postgresql-$version"
    fi
}

# For 1 GB: the database gets a quarter of it, and the kernel keeps the rest as its cache.
configure_postgres() {
    local version folder network
    version=$(pg_lsclusters --no-header | awk '{ print $1; exit }')
    folder=/etc/postgresql/$version/main
    cat >"$folder/conf.d/chat.conf" <<EOF
listen_addresses = '127.0.0.1,$(metadata attributes/chat-address)'
password_encryption = scram-sha-256
max_connections = 50
shared_buffers = 192MB
effective_cache_size = 512MB
work_mem = 4MB
maintenance_work_mem = 32MB
wal_compression = on
max_wal_size = 512MB
EOF
    {
        echo 'local all postgres peer'
        for network in $(metadata attributes/chat-networks); do
            echo "host chat chat $network scram-sha-256"
        done
    } >"$folder/pg_hba.conf"
    systemctl enable --quiet "postgresql@$version-main"
    systemctl restart "postgresql@$version-main"
}

as_postgres() { (cd / && setpriv --reuid=postgres --regid=postgres --init-groups "$@"); }

# Where the secret has no version yet, a password is made here, set, and put there: it is in no file and no state.
make_login() {
    local url status password
    as_postgres psql --quiet --tuples-only --command "select 1 from pg_roles where rolname = 'chat'" | grep -q 1 ||
        as_postgres psql --quiet --command 'create role chat login'
    as_postgres psql --quiet --tuples-only --command "select 1 from pg_database where datname = 'chat'" | grep -q 1 ||
        as_postgres createdb --owner=chat --encoding=UTF8 --template=template0 chat
    url=$SECRET_MANAGER/$(metadata attributes/chat-secret)
    # Only "there is none" may lead to a new password; a failure must not lock the chat out.
    status=$(google --no-fail --output /dev/null --write-out '%{http_code}' "$url/versions/latest:access")
    case $status in
        200) return 0 ;;
        404) ;;
        *) echo "Secret Manager answers $status" >&2 && return 1 ;;
    esac
    password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
    # Through standard input, for the same reason as above.
    as_postgres psql --quiet --set=ON_ERROR_STOP=1 <<<"alter role chat password '$password'"
    printf 'postgres://chat:%s@%s:5432/chat' "$password" "$(metadata attributes/chat-address)" |
        python3 -c 'import base64, json, sys
print(json.dumps({"payload": {"data": base64.b64encode(sys.stdin.buffer.read()).decode()}}))' |
        google --output /dev/null --header 'Content-Type: application/json' --data @- "$url:addVersion"
}

# Every night a dump into the bucket.
make_backups() {
    metadata attributes/chat-backup >/usr/local/sbin/chat-backup
    chmod 755 /usr/local/sbin/chat-backup
    cat >/etc/systemd/system/chat-backup.service <<'EOF'
[Unit]
Description=Dump of the chat into the bucket
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/chat-backup
Nice=10
EOF
    cat >/etc/systemd/system/chat-backup.timer <<'EOF'
[Unit]
Description=Every night
[Timer]
OnCalendar=*-*-* 20:17:00 UTC
Persistent=true
[Install]
WantedBy=timers.target
EOF
    systemctl daemon-reload
    systemctl enable --quiet --now chat-backup.timer
}

main() {
    make_swap
    mount_disk
    install_postgres
    configure_postgres
    make_login
    make_backups
    echo 'chat-database: ready'
}

# A test sources this file.
if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    main
fi
