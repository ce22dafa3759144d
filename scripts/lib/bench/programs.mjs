// Starts the programs of a benchmark, and ends every one of them whatever happens.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();

/** Everything that the run writes besides its results. */
export const folder = mkdtempSync(join(tmpdir(), "realtime-chat-bench."));

process.on("exit", () => {
    for (const child of running) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
});
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.on(signal, () => process.exit(1));
}

/** @type {string[]} */
export const commands = [];

/**
 * @param {string} program
 * @param {string[]} flags
 * @param {Record<string, string>} [settings]
 */
export function start(program, flags, settings = {}) {
    const child = spawn(program, flags, { env: { ...process.env, ...settings }, stdio: ["ignore", "pipe", "pipe"] });
    running.add(child);
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text) => (errors = (errors + text).slice(-4000)));
    /** @type {Promise<number | null>} */
    const end = new Promise((resolve, reject) => {
        child.on("error", reject);
        child.on("close", (code) => {
            running.delete(child);
            resolve(code);
        });
    });
    // Whoever waits for it is told; nobody has to.
    end.catch(() => running.delete(child));
    return { child, end, errors: () => errors };
}

/**
 * Runs a program to its end and gives what it printed.
 * @param {string} program
 * @param {string[]} flags
 * @param {Record<string, string>} [settings]
 */
export async function run(program, flags, settings) {
    const { child, end, errors } = start(program, flags, settings);
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
    const code = await end;
    if (code !== 0) throw new Error(`${basename(program)} ended with ${code}:\n${errors()}${output}`);
    return output;
}

/** A process that listens: the server or the broadcaster. */
export class Server {
    /**
     * @param {string} url
     * @param {ReturnType<typeof start>} program
     */
    constructor(url, program) {
        this.url = url;
        this.program = program;
    }

    get pid() {
        return this.program.child.pid ?? 0;
    }

    /** A line of /proc/PID/status, in bytes: VmRSS, VmHWM. @param {string} name */
    memory(name) {
        const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
        const [, kib] = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status) ?? [];
        if (!kib) throw new Error(`/proc does not tell ${name}`);
        return Number(kib) * 1024;
    }

    /** Waits until the thread is over that compresses the page's files at the start: it would count as a load. */
    async calm() {
        const threads = `/proc/${this.pid}/task`;
        const compresses = () => readdirSync(threads).some((id) => {
            try {
                return readFileSync(join(threads, id, "comm"), "utf8").trim() === "compress";
            } catch {
                // It ended between the two looks.
                return false;
            }
        });
        for (let n = 0; n < 50 && !compresses(); n++) await sleep(20);
        for (let n = 0; n < 2_000 && compresses(); n++) await sleep(50);
    }

    /** The resident memory once it has stopped falling, or after a quarter of a minute. */
    async settledMemory() {
        let lowest = this.memory("VmRSS");
        let calm = 0;
        for (let n = 0; n < 60 && calm < 12; n++) {
            await sleep(250);
            const now = this.memory("VmRSS");
            calm = now < lowest * 0.99 ? 0 : calm + 1;
            lowest = Math.min(lowest, now);
        }
        return lowest;
    }

    async stop() {
        const { child, end } = this.program;
        child.kill("SIGINT");
        const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
        await end;
        clearTimeout(timer);
    }
}

/**
 * Starts a server, which prints its address once it is ready.
 * @param {string} program
 * @param {string[]} flags
 * @param {Record<string, string>} [settings]
 */
export async function serve(program, flags, settings) {
    const started = start(program, flags, settings);
    /** @type {Promise<string>} */
    const address = new Promise((resolve) => createInterface(started.child.stdout).once("line", resolve));
    const failed = started.end.then((code) => {
        throw new Error(`${basename(program)} ended with ${code}:\n${started.errors()}`);
    });
    failed.catch(() => undefined);
    const line = await Promise.race([address, failed]);
    const [url] = /http:\/\/[^\s/]+/.exec(line) ?? [];
    if (!url) throw new Error(`no address in: ${line}`);
    return new Server(url, started);
}
