// Runs the benchmarks: scripts/bench starts it with what it has built. See there for the flags.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { filledRoom, messagesAndReactions, mixed, reactionsInCrowd, resumed } from "./changes.mjs";
import { cluster } from "./cluster.mjs";
import { FIGURES, HEADER, SETS, grouped, median, page, percentile, plainTable, plots, rows, shown } from "./figures.mjs";
import { moderation } from "./moderation.mjs";
import { joined } from "./people.mjs";
import { commands, folder, run, serve } from "./programs.mjs";
import { SLOW, conversation, visit } from "./visit.mjs";

/** @typedef {import("./figures.mjs").Database} Database */
/** @typedef {import("./figures.mjs").Measured} Measured */
/** @typedef {import("./figures.mjs").GrowthPoint} GrowthPoint */
/** @typedef {import("./programs.mjs").Server} Server */

const { values: flags } = parseArgs({
    options: {
        quick: { type: "boolean", default: false },
        only: { type: "string" },
        database: { type: "string", default: "both" },
        before: { type: "string" },
    },
});
const { quick } = flags;
const only = flags.only?.split(",");
if (only?.some((name) => !SETS.includes(name))) {
    process.stderr.write(`--only takes some of ${SETS.join(",")}\n`);
    process.exit(2);
}
/** @type {Database[]} */
const databases = flags.database === "both" ? ["postgres", "sqlite"] : [/** @type {Database} */ (flags.database)];

/** @param {string} name */
function setting(name) {
    const value = process.env[name];
    if (!value) throw new Error(`${name} is not set: run scripts/bench`);
    return value;
}
const chat = setting("BENCH_CHAT");
const broadcaster = setting("BENCH_BROADCASTER");
const storageBench = setting("BENCH_STORAGE");
/** The programs of the commit that is compared with. */
const before = flags.before ? { chat: setting("BENCH_CHAT_BEFORE"), storage: setting("BENCH_STORAGE_BEFORE") } : null;

/** What the load tester tells, as far as it is used here; times in microseconds. */
/**
 * @typedef {object} Report
 * @property {{ p50: number, p99: number } | null} delivery
 * @property {{ p50: number, p99: number } | null} ack
 * @property {number} joined
 * @property {number} absent
 * @property {{ deliveries: number }} counts
 * @property {{ lost: number, duplicated: number, reordered: number }} tally
 * @property {Record<string, number>} errors
 * @property {{ isBack: boolean, joinsPerSecond: number | null } | null} storm
 * @property {{ rate: number | null, deliveriesPerSecond: number | null } | null} search
 * @property {{ cpuSeconds: number, cpuUsPerDelivery: number | null, memoryBefore: number, memoryPerSession: number, samples: { cores: number }[] } | null} server
 * @property {{ cpuSeconds: number }} generator
 * @property {number} messageSeconds
 * @property {{ p99Difference: number | null }} [betweenServers]
 */

/** @type {string[]} */
const notes = [];

let nReports = 0;

/**
 * The load tester against a server, or several of one chat. Where something was lost its figures say nothing.
 * @param {Server | Server[]} servers
 * @param {string[]} options
 * @returns {Promise<Report>}
 */
async function load(servers, options) {
    const file = join(folder, `report-${nReports++}.json`);
    const all = [servers].flat().flatMap((server) => ["--url", server.url, "--server-pid", String(server.pid)]);
    const told = ["load", ...all, ...options];
    commands.push(`realtime-chat ${told.join(" ")}`);
    await run(chat, [...told, "--json", file]);
    /** @type {Report} */
    const report = JSON.parse(readFileSync(file, "utf8"));
    const { lost, duplicated, reordered } = report.tally;
    // A search goes beyond what holds, on purpose.
    if (options.includes("max")) return report;
    if (lost + duplicated + reordered + report.absent > 0) {
        throw new Error(`lost ${lost}, duplicated ${duplicated}, reordered ${reordered}, gone ${report.absent}`);
    }
    const errors = Object.entries(report.errors).map(([name, n]) => `${grouped(n)} x ${name}`);
    if (errors.length > 0) notes.push(`Errors in \`${options.join(" ")}\`: ${errors.join(", ")}.`);
    return report;
}

let nDatabases = 0;

/** The program of PostgreSQL's that runs statements. */
const psql = process.env["BENCH_PSQL"] ?? "psql";

/**
 * The rows that a statement gives, fields separated by `|`.
 * @param {string} url
 * @param {string} statement
 */
async function query(url, statement) {
    const output = await run(psql, ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", url, "--command", statement]);
    return output.split("\n").filter((line) => line !== "");
}

/**
 * A new, empty database.
 * @param {Database} database
 */
async function newDatabase(database) {
    const name = `bench_${process.pid}_${nDatabases++}`;
    if (database === "sqlite") return `sqlite://${join(folder, `${name}.db`)}`;
    const admin = setting("TEST_POSTGRES_URL");
    await query(admin, `CREATE DATABASE ${name}`);
    const url = new URL(admin);
    url.pathname = `/${name}`;
    return url.href;
}

/** @param {string} url */
const serverSettings = (url) => ({
    CHAT_RATE_LIMITS: "off",
    CHAT_LISTEN: "127.0.0.1:0",
    DATABASE_URL: url,
    RUST_LOG: "warn",
});

/**
 * @param {string} url
 * @param {string} [program]
 */
async function startServer(url, program = chat) {
    const server = await serve(program, [], serverSettings(url));
    await server.calm();
    return server;
}

/**
 * With a server of ours on a new database, which is ended.
 * @template T
 * @param {Database} database
 * @param {(server: Server, url: string) => Promise<T>} work
 */
async function withOurs(database, work) {
    const url = await newDatabase(database);
    const server = await startServer(url);
    try {
        return await work(server, url);
    } finally {
        await server.stop();
    }
}

/**
 * With the bare broadcaster, which is ended.
 * @template T
 * @param {(server: Server) => Promise<T>} work
 */
async function withLimit(work) {
    const server = await serve(broadcaster, []);
    try {
        return await work(server);
    } finally {
        await server.stop();
    }
}

/** @type {import("./figures.mjs").Results} */
const results = {};

/**
 * @param {string} id
 * @param {Database} database
 * @param {number | null | undefined} ours
 * @param {number | null} [limit]
 */
function took(id, database, ours, limit) {
    if (!FIGURES.some((figure) => figure.id === id)) throw new Error(`there is no figure ${id}`);
    if (typeof ours !== "number" || limit === null) throw new Error(`${id} was not told`);
    const measured = ((results[id] ??= {})[database] ??= { ours: [] });
    measured.ours.push(ours);
    if (limit !== undefined) (measured.limit ??= []).push(limit);
}

/** @param {string} what */
function say(what) {
    process.stderr.write(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${what}\n`);
}

const seconds = (/** @type {number} */ n) => `${n}s`;

async function steady() {
    const options = ["--sessions", "1000", "--rate", "20", "--duration", seconds(8)];
    // What a processor gets done changes within a minute, so short runs in turn say more than long ones.
    for (let round = 0; round < (quick ? 2 : 7); round++) {
        for (const database of databases) {
            const limit = await withLimit((server) => load(server, options));
            await withOurs(database, async (server) => {
                const ours = await load(server, options);
                took("cpu", database, ours.server?.cpuUsPerDelivery, limit.server?.cpuUsPerDelivery ?? null);
                took("p99", database, (ours.delivery?.p99 ?? NaN) / 1000, (limit.delivery?.p99 ?? NaN) / 1000);
                took("peak", database, server.memory("VmHWM"));
            });
        }
    }
}

async function max() {
    const options = ["--scenario", "max", "--sessions", "1000", "--duration", seconds(quick ? 2 : 3)];
    for (let round = 0; round < (quick ? 1 : 2); round++) {
        const limit = await withLimit((server) => load(server, [...options, "--rate", "150"]));
        // A search takes long, and the database has little part in it.
        for (const database of round === 0 ? databases : databases.slice(0, 1)) {
            const ours = await withOurs(database, (server) => load(server, [...options, "--rate", "1000"]));
            took("max", database, ours.search?.deliveriesPerSecond, limit.search?.deliveriesPerSecond ?? null);
        }
    }
}

/** The database makes no difference to what an idle session takes. */
async function memory() {
    const database = databases[0] ?? "sqlite";
    await withOurs(database, async (server) => {
        const options = ["--scenario", "idle", "--sessions", "10000", "--ramp", "10s", "--duration", "2s"];
        const { server: usage } = await load(server, options);
        if (!usage) throw new Error("the server's memory was not told");
        took("session", database, usage.memoryPerSession);
        const left = (await server.settledMemory()) - usage.memoryBefore;
        took("left", database, (100 * left) / (usage.memoryPerSession * 10_000));
    });
}

async function crowd() {
    const options = ["--sessions", "10000", "--rooms", "200", "--rate", "100", "--ramp", "10s", "--duration", seconds(quick ? 6 : 10)];
    for (const database of quick ? databases.slice(0, 1) : databases) {
        const ours = await withOurs(database, (server) => load(server, options));
        took("crowd", database, (ours.delivery?.p99 ?? NaN) / 1000);
    }
}

/**
 * Fifty messages and more in each of the rooms.
 * @param {Server} server
 * @param {number} rooms
 */
const fill = (server, rooms) =>
    load(server, ["--room", "storm", "--rooms", String(rooms), "--sessions", "250", "--rate", String(rooms * 20), "--duration", "3s"]);

const HISTORY_CALLS = `SELECT coalesce(sum(calls), 0) FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
    WHERE d.datname = current_database() AND query LIKE 'SELECT%FROM "messages"%'`;

/** @param {string} url */
async function historyCalls(url) {
    const [calls] = await query(url, HISTORY_CALLS);
    return Number(calls);
}

async function storm() {
    const options = ["--scenario", "storm", "--room", "storm", "--rooms", "50", "--sessions", "5000", "--resume", "off"];
    options.push("--rate", "5", "--ramp", "5s", "--duration", "6s");
    /** @param {Server} server */
    const joins = async (server) => {
        const { storm: told } = await load(server, options);
        if (!told?.isBack) throw new Error("not everybody came back");
        return told.joinsPerSecond;
    };
    for (let round = 0; round < (quick ? 1 : 2); round++) {
        const limit = await withLimit(async (server) => {
            await fill(server, 50);
            return joins(server);
        });
        for (const database of databases) {
            await withOurs(database, async (server, url) => {
                if (database === "postgres") await query(url, "CREATE EXTENSION pg_stat_statements");
                await fill(server, 50);
                const before = database === "postgres" ? await historyCalls(url) : 0;
                took("joins", database, await joins(server), limit);
                if (database === "postgres") took("live", database, (await historyCalls(url)) - before);
            });
        }
    }
    if (databases.includes("postgres")) await coldRooms();
}

async function coldRooms() {
    const [rooms, url] = [20, await newDatabase("postgres")];
    const first = await startServer(url);
    await fill(first, rooms).finally(() => first.stop());
    const second = await startServer(url);
    try {
        await query(url, "CREATE EXTENSION pg_stat_statements");
        const before = await historyCalls(url);
        await load(second, ["--room", "storm", "--rooms", String(rooms), "--sessions", "1000", "--ramp", "0s", "--rate", "1", "--duration", "1s"]);
        const calls = (await historyCalls(url)) - before;
        // Not even one would mean that the count is wrong: the rooms had to be read.
        if (calls === 0) throw new Error("no history query was counted at all");
        took("cold", "postgres", calls / rooms);
    } finally {
        await second.stop();
    }
}

/** @type {{ sessions: GrowthPoint[], rooms: GrowthPoint[] } | null} */
let growth = null;

/** The clock of /proc has steps of 10 ms: fewer than five of them are no measurement. */
const CPU_SECONDS_MIN = 0.05;

/** @param {Report | null} report */
function cpuUs(report) {
    const { server } = report ?? {};
    return server && server.cpuSeconds >= CPU_SECONDS_MIN ? (server.cpuUsPerDelivery ?? NaN) : NaN;
}

async function grow() {
    const database = databases[0] ?? "sqlite";
    /**
     * @param {number} sessions
     * @param {number} rooms
     * @param {number} rate
     * @param {boolean} withBroadcaster
     */
    const point = async (sessions, rooms, rate, withBroadcaster) => {
        const ramp = Math.max(1, sessions / 1000);
        const options = ["--sessions", String(sessions), "--rooms", String(rooms), "--rate", String(rate)];
        options.push("--ramp", seconds(ramp), "--duration", seconds(quick ? 2 : 4));
        const limit = withBroadcaster ? await withLimit((server) => load(server, options)) : null;
        const ours = await withOurs(database, (server) => load(server, options));
        return {
            sessions,
            rooms,
            rate,
            cpuUs: cpuUs(ours),
            limitCpuUs: cpuUs(limit),
            memory: ours.server?.memoryPerSession ?? NaN,
            p99Ms: (ours.delivery?.p99 ?? NaN) / 1000,
        };
    };
    growth = { sessions: [], rooms: [] };
    for (const sessions of [10, 100, 1_000, 5_000, 10_000]) growth.sessions.push(await point(sessions, 1, 10, !quick && sessions >= 1_000));
    for (const rooms of [1, 10, 100, 1_000]) growth.rooms.push(await point(rooms * 10, rooms, rooms * 2, false));
}

async function storage() {
    const length = quick ? 1 : 2;
    for (const database of databases) {
        const url = await newDatabase(database);
        for (const [id, rooms] of /** @type {const} */ ([["stored", 1], ["stored200", 200]])) {
            const words = [`rooms=${rooms}`, `seconds=${length}`, `rounds=${quick ? 1 : 2}`];
            commands.push(`storage URL ${words.join(" ")}`);
            /** @type {{ same: number[], actor: number[], plain: number[], batch: number[] }} */
            const told = JSON.parse(await run(storageBench, [url, ...words]));
            told.actor.forEach((ours, i) => took(id, database, ours, told.same[i] ?? null));
            notes.push(
                `${database}, ${rooms === 1 ? "1 room" : `${rooms} rooms`}: batches had ${grouped(median(told.batch))} messages; ` +
                    `the simplest statement that stores the same rows, without looking for repeats and without answers, ` +
                    `reached ${grouped(median(told.plain))}/s.`,
            );
        }
        await withOurs(database, async (server, own) => {
            // Short ones in turn: how long the disk takes changes within seconds.
            for (let round = 0; round < 6; round++) {
                const words = ["commit", `seconds=${length}`];
                commands.push(`storage URL ${words.join(" ")}`);
                /** @type {{ commitUs: number }} */
                const { commitUs } = JSON.parse(await run(storageBench, [own, ...words]));
                const { ack } = await load(server, ["--sessions", "1", "--rate", "20", "--duration", seconds(length)]);
                took("ack", database, ack?.p50, commitUs);
            }
        });
    }
}

/** Takes the constraints and indexes of messages away, fills it, and puts them back: a tenth of the time. */
const FILL = `DO $$
DECLARE put_back text[]; statement text; taken record;
BEGIN
    SELECT array_agg(format('ALTER TABLE messages ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid))) INTO put_back
        FROM pg_constraint WHERE conrelid = 'messages'::regclass AND contype IN ('p', 'u', 'f');
    SELECT put_back || array_agg(pg_get_indexdef(indexrelid)) INTO put_back FROM pg_index WHERE indrelid = 'messages'::regclass
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = 'messages'::regclass);
    FOR taken IN SELECT conname FROM pg_constraint WHERE conrelid = 'messages'::regclass AND contype IN ('p', 'u', 'f') LOOP
        EXECUTE format('ALTER TABLE messages DROP CONSTRAINT %I', taken.conname);
    END LOOP;
    FOR taken IN SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indrelid = 'messages'::regclass LOOP
        EXECUTE 'DROP INDEX ' || taken.name;
    END LOOP;
    TRUNCATE messages;
    INSERT INTO rooms (id, epoch, last_rev, message_count, last_message_at)
        SELECT room, (SELECT epoch FROM meta), total, total, now() FROM filling;
    INSERT INTO messages (room_id, anonymous_id, nickname, avatar, content, client_id, seq, rev, created_at)
        SELECT room, 'AAAAAAAAAAAAAAAAAAAA' || (n % 97), 'writer ' || (n % 97), 'cat',
            'message ' || n || ' of this room, some eighty characters of text as people write them on average',
            lpad(to_hex(n), 32, '0')::uuid, n, n, now() - make_interval(secs => total - n)
        FROM filling, generate_series(1, total) AS n;
    FOREACH statement IN ARRAY put_back LOOP EXECUTE statement; END LOOP;
END $$`;

/**
 * A database with a room `page` that has half of all messages; the others have 10,000 each.
 * @param {number} messages
 */
async function filled(messages) {
    const url = await newDatabase("postgres");
    await run(chat, ["migrate"], { DATABASE_URL: url });
    const half = messages / 2;
    const others = Math.max(1, half / 10_000);
    await query(
        url,
        `SET maintenance_work_mem = '1GB'; SET max_parallel_maintenance_workers = 2; BEGIN;
        CREATE TEMPORARY TABLE filling ON COMMIT DROP AS SELECT 'page' AS room, ${half}::int AS total
            UNION ALL SELECT 'other-' || n, ${half / others} FROM generate_series(1, ${others}) AS n;
        ${FILL}; COMMIT; ANALYZE messages; ANALYZE rooms`,
    );
    const [counted] = await query(url, "SELECT count(*) FROM messages");
    if (Number(counted) !== messages) throw new Error(`${counted} messages were made instead of ${messages}`);
    return url;
}

async function history() {
    if (!databases.includes("postgres")) return;
    const [few, many] = [await filled(10_000), await filled(10_000_000)];
    /** @param {string} url */
    const page = async (url) => {
        const words = ["room=page", "rounds=500"];
        commands.push(`storage URL ${words.join(" ")}`);
        /** @type {{ pageUs: number }} */
        const { pageUs } = JSON.parse(await run(storageBench, [url, ...words]));
        return pageUs;
    };
    for (let round = 0; round < 3; round++) {
        const limit = await page(few);
        took("history", "postgres", await page(many), limit);
    }
    await query(many, "CREATE EXTENSION pg_stat_statements");
    const [statement] = await query(
        many,
        `SELECT replace(query, E'\\n', ' ') FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
        WHERE d.datname = current_database() AND query LIKE 'SELECT%FROM "messages"%"seq" <%' ORDER BY calls DESC LIMIT 1`,
    );
    if (!statement) throw new Error("the statement of the page is not among those that ran");
    const plan = await query(many, `PREPARE page AS ${statement}; EXPLAIN (COSTS OFF) EXECUTE page('page', 2500000, 51)`);
    notes.push(`The plan of the page among 10 million, with the database's own settings:`, `\`\`\`text\n${plan.join("\n")}\n\`\`\``);
    if (!plan.some((line) => line.includes("Index Scan"))) throw new Error(`no index scan:\n${plan.join("\n")}`);
}

const KEPT = "benches/instructions.txt";

let nCounted = 0;

function hasValgrind() {
    try {
        return told("valgrind", "--version") !== "";
    } catch {
        say("valgrind is not installed: instructions are not counted");
        return false;
    }
}

/**
 * Instructions for each delivery, of two loads of the same length and sessions and of different rates: what the server
 * does anyway is in both.
 * @param {string} program
 * @param {string} url of the database
 * @param {import("./moderation.mjs").Work} [work]
 */
async function instructionsOf(program, url, { sessions, rates, ready } = { sessions: 200, rates: [2, 8] }) {
    const out = join(folder, `callgrind-${nCounted++}`);
    // Fifty times as slow as it is, and still to wait for nobody's answer in vain.
    const patient = { CHAT_STORE_WAIT_SECS: "25", CHAT_READ_WAIT_SECS: "10" };
    const settings = { ...serverSettings(url), ...patient, CHAT_THREADS: "1" };
    // What it does until it is ready is ten times as fast where nobody counts.
    const counts = ready ? ["--instr-atstart=no"] : [];
    const server = await serve("valgrind", ["--tool=callgrind", ...counts, `--callgrind-out-file=${out}`, program], settings);
    await server.calm();
    if (ready) {
        await ready(server);
        await run("callgrind_control", ["--instr=on", String(server.pid)]);
    }
    let dumps = 0;
    /** Instructions since the last time this was asked. */
    const since = async () => {
        await run("callgrind_control", ["--dump", String(server.pid)]);
        const dump = `${out}.${++dumps}`;
        const total = () => (existsSync(dump) ? /^(?:summary|totals): (\d+)/m.exec(readFileSync(dump, "utf8"))?.[1] : undefined);
        for (let n = 0; n < 200 && total() === undefined; n++) await sleep(100);
        return Number(total());
    };
    /** @param {number} rate */
    const counted = async (rate) => {
        const options = ["--sessions", String(sessions), "--rate", String(rate), "--duration", "6s", "--ramp", "4s"];
        const { counts } = await load(server, options);
        return { deliveries: counts.deliveries, instructions: await since() };
    };
    try {
        // What only the first visitors cost.
        await counted(rates[0]);
        const [few, many] = [await counted(rates[0]), await counted(rates[1])];
        const each = Math.round((many.instructions - few.instructions) / (many.deliveries - few.deliveries));
        // Neither fewer for more, nor of nothing.
        if (!(each > 0 && each < Infinity)) throw new Error(`${each} instructions: ${JSON.stringify([few, many])}`);
        return each;
    } finally {
        await server.stop();
    }
}

async function instructions() {
    if (!hasValgrind()) return;
    const each = await instructionsOf(chat, await newDatabase("sqlite"));
    const kept = existsSync(KEPT) ? Number(/^\d+/m.exec(readFileSync(KEPT, "utf8"))?.[0]) : undefined;
    took("instructions", "sqlite", each, kept);
    if (!only) writeFileSync(KEPT, `${each} instructions per delivery, callgrind, ${new Date().toISOString().slice(0, 10)}\n`);
}

async function changes() {
    for (const database of databases) {
        await storedChanges(database);
        if (before) await storedBefore(database, before.storage);
        await liveChanges(database);
        await resumes(database);
    }
    if (!before || !databases.includes("sqlite") || !hasValgrind()) return;
    const limit = await instructionsOf(before.chat, await newDatabase("sqlite"));
    took("instructions-before", "sqlite", await instructionsOf(chat, await newDatabase("sqlite")), limit);
}

/**
 * What the storage benchmark prints: lists of values, by name.
 * @param {string} url
 * @param {string[]} words
 * @param {string} [program]
 * @returns {Promise<Record<string, number[]>>}
 */
async function stored(url, words, program = storageBench) {
    commands.push(`storage${program === storageBench ? "" : " of the commit before"} URL ${words.join(" ")}`);
    return JSON.parse(await run(program, [url, ...words]));
}

/** @param {Database} database */
async function storedChanges(database) {
    const url = await newDatabase(database);
    for (const [id, rooms] of /** @type {const} */ ([["mixed", 1], ["mixed200", 200]])) {
        const words = ["changes", `rooms=${rooms}`, `seconds=${quick ? 1 : 2}`, `rounds=${quick ? 1 : 3}`];
        const { alone = [], mixed: among = [], reactions = [] } = await stored(url, words);
        among.forEach((ours, i) => took(id, database, ours, alone[i] ?? null));
        notes.push(`${database}, ${rooms === 1 ? "1 room" : `${rooms} rooms`}: ${shown(median(reactions), "perSecond")} reactions among the messages.`);
    }
}

/**
 * Each program on a database of its own, since the tables differ.
 * @param {Database} database
 * @param {string} program
 */
async function storedBefore(database, program) {
    const words = ["rooms=1", `seconds=${quick ? 1 : 2}`, "rounds=1"];
    for (let round = 0; round < (quick ? 1 : 3); round++) {
        // New ones each time: older programs send the same messages again.
        const [old, now] = [await newDatabase(database), await newDatabase(database)];
        const [limit, ours] = [await stored(old, words, program), await stored(now, words)];
        took("stored-before", database, ours["actor"]?.[0], limit["actor"]?.[0] ?? null);
        const among = await stored(now, ["changes", ...words]);
        took("mixed-before", database, among["mixed"]?.[0], limit["actor"]?.[0] ?? null);
    }
}

/** @param {Database} database */
async function liveChanges(database) {
    const [p50, p99] = [(/** @type {number[]} */ all) => percentile(all, 50), (/** @type {number[]} */ all) => percentile(all, 99)];
    await withOurs(database, async (server) => {
        for (let round = 0; round < (quick ? 1 : 3); round++) {
            const options = { room: `both-${round}`, people: 20, perSecond: 40, seconds: quick ? 3 : 8 };
            commands.push(`messages and reactions in turn: ${JSON.stringify(options)}`);
            const both = await messagesAndReactions(server.url, options);
            took("react", database, p50(both.reactions), p50(both.messages));
            took("react99", database, p99(both.reactions), p99(both.messages));
        }
        const options = { room: "crowd", people: 1000, watching: 50, perSecond: 50, seconds: quick ? 5 : 15 };
        commands.push(`reactions to one message: ${JSON.stringify(options)}`);
        const all = await reactionsInCrowd(server.url, options);
        took("reactions50", database, p50(all));
        took("reactions99", database, p99(all));
    });
}

/** As many as one resume brings. */
const MISSED = 500;

/** @param {Database} database */
async function resumes(database) {
    const url = await newDatabase(database);
    const live = await startServer(url);
    commands.push(`resume of ${MISSED} new messages, and of ${MISSED} mixed changes`);
    /** @type {import("./changes.mjs").Missed[]} */
    const rooms = [];
    try {
        for (const [room, kinds] of /** @type {const} */ ([["new", Array(MISSED).fill("message")], ["mixed", mixed(MISSED)]])) {
            rooms.push(await filledRoom(live.url, room, MISSED, kinds));
        }
        const [news, mix] = rooms;
        if (!news || !mix) throw new Error("there are no rooms");
        // A warm one each, then pairs of medians: a single one takes a millisecond or two.
        for (let round = -1; round < (quick ? 3 : 7); round++) {
            /** @type {{ ms: number, nBytes: number }[][]} */
            const [ofNew = [], ofMix = []] = [[], []];
            for (let n = 0; n < 9; n++) {
                ofNew.push(await resumed(live.url, news));
                ofMix.push(await resumed(live.url, mix));
            }
            if (round < 0) continue;
            /** @param {{ ms: number }[]} all */
            const ms = (all) => median(all.map((one) => one.ms));
            took("resume", database, ms(ofMix), ms(ofNew));
            if (round === 0) took("resume-bytes", database, ofMix[0]?.nBytes, ofNew[0]?.nBytes);
        }
    } finally {
        for (const { leave } of rooms) leave();
        await live.stop();
    }
    // A server that knows nothing of the rooms yet reads what was missed.
    for (let round = 0; round < (quick ? 2 : 4); round++) {
        const cold = await startServer(url);
        try {
            const [news, mix] = rooms;
            if (!news || !mix) throw new Error("there are no rooms");
            // Opens the connections to the database.
            await (await joined(cold.url, "another")).client.close();
            /** @type {Record<string, number>} */
            const ms = {};
            // The first one finds less in the database's memory, so each is first in turn.
            for (const one of round % 2 === 0 ? [news, mix] : [mix, news]) ms[one.room] = (await resumed(cold.url, one)).ms;
            took("resume-cold", database, ms[mix.room], ms[news.room] ?? null);
        } finally {
            await cold.stop();
        }
    }
}

async function servers() {
    if (!databases.includes("postgres")) return;
    /**
     * @param {string} id
     * @param {number | null | undefined} ours
     * @param {number | null} [limit]
     */
    const tookOne = (id, ours, limit) => took(id, "postgres", ours, limit);
    await cluster({ chat, quick, notes, load, newDatabase: () => newDatabase("postgres"), settings: serverSettings, took: tookOne, say });
}

/** Runs statements on a SQLite file, which no server has open. */
const ON_SQLITE = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])";

async function strictness() {
    /** @type {(url: string, statements: string) => Promise<void>} */
    const execute = async (url, statements) => {
        const path = url.startsWith("sqlite://") ? url.slice("sqlite://".length) : null;
        await (path ? run("python3", ["-c", ON_SQLITE, path, statements]) : query(url, statements));
    };
    /** @type {(url: string, work: import("./moderation.mjs").Work) => Promise<number>} */
    const instructions = (url, work) => instructionsOf(chat, url, work);
    const counts = hasValgrind() ? instructions : null;
    await moderation({ chat, quick, notes, load, databases, newDatabase, execute, settings: serverSettings, took, instructions: counts });
}

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** A server of a program's with the room that is visited. @param {string} program */
async function visited(program) {
    const server = await startServer(await newDatabase("sqlite"), program);
    for (const { author, contents } of conversation()) {
        const writer = await joined(server.url, "visited", { nickname: author });
        for (const content of contents) await writer.insistent("MESSAGE", { content });
        writer.client.close();
    }
    return server;
}

/** The database has no part in it. */
async function visits() {
    if (!databases.includes("sqlite")) return;
    if (!existsSync(CHROMIUM)) return say("Chromium is not installed: no page is visited");
    const { chromium } = await import("playwright-core");
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu", "--no-first-run"] });
    /** @type {Server[]} */
    const servers = [];
    try {
        for (const program of before ? [chat, before.chat] : [chat]) servers.push(await visited(program));
        // The first ones only warm up what is warm with every other visitor.
        for (let round = -1; round < (quick ? 3 : 9); round++) {
            const seen = [];
            for (const server of servers) seen.push(await visit(browser, server.url, "/room/visited", SLOW));
            const [ours, limit] = seen;
            if (round < 0) continue;
            took("page-read", "sqlite", ours?.readMs, limit?.readMs);
            took("page-write", "sqlite", ours?.writeMs, limit?.writeMs);
            took("page-bytes", "sqlite", ours?.nBytesDown, limit?.nBytesDown);
            took("page-requests", "sqlite", ours?.before.length, limit?.before.length);
        }
    } finally {
        await browser.close();
        for (const server of servers) await server.stop();
    }
}

/** @type {Record<string, () => Promise<void>>} */
const SET = { steady, max, memory, crowd, storm, storage, changes, page: visits, cluster: servers, moderation: strictness, instructions, growth: grow };
// Ten million messages take minutes to make.
if (!quick) SET["history"] = history;

/**
 * @param {string} program
 * @param {string[]} options
 */
const told = (program, ...options) => execFileSync(program, options, { encoding: "utf8" }).trim();

// Before the first figure: the count of instructions that is kept is a change as well.
const isDirty = told("git", "status", "--porcelain", "--untracked-files=no") !== "";
const commit = told("git", "rev-parse", "--short=12", "HEAD") + (isDirty ? " and changes that are in no commit" : "");

for (const name of SETS) {
    if (only && !only.includes(name)) continue;
    const work = SET[name];
    if (!work) continue;
    say(name);
    try {
        await work();
    } catch (error) {
        // The other figures are no worse for it.
        const [line] = String(error instanceof Error ? error.message : error).split("\n");
        say(`${name} FAILED: ${error instanceof Error ? error.stack : error}`);
        notes.push(`**${name} failed:** ${line}`);
        process.exitCode = 1;
    }
}

const [cpu] = cpus();
const text = page({
    date: `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC, ${Math.round(performance.now() / 1000)} s`,
    commit,
    machine: `${cpus().length} cores (${cpu?.model.trim() ?? "unknown"}), ${Math.round(totalmem() / (1 << 30))} GiB, Linux ${release()}`,
    command: ["scripts/bench", ...process.argv.slice(2)].join(" "),
    databases,
    results,
    growth,
    commands,
    notes,
});
// A part of the figures does not replace the page with all of them.
const [docs, images] = !only ? ["docs", "docs/images"] : ["target/bench", "target/bench/images"];
mkdirSync(images, { recursive: true });
writeFileSync(join(docs, "BENCHMARKS.md"), text);
if (growth) for (const [name, image] of Object.entries(plots(growth))) writeFileSync(join(images, name), image);
process.stdout.write(`\n${plainTable([HEADER, ...rows(results, databases, only)])}\n\n${join(docs, "BENCHMARKS.md")} is written.\n`);
// Nothing may keep it alive.
process.exit();
