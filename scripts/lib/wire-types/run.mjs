// scripts/wire-types starts this; see there for the flag.
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { types } from "./types.mjs";

const FILE = "static/js/wire-types.d.ts";
const made = types(readFileSync("docs/asyncapi.yaml", "utf8"));

const [flag, ...rest] = process.argv.slice(2);
if (rest.length > 0 || (flag !== undefined && flag !== "--check")) {
    console.error("usage: scripts/wire-types [--check]");
    process.exitCode = 2;
} else if (flag === undefined) {
    writeFileSync(FILE, made);
} else if (readFileSync(FILE, "utf8") !== made) {
    console.error(`${FILE} is not of docs/asyncapi.yaml: run scripts/wire-types`);
    process.exitCode = 1;
}
