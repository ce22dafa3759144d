// Prints the Google provider's schema as JSON: the block of each resource, and of each block its arguments. Names are in
// camel case, as in the source.
//
//   node provider_schema.mjs <.jsii >schema.json
//
// The provider itself is not in any package registry. The types that were generated from it for programs are: the npm
// package @cdktf/provider-google, whose assembly (.jsii) is read here.

import fs from "node:fs";

const assembly = JSON.parse(fs.readFileSync(0, "utf8"));
const types = assembly.types;

// The type of a block among the alternatives of an argument, if it is one.
function blockOf(type) {
    if (type.fqn) return types[type.fqn]?.kind === "interface" && types[type.fqn].properties ? type.fqn : undefined;
    if (type.collection?.kind === "array") return blockOf(type.collection.elementtype);
    for (const one of type.union?.types ?? []) {
        const found = blockOf(one);
        if (found) return found;
    }
    return undefined;
}

const blocks = {};
function block(fqn) {
    if (blocks[fqn]) return fqn;
    blocks[fqn] = {};
    for (const property of types[fqn].properties ?? []) {
        const inner = blockOf(property.type);
        blocks[fqn][property.name] = { required: !property.optional, block: inner ? block(inner) : null };
    }
    return fqn;
}

const result = { resources: {}, blocks };
for (const type of Object.values(types)) {
    const config = type.initializer?.parameters?.find((p) => p.name === "config")?.type.fqn;
    if (type.kind !== "class" || !config?.endsWith("Config")) continue;
    result.resources[type.name] = block(config);
}
process.stdout.write(JSON.stringify(result));
