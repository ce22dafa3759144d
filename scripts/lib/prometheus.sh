# shellcheck shell=bash
# Prometheus and promtool. Sourced, behind install.sh, by what needs them; quick when they are there.
#
#   install_prometheus
#   "$(prometheus_bin)/promtool" check rules FILE

PROMETHEUS_TOOLS=target/prometheus

# Prints the folder with prometheus and promtool.
prometheus_bin() {
    if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
        dirname "$(command -v promtool)"
    elif [ -x "$PROMETHEUS_TOOLS/usr/bin/promtool" ]; then
        printf '%s\n' "$PWD/$PROMETHEUS_TOOLS/usr/bin"
    else
        return 1
    fi
}

# Debian's package would start a service on installation, so it is unpacked under target/ and not installed: its two
# programs need nothing else.
install_prometheus() {
    prometheus_bin >/dev/null && return 0
    if ! command -v apt-get >/dev/null; then
        echo 'prometheus and promtool are missing: install them and run this again' >&2
        return 1
    fi
    [ -n "$(apt-cache madison prometheus 2>/dev/null)" ] || as_root apt-get update -qq
    mkdir -p "$PROMETHEUS_TOOLS"
    (cd "$PROMETHEUS_TOOLS" && apt-get download -qq -o APT::Sandbox::User="$(id -un)" prometheus)
    dpkg --extract "$PROMETHEUS_TOOLS"/prometheus_*.deb "$PROMETHEUS_TOOLS"
    rm -f "$PROMETHEUS_TOOLS"/prometheus_*.deb
    prometheus_bin >/dev/null
}
