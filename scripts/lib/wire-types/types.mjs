// Turns the schemas of docs/asyncapi.yaml into TypeScript. Pure. It knows the words of JSON Schema that the document uses,
// and refuses any other: a word that is passed over would make a type that is wrong and looks right.
import { parse } from "yaml";

/** @typedef {Record<string, any>} Schema */

/** Words that narrow what TypeScript cannot say, or say nothing to it. */
const WITHOUT_TYPE = new Set([
    "additionalProperties", "dependencies", "description", "examples", "format", "maxItems", "maxLength", "maximum", "minItems", "minLength",
    "minimum", "pattern", "title",
]);
const WITH_TYPE = new Set(["$ref", "allOf", "const", "enum", "items", "oneOf", "properties", "required", "type"]);

const REFERENCE = "#/components/schemas/";

/** @type {Record<string, string>} */
const PLAIN = { boolean: "boolean", integer: "number", null: "null", number: "number", string: "string" };

/**
 * The whole file.
 * @param {string} document YAML
 */
export function types(document) {
    /** @type {Record<string, Schema>} */
    const schemas = parse(document).components.schemas;
    const members = Object.entries(schemas).map(([name, schema]) => {
        const known = Object.keys(schemas);
        const type = typeOf(schema, { known, path: name, indent: "  " });
        return `${comment(schema, "  ")}  type ${name} =${type.startsWith("\n") ? "" : " "}${type};\n`;
    });
    return `// Written by scripts/wire-types from docs/asyncapi.yaml; do not edit.\n\ndeclare namespace Wire {\n${members.join("\n")}}\n`;
}

/** @typedef {{ known: string[], path: string, indent: string }} Place which names there are, and where we are */

/**
 * @param {Schema} schema
 * @param {Place} place
 * @returns {string}
 */
function typeOf(schema, place) {
    for (const word of Object.keys(schema)) {
        if (!WITHOUT_TYPE.has(word) && !WITH_TYPE.has(word)) throw new Error(`${place.path}: no type is known for ${word}`);
    }
    if (schema["$ref"] !== undefined) return referred(schema["$ref"], place);
    if (schema["const"] !== undefined) return JSON.stringify(schema["const"]);
    if (schema["enum"] !== undefined) return union(schema["enum"].map((/** @type {unknown} */ value) => JSON.stringify(value)), place);
    if (schema["oneOf"] !== undefined) return union(schema["oneOf"].map((/** @type {Schema} */ one) => typeOf(one, place)), place);
    if (schema["allOf"] !== undefined) return schema["allOf"].map((/** @type {Schema} */ one) => typeOf(one, place)).join(" & ");
    if (schema["type"] === "array") {
        const item = typeOf(schema["items"] ?? fail(place, "an array of what?"), place);
        return /^[\w.]+$/.test(item) ? `${item}[]` : `Array<${item}>`;
    }
    if (schema["type"] === "object") return objectOf(schema, place);
    return PLAIN[schema["type"]] ?? fail(place, `no type is known for ${JSON.stringify(schema)}`);
}

/**
 * @param {Schema} schema
 * @param {Place} place
 */
function objectOf({ properties, required = [], additionalProperties }, place) {
    if (properties === undefined) return additionalProperties === true ? "Record<string, any>" : fail(place, "an object of what?");
    for (const name of required) if (!(name in properties)) fail(place, `${name} is required and not described`);
    const indent = `${place.indent}  `;
    const lines = Object.entries(properties).map(([name, schema]) => {
        const mark = required.includes(name) ? "" : "?";
        const type = typeOf(schema, { ...place, path: `${place.path}.${name}`, indent });
        return `${comment(schema, indent)}${indent}${name}${mark}: ${type};\n`;
    });
    return `{\n${lines.join("")}${place.indent}}`;
}

/**
 * @param {string} reference
 * @param {Place} place
 */
function referred(reference, place) {
    const name = reference.startsWith(REFERENCE) ? reference.slice(REFERENCE.length) : "";
    return place.known.includes(name) ? name : fail(place, `${reference} is nowhere`);
}

/**
 * @param {string[]} all
 * @param {Place} place
 */
function union(all, place) {
    return all.length < 4 ? all.join(" | ") : all.map((one) => `\n${place.indent}  | ${one}`).join("");
}

/**
 * @param {Schema} schema
 * @param {string} indent
 */
function comment({ description }, indent) {
    const lines = (description ?? "").trim().split("\n").filter((/** @type {string} */ line) => line !== "");
    if (lines.length === 0) return "";
    if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
    return `${indent}/**\n${lines.map((/** @type {string} */ line) => `${indent} * ${line}\n`).join("")}${indent} */\n`;
}

/**
 * @param {Place} place
 * @param {string} what
 * @returns {never}
 */
function fail(place, what) {
    throw new Error(`${place.path}: ${what}`);
}
