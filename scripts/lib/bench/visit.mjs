// A first visit to a room in a real browser: what travels, when one can read and when one can write.
import net from "node:net";

/** @typedef {import("playwright-core").Browser} Browser */

/**
 * What a room is visited for: 50 messages as people write them, with words and lengths that differ, by a few authors.
 * The same ones each time.
 * @returns {{ author: string, contents: string[] }[]}
 */
export function conversation() {
    const words = ("글 정말 잘 읽었습니다 혹시 여기서 메시지 순서는 어떻게 보장하나요 서버가 둘이면 방마다 카운터 하나를 두고 커밋된 다음에만 보여 주면 " +
        "그런데 느린 독자는요 저도 궁금했어요 감사합니다 the actor model keeps each room in one place so nothing races and that is rather elegant I think").split(" ");
    let seed = 7;
    /** @param {number} below */
    const next = (below) => {
        seed = (seed * 48271) % 2147483647;
        return seed % below;
    };
    const sentence = () => Array.from({ length: 4 + next(14) }, () => words[next(words.length)]).join(" ");
    // Each animal that comes into sight is a request of its own, and which one somebody gets is chance.
    const authors = ["수달", "Fox", "익명의 너구리", "지나가던 사람"];
    return authors.map((author, n) => ({ author, contents: Array.from({ length: n < 2 ? 13 : 12 }, sentence) }));
}

/** A way to the server that counts what goes through. */
export class Meter {
    #server;

    /** @param {string} url of the server */
    constructor(url) {
        const { hostname, port } = new URL(url);
        this.url = "";
        /** Bytes from the server: bodies, headers, and frames of sockets. */
        this.nBytesDown = 0;
        this.nBytesUp = 0;
        /** @type {Set<net.Socket>} */
        const sockets = new Set();
        this.sockets = sockets;
        this.#server = net.createServer((near) => {
            const far = net.connect(Number(port), hostname);
            near.on("data", (data) => (this.nBytesUp += data.length));
            far.on("data", (data) => (this.nBytesDown += data.length));
            for (const [one, other] of /** @type {const} */ ([[near, far], [far, near]])) {
                sockets.add(one);
                one.on("error", () => other.destroy());
                one.on("close", () => {
                    sockets.delete(one);
                    other.destroy();
                });
                one.pipe(other);
            }
        });
    }

    /** @param {string} url of the server */
    static async open(url) {
        const meter = new Meter(url);
        await new Promise((resolve) => meter.#server.listen(0, "127.0.0.1", () => resolve(undefined)));
        meter.url = `http://127.0.0.1:${/** @type {net.AddressInfo} */ (meter.#server.address()).port}`;
        return meter;
    }

    close() {
        for (const socket of this.sockets) socket.destroy();
        this.#server.close();
    }
}

/**
 * One request. `body` and `headers` are bytes of the answer as they came, compressed; a socket's are those of its
 * handshake and of its frames' texts.
 * @typedef {{ path: string, at: number, body: number, headers: number }} Request
 */

/**
 * @typedef {object} Visit
 * @property {number} readMs from the click until the conversation was painted
 * @property {number} writeMs until one is in the room, and where one writes is shown
 * @property {Request[]} requests in their order
 * @property {Request[]} before those until one could write, without the page's icon: in a blog's frame, where the page is
 *   at home, no browser asks for it
 * @property {number} nBytesDown all that the server sent, counted on the way
 */

/** A line such as a phone has on a bad day. */
export const SLOW = { bitsPerSecond: 1_600_000, latencyMs: 150 };

/** Longer than any visit may take. */
const PATIENCE_MS = 60_000;

/**
 * Visits a room for the first time, as somebody whom the browser does not know.
 * @param {Browser} browser
 * @param {string} server its address
 * @param {string} path the page's
 * @param {{ bitsPerSecond: number, latencyMs: number }} [line] how slow the line is
 * @returns {Promise<Visit>}
 */
export async function visit(browser, server, path, line) {
    const meter = await Meter.open(server);
    const context = await browser.newContext({ locale: "ko-KR", timezoneId: "Asia/Seoul", viewport: { width: 480, height: 640 } });
    context.setDefaultTimeout(PATIENCE_MS);
    try {
        const page = await context.newPage();
        const client = await context.newCDPSession(page);
        /** @type {Map<string, Request>} */
        const requests = new Map();
        await client.send("Network.enable");
        if (line) {
            const throughput = line.bitsPerSecond / 8;
            await client.send("Network.emulateNetworkConditions", { offline: false, latency: line.latencyMs, downloadThroughput: throughput, uploadThroughput: throughput });
        }
        client.on("Network.requestWillBeSent", ({ requestId, request, wallTime }) => {
            const { protocol, pathname } = new URL(request.url);
            if (protocol === "http:") requests.set(requestId, { path: pathname, at: wallTime * 1000, body: 0, headers: 0 });
        });
        client.on("Network.requestServedFromCache", ({ requestId }) => requests.delete(requestId));
        /** @param {string} id @param {(request: Request) => void} change */
        const change = (id, change) => {
            const request = requests.get(id);
            if (request) change(request);
        };
        client.on("Network.responseReceived", ({ requestId, response }) => change(requestId, (request) => (request.headers = response.encodedDataLength)));
        client.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => change(requestId, (request) => (request.body = encodedDataLength - request.headers)));
        client.on("Network.webSocketCreated", ({ requestId, url }) => requests.set(requestId, { path: new URL(url).pathname, at: Date.now(), body: 0, headers: 0 }));
        client.on("Network.webSocketHandshakeResponseReceived", ({ requestId, response }) => change(requestId, (request) => (request.headers = response.headersText?.length ?? 0)));
        client.on("Network.webSocketFrameReceived", ({ requestId, response }) => change(requestId, (request) => (request.body += Buffer.byteLength(response.payloadData))));
        await page.addInitScript(noteTimes);
        await page.goto(`${meter.url}${path}`);
        const times = await page.waitForFunction(() => {
            const { times } = /** @type {any} */ (globalThis);
            return times.read > 0 && times.write > 0 ? times : null;
        });
        await page.waitForLoadState("networkidle");
        const { origin, read, write } = await times.jsonValue();
        const all = [...requests.values()];
        return {
            readMs: read,
            writeMs: write,
            requests: all,
            before: all.filter(({ path, at }) => at <= origin + write && !path.endsWith("/icon.svg")),
            nBytesDown: meter.nBytesDown,
        };
    } finally {
        await context.close();
        meter.close();
    }
}

/** Runs in the page, before anything else there. */
function noteTimes() {
    const times = { origin: performance.timeOrigin, read: 0, write: 0 };
    Object.assign(globalThis, { times });
    new PerformanceObserver((list) => {
        for (const { name, startTime } of list.getEntries()) if (name === "first-contentful-paint") times.read = startTime;
    }).observe({ type: "paint", buffered: true });
    /** @param {string} id */
    const isShown = (id) => document.getElementById(id)?.hidden === false;
    const seen = new MutationObserver(() => {
        // The number of people comes with the server's welcome.
        if (!isShown("people-button") || !(isShown("profile") || isShown("composer"))) return;
        times.write = performance.now();
        seen.disconnect();
    });
    seen.observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["hidden"] });
}

/**
 * What weighs what, the heaviest first: for whoever has to find what to take away.
 * @param {Request[]} requests
 */
export function weights(requests) {
    const sorted = [...requests].sort((one, other) => other.body + other.headers - one.body - one.headers);
    /** @param {number} n */
    const cell = (n) => String(n).padStart(7);
    const lines = sorted.map(({ path, body, headers }) => `${cell(body)}${cell(headers)}  ${path.replace(/^\/static\/[0-9a-f]+/, "")}`);
    const sum = (/** @type {"body" | "headers"} */ part) => requests.reduce((total, request) => total + request[part], 0);
    return [`${"body".padStart(7)}${"headers".padStart(7)}`, ...lines, `${cell(sum("body"))}${cell(sum("headers"))}  ${requests.length} requests`].join("\n");
}
