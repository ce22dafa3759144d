"""Terraform's files without the provider: syntax, names, and every argument against the provider's schema.

`terraform validate` needs the provider, which only its own registry has. Where that cannot be reached this finds what
it would find most: an argument or block that does not exist, one that is missing, a name that is declared nowhere.
"""

import json
import pathlib
import re

import hcl2

META = {"count", "for_each", "depends_on", "provider", "lifecycle", "timeouts", "connection", "provisioner"}
# Values that Terraform would write into its state in plain text.
NEVER = ("google_secret_manager_secret_version", "google_service_account_key", "random_password", "tls_private_key",
         "google_storage_hmac_key")


def unquoted(name):
    return name.strip('"')


def blocks(body, kind):
    """Name parts and body of each block of a kind: resource, variable, output."""
    for entry in body.get(kind, []):
        for name, inner in entry.items():
            if kind in ("resource", "data"):
                for second, content in inner.items():
                    yield (unquoted(name), unquoted(second)), content
            elif isinstance(inner, dict):
                yield (unquoted(name),), inner


def camel(name):
    return re.sub(r"_([a-z0-9])", lambda found: found.group(1).upper(), name)


def pascal(name):
    return camel("_" + name)


def arguments(body):
    """Names and contents in a block, with `dynamic` ones under the name that they make."""
    for name, value in body.items():
        if name.startswith("__"):
            continue
        if name == "dynamic":
            for entry in value:
                for inner, content in entry.items():
                    yield unquoted(inner), content["content"]
        else:
            yield unquoted(name), value


def against(body, block, schema, where):
    """Sentences about one block."""
    faults = []
    known = schema["blocks"][block]
    given = set()
    for name, value in arguments(body):
        if name in META:
            continue
        argument = known.get(camel(name))
        given.add(camel(name))
        if argument is None:
            faults.append(f"{where}: there is no argument {name}")
            continue
        inner = [v for v in value if isinstance(v, dict) and v.get("__is_block__")] if isinstance(value, list) else []
        if inner and argument["block"] is None:
            faults.append(f"{where}: {name} is no block")
        if not inner and argument["block"] is not None and name != "timeouts":
            faults.append(f"{where}: {name} is a block")
        if inner and argument["block"]:
            for one in inner:
                faults += against(one, argument["block"], schema, f"{where}.{name}")
    faults += [f"{where}: {name} is missing" for name, a in known.items() if a["required"] and name not in given]
    return faults


def check(folder, schema):
    """Sentences about all files of a folder."""
    faults, merged, text = [], {}, ""
    for file in sorted(pathlib.Path(folder).glob("*.tf")):
        text += re.sub(r"^\s*#.*$", "", file.read_text(), flags=re.M)
        try:
            body = hcl2.loads(file.read_text())
        except Exception as error:  # the parser has errors of many kinds
            return [f"{file.name}: {str(error).splitlines()[0]}"]
        for kind, entries in body.items():
            if isinstance(entries, list):
                merged.setdefault(kind, []).extend(entries)

    resources = dict(blocks(merged, "resource"))
    variables = {name for (name,), _ in blocks(merged, "variable")}
    local_names = {name for entry in merged.get("locals", []) for name in entry if not name.startswith("__")}
    for (kind, name), body in resources.items():
        where = f"{kind}.{name}"
        if kind in NEVER:
            faults.append(f"{where}: a secret in the state")
            continue
        block = schema["resources"].get(pascal(kind.removeprefix("google_")))
        if block is None:
            faults.append(f"{where}: there is no such resource")
        else:
            faults += against(body, block, schema, where)
    for (name,), body in blocks(merged, "variable"):
        faults += [f"variable {name}: no {key}" for key in ("description", "type") if key not in body]
        if f"var.{name}" not in text:
            faults.append(f"variable {name}: unused")
    faults += [f"output {name}: no description" for (name,), b in blocks(merged, "output") if "description" not in b]
    faults += [f"var.{name}: not declared" for name in set(re.findall(r"\bvar\.(\w+)", text)) - variables]
    faults += [f"local.{name}: not declared" for name in set(re.findall(r"\blocal\.(\w+)", text)) - local_names]
    for kind, name in set(re.findall(r"\b(google_\w+)\.(\w+)", text)) - set(resources):
        faults.append(f"{kind}.{name}: not declared")
    if not re.search(r'required_version\s*=\s*"', text) or not re.search(r'\bversion\s*=\s*"~> \d+\.\d+"', text):
        faults.append("versions are not pinned")
    return sorted(faults)


def undocumented(folder, page):
    """Variables and outputs that the folder's README does not name."""
    names = []
    for file in sorted(pathlib.Path(folder).glob("*.tf")):
        body = hcl2.loads(file.read_text())
        names += [name for kind in ("variable", "output") for (name,), _ in blocks(body, kind)]
    return [f"terraform/README.md does not tell of {name}" for name in names if f"`{name}`" not in page]


def load(schema_file):
    return json.loads(pathlib.Path(schema_file).read_text())
