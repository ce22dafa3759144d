// A WebSocket client for the benchmarks, as small as they need it: text frames, no extensions. Node's own is not in every
// version that this repository takes.
import { createHash, randomBytes } from "node:crypto";
import { connect } from "node:net";

const [TEXT, CLOSE, PING, PONG] = [0x1, 0x8, 0x9, 0xa];

/** RFC 6455, section 1.3. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/**
 * A frame of a client: in one piece, masked (RFC 6455, section 5.2).
 * @param {Buffer} payload
 * @param {number} [opcode]
 */
export function encoded(payload, opcode = TEXT) {
    const n = payload.length;
    const nLength = n < 126 ? 0 : n < 1 << 16 ? 2 : 8;
    const frame = Buffer.alloc(2 + nLength + 4 + n);
    frame[0] = 0x80 | opcode;
    frame[1] = 0x80 | (nLength === 0 ? n : nLength === 2 ? 126 : 127);
    if (nLength === 2) frame.writeUInt16BE(n, 2);
    if (nLength === 8) frame.writeBigUInt64BE(BigInt(n), 2);
    const mask = randomBytes(4);
    mask.copy(frame, 2 + nLength);
    const start = 2 + nLength + 4;
    for (let i = 0; i < n; i++) frame[start + i] = (payload[i] ?? 0) ^ (mask[i % 4] ?? 0);
    return frame;
}

/** Takes the bytes of a server in whatever pieces they come, and gives whole frames. */
export class FrameReader {
    /** @type {Buffer} */
    #rest = Buffer.alloc(0);

    /**
     * @param {Buffer} bytes
     * @returns {{ opcode: number, payload: Buffer, nBytes: number }[]} `nBytes` is what the frame took on the line
     */
    push(bytes) {
        let rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
        const frames = [];
        for (;;) {
            const [first, second] = rest;
            if (first === undefined || second === undefined) break;
            // This server sends each message in one frame, and a client that offers no extension gets none.
            if ((first & 0xf0) !== 0x80) throw new Error("a frame in fragments, or of an extension");
            const short = second & 0x7f;
            const nLength = short < 126 ? 0 : short === 126 ? 2 : 8;
            if (rest.length < 2 + nLength) break;
            const n = nLength === 0 ? short : nLength === 2 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2));
            const nBytes = 2 + nLength + n;
            if (rest.length < nBytes) break;
            frames.push({ opcode: first & 0xf, payload: rest.subarray(2 + nLength, nBytes), nBytes });
            rest = rest.subarray(nBytes);
        }
        this.#rest = rest;
        return frames;
    }
}

/**
 * A frame of this protocol.
 * @typedef {{ type: string, payload: any }} Frame
 */

/**
 * Frames in the order they are to be handled: those of a BATCH one after the other.
 * @param {Frame} frame
 * @returns {Frame[]}
 */
export function flat(frame) {
    return frame.type === "BATCH" ? frame.payload.frames.flatMap(flat) : [frame];
}

/** One socket to one room. */
export class Client {
    /** @param {import("node:net").Socket} socket */
    constructor(socket) {
        this.socket = socket;
        /** @type {(frame: Frame, at: number, nBytes: number) => void} gets each frame, with `performance.now()` */
        this.received = () => undefined;
        /** @type {(error: Error) => void} */
        this.failed = () => undefined;
        /** Nothing is read of what comes from now on but that something came: for those who only fill the room. */
        this.isSilent = false;
        this.isClosed = false;
        const reader = new FrameReader();
        socket.on("data", (bytes) => {
            if (this.isSilent) return;
            const at = performance.now();
            for (const { opcode, payload, nBytes } of reader.push(bytes)) {
                if (opcode === TEXT) this.received(JSON.parse(payload.toString("utf8")), at, nBytes);
                if (opcode === PING) socket.write(encoded(payload, PONG));
                if (opcode === CLOSE) this.#end(new Error(`closed with ${payload.length < 2 ? 1005 : payload.readUInt16BE(0)}`));
            }
        });
        socket.on("error", (error) => this.#end(error));
        socket.on("close", () => this.#end(new Error("the connection was cut")));
    }

    /** @param {Error} error */
    #end(error) {
        if (this.isClosed) return;
        this.isClosed = true;
        this.failed(error);
    }

    /**
     * @param {string} type
     * @param {object} payload
     */
    send(type, payload) {
        this.socket.write(encoded(Buffer.from(JSON.stringify({ type, payload }))));
    }

    close() {
        this.isClosed = true;
        this.socket.end(encoded(Buffer.from([0x03, 0xe8]), CLOSE));
        // Who does not read is not told that the other side has ended, too.
        this.socket.destroySoon();
    }
}

/**
 * Opens a socket to a room.
 * @param {string} url of the server, `http://...`
 * @param {string} room
 * @returns {Promise<Client>}
 */
export function open(url, room) {
    const { hostname, port, host } = new URL(url);
    const key = randomBytes(16).toString("base64");
    const accept = createHash("sha1").update(key + GUID).digest("base64");
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    return new Promise((resolve, reject) => {
        let head = Buffer.alloc(0);
        /** @param {Error} error */
        const fail = (error) => {
            socket.destroy();
            reject(error);
        };
        const cut = () => fail(new Error("the connection was cut before the upgrade"));
        /** @param {Buffer} bytes */
        const upgrade = (bytes) => {
            head = Buffer.concat([head, bytes]);
            const end = head.indexOf("\r\n\r\n");
            if (end < 0) return;
            const text = head.subarray(0, end).toString("latin1");
            if (!text.startsWith("HTTP/1.1 101") || !text.includes(accept)) return fail(new Error(`no upgrade: ${text}`));
            socket.off("data", upgrade).off("error", fail).off("close", cut);
            const client = new Client(socket);
            const rest = head.subarray(end + 4);
            if (rest.length > 0) socket.unshift(rest);
            resolve(client);
        };
        socket.on("error", fail).on("close", cut).on("data", upgrade);
        const lines = [
            `GET /ws/room/${encodeURIComponent(room)} HTTP/1.1`,
            `Host: ${host}`,
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            `Sec-WebSocket-Key: ${key}`,
            "Sec-WebSocket-Protocol: realtime-chat.v1",
        ];
        socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    });
}
