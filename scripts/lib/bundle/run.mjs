// scripts/bundle starts this; see there for the flags.
import { watch } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { brotliCompressSync, constants } from "node:zlib";
import { build, differences, DIST, kept, STATIC } from "./build.mjs";

/** @typedef {import("./build.mjs").Form} Form */

/** As long as an editor may take to write all that it writes at once. */
const SETTLED_MS = 50;

/** Writes what differs, and removes what is made from nothing any more. @param {Map<string, string>} made */
async function write(made) {
    await mkdir(DIST, { recursive: true });
    const there = await kept();
    let nChanged = 0;
    for (const [name, text] of made) {
        if (there.get(name) === text) continue;
        await writeFile(join(DIST, name), text);
        nChanged++;
    }
    for (const name of there.keys()) {
        if (made.has(name)) continue;
        await rm(join(DIST, name));
        nChanged++;
    }
    console.log(`static/dist: ${made.size} files, ${nChanged} changed`);
}

/** @param {string} text @returns {number} bytes, compressed as the server does */
function weight(text) {
    const bytes = Buffer.from(text);
    return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }).length;
}

/** Bytes of each file in each form, written in full and compressed. */
async function weigh() {
    /** @type {Form[]} */
    const forms = ["readable", "spaced", "minified"];
    const builds = await Promise.all(forms.map((form) => build(form)));
    const names = [...(builds[0]?.keys() ?? [])];
    /** @param {string[]} cells */
    const row = (cells) => cells.map((cell, index) => (index === 0 ? cell.padEnd(20) : cell.padStart(18))).join("");
    console.log(row(["bytes (brotli)", ...forms]));
    for (const name of names) {
        console.log(row([name, ...builds.map((made) => {
            const text = made.get(name) ?? "";
            return `${Buffer.byteLength(text)} (${weight(text)})`;
        })]));
    }
}

/** Builds again after each change. A source that is half written is said, and waited for. */
async function keepBuilding() {
    /** @type {Map<string, import("node:fs").FSWatcher>} */
    const watched = new Map();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let soon;
    // One build after the other: an older one must not write last.
    let turn = Promise.resolve();
    const again = async () => {
        // One watcher for each folder: watching a tree as a whole is not to be had everywhere.
        const inside = await readdir(STATIC, { withFileTypes: true, recursive: true });
        const folders = inside.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
        for (const folder of [STATIC, ...folders.filter((folder) => folder !== DIST)]) {
            if (watched.has(folder)) continue;
            const watcher = watch(folder, () => {
                clearTimeout(soon);
                soon = setTimeout(() => (turn = turn.then(again)), SETTLED_MS);
            });
            watcher.on("error", () => {
                watcher.close();
                watched.delete(folder);
            });
            watched.set(folder, watcher);
        }
        try {
            await write(await build("readable"));
        } catch (error) {
            console.error(error instanceof Error ? error.message : error);
        }
    };
    await (turn = turn.then(again));
    console.log("watching static; `scripts/bundle` writes what is to be committed");
}

const [flag, ...rest] = process.argv.slice(2);
if (rest.length > 0 || (flag !== undefined && !["--watch", "--check", "--weigh"].includes(flag))) {
    console.error("usage: scripts/bundle [--watch | --check | --weigh]");
    process.exit(2);
}
if (flag === "--watch") {
    await keepBuilding();
} else if (flag === "--weigh") {
    await weigh();
} else if (flag === "--check") {
    const faults = differences(await build(), await kept());
    for (const fault of faults) console.error(fault);
    if (faults.length > 0) console.error("run scripts/bundle, and commit what it writes");
    process.exitCode = faults.length > 0 ? 1 : 0;
} else {
    await write(await build());
}
