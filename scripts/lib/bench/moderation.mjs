// What a message costs where many are banned and much is blocked, against where nobody is and nothing.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { grouped } from "./figures.mjs";
import { Member, Refused, joined } from "./people.mjs";
import { serve } from "./programs.mjs";
import { open } from "./socket.mjs";

/** @typedef {import("./figures.mjs").Database} Database */
/** @typedef {import("./run.mjs").Report} Report */
/** @typedef {import("./programs.mjs").Server} Server */

/**
 * What the benchmark has for its sets.
 * @typedef {object} Bench
 * @property {string} chat
 * @property {boolean} quick
 * @property {string[]} notes
 * @property {(server: Server, options: string[]) => Promise<Report>} load
 * @property {Database[]} databases
 * @property {(database: Database) => Promise<string>} newDatabase
 * @property {(url: string, statements: string) => Promise<void>} execute
 * @property {(url: string) => Record<string, string>} settings
 * @property {(id: string, database: Database, ours: number | null | undefined, limit?: number | null) => void} took
 * @property {((url: string, work: Work) => Promise<number>) | null} instructions
 *     for each delivery; none without valgrind
 */

/**
 * Two loads of so many sessions, at these rates, once the server is ready.
 * @typedef {{ sessions: number, rates: [number, number], ready?: (server: Server) => Promise<void> }} Work
 */

/** What a chat may have (docs/MODERATION.md), and more bans than any has. */
const [BANS, WORDS] = [100_000, 1_000];

/** As such lists are: half Korean, half English. Those of crates/moderation/examples/check_time.rs. @param {number} n */
export function blockedWord(n) {
    const korean = ["가", "나", "도", "리", "모", "부", "시", "자", "찬", "후"];
    const english = ["ba", "ce", "do", "fi", "gu", "ka", "le", "mi", "no", "ru"];
    const set = n % 2 === 0 ? korean : english;
    return [n, n / 10, n / 100, n / 7].map((at) => set[Math.floor(at) % 10]).join("");
}

const PATTERNS = [
    "\\d{3}-\\d{4}-\\d{4}",
    "(?i)free\\s+money",
    "카톡\\s*[:：]",
    "(?i)casino|slots|poker",
    "텔레\\s*그램",
    "(?i)t\\.me/\\w+",
    "[A-Z]{20}",
    "(?i)(buy|sell)\\s+\\w+\\s+now",
    "입금\\s*\\d+",
    "무료\\s*(코인|머니)",
];

/**
 * Half authors, half networks, in all rooms; and what is blocked in all rooms.
 * @param {Database} database
 * @param {string} banned one of the authors
 */
function strictness(database, banned) {
    // Which times SQLite itself gives depends on its version, and Python's is not the server's.
    const [numbers, author, now] =
        database === "postgres"
            ? [`FROM generate_series(0, ${BANS - 1}) AS n`, "'bench' || lpad(n::text, 17, '0')", "now()"]
            : [
                  `FROM (WITH RECURSIVE all_n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM all_n WHERE n < ${BANS - 1})
                    SELECT n FROM all_n)`,
                  "printf('bench%017d', n)",
                  "CAST(strftime('%s', 'now') AS INTEGER) * 1000",
              ];
    const blockedWords = Array.from({ length: WORDS }, (_, n) => blockedWord(n));
    const settings = JSON.stringify({ blockedWords, blockedPatterns: PATTERNS });
    return `BEGIN;
        UPDATE meta SET control_rev = control_rev + 1;
        INSERT INTO bans (author_id, network, by_author, at, rev)
            SELECT CASE WHEN n = 0 THEN '${banned}' WHEN n % 2 = 0 THEN ${author} END,
                CASE WHEN n % 2 = 1 THEN n * 87178291199 END, 'bench', ${now}, (SELECT max(control_rev) FROM meta)
            ${numbers};
        UPDATE workspaces SET settings = '${settings.replaceAll("'", "''")}', settings_rev = settings_rev + 1;
        COMMIT; ANALYZE bans`;
}

/**
 * Sends one message that must be refused with a code.
 * @param {string} url
 * @param {string} code
 * @param {{ anonymousId?: string, content: string }} what
 */
async function mustBeRefused(url, code, { anonymousId = randomUUID(), content }) {
    const member = await joined(url, "checked", { anonymousId, nickname: "somebody" });
    try {
        await member.command("MESSAGE", { content });
    } catch (error) {
        if (error instanceof Refused && error.message.startsWith(`${code}:`)) return;
        throw error;
    } finally {
        member.client.close();
    }
    throw new Error(`a message was taken that must be refused with ${code}`);
}

/**
 * Waits until a server has read who is banned and what is blocked.
 * @param {Server} server
 * @param {{ anonymousId: string }} banned
 */
async function knows(server, { anonymousId }) {
    for (let n = 0; ; n++) {
        try {
            return await mustBeRefused(server.url, "BANNED", { anonymousId, content: `good morning ${n}` });
        } catch (error) {
            if (n === 60) throw error;
            await sleep(1_000);
        }
    }
}

/**
 * A database that a server has made, and the anonymous id of the author who is banned there.
 * @param {Bench} bench
 * @param {Database} database
 * @param {boolean} isStrict
 */
async function prepared({ chat, newDatabase, execute, settings }, database, isStrict) {
    const [url, anonymousId] = [await newDatabase(database), randomUUID()];
    const server = await serve(chat, [], settings(url));
    let banned = "";
    try {
        const member = new Member(await open(server.url, "before"));
        banned = (await member.join({ anonymousId, nickname: "somebody" })).self.id;
        member.client.close();
    } finally {
        await server.stop();
    }
    if (!/^[\w-]{22}$/.test(banned)) throw new Error(`${banned} is no author`);
    if (isStrict) await execute(url, strictness(database, banned));
    return { url, anonymousId };
}

/** @param {Bench} bench */
export async function moderation(bench) {
    for (const database of bench.databases) {
        const places = { strict: await prepared(bench, database, true), plain: await prepared(bench, database, false) };
        await timed(bench, database, places);
        // The database has no part in the program's own instructions, and a SQLite file is looked at least beside.
        if (database === "sqlite") await counted(bench, places);
    }
    bench.notes.push(`Moderation: ${grouped(BANS)} bans, half of authors and half of networks, ${grouped(WORDS)} words and ${PATTERNS.length} patterns for all rooms.`);
}

/** @typedef {{ url: string, anonymousId: string }} Place */

/**
 * Twenty people, so that a message is more than its deliveries.
 * @param {Bench} bench
 * @param {Database} database
 * @param {{ strict: Place, plain: Place }} places
 */
async function timed({ chat, quick, load, settings, took }, database, { strict, plain }) {
    /** @param {Place} place */
    const cost = async ({ url, anonymousId }) => {
        const server = await serve(chat, [], settings(url));
        try {
            await server.calm();
            if (url === strict.url) {
                await mustBeRefused(server.url, "BANNED", { anonymousId, content: "good morning" });
                await mustBeRefused(server.url, "BLOCKED", { content: `see ${blockedWord(997)} there` });
            }
            const { server: usage } = await load(server, ["--sessions", "20", "--rate", "400", "--duration", quick ? "4s" : "8s"]);
            return { us: usage?.cpuUsPerDelivery, memory: server.memory("VmRSS") };
        } finally {
            await server.stop();
        }
    };
    for (let round = 0; round < (quick ? 2 : 7); round++) {
        // Each is first in turn.
        const first = round % 2 === 0 ? await cost(strict) : null;
        const without = await cost(plain);
        const ours = first ?? (await cost(strict));
        took("moderation-cpu", database, ours.us, without.us ?? null);
        took("moderation-memory", database, ours.memory - without.memory);
    }
}

/**
 * @param {Bench} bench
 * @param {{ strict: Place, plain: Place }} places
 */
async function counted({ quick, took, instructions }, { strict, plain }) {
    if (!instructions) return;
    /** @type {[id: string, work: Work][]} */
    const works = [
        ["moderation-message", { sessions: 10, rates: [10, 60] }],
        ["moderation-delivery", { sessions: 200, rates: [2, 14] }],
    ];
    for (const [id, work] of works) {
        for (let round = 0; round < (quick ? 1 : 3); round++) {
            const limit = await instructions(plain.url, { ...work, ready: async () => undefined });
            took(id, "sqlite", await instructions(strict.url, { ...work, ready: (server) => knows(server, strict) }), limit);
        }
    }
}
