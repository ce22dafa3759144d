# shellcheck shell=bash
# What scripts/check-manifests needs, put under target/check-manifests/. Sourced by it; quick when all is there.

MANIFEST_TOOLS=target/check-manifests
# Whose types of the Google provider are read; the digest is that of the package in the registry.
PROVIDER_PACKAGE=@cdktf/provider-google@16.12.1
PROVIDER_INTEGRITY=sha512-KqNA/5RiFT07r0PSZ6/07cJ2zESUgbj1JchVj21iBFBZVUbD+578xA/k8eq/r0cbyEgLmg9eYWeVslaYah4DCQ==

# Whether what was installed under a name came from these files.
is_current() {
    local name=$1
    shift
    [ -f "$MANIFEST_TOOLS/$name.from" ] && cat -- "$@" | cmp --silent - "$MANIFEST_TOOLS/$name.from"
}

now_current() {
    local name=$1
    shift
    cat -- "$@" >"$MANIFEST_TOOLS/$name.from"
}

install_python_tools() {
    is_current python scripts/manifests/requirements.txt && return 0
    rm -rf "$MANIFEST_TOOLS/python"
    python3 -m venv "$MANIFEST_TOOLS/python"
    "$MANIFEST_TOOLS/python/bin/pip" install --quiet --disable-pip-version-check --requirement scripts/manifests/requirements.txt
    now_current python scripts/manifests/requirements.txt
}

install_node_tools() {
    is_current node scripts/manifests/package.json scripts/manifests/package-lock.json && return 0
    cp scripts/manifests/package.json scripts/manifests/package-lock.json "$MANIFEST_TOOLS/"
    npm ci --prefix "$MANIFEST_TOOLS" --silent --no-audit --no-fund --ignore-scripts
    now_current node scripts/manifests/package.json scripts/manifests/package-lock.json
}

# The package is 300 MB unpacked; only one file of it is read.
make_provider_schema() {
    is_current schema scripts/manifests/provider_schema.mjs scripts/lib/manifests.sh && return 0
    local folder archive
    folder=$(mktemp -d "$PWD/$MANIFEST_TOOLS/provider.XXXXXX")
    archive=$folder/$(npm pack --silent --pack-destination "$folder" "$PROVIDER_PACKAGE")
    if [ "sha512-$(node --eval 'const { createHash } = require("node:crypto"), { readFileSync } = require("node:fs");
        console.log(createHash("sha512").update(readFileSync(process.argv[1])).digest("base64"))' "$archive")" != "$PROVIDER_INTEGRITY" ]; then
        rm -rf "$folder"
        echo "$PROVIDER_PACKAGE is not what it was" >&2
        return 1
    fi
    tar --extract --gzip --to-stdout --file "$archive" package/.jsii |
        node scripts/manifests/provider_schema.mjs >"$MANIFEST_TOOLS/provider-schema.json"
    rm -rf "$folder"
    now_current schema scripts/manifests/provider_schema.mjs scripts/lib/manifests.sh
}

# Prints the command that renders a kustomization, without the folder. Version 5 is what the cluster's tools have.
kustomize_command() {
    local extracted=$MANIFEST_TOOLS/kustomize/usr/bin/kustomize
    if command -v kubectl >/dev/null && kubectl version --client --output yaml 2>/dev/null | grep -q 'kustomizeVersion: v5'; then
        echo 'kubectl kustomize'
    elif command -v kustomize >/dev/null; then
        echo 'kustomize build'
    elif [ -x "$extracted" ]; then
        echo "$extracted build"
    else
        return 1
    fi
}

# Debian has it as a package from 13 on. On 12 that package is unpacked under target/: the system stays as it is.
install_kustomize() {
    kustomize_command >/dev/null && return 0
    if ! command -v apt-get >/dev/null; then
        echo 'kubectl (1.27 or newer) or kustomize 5 is missing: install one and run this again' >&2
        return 1
    fi
    if [ -n "$(apt-cache madison kustomize 2>/dev/null)" ]; then
        as_root apt-get install -y -qq --no-install-recommends kustomize >/dev/null
        return 0
    fi
    local work=$PWD/$MANIFEST_TOOLS/apt options
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main' >"$work/sources.list"
    options=(-o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User="$(id -un)")
    apt-get "${options[@]}" update -qq
    (cd "$work" && apt-get "${options[@]}" download -qq kustomize)
    dpkg --extract "$work"/kustomize_*.deb "$MANIFEST_TOOLS/kustomize"
    rm -rf "$work"
    kustomize_command >/dev/null
}

install_manifest_tools() {
    mkdir -p "$MANIFEST_TOOLS"
    install_python_tools
    install_node_tools
    make_provider_schema
    install_kustomize
}
