// What the benchmarks compute: medians, ratios, verdicts, plots, the page. Pure: nothing here reads or runs anything.

/** @typedef {"postgres" | "sqlite"} Database */

/**
 * What was measured under one name: the same number of values on both sides where there is a limit to compare with,
 * each pair taken one right after the other.
 * @typedef {{ ours: number[], limit?: number[], note?: string }} Measured
 */

/**
 * A figure that has a target, or is told without one.
 * @typedef {object} Figure
 * @property {string} id
 * @property {string} set the name for --only
 * @property {string} what
 * @property {"us" | "ms" | "perSecond" | "bytes" | "count" | "percent"} unit
 * @property {boolean} [isRatio] the target is about ours divided by the limit
 * @property {number} [most]
 * @property {number} [least]
 * @property {Database[]} [only] the databases that it can be measured on
 */

/** @type {Figure[]} */
export const FIGURES = [
    { id: "cpu", set: "steady", what: "processor time per delivery, 1,000 in one room, 20 msg/s", unit: "us", isRatio: true, most: 1.2 },
    { id: "p99", set: "steady", what: "p99 of deliveries, same load, commit included", unit: "ms", isRatio: true, most: 1.3 },
    { id: "peak", set: "steady", what: "most memory of the server, same load", unit: "bytes", most: 256 * 1024 * 1024 },
    { id: "max", set: "max", what: "most deliveries/s with p99 under 500 ms, 1,000 in one room", unit: "perSecond", isRatio: true, least: 8 },
    { id: "session", set: "memory", what: "memory per idle session at 10,000", unit: "bytes", most: 8 * 1024 },
    { id: "left", set: "memory", what: "of that, still held after all have left", unit: "percent" },
    { id: "crowd", set: "crowd", what: "p99 of deliveries, 10,000 in 200 rooms, 100 msg/s in all", unit: "ms", most: 100 },
    { id: "joins", set: "storm", what: "joins/s, 5,000 come back at once, 50 messages sent with each", unit: "perSecond", isRatio: true, least: 0.3 },
    { id: "cold", set: "storm", what: "history queries per room, 1,000 at once into 20 rooms that are not live", unit: "count", most: 1, only: ["postgres"] },
    { id: "live", set: "storm", what: "history queries, 5,000 at once into rooms that are live", unit: "count", most: 0, only: ["postgres"] },
    { id: "stored", set: "storage", what: "messages stored/s, 1,000 writers in 1 room (limit: a bare loop with the same batches)", unit: "perSecond", isRatio: true, least: 0.8 },
    { id: "stored200", set: "storage", what: "messages stored/s, 1,000 writers in 200 rooms (limit: the same)", unit: "perSecond", isRatio: true, least: 0.8 },
    { id: "ack", set: "storage", what: "one message into an idle server until its ACK (limit: the bare commit)", unit: "us", isRatio: true, most: 1.5 },
    { id: "mixed", set: "changes", what: "messages stored/s, 1 room, 5 % of what comes are reactions (limit: messages alone)", unit: "perSecond", isRatio: true, least: 0.8 },
    { id: "mixed200", set: "changes", what: "messages stored/s, 200 rooms, 5 % of what comes are reactions (limit: messages alone)", unit: "perSecond", isRatio: true, least: 0.8 },
    { id: "stored-before", set: "changes", what: "messages stored/s, 1 room (limit: the commit before)", unit: "perSecond", isRatio: true, least: 0.9 },
    { id: "mixed-before", set: "changes", what: "messages stored/s, 1 room, 5 % reactions (limit: messages alone, the commit before)", unit: "perSecond", isRatio: true, least: 0.8 },
    { id: "instructions-before", set: "changes", what: "instructions per delivery of a new message (limit: the commit before)", unit: "count", isRatio: true, most: 1.05, only: ["sqlite"] },
    { id: "react", set: "changes", what: "p50 of a reaction until each of 20 people has it (limit: of a message)", unit: "ms", isRatio: true, most: 1.5 },
    { id: "react99", set: "changes", what: "p99 of a reaction until each of 20 people has it (limit: of a message)", unit: "ms", isRatio: true },
    { id: "reactions50", set: "changes", what: "p50 of 50 reactions/s on one message, 1,000 in the room", unit: "ms" },
    { id: "reactions99", set: "changes", what: "p99 of 50 reactions/s on one message, 1,000 in the room", unit: "ms", most: 200 },
    { id: "resume", set: "changes", what: "a resume of 500 mixed changes (limit: of 500 new messages)", unit: "ms", isRatio: true, most: 2 },
    { id: "resume-bytes", set: "changes", what: "bytes of a resume of 500 mixed changes (limit: of 500 new messages)", unit: "bytes", isRatio: true, most: 2 },
    { id: "resume-cold", set: "changes", what: "the resume of mixed changes at a server that has just started (limit: of new messages)", unit: "ms", isRatio: true, most: 2 },
    { id: "page-read", set: "page", what: "first visit to a room with 50 messages at 1.6 Mbit/s and 150 ms: until one can read (limit: the commit before)", unit: "ms", only: ["sqlite"] },
    { id: "page-write", set: "page", what: "the same visit: until one is in the room and can write", unit: "ms", only: ["sqlite"] },
    { id: "page-bytes", set: "page", what: "the same visit: bytes from the server, headers included", unit: "bytes", most: 52 * 1024, only: ["sqlite"] },
    { id: "page-requests", set: "page", what: "the same visit: requests until one can write", unit: "count", most: 12, only: ["sqlite"] },
    { id: "between-tables", set: "cluster", what: "p99 of deliveries between two servers minus within one, 1,000 on each, 20 msg/s, PostgreSQL alone", unit: "ms", most: 300, only: ["postgres"] },
    { id: "between-redis", set: "cluster", what: "the same, over Redis", unit: "ms", most: 10, only: ["postgres"] },
    { id: "bus-cpu", set: "cluster", what: "processor time per delivery, the same load, two servers over Redis (limit: one server without a bus)", unit: "us", isRatio: true, most: 1.1, only: ["postgres"] },
    { id: "poll-cpu", set: "cluster", what: "the same, two servers with PostgreSQL alone (limit: one server)", unit: "us", isRatio: true, only: ["postgres"] },
    { id: "two-servers", set: "cluster", what: "most deliveries/s of two servers of one core each, 1,000 in 20 rooms (limit: of one server of one core)", unit: "perSecond", isRatio: true, least: 1.6, only: ["postgres"] },
    { id: "two-servers-cpu", set: "cluster", what: "deliveries for the processor time of two cores by two servers, 1,000 in 20 rooms, 4,000 msg/s (limit: for that of one core by one server)", unit: "perSecond", isRatio: true, least: 1.6, only: ["postgres"] },
    { id: "quiet-tables", set: "cluster", what: "share of a core that 20,000 quiet rooms take of each of two servers, PostgreSQL alone", unit: "percent", most: 5, only: ["postgres"] },
    { id: "quiet-redis", set: "cluster", what: "the same, over Redis: 20,000 quiet rooms", unit: "percent", most: 5, only: ["postgres"] },
    { id: "moderation-cpu", set: "moderation", what: "processor time per delivery, 20 in one room, 400 msg/s, 100,000 bans, 1,000 blocked words and 10 patterns (limit: without)", unit: "us", isRatio: true, most: 1.15 },
    { id: "moderation-message", set: "moderation", what: "instructions per delivery, the same, 10 in one room (limit: without)", unit: "count", isRatio: true, most: 1.15, only: ["sqlite"] },
    { id: "moderation-delivery", set: "moderation", what: "instructions per delivery, the same, 200 in one room (limit: without)", unit: "count", isRatio: true, most: 1.15, only: ["sqlite"] },
    { id: "moderation-memory", set: "moderation", what: "memory that these bans, words and patterns take", unit: "bytes" },
    { id: "history", set: "history", what: "a page of history among 10 million messages (limit: among 10,000)", unit: "us", isRatio: true, most: 1.2, only: ["postgres"] },
    { id: "instructions", set: "instructions", what: "instructions per delivery (limit: the last count that was kept)", unit: "count", only: ["sqlite"] },
];

/** The sets, in the order they run. */
export const SETS = [...new Set(FIGURES.map((figure) => figure.set)), "growth"];

/**
 * The middle value; the mean of the two middle ones where their number is even.
 * @param {readonly number[]} values
 */
export function median(values) {
    if (values.length === 0) throw new Error("there is no median of nothing");
    const sorted = [...values].sort((a, b) => a - b);
    const half = Math.floor(sorted.length / 2);
    const upper = sorted[half] ?? NaN;
    return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? NaN) + upper) / 2;
}

/**
 * The smallest value that this share of all does not exceed (nearest rank).
 * @param {readonly number[]} values
 * @param {number} percent above 0, up to 100
 */
export function percentile(values, percent) {
    if (values.length === 0) throw new Error("there is no percentile of nothing");
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.max(1, Math.ceil((percent / 100) * sorted.length)) - 1] ?? NaN;
}

/**
 * The median of the ratios of each pair: both sides of a pair met the same weather on the machine.
 * @param {Measured} measured
 */
export function ratio({ ours, limit = [] }) {
    if (ours.length !== limit.length) throw new Error(`${ours.length} values against ${limit.length}`);
    return median(ours.map((value, i) => value / (limit[i] ?? NaN)));
}

/**
 * What is held against the target.
 * @param {Figure} figure
 * @param {Measured} measured
 */
export function reached(figure, measured) {
    return figure.isRatio ? ratio(measured) : median(measured.ours);
}

/**
 * @param {Figure} figure
 * @param {Measured | undefined} measured
 * @returns {"not measured" | "no target" | "reached" | "MISSED"}
 */
export function verdict(figure, measured) {
    if (!measured) return "not measured";
    const value = reached(figure, measured);
    if (figure.most === undefined && figure.least === undefined) return "no target";
    // Not a number is no success.
    const isGood = value <= (figure.most ?? Infinity) && value >= (figure.least ?? -Infinity);
    return isGood ? "reached" : "MISSED";
}

/** @param {number} n */
export function grouped(n) {
    return Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

/**
 * Three digits, and the unit.
 * @param {number} value
 * @param {Figure["unit"]} unit
 */
export function shown(value, unit) {
    if (!Number.isFinite(value)) return "-";
    /** @param {number} n */
    const digits = (n) => (n >= 100 || Number.isInteger(n) ? grouped(n) : n.toPrecision(3));
    switch (unit) {
        case "us":
            return value >= 1000 ? `${digits(value / 1000)} ms` : `${digits(value)} µs`;
        case "ms":
            return `${digits(value)} ms`;
        case "perSecond":
            return `${digits(value)}/s`;
        case "percent":
            return `${digits(value)} %`;
        case "count":
            return digits(value);
        case "bytes":
            return value >= 1 << 20 ? `${digits(value / (1 << 20))} MiB` : `${digits(value / 1024)} KiB`;
    }
}

/**
 * A part of a whole, in percent.
 * @param {number} part
 * @param {number} whole
 */
export function share(part, whole) {
    return shown((100 * part) / whole, "percent");
}

/** @param {Figure} figure */
export function target(figure) {
    const bound = figure.most ?? figure.least;
    if (bound === undefined) return "-";
    const word = figure.most === undefined ? "at least" : "at most";
    return `${word} ${figure.isRatio ? `${bound} x` : shown(bound, figure.unit)}`;
}

/** @typedef {Record<string, Partial<Record<Database, Measured>>>} Results by id of the figure */

/**
 * The cells of the table: a row for each figure and database.
 * @param {Results} results
 * @param {Database[]} databases
 * @param {string[]} [sets] only these
 */
export function rows(results, databases, sets) {
    return FIGURES.filter((figure) => sets?.includes(figure.set) ?? true).flatMap((figure) => {
        const on = databases.filter((database) => figure.only?.includes(database) ?? true);
        return on.map((database) => {
            const measured = results[figure.id]?.[database];
            const limit = measured?.limit ? shown(median(measured.limit), figure.unit) : "-";
            const ours = measured ? shown(median(measured.ours), figure.unit) : "-";
            const against = measured?.limit ? `${ratio(measured).toPrecision(3)} x` : "-";
            return [figure.what, database, limit, ours, against, target(figure), verdict(figure, measured)];
        });
    });
}

export const HEADER = ["what", "database", "limit", "ours", "ours / limit", "target", ""];

/**
 * For a terminal.
 * @param {readonly string[][]} cells the first row is the header
 */
export function plainTable(cells) {
    const widths = (cells[0] ?? []).map((_, i) => Math.max(...cells.map((row) => (row[i] ?? "").length)));
    return cells.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ").trimEnd()).join("\n");
}

/** @param {readonly string[][]} cells the first row is the header */
export function markdownTable(cells) {
    const [header = [], ...body] = cells.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
    return [header, header.map(() => "---"), ...body].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** @param {string} text */
function escaped(text) {
    return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/**
 * A round number at or above a value, for the end of an axis: 1, 2 or 5 times a power of ten.
 * @param {number} value
 */
export function roundUp(value) {
    if (!(value > 0)) return 1;
    const power = 10 ** Math.floor(Math.log10(value));
    return ([1, 2, 5].find((n) => n * power >= value) ?? 10) * power;
}

/**
 * @typedef {object} Plot
 * @property {string} title
 * @property {string} xName
 * @property {string} yName
 * @property {{ name: string, points: [number, number][] }[]} series
 */

/**
 * A plot as SVG, x in powers of ten, y from 0; readable on light and dark ground, and it needs nothing else.
 * @param {Plot} plot
 */
export function svg({ title, xName, yName, series }) {
    const [width, height, left, right, top, bottom] = [640, 320, 64, 28, 40, 48];
    const points = series.flatMap((one) => one.points);
    if (points.length === 0) throw new Error("there is nothing to plot");
    const decades = points.map(([x]) => Math.log10(x));
    const first = Math.floor(Math.min(...decades));
    const last = Math.max(Math.ceil(Math.max(...decades)), first + 1);
    const yMax = roundUp(Math.max(...points.map(([, y]) => y)));
    /** @param {number} x */
    const across = (x) => (left + ((Math.log10(x) - first) / (last - first)) * (width - left - right)).toFixed(1);
    /** @param {number} y */
    const down = (y) => (height - bottom - (y / yMax) * (height - top - bottom)).toFixed(1);
    const lines = [0, 1, 2, 3, 4].map((n) => (n * yMax) / 4).map(
        (y) =>
            `<line class="grid" x1="${left}" x2="${width - right}" y1="${down(y)}" y2="${down(y)}"/>` +
            `<text x="${left - 8}" y="${down(y)}" dy="4" text-anchor="end">${Number(y.toPrecision(3))}</text>`,
    );
    const ticks = Array.from({ length: last - first + 1 }, (_, n) => 10 ** (first + n)).map(
        (x) => `<text x="${across(x)}" y="${height - bottom + 18}" text-anchor="middle">${grouped(x)}</text>`,
    );
    const curves = series.map(({ name, points: own }, n) => {
        const path = own.map(([x, y]) => `${across(x)},${down(y)}`).join(" ");
        const dots = own.map(([x, y]) => `<circle class="dot s${n}" cx="${across(x)}" cy="${down(y)}" r="4"/>`).join("");
        const at = left + 8 + n * 180;
        return (
            `<polyline class="s${n}" points="${path}"/>${dots}` +
            `<circle class="dot s${n}" cx="${at}" cy="${top - 10}" r="4"/>` +
            `<text x="${at + 10}" y="${top - 6}">${escaped(name)}</text>`
        );
    });
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
<style>
text { font: 12px system-ui, sans-serif; fill: #333; }
.title { font-size: 14px; font-weight: 600; }
.grid { stroke: #8888; stroke-width: 0.5; }
polyline { fill: none; stroke-width: 2; }
polyline.s0 { stroke: #0b6bcb; } .dot.s0 { fill: #0b6bcb; }
polyline.s1 { stroke: #c2410c; } .dot.s1 { fill: #c2410c; }
@media (prefers-color-scheme: dark) {
text { fill: #ddd; }
polyline.s0 { stroke: #6cb2ff; } .dot.s0 { fill: #6cb2ff; }
polyline.s1 { stroke: #ff9b6a; } .dot.s1 { fill: #ff9b6a; }
}
</style>
<text class="title" x="${left}" y="18">${escaped(title)}</text>
${lines.join("\n")}
${ticks.join("\n")}
<text x="${(left + width - right) / 2}" y="${height - 8}" text-anchor="middle">${escaped(xName)}</text>
<text transform="translate(14 ${(top + height - bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(yName)}</text>
${curves.join("\n")}
</svg>
`;
}

/**
 * One point of the growth series.
 * @typedef {object} GrowthPoint
 * @property {number} sessions
 * @property {number} rooms
 * @property {number} rate messages a second in all
 * @property {number} cpuUs of the server, per delivery
 * @property {number} limitCpuUs of the broadcaster; NaN where it was not run
 * @property {number} memory bytes per session
 * @property {number} p99Ms
 */

/** From how many sessions on the growth of memory is more than chance. */
const MEMORY_FROM = 100;

/**
 * The plots of the growth series, by file name.
 * @param {{ sessions: GrowthPoint[], rooms: GrowthPoint[] }} growth
 * @returns {Record<string, string>}
 */
export function plots(growth) {
    /**
     * @param {GrowthPoint[]} series
     * @param {"sessions" | "rooms"} x
     * @param {"cpuUs" | "limitCpuUs"} y
     * @returns {[number, number][]}
     */
    const cpu = (series, x, y) => series.filter((p) => Number.isFinite(p[y])).map((p) => [p[x], p[y]]);
    /**
     * @param {GrowthPoint[]} series
     * @param {"sessions" | "rooms"} x
     * @returns {[number, number][]}
     */
    const memory = (series, x) => series.filter((p) => p.sessions >= MEMORY_FROM).map((p) => [p[x], p.memory / 1024]);
    const [us, kib] = ["µs per delivery", "KiB per session"];
    return {
        "bench-sessions-cpu.svg": svg({
            title: "Processor time per delivery, sessions in one room",
            xName: "sessions",
            yName: us,
            series: [
                { name: "realtime-chat", points: cpu(growth.sessions, "sessions", "cpuUs") },
                { name: "bare broadcaster", points: cpu(growth.sessions, "sessions", "limitCpuUs") },
            ].filter((one) => one.points.length > 0),
        }),
        "bench-sessions-memory.svg": svg({
            title: "Memory per session, sessions in one room",
            xName: "sessions",
            yName: kib,
            series: [{ name: "realtime-chat", points: memory(growth.sessions, "sessions") }],
        }),
        "bench-rooms-cpu.svg": svg({
            title: "Processor time per delivery, rooms of 10 sessions",
            xName: "rooms",
            yName: us,
            series: [{ name: "realtime-chat", points: cpu(growth.rooms, "rooms", "cpuUs") }],
        }),
        "bench-rooms-memory.svg": svg({
            title: "Memory per session, rooms of 10 sessions",
            xName: "rooms",
            yName: kib,
            series: [{ name: "realtime-chat", points: memory(growth.rooms, "rooms") }],
        }),
    };
}

/**
 * @typedef {object} Run
 * @property {string} date
 * @property {string} commit
 * @property {string} machine
 * @property {string} command
 * @property {Database[]} databases
 * @property {Results} results
 * @property {{ sessions: GrowthPoint[], rooms: GrowthPoint[] } | null} growth
 * @property {string[]} commands every command that ran, in order
 * @property {string[]} notes
 */

/** @param {GrowthPoint[]} points */
function growthTable(points) {
    const cells = points.map((p) => [
        grouped(p.sessions),
        grouped(p.rooms),
        `${p.rate}/s`,
        shown(p.cpuUs, "us"),
        shown(p.limitCpuUs, "us"),
        p.sessions >= MEMORY_FROM ? shown(p.memory, "bytes") : "-",
        shown(p.p99Ms, "ms"),
    ]);
    const header = ["sessions", "rooms", "messages", "processor per delivery", "the broadcaster's", "memory per session", "p99"];
    return markdownTable([header, ...cells]);
}

/** How the set `changes` is measured, for the page. */
const CHANGES = `\`scripts/bench --only changes\` measures what becomes of messages, each against new messages within the same run.

- **Stored:** 1,000 people who each wait for their answer write through the persistence actor into one room, and into 200; then the same people, with every twentieth command a reaction to one of the room's latest 50 messages.
  Only messages count.
- **A reaction until it is seen:** 20 people in one room send messages and reactions in turn, 20 of each a second.
  Each counts from when it was due until each person has it, commit included; the generator is a client in Node, the same for both.
- **Many reactions to one message:** 1,000 sessions in one room; 50 of them look at the clock and react in turn, 50 times a second in all.
  The other 950 only take what they are sent.
- **Resume:** 500 messages are in a room, and 500 changes follow: 500 new messages, or 200 new messages, 150 reactions, 100 edits and 50 deletions, each to another message.
  A reader who has the first 500 comes back; the time is from JOIN to the last change, and the bytes are those of the frames that bring them.
  It is measured while people are in the room, and at a server that has just started and reads all of it from the database.
- **The commit before:** \`--before COMMIT\` builds the programs of that commit as well, and runs them in turn with today's: messages stored a second, and instructions per delivery of a new message.
  Without it those rows are not measured.`;

/** How the set `cluster` is measured, for the page. */
const CLUSTER = `\`scripts/bench --only cluster\` starts two servers on one PostgreSQL, without a bus (PostgreSQL alone) and with a Redis of the run's own.
Where something was lost, repeated or swapped, or the bus carried nothing, the figure is not measured.

- **Between servers:** 2,000 sessions in one room, every second one on the other server.
  A delivery is one *within* a server where writer and reader are on the same one, else *between* two; the figure is the p99 of these minus the p99 of those, in the same run.
  The processor time is that of all servers, PostgreSQL's and Redis' not included.
  Over a bus it is compared with one server that has all sessions: there too each message goes out by itself.
  Two servers without a bus read each other's messages once a second and write all of that second at once, which is cheaper and later.
- **Two servers of one core each:** each is tied to a core and has one thread (\`CHAT_THREADS=1\`), and so has the one server that they are compared with, which has no bus.
  Generator and PostgreSQL take what is left: on two cores they take it from the servers, and more of it with two servers.
  The notes above say how much.
  So both are given the same to do as well, less than either can carry, and what counts is the processor time of the servers themselves: how many deliveries two servers make for the time of two cores, and one for that of one.
- **Quiet rooms:** 20,000 rooms are live on each server, in 5,000 of which somebody reads on each.
  The figure is a server's share of a core, minus that of a server with as many rooms and readers that is alone and does not ask the database: what is left is for being one chat.`;

/** How the set `page` is measured, for the page. */
const VISITS = `\`scripts/bench --only page\` opens a room with 50 messages in Chromium, each time as somebody whom it does not know and with nothing cached, over a line that DevTools slows down to 1.6 Mbit/s and 150 ms for each request.

- **One can read** at the first paint with content: the conversation is in the HTML.
- **One can write** when the server's WELCOME has come and the form for the nickname is shown.
- **Bytes** are counted by a proxy in front of the server, headers and the socket's frames included.
- **The commit before:** with \`--before COMMIT\`, each visit is followed by one to that commit's server.`;

/**
 * docs/BENCHMARKS.md.
 * @param {Run} run
 */
export function page(run) {
    const values = FIGURES.flatMap((figure) =>
        run.databases.flatMap((database) => {
            const measured = run.results[figure.id]?.[database];
            if (!measured) return [];
            /** @param {number[]} all */
            const list = (all) => all.map((value) => shown(value, figure.unit)).join(", ");
            return [[figure.id, database, measured.limit ? list(measured.limit) : "-", list(measured.ours), measured.note ?? ""]];
        }),
    );
    const growth = run.growth
        ? [
              "Sessions in one room, 10 messages a second in all:",
              growthTable(run.growth.sessions),
              "![Processor time per delivery over sessions](images/bench-sessions-cpu.svg)",
              "![Memory per session over sessions](images/bench-sessions-memory.svg)",
              "Rooms of 10 sessions, 2 messages a second in each:",
              growthTable(run.growth.rooms),
              "![Processor time per delivery over rooms](images/bench-rooms-cpu.svg)",
              "![Memory per session over rooms](images/bench-rooms-memory.svg)",
              "With few deliveries a second what the server does anyway (timers, the poll of the database) is most of the processor time, and the clock of `/proc` has steps of 10 ms.",
          ]
        : ["Not measured."];
    return `${[
        "# Benchmarks",
        "Written by `scripts/bench`; do not edit.",
        markdownTable([
            ["", ""],
            ["date", run.date],
            ["commit", run.commit],
            ["machine", run.machine],
            ["command", `\`${run.command}\``],
        ]),
        "Server and generator share the machine.\nThe *limit* is `benches/broadcaster.rs`: one thread that stores nothing, checks nothing, and makes one write for each recipient and message.\nEach ratio is of values taken one right after the other in this run; where there are several, the median counts.\nNo figure here decides whether a change may go in.",
        "## Against the targets",
        markdownTable([HEADER, ...rows(run.results, run.databases)]),
        ...run.notes,
        "## Changes of messages",
        CHANGES,
        "## Several servers",
        CLUSTER,
        "## A first visit",
        VISITS,
        "## Growth",
        ...growth,
        "## Every value",
        values.length > 0 ? markdownTable([["figure", "database", "limit", "ours", ""], ...values]) : "Nothing was measured.",
        "## Every command",
        "`CHAT_RATE_LIMITS=off` is set for the server; ports and folders are those of the run.",
        `\`\`\`text\n${run.commands.join("\n")}\n\`\`\``,
    ].join("\n\n")}\n`;
}
