// That the check of the Compose files finds what it is for.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { faults } from "../../scripts/lib/check-compose.mjs";

const folder = new URL("../../docker", import.meta.url).pathname;
const text = readFileSync(`${folder}/compose.yaml`, "utf8");

test("the Compose file is as it should be", () => {
    assert.deepEqual(faults(text, folder), []);
});

for (const [what, from, to, found] of /** @type {[string, string, string, RegExp][]} */ ([
    ["a root that can be written to", "    read_only: true\n", "", /server: its root/],
    ["capabilities", "    cap_drop: [ALL]\n", "", /server: it keeps capabilities/],
    ["an image without version", "postgres:17.7-bookworm", "postgres:latest", /postgres: .* not pinned/],
    ["an image with only a major version", "postgres:17.7-bookworm", "postgres:17-bookworm", /postgres: .* not pinned/],
    ["another Grafana than in the cluster", "grafana/grafana:1", "grafana/grafana:2", /grafana: .* k8s\/monitoring/],
    ["an open port", '"127.0.0.1:${GRAFANA_PORT', '"${GRAFANA_PORT', /grafana: .* open to the network/],
    ["a file that can be written to", "dashboards:ro", "dashboards", /grafana: .* can be written to/],
    ["a file that is not there", "./prometheus.yml", "./prometheus.yaml", /prometheus: .* is not there/],
    ["a volume that is not declared", "  grafana: {}\n", "", /grafana: the volume grafana/],
    ["metrics elsewhere", "0.0.0.0:9090", "0.0.0.0:9091", /does not ask/],
    ["published metrics", "8080}:8080", "8080}:9090", /metrics are published/],
    ["no health check", "    healthcheck:\n      test: [\"CMD\", \"/bin/promtool", "    x:\n      test: [\"CMD\", \"/bin/promtool", /prometheus: no healthcheck/],
    ["a missing service", "  grafana:\n", "  graphs:\n", /grafana is not there/],
])) {
    test(`it finds ${what}`, () => {
        assert.ok(text.includes(from), from);
        assert.match(faults(text.replace(from, to), folder).join("\n"), found);
    });
}

const cluster = readFileSync(`${folder}/compose.cluster.yaml`, "utf8");

test("the Compose file of two servers is as it should be", () => {
    assert.deepEqual(faults(cluster, folder), []);
});

for (const [what, from, to, found] of /** @type {[string, string, string, RegExp][]} */ ([
    ["what all servers share", "  read_only: true\n", "", /server-1: its root.*\n.*server-2: its root/],
    ["two servers of one name", "CHAT_SERVER_ID: server-2", "CHAT_SERVER_ID: server-1", /server-2: CHAT_SERVER_ID/],
    ["the address of another one", "http://server-2:8080", "http://server-1:8080", /server-2: CHAT_ADVERTISE_URL/],
    ["a server that HAProxy does not know", "  server-2:\n", "  server-3:\n", /server-2 is not there[^]*haproxy.cfg does not/],
    ["a way past HAProxy", "  server-2:\n", '  server-2:\n    ports:\n      - "127.0.0.1:1:8080"\n', /past HAProxy/],
    ["an open Redis", "    tmpfs: [/data]\n", '    ports:\n      - "127.0.0.1:6379:6379"\n', /redis: it is published/],
    ["a Redis without version", "redis:8.2.10-alpine", "redis:alpine", /redis: .* not pinned/],
])) {
    test(`with two servers it finds ${what}`, () => {
        assert.ok(cluster.includes(from), from);
        assert.match(faults(cluster.replace(from, to), folder).join("\n"), found);
    });
}
