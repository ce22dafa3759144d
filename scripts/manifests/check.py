"""Everything that runs the real files: renders the kustomizations, and holds them and their neighbours to the rules.

Called by scripts/check-manifests, which puts what is needed into place.
"""

import argparse
import pathlib
import re
import shlex
import subprocess
import sys

import yaml

import affinity
import rendered
import schemas
import terraform

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Built from files that only the network has; each says so itself.
NEEDS_NETWORK = {"k8s/argocd/install", "k8s/cert-manager", "k8s/haproxy"}


def kustomizations():
    """Folders that can be applied: every kustomization but components and those that others build on."""
    found = set()
    for file in sorted((ROOT / "k8s").rglob("kustomization.yaml")):
        if yaml.safe_load(file.read_text())["kind"] == "Kustomization":
            found.add(str(file.parent.relative_to(ROOT)))
    return found


def render(kustomize, folder):
    result = subprocess.run([*kustomize, str(ROOT / folder)], capture_output=True, text=True)
    if result.returncode != 0 or result.stderr.strip():
        raise SystemExit(f"{folder}: {result.stderr.strip() or result.stdout}")
    return [d for d in yaml.safe_load_all(result.stdout) if d]


def with_component(kustomize, component):
    """The production overlay with a component that it does not name itself."""
    folder = ROOT / "target/check-manifests" / f"with-{component}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "realtime-chat",
        "resources": ["../../../k8s/overlays/production"],
        "components": [f"../../../k8s/components/{component}"]}))
    return render(kustomize, folder.relative_to(ROOT))


def metric_names():
    """Names of the server's own metrics, from its source."""
    return set(re.findall(r'"(chat_[a-z_]+)"', "".join(f.read_text() for f in (ROOT / "crates" / "metrics").rglob("*.rs"))))


def files_of(folder, pattern, wanted=lambda _: True):
    return [f.name for f in sorted((ROOT / folder).glob(pattern)) if wanted(f)]


def has_rules(file):
    content = yaml.safe_load(file.read_text())
    return isinstance(content, dict) and "groups" in content


def kubernetes(kustomize, packages):
    documented = rendered.documented_settings((ROOT / "docs/CONFIGURATION.md").read_text())
    if "CHAT_LISTEN" not in documented or documented["CHAT_SILENCE_SECS"] != "75":
        return ["the tables of docs/CONFIGURATION.md are not read as they should"]
    unknown = NEEDS_NETWORK - kustomizations()
    faults = [f"{folder} is to be left out and is not there" for folder in sorted(unknown)]
    documents = {f: render(kustomize, f) for f in sorted(kustomizations() - NEEDS_NETWORK)}
    for folder in sorted(NEEDS_NETWORK):
        print(f"  left out, because it needs the network: {folder}")
    with_redis = with_component(kustomize, "redis")
    everything = [d for ds in documents.values() for d in ds] + with_component(kustomize, "service-monitor") + with_redis
    faults += schemas.check(everything, packages)

    documents["k8s/overlays/production with redis"] = with_redis
    faults += [f"with redis: {fault}" for fault in rendered.bus(with_redis)]
    overlays = {f: d for f, d in documents.items() if f.startswith("k8s/overlays/")}
    for folder, these in documents.items():
        found = rendered.hardening(these) if folder != "k8s/base" else []
        if folder in overlays:
            found += rendered.references(these) + rendered.settings(these, documented) + rendered.server(these)
            found += rendered.waves(these)
            if folder != "k8s/overlays/local":
                found += rendered.production(these)
        faults += [f"{folder}: {fault}" for fault in found]
    faults += rendered.references(with_component(kustomize, "service-monitor"))
    faults += rendered.references(documents["k8s/monitoring"])
    faults += rendered.autoscaling(documents["k8s/overlays/autoscaling"], metric_names())
    faults += rendered.monitoring(
        documents["k8s/monitoring"], documents["k8s/overlays/production"],
        files_of("monitoring/prometheus", "*.y*ml", has_rules),
        files_of("monitoring/grafana/dashboards", "*.json"))
    n_documents = sum(len(d) for d in documents.values())
    print(f"  {n_documents} documents of {len(documents)} kustomizations, schemas of Kubernetes "
          f"{' and '.join(schemas.VERSIONS)}")

    [ingress] = rendered.of_kind(documents["k8s/overlays/production"], "Ingress")
    snippet = ingress["metadata"]["annotations"]["haproxy.org/backend-config-snippet"]
    faults += [f"affinity: {fault}" for fault in affinity.check(snippet)]
    print(f"  affinity: {len(affinity.ROOMS)} rooms through HAProxy to {affinity.N_SERVERS} servers")
    return faults


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kustomize", required=True, help="the command that renders a folder")
    parser.add_argument("--packages", required=True, help="a folder with node_modules")
    parser.add_argument("--provider-schema", required=True)
    arguments = parser.parse_args()
    faults = kubernetes(shlex.split(arguments.kustomize), arguments.packages)
    faults += [f"terraform: {f}" for f in terraform.check(ROOT / "terraform", terraform.load(arguments.provider_schema))]
    faults += terraform.undocumented(ROOT / "terraform", (ROOT / "terraform/README.md").read_text())
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
