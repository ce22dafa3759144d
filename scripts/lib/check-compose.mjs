// Checks what docker/compose.yaml promises of every service. Reads only as much YAML as that file uses: maps and lists by
// indentation, flow lists in one line.
import { readFileSync } from "node:fs";
import process from "node:process";

const path = process.argv[2] ?? "docker/compose.yaml";
const lines = readFileSync(path, "utf8").split("\n").filter((line) => !/^\s*(#|$)/.test(line));

/** @type {Map<string, Map<string, string>>} */
const services = new Map();
let inServices = false;
let service = "";
let key = "";
for (const line of lines) {
    if (/\t/.test(line)) throw new Error(`a tab: ${line}`);
    const indent = line.search(/\S/);
    const [, name, value] = /^\s*([\w-]+):(.*)$/.exec(line) ?? [];
    if (indent === 0) inServices = name === "services";
    else if (!inServices) continue;
    else if (indent === 2 && name) services.set((service = name), new Map());
    else if (indent === 4 && name) services.get(service)?.set((key = name), value?.trim() ?? "");
    else services.get(service)?.set(key, `${services.get(service)?.get(key)}\n${line.trim()}`);
}

const wrong = [];
if (services.size < 2) wrong.push(`only ${services.size} services were found`);
for (const [name, has] of services) {
    if (has.get("read_only") !== "true") wrong.push(`${name}: its root can be written to (read_only)`);
    if (has.get("cap_drop") !== "[ALL]") wrong.push(`${name}: it keeps capabilities (cap_drop)`);
    if (!has.get("security_opt")?.includes("no-new-privileges:true")) wrong.push(`${name}: no no-new-privileges`);
    if (!has.has("healthcheck")) wrong.push(`${name}: no healthcheck`);
    if (has.get("privileged") === "true" || has.has("network_mode")) wrong.push(`${name}: too much is allowed`);
    for (const port of has.get("ports")?.match(/"[^"]+"/g) ?? []) {
        if (!port.startsWith('"127.0.0.1:')) wrong.push(`${name}: ${port} is open to the network`);
    }
}
for (const line of wrong) console.error(`${path}: ${line}`);
process.exit(wrong.length > 0 ? 1 : 0);
