#!/usr/bin/env bash
# Dumps the chat's database into the bucket, under a name of its own: the machine may add there and nothing else.
set -euo pipefail

METADATA=${METADATA:-http://metadata.google.internal/computeMetadata/v1/instance}
STORAGE=${STORAGE:-https://storage.googleapis.com/upload/storage/v1}
FOLDER=${FOLDER:-/var/lib/postgresql}

metadata() { curl --silent --fail --show-error --retry 5 --header 'Metadata-Flavor: Google' "$METADATA/$1"; }

dump=$(mktemp "$FOLDER/backup.XXXXXX")
trap 'rm -f "$dump"' EXIT
(cd / && setpriv --reuid=postgres --regid=postgres --init-groups pg_dump --format=custom chat) >"$dump"

token=$(metadata service-accounts/default/token | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
# The header through a file descriptor: a process list shows arguments.
answer=$(curl --silent --fail --show-error --retry 5 --header @<(printf 'Authorization: Bearer %s' "$token") \
    --request POST --header 'Content-Type: application/octet-stream' --upload-file "$dump" \
    "$STORAGE/b/$(metadata attributes/chat-bucket)/o?uploadType=media&name=chat-$(date -u +%Y%m%dT%H%M%SZ).dump")

# What arrived is what was sent.
there=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["md5Hash"])' <<<"$answer")
here=$(python3 -c 'import base64, hashlib, sys
print(base64.b64encode(hashlib.md5(open(sys.argv[1], "rb").read()).digest()).decode())' "$dump")
if [ "$there" != "$here" ]; then
    echo 'the backup arrived damaged' >&2
    exit 1
fi
