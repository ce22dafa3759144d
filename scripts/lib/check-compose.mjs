// Checks what docker/compose.yaml promises of every service, and that what it names is there. Reads only as much YAML as
// that file uses: maps and lists by indentation, flow lists in one line.
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
    let section = "";
    let service = "";
    let key = "";
    for (const line of text.split("\n").filter((line) => !/^\s*(#|$)/.test(line))) {
        if (/\t/.test(line)) throw new Error(`a tab: ${line}`);
        const indent = line.search(/\S/);
        const [, name, value] = /^\s*([\w-]+):(.*)$/.exec(line) ?? [];
        if (indent === 0) section = name ?? "";
        else if (section === "volumes" && name) volumes.add(name);
        else if (section !== "services") continue;
        else if (indent === 2 && name) services.set((service = name), new Map());
        else if (indent === 4 && name) services.get(service)?.set((key = name), value?.trim() ?? "");
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
    for (const name of ["server", "postgres", "prometheus", "grafana"]) {
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
    return [...wrong, ...monitoring(services, folder)];
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
    const path = process.argv[2] ?? "docker/compose.yaml";
    const wrong = faults(readFileSync(path, "utf8"), dirname(path));
    for (const line of wrong) console.error(`${path}: ${line}`);
    process.exit(wrong.length > 0 ? 1 : 0);
}
