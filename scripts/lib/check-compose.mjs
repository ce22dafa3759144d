// Checks what the Compose files promise of every service, and that what they name is there. Reads only as much YAML as
// those files use: maps and lists by indentation, flow lists in one line, and what services share (x-...: &name, <<: *name).
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/**
 * The services' keys, each with all that stands below it, and the names of the volumes.
 * @param {string} text
 */
function read(text) {
    /** @type {Map<string, Map<string, string>>} */
    const services = new Map();
    /** @type {Set<string>} */
    const volumes = new Set();
    /** What services share, by its anchor. @type {Map<string, Map<string, string>>} */
    const shared = new Map();
    let section = "";
    let anchor = "";
    let service = "";
    let key = "";
    for (const line of text.split("\n").filter((line) => !/^\s*(#|$)/.test(line))) {
        if (/\t/.test(line)) throw new Error(`a tab: ${line}`);
        const indent = line.search(/\S/);
        const [, name, value] = /^\s*([\w-]+):(.*)$/.exec(line) ?? [];
        if (indent === 0) {
            section = name ?? "";
            anchor = /^x-[\w-]+: &(\w+)$/.exec(line)?.[1] ?? "";
            if (anchor) shared.set(anchor, new Map());
        } else if (anchor) {
            if (indent === 2 && name) shared.get(anchor)?.set((key = name), value?.trim() ?? "");
            else shared.get(anchor)?.set(key, `${shared.get(anchor)?.get(key)}\n${line.trim()}`);
        } else if (section === "volumes" && indent === 2 && name) volumes.add(name);
        else if (section !== "services") continue;
        else if (indent === 2 && name) services.set((service = name), new Map());
        else if (indent === 4 && /^ *<<: \*/.test(line)) {
            const from = shared.get(/\*(\w+)/.exec(line)?.[1] ?? "");
            if (!from) throw new Error(`nothing has this name: ${line}`);
            for (const [name, value] of from) services.get(service)?.set(name, value);
        } else if (indent === 4 && name) services.get(service)?.set((key = name), value?.trim() ?? "");
        else services.get(service)?.set(key, `${services.get(service)?.get(key)}\n${line.trim()}`);
    }
    return { services, volumes };
}

/**
 * What is wrong with a Compose file.
 * @param {string} text
 * @param {string} folder that the file stands in: its paths begin there
 * @returns {string[]}
 */
export function faults(text, folder) {
    const { services, volumes } = read(text);
    const wrong = [];
    const isCluster = services.has("server-1");
    const wanted = isCluster ? ["server-2", "haproxy", "redis", "postgres"] : ["server", "postgres", "prometheus", "grafana"];
    for (const name of wanted) {
        if (!services.has(name)) wrong.push(`${name} is not there`);
    }
    for (const [name, has] of services) {
        if (has.get("read_only") !== "true") wrong.push(`${name}: its root can be written to (read_only)`);
        if (has.get("cap_drop") !== "[ALL]") wrong.push(`${name}: it keeps capabilities (cap_drop)`);
        if (!has.get("security_opt")?.includes("no-new-privileges:true")) wrong.push(`${name}: no no-new-privileges`);
        if (!has.has("healthcheck")) wrong.push(`${name}: no healthcheck`);
        if (has.get("privileged") === "true" || has.has("network_mode")) wrong.push(`${name}: too much is allowed`);
        for (const port of has.get("ports")?.match(/"[^"]+"/g) ?? []) {
            if (!port.startsWith('"127.0.0.1:')) wrong.push(`${name}: ${port} is open to the network`);
        }
        const image = has.get("image");
        if (image && !/:v?\d+\.\d+[\w.-]*$/.test(image)) wrong.push(`${name}: ${image} is not pinned by version`);
        if (!image && !has.has("build")) wrong.push(`${name}: neither image nor build`);
        for (const [, source, mode] of has.get("volumes")?.matchAll(/^- ([^:\s]+):[^:\s]+(:ro)?$/gm) ?? []) {
            if (!source?.startsWith(".")) {
                if (!volumes.has(source ?? "")) wrong.push(`${name}: the volume ${source} is not declared`);
            } else if (!existsSync(join(folder, source))) wrong.push(`${name}: ${source} is not there`);
            else if (!mode) wrong.push(`${name}: ${source} can be written to (:ro)`);
        }
    }
    return [...wrong, ...(isCluster ? cluster(services, folder) : monitoring(services, folder))];
}

/**
 * That the servers of a cluster are told apart, and that HAProxy knows each of them.
 * @param {Map<string, Map<string, string>>} services
 * @param {string} folder
 */
function cluster(services, folder) {
    const wrong = [];
    const proxy = readFileSync(join(folder, "haproxy.cfg"), "utf8");
    const servers = [...services.keys()].filter((name) => name.startsWith("server-"));
    for (const name of servers) {
        const has = services.get(name);
        const environment = has?.get("environment") ?? "";
        if (has?.has("ports")) wrong.push(`${name}: visitors reach it past HAProxy`);
        if (!environment.includes(`CHAT_SERVER_ID: ${name}\n`)) wrong.push(`${name}: CHAT_SERVER_ID is not ${name}`);
        if (!environment.includes(`CHAT_ADVERTISE_URL: "http://${name}:8080"`)) {
            wrong.push(`${name}: CHAT_ADVERTISE_URL is not its own address`);
        }
        if (!proxy.includes(`-${name}:8080}"`)) wrong.push(`${name}: docker/haproxy.cfg does not know it`);
    }
    const nKnown = proxy.match(/^ +server /gm)?.length ?? 0;
    if (nKnown !== servers.length) wrong.push(`docker/haproxy.cfg has ${nKnown} servers, there are ${servers.length}`);
    if (services.get("redis")?.has("ports")) wrong.push("redis: it is published");
    return wrong;
}

/**
 * That the parts of the monitoring find each other, and are those of the cluster.
 * @param {Map<string, Map<string, string>>} services
 * @param {string} folder
 */
function monitoring(services, folder) {
    const wrong = [];
    const file = (/** @type {string} */ path) => readFileSync(join(folder, path), "utf8");
    for (const name of ["prometheus", "grafana"]) {
        const image = services.get(name)?.get("image") ?? "";
        if (!file(`../k8s/monitoring/${name}.yaml`).includes(`image: ${image}\n`)) {
            wrong.push(`${name}: ${image} is not the version that k8s/monitoring has`);
        }
    }
    const port = /CHAT_METRICS_ADDR: "0\.0\.0\.0:(\d+)"/.exec(services.get("server")?.get("environment") ?? "")?.[1];
    if (!port || !file("prometheus.yml").includes(`targets: [server:${port}]`)) {
        wrong.push("prometheus.yml does not ask where the server's metrics are (CHAT_METRICS_ADDR)");
    }
    if (services.get("server")?.get("ports")?.includes(`:${port}"`)) wrong.push("server: the metrics are published");
    const mounted = (/** @type {string} */ name, /** @type {string} */ source, /** @type {string} */ target) => {
        if (!services.get(name)?.get("volumes")?.includes(`- ${source}:${target}:ro`)) {
            wrong.push(`${name}: ${source} is not mounted at ${target}`);
        }
    };
    mounted("prometheus", "../monitoring/prometheus", "/etc/prometheus/rules");
    mounted("grafana", "../monitoring/grafana/dashboards", "/var/lib/grafana/dashboards");
    // Prometheus takes each of these for a file of rules, and does not start where one is none.
    const rules = join(folder, "../monitoring/prometheus");
    for (const name of readdirSync(rules).filter((name) => /\.y.*ml$/.test(name))) {
        const path = join(rules, name);
        if (statSync(path).isFile() && !/^groups:/m.test(readFileSync(path, "utf8"))) {
            wrong.push(`monitoring/prometheus/${name} has no groups of rules: it belongs into a folder of its own`);
        }
    }
    if (!/^ +uid: prometheus$/m.test(file("../k8s/monitoring/datasources.yaml"))) {
        wrong.push("grafana: the data source's uid is not prometheus");
    }
    if (!file("../k8s/monitoring/dashboard-providers.yaml").includes("path: /var/lib/grafana/dashboards\n")) {
        wrong.push("grafana: dashboards are looked for elsewhere");
    }
    return wrong;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const paths = process.argv.slice(2);
    const wrong = paths.flatMap((path) =>
        faults(readFileSync(path, "utf8"), dirname(path)).map((line) => `${path}: ${line}`),
    );
    for (const line of wrong) console.error(line);
    process.exit(wrong.length > 0 || paths.length === 0 ? 1 : 0);
}
