// Several servers of one chat, for the benchmarks: what it takes to be one chat, and what a second server brings.
import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import { cpus } from "node:os";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { grouped, share, shown } from "./figures.mjs";
import { Server, folder, serve, start } from "./programs.mjs";

/** @typedef {import("./run.mjs").Report} Report */

/**
 * What the benchmark has for its sets.
 * @typedef {object} Bench
 * @property {string} chat
 * @property {boolean} quick
 * @property {string[]} notes
 * @property {(servers: Server[], options: string[]) => Promise<Report>} load
 * @property {() => Promise<string>} newDatabase
 * @property {(url: string) => Record<string, string>} settings
 * @property {(id: string, ours: number | null | undefined, limit?: number | null) => void} took
 * @property {(what: string) => void} say
 */

/** No bus: the servers find in the database what the others stored. */
const NONE = "none";

/** Rooms that nobody says anything in, and in how many of them there is somebody. */
export const [QUIET_ROOMS, QUIET_ROOMS_WITH_READERS] = [20_000, 5_000];

/** @returns {Promise<number>} a port of loopback that nobody has */
function freePort() {
    return new Promise((resolve, reject) => {
        const server = createServer().once("error", reject);
        server.listen(0, "127.0.0.1", () => {
            const address = server.address();
            server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
        });
    });
}

/** @param {string} program */
function has(program) {
    try {
        execFileSync(program, ["--version"], { stdio: "ignore" });
        return true;
    } catch {
        return false;
    }
}

/** A Redis of this run's own, which keeps nothing. */
async function startRedis() {
    const port = String(await freePort());
    const started = start("redis-server", ["--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", folder]);
    /** @type {Promise<void>} */
    const ready = new Promise((resolve) => {
        createInterface(started.child.stdout).on("line", (line) => line.includes("Ready to accept") && resolve());
    });
    const failed = started.end.then((code) => {
        throw new Error(`redis-server ended with ${code}:\n${started.errors()}`);
    });
    failed.catch(() => undefined);
    await Promise.race([ready, failed]);
    return new Server(`redis://127.0.0.1:${port}`, started);
}

/**
 * A figure of a server's, all its labels together.
 * @param {Server} server
 * @param {string} name
 */
async function metric({ url }, name) {
    const text = await (await fetch(`${url}/metrics`)).text();
    const values = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm"))];
    return values.reduce((sum, [, value]) => sum + Number(value), 0);
}

/**
 * Asks until it is so.
 * @param {string} what
 * @param {() => Promise<boolean>} isSo
 */
async function soon(what, isSo) {
    for (let n = 0; n < 600; n++) {
        if (await isSo()) return;
        await sleep(100);
    }
    throw new Error(`waited a minute for ${what}`);
}

/**
 * With so many servers on a database of their own, which know of each other; they are ended.
 * @template T
 * @param {Bench} bench
 * @param {{ bus: string, n: number, pinned?: boolean, more?: Record<string, string> }} how
 * @param {(servers: Server[]) => Promise<T>} work
 */
async function withServers({ chat, newDatabase, settings }, { bus, n, pinned = false, more = {} }, work) {
    const url = await newDatabase();
    /** @type {Server[]} */
    const servers = [];
    try {
        for (let i = 0; i < n; i++) {
            const all = { ...settings(url), CHAT_BUS: bus, CHAT_SERVER_ID: `bench-${i}`, ...more };
            const [program, flags] = pinned ? ["taskset", ["--cpu-list", String(i), chat]] : [chat, []];
            servers.push(await serve(program, flags, pinned ? { ...all, CHAT_THREADS: "1" } : all));
        }
        for (const server of servers) {
            await server.calm();
            await soon("the servers to know of each other", async () => (await metric(server, "chat_servers_live")) === n);
            if (bus !== NONE) await soon("the bus", async () => (await metric(server, "chat_bus_up")) === 1);
        }
        const told = await work(servers);
        for (const server of servers) {
            // A bus that carried nothing was not measured.
            if (bus !== NONE && (await metric(server, "chat_bus_received_total")) === 0) throw new Error("the bus carried nothing");
        }
        return told;
    } finally {
        for (const server of servers) await server.stop();
    }
}

/**
 * How much later a message is on the other server, and what the servers need for it.
 * @param {Bench} bench
 * @param {string | null} redis
 */
async function between(bench, redis) {
    const { load, took, quick } = bench;
    const options = ["--sessions", "2000", "--rate", "20", "--duration", quick ? "5s" : "10s"];
    for (let round = 0; round < (quick ? 1 : 3); round++) {
        /** @param {string} bus */
        const measured = (bus, n = 2) => withServers(bench, { bus, n }, (servers) => load(servers, options));
        const one = await measured(NONE, 1);
        const alone = await measured(NONE);
        took("between-tables", inMs(alone));
        took("poll-cpu", alone.server?.cpuUsPerDelivery, one.server?.cpuUsPerDelivery ?? null);
        if (!redis) continue;
        const over = await measured(redis);
        took("between-redis", inMs(over));
        took("bus-cpu", over.server?.cpuUsPerDelivery, one.server?.cpuUsPerDelivery ?? null);
    }
}

/** @param {Report} report */
function inMs({ betweenServers }) {
    const us = betweenServers?.p99Difference;
    return typeof us === "number" ? us / 1000 : null;
}

/**
 * What two servers carry that have a core each, and one that has one.
 * @param {Bench} bench
 * @param {string | null} redis
 */
async function scale(bench, redis) {
    const { load, took, notes, quick } = bench;
    const people = ["--sessions", "1000", "--rooms", "20"];
    /** @param {string[]} options */
    const ofBoth = async (options) => [
        await withServers(bench, { bus: NONE, n: 1, pinned: true }, (servers) => load(servers, [...people, ...options])),
        await withServers(bench, { bus: redis ?? NONE, n: 2, pinned: true }, (servers) => load(servers, [...people, ...options])),
    ];
    for (let round = 0; round < (quick ? 1 : 2); round++) {
        const [one, two] = await ofBoth(["--scenario", "max", "--rate", "800", "--duration", quick ? "2s" : "4s"]);
        took("two-servers", two.search?.deliveriesPerSecond, one.search?.deliveriesPerSecond ?? null);
        // What neither the generator nor the database can take from them: the same work for both, and what it costs them.
        const same = await ofBoth(["--rate", "4000", "--ramp", "3s", "--duration", quick ? "5s" : "10s"]);
        const [ofOne, ofTwo] = same.map(({ server }) => 1_000_000 / (server?.cpuUsPerDelivery ?? NaN));
        took("two-servers-cpu", 2 * ofTwo, ofOne);
        /** @param {Report} report */
        const used = ({ generator, messageSeconds, server }) =>
            `the generator took ${share(generator.cpuSeconds, messageSeconds)} of a core, ` +
            `the servers ${share(server?.cpuSeconds ?? NaN, messageSeconds)} and ${shown(server?.cpuUsPerDelivery ?? NaN, "us")} a delivery`;
        const cores = cpus().length;
        const rest = cores > 2 ? `${cores - 2} cores are left` : "they compete with the two servers for their cores";
        notes.push(
            `Two servers of one core each (${redis ? "with Redis" : "without a bus"}), search ${round + 1}: with one server ${used(one)}; with two ${used(two)}. ` +
                `For generator and PostgreSQL ${rest}.`,
        );
    }
}

/**
 * What rooms cost that nobody says anything in.
 * @param {Bench} bench
 * @param {string | null} redis
 */
async function quiet(bench, redis) {
    const { load, took, notes, quick } = bench;
    const waves = QUIET_ROOMS / QUIET_ROOMS_WITH_READERS;
    const measuredSeconds = quick ? 10 : 30;
    // Rooms stay when their readers have left: one process may not have so many files as there are rooms.
    const more = { CHAT_ROOM_IDLE_SECS: "3600", CHAT_ROOMS_MAX: String(QUIET_ROOMS + 1000) };
    /**
     * A server's share of a core, in percent.
     * @param {{ bus: string, n: number, more?: Record<string, string> }} how
     */
    const shareOf = (how) =>
        withServers(bench, { ...how, more: { ...more, ...how.more } }, async (servers) => {
            /**
             * @param {number} wave
             * @param {number} seconds
             */
            const visit = (wave, seconds) => {
                const [rooms, sessions] = [QUIET_ROOMS_WITH_READERS, QUIET_ROOMS_WITH_READERS * servers.length];
                const options = ["--scenario", "idle", "--room", `quiet-${wave}`, "--rooms", String(rooms), "--sessions", String(sessions)];
                return load(servers, [...options, "--ramp", "8s", "--duration", `${seconds}s`]);
            };
            for (let wave = 1; wave < waves; wave++) await visit(wave, 1);
            const { server: usage } = await visit(0, measuredSeconds);
            for (const server of servers) {
                const rooms = await metric(server, "chat_rooms_live");
                if (rooms < QUIET_ROOMS) throw new Error(`${rooms} rooms are live instead of ${QUIET_ROOMS}`);
            }
            // The first half still has what the joins left to do.
            const cores = (usage?.samples ?? []).slice(-measuredSeconds / 2).map((sample) => sample.cores);
            return (100 * cores.reduce((sum, n) => sum + n, 0)) / cores.length / servers.length;
        });
    // The readers alone: nobody else is there, and the database is not asked.
    const readers = await shareOf({ bus: NONE, n: 1, more: { CHAT_POLL_SECS: "3600" } });
    const shares = [];
    for (const [id, bus] of /** @type {const} */ ([["quiet-tables", NONE], ["quiet-redis", redis]])) {
        if (bus === null) continue;
        const all = await shareOf({ bus, n: 2 });
        took(id, all - readers);
        shares.push(`${bus === NONE ? "without a bus" : "with Redis"} ${shown(all, "percent")}`);
    }
    notes.push(
        `${grouped(QUIET_ROOMS)} quiet rooms: of a core a server takes ${shown(readers, "percent")} for its ` +
            `${grouped(QUIET_ROOMS_WITH_READERS)} readers alone, and with another server ${shares.join(", ")}. ` +
            "PostgreSQL's and Redis' own time is not in it.",
    );
}

/** @param {Bench} bench */
export async function cluster(bench) {
    const { say } = bench;
    const redis = has("redis-server") ? await startRedis() : null;
    if (!redis) say("Redis is not installed: nothing is measured with it");
    const parts = [between, quiet];
    if (has("taskset") && cpus().length > 1) parts.push(scale);
    else say("there are no two cores to tie servers to: what two of them carry is not measured");
    /** @type {unknown[]} */
    const errors = [];
    try {
        for (const part of parts) {
            say(`cluster: ${part.name}`);
            // The other parts are no worse for it.
            await part(bench, redis?.url ?? null).catch((error) => {
                say(`cluster: ${part.name} FAILED: ${error}`);
                errors.push(error);
            });
        }
    } finally {
        await redis?.stop();
    }
    if (errors.length > 0) throw errors[0];
}
