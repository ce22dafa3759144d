"""Every document against its schema, without a cluster; an unknown field is a fault.

Built-in kinds: the JSON schemas that the package kubernetes-validate carries, its strict ones.
Custom kinds: the types of the npm packages @kubernetes-models/..., which TypeScript holds an object literal to; a
field that a type does not have is an error there.
"""

import functools
import json
import pathlib
import re
import subprocess
import tempfile

import kubernetes_validate
from kubernetes_validate import utils

# The oldest and the newest version that the manifests are held to.
VERSIONS = ("1.33", "1.37")

CUSTOM = {
    ("argoproj.io/v1alpha1", "Application"): "@kubernetes-models/argo-cd",
    ("argoproj.io/v1alpha1", "AppProject"): "@kubernetes-models/argo-cd",
    ("cert-manager.io/v1", "Issuer"): "@kubernetes-models/cert-manager",
    ("monitoring.coreos.com/v1", "ServiceMonitor"): "@kubernetes-models/prometheus-operator",
}

# The package reads its definitions, several MB, anew for each document.
utils.schema_contents = functools.lru_cache(maxsize=None)(utils.schema_contents)


def built_in(document, versions=VERSIONS):
    """Sentences about one document of a kind that Kubernetes itself has."""
    faults = []
    for version in versions:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            path = ".".join(str(part) for part in error.path)
            faults.append(f"{document['kind']}/{document['metadata']['name']} ({version}) {path}: {error.message}")
        except kubernetes_validate.SchemaNotFoundError as error:
            faults.append(f"{document['kind']}/{document['metadata']['name']}: {error.message}")
    return faults


def custom(documents, packages):
    """Sentences about documents of custom kinds. `packages` is a folder with node_modules."""
    if not documents:
        return []
    lines, imports = [], []
    for number, document in enumerate(documents):
        package = CUSTOM[document["apiVersion"], document["kind"]]
        imports.append(f'import type {{ I{document["kind"]} as T{number} }} from '
                       f'"{package}/{document["apiVersion"]}/{document["kind"]}";')
        lines.append(f"const d{number}: T{number} = {json.dumps(document)};")
    source = imports + lines + ["export { " + ", ".join(f"d{n}" for n in range(len(documents))) + " };"]
    options = {"strict": True, "noEmit": True, "skipLibCheck": True, "module": "esnext", "target": "es2022",
               "moduleResolution": "bundler", "types": []}
    with tempfile.TemporaryDirectory(dir=packages) as folder:
        pathlib.Path(folder, "documents.ts").write_text("\n".join(source))
        pathlib.Path(folder, "tsconfig.json").write_text(
            json.dumps({"compilerOptions": options, "files": ["documents.ts"]}))
        compiler = pathlib.Path(packages, "node_modules/.bin/tsc")
        result = subprocess.run([compiler, "-p", folder, "--pretty", "false"], capture_output=True, text=True)
    if result.returncode == 0:
        return []
    faults = []
    for line in (result.stdout + result.stderr).splitlines():
        found = re.match(r".*documents\.ts\((\d+),\d+\): error (.*)", line)
        number = int(found.group(1)) - 1 - len(imports) if found else -1
        if 0 <= number < len(documents):
            document = documents[number]
            line = f"{document['kind']}/{document['metadata']['name']}: {found.group(2)}"
        faults.append(line)
    return faults or [f"tsc ended with {result.returncode}"]


def check(documents, packages):
    """All documents, each once."""
    unique = list({json.dumps(d, sort_keys=True): d for d in documents}.values())
    own = [d for d in unique if (d["apiVersion"], d["kind"]) in CUSTOM]
    others = [d for d in unique if (d["apiVersion"], d["kind"]) not in CUSTOM]
    return [fault for d in others for fault in built_in(d)] + custom(own, packages)
