"""What must hold of the rendered manifests. Each function takes documents and returns sentences; none is good."""

import re

import yaml

# Made by hand or by cert-manager, never part of the manifests (docs/KUBERNETES.md).
SECRETS_FROM_OUTSIDE = {"realtime-chat", "realtime-chat-redis", "realtime-chat-tls", "grafana"}
SECRET_SETTINGS = {"DATABASE_URL", "CHAT_SECRET", "CHAT_BUS"}
WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "Job"}


def named(document):
    return f"{document['kind']}/{document['metadata']['name']}"


def of_kind(documents, kind, name=None):
    return [d for d in documents if d["kind"] == kind and name in (None, d["metadata"]["name"])]


def selects(selector, labels):
    return all(labels.get(key) == value for key, value in selector.items())


def documented_settings(configuration_md):
    """Settings and their defaults, from the tables of docs/CONFIGURATION.md."""
    rows = re.findall(r"^\| `--[^`]+`\s*\| `(\w+)`\s*\| `?([^|`]*)`? \|", configuration_md.replace("\\|", "/"), re.M)
    return {variable: None if default.strip() == "unset" else default.strip() for variable, default in rows}


def pods(documents):
    """Each workload with its pod template."""
    return [(d, d["spec"]["template"]) for d in documents if d["kind"] in WORKLOADS]


def hardening(documents):
    """Every container of every workload, ours or not."""
    faults = []
    for workload, template in pods(documents):
        pod, where = template["spec"], named(workload)
        if pod.get("automountServiceAccountToken") is not False:
            faults.append(f"{where}: mounts a token of the API server")
        context = pod.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
            faults.append(f"{where}: may run as root")
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            faults.append(f"{where}: no seccomp profile")
        for container in pod.get("initContainers", []) + pod["containers"]:
            at = f"{where} {container['name']}"
            image = container["image"]
            tag = re.search(r":([^/:@]+)(@sha256:[0-9a-f]{64})?$", image)
            if "@sha256:" not in image and (tag is None or tag.group(1) == "latest"):
                faults.append(f"{at}: image without a version ({image})")
            context = container.get("securityContext", {})
            if context.get("readOnlyRootFilesystem") is not True:
                faults.append(f"{at}: may write its root file system")
            if context.get("allowPrivilegeEscalation") is not False:
                faults.append(f"{at}: may gain privileges")
            if context.get("capabilities", {}).get("drop") != ["ALL"] or context["capabilities"].get("add"):
                faults.append(f"{at}: has capabilities")
            resources = container.get("resources", {})
            for kind, what in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
                if what not in resources.get(kind, {}):
                    faults.append(f"{at}: no {kind}.{what}")
    return faults


def references(documents):
    """Names that documents use of one another."""
    faults = []
    config_maps = {d["metadata"]["name"]: d for d in of_kind(documents, "ConfigMap")}
    secrets = {d["metadata"]["name"] for d in of_kind(documents, "Secret")}
    if "params" in config_maps:
        faults.append("ConfigMap/params: reaches the cluster")
    known = lambda name: name in secrets or name in SECRETS_FROM_OUTSIDE
    for workload, template in pods(documents):
        where, pod = named(workload), template["spec"]
        for container in pod["containers"]:
            for source in container.get("envFrom", []):
                if "configMapRef" in source and source["configMapRef"]["name"] not in config_maps:
                    faults.append(f"{where}: no ConfigMap {source['configMapRef']['name']}")
                if "secretRef" in source and not known(source["secretRef"]["name"]):
                    faults.append(f"{where}: no Secret {source['secretRef']['name']}")
            for variable in container.get("env", []):
                reference = variable.get("valueFrom", {}).get("secretKeyRef")
                if reference and not known(reference["name"]):
                    faults.append(f"{where}: no Secret {reference['name']}")
            volumes = {v["name"] for v in pod.get("volumes", [])}
            volumes |= {c["metadata"]["name"] for c in workload["spec"].get("volumeClaimTemplates", [])}
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in volumes:
                    faults.append(f"{where}: no volume {mount['name']}")
        for volume in pod.get("volumes", []):
            if "configMap" in volume and volume["configMap"]["name"] not in config_maps:
                faults.append(f"{where}: no ConfigMap {volume['configMap']['name']}")
            if "secret" in volume and not known(volume["secret"]["secretName"]):
                faults.append(f"{where}: no Secret {volume['secret']['secretName']}")
    templates = [(t["metadata"]["labels"], {p["name"] for c in t["spec"]["containers"] for p in c.get("ports", [])})
                 for _, t in pods(documents)]
    services = {d["metadata"]["name"]: d for d in of_kind(documents, "Service")}
    for service in services.values():
        found = [ports for labels, ports in templates if selects(service["spec"]["selector"], labels)]
        if len(found) != 1:
            faults.append(f"{named(service)}: selects {len(found)} workloads instead of one")
            continue
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in found[0]:
                faults.append(f"{named(service)}: no port {port['targetPort']} there")
    for ingress in of_kind(documents, "Ingress"):
        for path in [p for r in ingress["spec"]["rules"] for p in r["http"]["paths"]]:
            backend = path["backend"]["service"]
            ports = {p["name"] for p in services.get(backend["name"], {"spec": {"ports": []}})["spec"]["ports"]}
            if backend["port"].get("name") not in ports:
                faults.append(f"{named(ingress)}: no service {backend['name']} with port {backend['port']}")
    for kind in ("PodDisruptionBudget", "ServiceMonitor"):
        for document in of_kind(documents, kind):
            wanted = document["spec"]["selector"]["matchLabels"]
            there = [s["metadata"].get("labels", {}) for s in services.values()] if kind == "ServiceMonitor" \
                else [labels for labels, _ in templates]
            if sum(selects(wanted, labels) for labels in there) != 1:
                faults.append(f"{named(document)}: does not select exactly one")
    return faults


def settings(documents, documented):
    """The server's ConfigMap, and what of the pod depends on it."""
    faults = []
    [server] = of_kind(documents, "Deployment", "realtime-chat")
    pod = server["spec"]["template"]["spec"]
    [container] = pod["containers"]
    [name] = [s["configMapRef"]["name"] for s in container["envFrom"] if "configMapRef" in s]
    values = of_kind(documents, "ConfigMap", name)[0]["data"]
    for key in values:
        if key not in documented and key not in ("RUST_LOG", "CHAT_LOG_FORMAT"):
            faults.append(f"ConfigMap/{name}: {key} is no setting of docs/CONFIGURATION.md")
        if key in SECRET_SETTINGS:
            faults.append(f"ConfigMap/{name}: {key} belongs into a Secret")
        if not values[key]:
            faults.append(f"ConfigMap/{name}: {key} is empty")
    if not any(v["name"] == "DATABASE_URL" and "secretKeyRef" in v.get("valueFrom", {}) for v in container["env"]):
        faults.append("Deployment/realtime-chat: DATABASE_URL does not come from a Secret")
    seconds = lambda key: float(values.get(key, documented[key]))
    drain = sum(seconds(f"CHAT_DRAIN_{step}_SECS") for step in ("GRACE", "WINDOW", "FLUSH"))
    if pod.get("terminationGracePeriodSeconds", 30) <= drain:
        faults.append(f"Deployment/realtime-chat: killed before its drain of {drain:g} s is over")
    ports = {p["name"]: p["containerPort"] for p in container["ports"]}
    for port, key in (("http", "CHAT_LISTEN"), ("metrics", "CHAT_METRICS_ADDR")):
        if values.get(key) != f"0.0.0.0:{ports.get(port)}":
            faults.append(f"Deployment/realtime-chat: port {port} is not {key}")
    for ingress in of_kind(documents, "Ingress", "realtime-chat"):
        snippet = ingress["metadata"]["annotations"].get("haproxy.org/backend-config-snippet", "")
        tunnel = re.search(r"^timeout tunnel (\d+)s$", snippet, re.M)
        if tunnel is None or float(tunnel.group(1)) <= seconds("CHAT_SILENCE_SECS"):
            faults.append("Ingress/realtime-chat: cuts sockets before the server does")
    return faults


def server(documents):
    """The shape of the server's own documents."""
    faults = []
    [deployment] = of_kind(documents, "Deployment", "realtime-chat")
    spec, template = deployment["spec"], deployment["spec"]["template"]
    [container] = template["spec"]["containers"]
    for key, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        probe = container.get(key, {}).get("httpGet", {})
        if (probe.get("path"), probe.get("port")) != (path, "http"):
            faults.append(f"Deployment/realtime-chat: {key} does not ask {path}")
    rolling = spec.get("strategy", {}).get("rollingUpdate", {})
    if (rolling.get("maxSurge"), rolling.get("maxUnavailable")) != (1, 0):
        faults.append("Deployment/realtime-chat: not surge 1, unavailable 0")
    scalers = of_kind(documents, "HorizontalPodAutoscaler")
    if scalers and "replicas" in spec:
        faults.append("Deployment/realtime-chat: replicas set beside an autoscaler")
    if not scalers and spec.get("replicas", 1) < 2:
        faults.append("Deployment/realtime-chat: one replica, which nobody replaces when it goes")
    labels = template["metadata"]["labels"]
    spreads = [s["labelSelector"]["matchLabels"] for s in template["spec"].get("topologySpreadConstraints", [])
               if s["topologyKey"] == "kubernetes.io/hostname"]
    if not any(selects(wanted, labels) for wanted in spreads):
        faults.append("Deployment/realtime-chat: its pods may all be on one node")
    faults += own_name(container)
    if template["spec"]["securityContext"].get("runAsUser") != 65532:
        faults.append("Deployment/realtime-chat: not the image's user")
    jobs = of_kind(documents, "Job", "realtime-chat-migrate")
    if [j["spec"]["template"]["spec"]["containers"][0].get("command") for j in jobs] != \
            [["/usr/local/bin/realtime-chat", "migrate"]]:
        faults.append("no migration Job")
    images = {t["spec"]["containers"][0]["image"] for d, t in pods(documents) if d in jobs or d is deployment}
    if len(images) != 1:
        faults.append(f"migration and server are not of one image: {images}")
    policies = of_kind(documents, "NetworkPolicy", "realtime-chat")
    for workload, pod in [(deployment, template)] + [(j, j["spec"]["template"]) for j in jobs]:
        if not any(selects(p["spec"]["podSelector"].get("matchLabels", {}), pod["metadata"]["labels"])
                   and set(p["spec"]["policyTypes"]) == {"Ingress", "Egress"} for p in policies):
            faults.append(f"{named(workload)}: no NetworkPolicy selects its pods")
    if not any(reach(p, "ingress", "from", labels) and reach(p, "egress", "to", labels) for p in policies):
        faults.append("NetworkPolicy/realtime-chat: the servers do not reach each other")
    if not of_kind(documents, "PodDisruptionBudget"):
        faults.append("no PodDisruptionBudget")
    ingresses = of_kind(documents, "Ingress", "realtime-chat")
    if len(ingresses) != 1:
        faults.append("no Ingress")
    for ingress in ingresses:
        annotations = ingress["metadata"]["annotations"]
        snippet = annotations.get("haproxy.org/backend-config-snippet", "")
        if "balance hash path," not in snippet or "hash-type consistent" not in snippet:
            faults.append("Ingress/realtime-chat: no affinity by a hash of the room")
        if "cookie" in snippet or any("cookie" in key for key in annotations):
            faults.append("Ingress/realtime-chat: affinity by a cookie, which third-party frames drop")
        if ingress["spec"].get("ingressClassName") != "haproxy":
            faults.append("Ingress/realtime-chat: not of the class haproxy")
    return faults


def own_name(container):
    """Each server has its own name and address, from what Kubernetes knows of its pod."""
    faults = []
    fields = {v["name"]: v.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath") for v in container["env"]}
    if fields.get("CHAT_SERVER_ID") != "metadata.name":
        faults.append("Deployment/realtime-chat: CHAT_SERVER_ID is not the pod's name")
    [port] = [p["containerPort"] for p in container["ports"] if p["name"] == "http"]
    names = [v["name"] for v in container["env"]]
    urls = [v.get("value") for v in container["env"] if v["name"] == "CHAT_ADVERTISE_URL"]
    # A variable is put in only where it stands before.
    is_known = fields.get("POD_IP") == "status.podIP" and "POD_IP" in names[:names.index("CHAT_ADVERTISE_URL")] if urls else False
    if urls != [f"http://$(POD_IP):{port}"] or not is_known:
        faults.append("Deployment/realtime-chat: CHAT_ADVERTISE_URL is not the pod's address")
    return faults


def reach(policy, direction, way, labels):
    """Whether a policy lets pods with these labels in, or out to them."""
    peers = [peer for rule in policy["spec"].get(direction, []) for peer in rule.get(way, [])]
    wanted = [p["podSelector"].get("matchLabels", {}) for p in peers if "podSelector" in p and "namespaceSelector" not in p]
    return any(selects(w, labels) for w in wanted)


def bus(documents):
    """With the component redis: servers and Redis find each other, and nobody else gets there."""
    faults = []
    [deployment] = of_kind(documents, "Deployment", "realtime-chat")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    sources = [v.get("valueFrom", {}).get("secretKeyRef", {}).get("name") for v in container["env"] if v["name"] == "CHAT_BUS"]
    if sources != ["realtime-chat-redis"]:
        faults.append("Deployment/realtime-chat: CHAT_BUS does not come from its Secret")
    [redis] = of_kind(documents, "Deployment", "redis")
    server_labels = deployment["spec"]["template"]["metadata"]["labels"]
    redis_labels = redis["spec"]["template"]["metadata"]["labels"]
    [policy] = of_kind(documents, "NetworkPolicy", "realtime-chat")
    if not reach(policy, "egress", "to", redis_labels):
        faults.append("NetworkPolicy/realtime-chat: Redis is not reached")
    policies = [p for p in of_kind(documents, "NetworkPolicy") if selects(p["spec"]["podSelector"].get("matchLabels", {}), redis_labels)]
    if not any(reach(p, "ingress", "from", server_labels) and p["spec"].get("egress") == [] for p in policies):
        faults.append("NetworkPolicy/redis: not in from the servers alone, out to nobody")
    if redis["spec"].get("replicas") != 1 or redis["spec"].get("strategy", {}).get("type") != "Recreate":
        faults.append("Deployment/redis: there may be two, each with some of the servers")
    if "--aclfile" not in redis["spec"]["template"]["spec"]["containers"][0]["args"]:
        faults.append("Deployment/redis: everybody gets in")
    return faults


def production(documents):
    """What only matters where readers are."""
    faults = [f"{named(d)}: a Secret in the repository" for d in of_kind(documents, "Secret")]
    for ingress in of_kind(documents, "Ingress"):
        hosts = [r.get("host") for r in ingress["spec"]["rules"]]
        if [h for t in ingress["spec"].get("tls", []) for h in t["hosts"]] != hosts:
            faults.append(f"{named(ingress)}: not all hosts over TLS")
        if ingress["metadata"]["annotations"].get("haproxy.org/ssl-redirect") != "true":
            faults.append(f"{named(ingress)}: plain HTTP is not sent to HTTPS")
    text = yaml.safe_dump_all(documents)
    faults += [f"{word} is still there" for word in ("chat.example", "192.0.2.0") if word in text]
    return faults


def waves(documents):
    """Argo CD applies by wave: what another document needs comes in an earlier one."""
    faults = []
    wave = lambda d: int(d["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave", 0))
    first = lambda kinds: min((wave(d) for d in documents if d["kind"] in kinds), default=0)
    others = [d for d in documents if d["kind"] != "Namespace"]
    if any(wave(n) >= min(wave(d) for d in others) for n in of_kind(documents, "Namespace")):
        faults.append("Namespace: not before what is in it")
    jobs = {"Job"}
    for d in documents:
        if d["kind"] in ("ConfigMap", "NetworkPolicy") and wave(d) >= first(jobs):
            faults.append(f"{named(d)}: not before the migration")
        if d["kind"] == "Deployment" and wave(d) <= first(jobs):
            faults.append(f"{named(d)}: not behind the migration")
    return faults


def autoscaling(documents, metric_names):
    faults = []
    scalers = of_kind(documents, "HorizontalPodAutoscaler")
    if len(scalers) != 1:
        return ["no HorizontalPodAutoscaler"]
    [scaler] = scalers
    for metric in scaler["spec"]["metrics"]:
        name = metric["external"]["metric"]["name"]
        if name not in metric_names:
            faults.append(f"{named(scaler)}: the server has no metric {name}")
    target = scaler["spec"]["scaleTargetRef"]
    if not of_kind(documents, target["kind"], target["name"]):
        faults.append(f"{named(scaler)}: nothing to scale")
    if scaler["spec"].get("minReplicas", 1) < 2:
        faults.append(f"{named(scaler)}: may leave one server, which nobody replaces when it goes")
    return faults


def monitoring(documents, server_documents, rule_files, dashboards):
    """`rule_files` and `dashboards` are the names of the files that /monitoring has."""
    faults = []
    by_prefix = lambda prefix: next(d for d in of_kind(documents, "ConfigMap")
                                    if re.fullmatch(prefix + "-[a-z0-9]{10}", d["metadata"]["name"]))
    config = yaml.safe_load(by_prefix("prometheus")["data"]["prometheus.yml"])
    for job in config["scrape_configs"]:
        for discovery in job.get("dns_sd_configs", []):
            for name in discovery["names"]:
                service, namespace = name.split(".")[:2]
                found = [d for d in of_kind(server_documents, "Service", service)
                         if d["metadata"].get("namespace") == namespace and d["spec"].get("clusterIP") == "None"]
                if not any(p["port"] == discovery["port"] for d in found for p in d["spec"]["ports"]):
                    faults.append(f"prometheus.yml: no headless service {name} with port {discovery['port']}")
    for prefix, files in (("prometheus-rules", rule_files), ("grafana-dashboards", dashboards)):
        listed = set(by_prefix(prefix).get("data") or {})
        faults += [f"monitoring/kustomization.yaml: {name} is not listed" for name in sorted(set(files) - listed)]
    return faults
