// scripts/measure-console starts this; see there.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import readline from "node:readline";
import process from "node:process";
import { fillSql } from "./console-fill.mjs";

const [kind, database] = process.argv.slice(2);
const TOKEN = "the-operators-token-of-this-measurement";
const HOW = { rooms: 10_000, people: 100_000, accounts: 10_000 };
const TIMES = 15;
/** What somebody takes for at once (ms), of the median of each question: the worst is whatever else the machine does. */
const AT_MOST_MS = 1_000;

const address = kind === "sqlite" ? `sqlite://${database}` : database;
const child = spawn(process.env.CHAT_BIN ?? "target/debug/realtime-chat", ["--listen", "127.0.0.1:0"], {
    env: { ...process.env, CHAT_GUARD: "off", CHAT_RATE_LIMITS: "off", CHAT_ADMIN_TOKEN: TOKEN, DATABASE_URL: address },
    stdio: ["ignore", "pipe", "inherit"],
});
try {
    let base = "";
    for await (const line of readline.createInterface({ input: child.stdout })) {
        base = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0] ?? "";
        if (base) break;
    }
    for (let n = 0; (await fetch(`${base}/readyz`)).status !== 200; n += 1) {
        if (n > 300) throw new Error("the server is not ready");
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const filled = spawnSync(...(kind === "sqlite" ? ["sqlite3", ["-bail", database]] : ["psql", ["-qX", "-v", "ON_ERROR_STOP=1", database]]), {
        input: fillSql(/** @type {'sqlite' | 'postgres'} */ (kind), HOW),
        encoding: "utf8",
    });
    if (filled.status !== 0) throw new Error(`${filled.error ?? ""}${filled.stderr}`);
    const ask = async (/** @type {string} */ path) => {
        const began = performance.now();
        const answer = await fetch(`${base}/api/v1/admin/${path}`, { headers: { Authorization: `Bearer ${TOKEN}` } });
        const body = await answer.json();
        if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${JSON.stringify(body)}`);
        return { ms: performance.now() - began, body };
    };
    const far = async (/** @type {string} */ path, /** @type {number} */ pages) => {
        let cursor = "";
        for (let n = 0; n < pages; n += 1) cursor = (await ask(`${path}${cursor && `&cursor=${cursor}`}`)).body.nextCursor;
        return `${path}&cursor=${cursor}`;
    };
    const questions = [
        ["rooms, the latest", "rooms?sort=recent"],
        ["the same, page 100", await far("rooms?sort=recent", 99)],
        ["rooms, most messages", "rooms?sort=messages"],
        ["rooms by name", "rooms?sort=name"],
        ["rooms, found", "rooms?q=post-77"],
        ["rooms, none found", "rooms?q=nowhere"],
        ["rooms, closed", "rooms?state=locked"],
        ["rooms, something waits", "rooms?state=held"],
        ["rooms, within a day", "rooms?state=recent"],
        ["people", "people?q="],
        ["the same, page 100", await far("people?q=", 99)],
        ["people, found", "people?q=otter%2099"],
        ["people, none found", "people?q=nobody"],
        ["one of them", "people/author-99999"],
        ["accounts", "users?q="],
        ["accounts, found", "users?q=member77"],
        ["the overview", "overview"],
        ["what waits", "waiting"],
        ["what was done", "audit"],
    ];
    // Hours and days that are over are counted once, a few each time somebody looks, and then kept.
    while (!(await ask("overview")).body.complete);
    let isSlow = false;
    console.log(`| ${kind}: ${HOW.rooms} rooms, ${HOW.people} people, ${HOW.accounts} accounts | first | median | worst | in the answer |\n| --- | --- | --- | --- | --- |`);
    for (const [name, path] of questions) {
        // The first one fills caches; it counts, since somebody waits for it.
        const tries = [];
        let size = 0;
        for (let n = 0; n < TIMES; n += 1) {
            const { ms, body } = await ask(path);
            tries.push(ms);
            size = Object.values(body).find(Array.isArray)?.length ?? 0;
        }
        const [first] = tries;
        tries.sort((one, other) => one - other);
        const [median, worst] = [tries[TIMES >> 1], tries[TIMES - 1]];
        isSlow ||= median > AT_MOST_MS;
        console.log(`| ${name} | ${first.toFixed(1)} ms | ${median.toFixed(1)} ms | ${worst.toFixed(1)} ms | ${size} |`);
    }
    if (isSlow) {
        console.error(`something took more than ${AT_MOST_MS} ms`);
        process.exitCode = 1;
    }
} finally {
    child.kill();
    if (child.exitCode === null) await once(child, "exit");
}
