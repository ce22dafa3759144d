"""See scripts/check-dashboard. Standard library only."""

import argparse
import asyncio
import json
import math
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

import visitors

ROOT = Path(__file__).resolve().parents[2]
DASHBOARDS = sorted((ROOT / "monitoring/grafana/dashboards").glob("*.json"))
RULES = sorted((ROOT / "monitoring/prometheus").glob("*.yaml"))
# A panel has figures after a few scrapes, rooms are looked at every ten seconds; only a failing run waits this long.
PATIENCE = 90
RATE_INTERVAL = "15s"


def panels(dashboard):
    return [p for p in dashboard["panels"] if p["type"] != "row"]


def queries(dashboard):
    """Title, expression and legend of each query, as Grafana would send it with all servers chosen."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", RATE_INTERVAL).replace("$instance", ".*")
            yield panel["title"], expression, target["legendFormat"]


def shape_faults(name, dashboard):
    """What needs no Prometheus to be seen."""
    ids = [p["id"] for p in dashboard["panels"]]
    if len(ids) != len(set(ids)):
        yield f"{name}: two panels have one id"
    for panel in panels(dashboard):
        sources = [panel["datasource"], *(t["datasource"] for t in panel["targets"])]
        if any(s != {"type": "prometheus", "uid": "prometheus"} for s in sources):
            yield f"{name}: {panel['title']!r} has another data source"
        if not panel.get("description"):
            yield f"{name}: {panel['title']!r} does not say what it shows"
        if "$" in "".join(t["expr"] for t in panel["targets"]).replace("$__rate_interval", "").replace("$instance", ""):
            yield f"{name}: {panel['title']!r} has a variable that is not declared"
    taken = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        if at["x"] + at["w"] > 24 or taken & cells:
            yield f"{name}: {panel['title']!r} has no place of its own"
        taken |= cells


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Prometheus:
    def __init__(self, url):
        self.url = url

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.url}{path}?{query}", timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def fault(self, expression, legend):
        """Why a query shows nothing, or None."""
        answer = self.get("/api/v1/query", query=expression)
        if answer["status"] != "success":
            return answer["error"]
        series = answer["data"]["result"]
        if not any(math.isfinite(float(s["value"][1])) for s in series):
            return "no figures"
        for label in re.findall(r"{{(\w+)}}", legend):
            if any(label not in s["metric"] for s in series):
                return f"the legend names {label}, which not every series has"
        return None

    def rule_faults(self):
        for group in self.get("/api/v1/rules")["data"]["groups"]:
            for rule in group["rules"]:
                if rule["health"] != "ok":
                    yield f"{rule['name']}: {rule['health']} {rule.get('lastError', '')}"
                if rule.get("state") == "firing":
                    yield f"{rule['name']} fires, and nothing is wrong"


def named_metrics():
    """Metrics that rules and dashboards name."""
    expressions = [q[1] for d in DASHBOARDS for q in queries(json.loads(d.read_text()))]
    text = "\n".join([*expressions, *(f.read_text().split("groups:")[1] for f in RULES)])
    # What follows is either a selector, an operator or the end: labels and words in sentences are not among these.
    return set(re.findall(r"\b((?:chat|process)_[a-z_]+|chat:[a-z_0-9:]+)\b(?!=)", text))


def until_ready(url, process, what):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{what} does not start")


def start_server(program, folder):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CHAT_") and k not in ("DATABASE_URL", "RUST_LOG")}
    port = free_port()
    log = open(folder / "server.log", "wb")
    server = subprocess.Popen(
        [Path(program).resolve(), "--listen", f"127.0.0.1:{port}", "--database-url", f"sqlite://{folder}/chat.db",
         "--rate-limits", "off"], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=log)
    until_ready(f"http://127.0.0.1:{port}/readyz", server, "the server")
    return server, ("127.0.0.1", port)


def start_prometheus(program, folder, server_port):
    # JSON is YAML.
    config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [str(f) for f in RULES],
              "scrape_configs": [{"job_name": "realtime-chat", "static_configs": [{"targets": [f"127.0.0.1:{server_port}"]}]}]}
    (folder / "prometheus.yml").write_text(json.dumps(config))
    port = free_port()
    log = open(folder / "prometheus.log", "wb")
    prometheus = subprocess.Popen(
        [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
         f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    until_ready(f"http://127.0.0.1:{port}/-/ready", prometheus, "Prometheus")
    return prometheus, Prometheus(f"http://127.0.0.1:{port}")


def end(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def look(prometheus):
    """Faults of now, each with what it is of."""
    faults = []
    for file in DASHBOARDS:
        for title, expression, legend in queries(json.loads(file.read_text())):
            if fault := prometheus.fault(expression, legend):
                faults.append(f"{file.name}: {title!r}: {fault}: {expression}")
    known = set(prometheus.get("/api/v1/label/__name__/values")["data"])
    faults += [f"there is no metric {name}" for name in sorted(named_metrics() - known)]
    return faults + list(prometheus.rule_faults())


def save(prometheus, began, file):
    """What each panel showed over the run."""
    shown = []
    for dashboard in DASHBOARDS:
        for title, expression, legend in queries(json.loads(dashboard.read_text())):
            answer = prometheus.get("/api/v1/query_range", query=expression, start=began, end=time.time(), step="1")
            shown.append({"panel": title, "legend": legend, "query": expression, "series": answer["data"]["result"]})
    Path(file).write_text(json.dumps(shown))


def run(arguments, folder):
    server, address = start_server(arguments.server, folder)
    processes = [server]
    try:
        process, prometheus = start_prometheus(arguments.prometheus, folder, address[1])
        processes.append(process)
        began = time.time()
        ended = []

        def load():
            try:
                asyncio.run(visitors.visit(address))
            except Exception as error:  # whatever it is, the run is worth nothing without visitors
                ended.append(error)

        threading.Thread(target=load, daemon=True).start()
        faults = ["nothing was asked yet"]
        while (faults and time.time() < began + PATIENCE) or time.time() < began + arguments.seconds:
            time.sleep(1)
            if ended:
                return [f"the visitors were sent away: {ended[0]!r}"]
            faults = look(prometheus)
        if arguments.save:
            save(prometheus, began, arguments.save)
        return faults
    finally:
        for process in processes:
            end(process)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--prometheus", required=True)
    parser.add_argument("--seconds", type=float, default=0, help="go on for this long, for a longer picture")
    parser.add_argument("--save", help="a file for what each panel showed")
    arguments = parser.parse_args()
    dashboards = {f.name: json.loads(f.read_text()) for f in DASHBOARDS}
    faults = [fault for name, dashboard in dashboards.items() for fault in shape_faults(name, dashboard)]
    if not faults:
        with tempfile.TemporaryDirectory(prefix="realtime-chat-dashboard.") as folder:
            faults = run(arguments, Path(folder))
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults or not dashboards:
        sys.exit(1)
    n_queries = sum(len(list(queries(d))) for d in dashboards.values())
    n_panels = sum(len(panels(d)) for d in dashboards.values())
    print(f"{n_queries} queries of {n_panels} panels have figures, and {len(named_metrics())} metrics are known")


if __name__ == "__main__":
    main()
