// Makes what browsers get out of static/js, static/css and static/embed.js: one file for each page, one for each part
// that is loaded later, all without what only people read. The same sources always give the same bytes.
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";
import { rollup } from "rollup";

/** The page's sources. */
export const STATIC = fileURLToPath(new URL("../../../static", import.meta.url));
/** Where the result is kept. */
export const DIST = join(STATIC, "dist");

/**
 * The pages, by the name of their bundle. Each is put together by itself, so that none waits for a file that it shares
 * with another page.
 */
const ENTRIES = { room: "js/main.js", accounts: "js/accounts.js", console: "js/console.js", check: "js/check.js", demo: "js/demo.js", widgets: "js/widgets.js" };

/** Scripts that are no modules: one runs before the first paint, the other on other sites' pages. */
const SCRIPTS = { "early.js": "js/early.js", "embed.js": "embed.js" };

/**
 * How much of the sources' form is left.
 * - `minified`: nothing; what is kept in the repository.
 * - `spaced`: names and statements as they were written, on few lines.
 * - `readable`: everything but comments, and those as well where a script that is no module has them.
 * @typedef {"minified" | "spaced" | "readable"} Form
 */

/** What all browsers that the page supports can read. */
const TARGET = "es2022";

/** @type {Record<Form, import("esbuild").TransformOptions>} */
const FORMS = {
    minified: { minify: true },
    spaced: { minifyWhitespace: true },
    readable: {},
};

/**
 * Builds everything.
 * @param {Form} [form]
 * @param {string} [folder] where the sources are
 * @returns {Promise<Map<string, string>>} the files by their names in `static/dist`, in the order of these
 */
export async function build(form = "minified", folder = STATIC) {
    /** @type {Map<string, string>} */
    const files = new Map();
    /** @param {string} name @param {string} text */
    const add = (name, text) => {
        const there = files.get(name);
        if (there !== undefined && there !== text) throw new Error(`two different files would be static/dist/${name}`);
        files.set(name, text);
    };
    for (const [name, entry] of Object.entries(ENTRIES)) {
        for (const chunk of await bundled(name, entry, folder)) {
            add(chunk.fileName, await written(chunk.code, form, { format: "esm" }));
        }
    }
    for (const [name, source] of Object.entries(SCRIPTS)) {
        add(name, await written(await readFile(join(folder, source), "utf8"), form, {}));
    }
    for (const name of (await readdir(join(folder, "css"))).filter((file) => file.endsWith(".css"))) {
        add(name, await written(await readFile(join(folder, "css", name), "utf8"), form, { loader: "css" }));
    }
    return new Map([...files].sort(([one], [other]) => (one < other ? -1 : 1)));
}

/**
 * One page: its bundle, and a file for each `import()`. What both need is in the bundle, and stands there once.
 * @param {string} name
 * @param {string} entry
 * @param {string} folder
 */
async function bundled(name, entry, folder) {
    /** What the page needs from the start. @type {Set<string> | undefined} */
    let first;
    const bundle = await rollup({
        input: { [name]: join(folder, entry) },
        // What parts share stands in the bundle itself; by itself rollup may make a third file, one more to wait for.
        preserveEntrySignatures: "allow-extension",
        plugins: [assets(join(folder, "dist"))],
        onwarn(warning) {
            // A circle, a name that is nowhere exported: faults of the sources, all of them.
            throw new Error(warning.message);
        },
    });
    try {
        const { output } = await bundle.generate({
            format: "es",
            // No hash: the path that they are served under has one (docs/adr/0015-one-bundle-for-each-page.md).
            entryFileNames: "[name].js",
            chunkFileNames: "[name].js",
            // A page that was open during an update may get a part of the next release: the names by which parts know
            // each other are those of the sources, which do not change by chance.
            minifyInternalExports: false,
            // The page waits for its language at its top level, so rollup cannot know that it is there before a later
            // part is, and would make a third file of what the two share. The languages themselves need nothing of it.
            manualChunks(id, { getModuleInfo }) {
                first ??= reached(join(folder, entry), getModuleInfo);
                return first.has(id) ? name : undefined;
            },
        });
        return output.map((file) => {
            if (file.type !== "chunk") throw new Error(`${file.fileName} is no script`);
            return file;
        });
    } finally {
        await bundle.close();
    }
}

/**
 * A module, and all that it imports, but by `import()`.
 * @param {string} entry
 * @param {import("rollup").GetModuleInfo} getModuleInfo
 */
function reached(entry, getModuleInfo) {
    const found = new Set([entry]);
    // A set goes on to what is added meanwhile.
    for (const id of found) for (const other of getModuleInfo(id)?.importedIds ?? []) found.add(other);
    return found;
}

/** `new URL('../../css/x.css', import.meta.url)`: a style that a module loads by itself. */
const ASSET = /new URL\(\s*(['"])(\.{1,2}\/[^'"]+)\1\s*,\s*import\.meta\.url\s*\)/g;

/**
 * Addresses beside a module become addresses beside its bundle: styles are there, anything else is where it was.
 * @param {string} dist
 * @returns {import("rollup").Plugin}
 */
const assets = (dist) => ({
    name: "assets",
    transform(code, id) {
        if (!code.includes("import.meta.url")) return null;
        const moved = code.replace(ASSET, (_, quote, path) => {
            const file = resolve(dirname(id), path);
            const inDist = file.endsWith(".css") ? `./${basename(file)}` : relative(dist, file).replaceAll("\\", "/");
            return `new URL(${quote}${inDist}${quote}, import.meta.url)`;
        });
        return { code: moved, map: null };
    },
});

/**
 * @param {string} text
 * @param {Form} form
 * @param {import("esbuild").TransformOptions} kind
 */
async function written(text, form, kind) {
    const { code, warnings } = await transform(text, {
        target: TARGET,
        charset: "utf8",
        legalComments: "none",
        ...FORMS[form],
        ...kind,
    });
    if (warnings.length > 0) throw new Error(warnings.map((warning) => warning.text).join("\n"));
    return code;
}

/** @returns {Promise<Map<string, string>>} what is kept, by name */
export async function kept() {
    const names = (await readdir(DIST).catch(() => [])).sort();
    return new Map(await Promise.all(names.map(async (name) => /** @type {const} */ ([name, await readFile(join(DIST, name), "utf8")]))));
}

/**
 * In which files two builds differ.
 * @param {Map<string, string>} made
 * @param {Map<string, string>} there
 * @returns {string[]} a sentence for each
 */
export function differences(made, there) {
    const names = [...new Set([...made.keys(), ...there.keys()])].sort();
    return names.flatMap((name) => {
        if (!there.has(name)) return [`static/dist/${name} is missing`];
        if (!made.has(name)) return [`static/dist/${name} is made from nothing any more`];
        return made.get(name) === there.get(name) ? [] : [`static/dist/${name} is not what its sources make`];
    });
}
