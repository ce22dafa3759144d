// People in a room, for the benchmarks of what becomes of messages: they send, and note when each change reached them.
import { randomUUID } from "node:crypto";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { flat, open } from "./socket.mjs";

/** @typedef {import("./socket.mjs").Client} Client */
/** @typedef {import("./socket.mjs").Frame} Frame */
/** @typedef {{ clientId: string, id: string, seq: number, rev: number }} Ack */
/** @typedef {{ anonymousId?: string, nickname?: string, resume?: { epoch: string, rev: number } }} Who */
/** @typedef {[rev: number, at: number]} Arrival the room's counter, and when it was reached, in ms of `performance.now()` */

/** Longer than anything here may take, so that what hangs says so. */
const PATIENCE_MS = 30_000;

/** The server refused something. */
export class Refused extends Error {
    /** @param {{ code: string, message: string, retryAfterMs?: number }} payload of its ERROR */
    constructor({ code, message, retryAfterMs }) {
        super(`${code}: ${message}`);
        this.retryAfterMs = retryAfterMs;
    }
}

/**
 * @template T
 * @param {Promise<T>} work
 * @param {string} what
 * @returns {Promise<T>}
 */
export async function patiently(work, what) {
    const stop = new AbortController();
    const late = sleep(PATIENCE_MS, undefined, { signal: stop.signal }).then(() => {
        throw new Error(`${what} took longer than ${PATIENCE_MS / 1000} s`);
    });
    late.catch(() => undefined);
    return Promise.race([work, late]).finally(() => stop.abort());
}

/** Somebody who is in a room. */
export class Member {
    /** @type {Map<string, { resolve: (payload: any) => void, reject: (error: Error) => void }>} by `clientId`; "" is the JOIN */
    #waiting = new Map();

    /** @param {Client} client */
    constructor(client) {
        this.client = client;
        /** @type {Arrival[]} */
        this.arrivals = [];
        this.cursor = 0;
        this.epoch = "";
        /** The last message that was shown. */
        this.latest = "";
        client.received = (frame, at) => flat(frame).forEach((one) => this.#received(one, at));
        client.failed = (error) => {
            for (const { reject } of this.#waiting.values()) reject(error);
            this.#waiting.clear();
        };
    }

    /**
     * @param {Frame} frame
     * @param {number} at
     */
    #received({ type, payload }, at) {
        const answered = type === "ERROR" ? (payload.clientId ?? "") : type === "ACK" ? payload.clientId : "";
        if (type === "WELCOME" || type === "ACK" || type === "ERROR") {
            if (type === "WELCOME") ({ epoch: this.epoch, rev: this.cursor } = payload.room);
            const waiting = this.#waiting.get(answered);
            this.#waiting.delete(answered);
            if (type === "ERROR") waiting?.reject(new Refused(payload));
            else waiting?.resolve(payload);
        } else if (type !== "HEARTBEAT" && typeof payload.rev === "number" && payload.rev > this.cursor) {
            this.cursor = payload.rev;
            this.arrivals.push([payload.rev, at]);
            if (type === "MESSAGE" && payload.rev === payload.seq) this.latest = payload.id;
        }
    }

    /**
     * @param {string} type
     * @param {object} payload
     * @param {string} answered by which `clientId` the answer is known
     * @returns {Promise<any>}
     */
    #asked(type, payload, answered) {
        const answer = new Promise((resolve, reject) => {
            if (this.client.isClosed) reject(new Error("the connection is closed"));
            this.#waiting.set(answered, { resolve, reject });
            this.client.send(type, payload);
        });
        return patiently(answer, `the answer to ${type}`);
    }

    /**
     * @param {Who} who
     * @returns {Promise<any>} the WELCOME
     */
    join(who) {
        return this.#asked("JOIN", { anonymousId: randomUUID(), ...who }, "");
    }

    /**
     * Sends a command once.
     * @param {string} type
     * @param {object} payload without `clientId`
     * @param {string} [clientId]
     * @returns {Promise<Ack>}
     */
    command(type, payload, clientId = randomUUID()) {
        return this.#asked(type, { clientId, ...payload }, clientId);
    }

    /**
     * Sends a command until it is taken: changes are not before it is known that no older server lives beside this one.
     * @param {string} type
     * @param {object} payload without `clientId`
     * @returns {Promise<Ack>}
     */
    async insistent(type, payload) {
        const clientId = randomUUID();
        for (;;) {
            try {
                return await this.command(type, payload, clientId);
            } catch (error) {
                if (!(error instanceof Refused) || error.retryAfterMs === undefined) throw error;
                await sleep(error.retryAfterMs);
            }
        }
    }
}

/**
 * Somebody new in a room.
 * @param {string} url
 * @param {string} room
 * @param {Who} [who]
 * @returns {Promise<Member>}
 */
export async function joined(url, room, who = {}) {
    const member = new Member(await open(url, room));
    await member.join(who);
    return member;
}

/**
 * So many people, who come some at a time.
 * @param {string} url
 * @param {string} room
 * @param {number} n
 * @param {(index: number) => Who} who
 * @param {(member: Member, index: number) => void} [entered] right behind the WELCOME
 * @returns {Promise<Member[]>} in the order of their numbers
 */
export async function crowd(url, room, n, who, entered = () => undefined) {
    /** @type {Member[]} */
    const members = [];
    let next = 0;
    const usher = async () => {
        for (let index = next++; index < n; index = next++) {
            const member = await joined(url, room, who(index));
            entered(member, index);
            members[index] = member;
        }
    };
    try {
        await Promise.all(Array.from({ length: Math.min(n, 25) }, usher));
    } catch (error) {
        for (const member of members) member?.client.close();
        throw error;
    }
    return members;
}

/**
 * Acts at even intervals, whether or not what was begun before is done. A timer of Node's is late by up to a
 * millisecond, about as long as a commit takes; so the end of each wait looks at the clock.
 * @template T
 * @param {number} n
 * @param {number} perSecond
 * @param {(index: number) => Promise<T>} act
 * @returns {Promise<{ due: number, told: T }[]>}
 */
export async function paced(n, perSecond, act) {
    const began = performance.now() + 100;
    const acts = [];
    for (let index = 0; index < n; index++) {
        const due = began + (index * 1000) / perSecond;
        await sleep(Math.max(0, due - performance.now() - 2));
        while (performance.now() < due) await setImmediate();
        const done = act(index).then((told) => ({ due, told }));
        // What fails is told below, once all have begun.
        done.catch(() => undefined);
        acts.push(done);
    }
    return Promise.all(acts);
}

/**
 * How long each change took until each reader had it, in milliseconds. Who has a later change has the earlier ones: a
 * change may come within a later state.
 * @param {readonly { due: number, rev: number }[]} changes
 * @param {readonly (readonly Arrival[])[]} readers each in the order of `rev`
 * @returns {number[]}
 */
export function delays(changes, readers) {
    const sorted = [...changes].sort((a, b) => a.rev - b.rev);
    return readers.flatMap((arrivals) => {
        let at = 0;
        return sorted.map(({ due, rev }) => {
            while ((arrivals[at]?.[0] ?? Infinity) < rev) at++;
            const [, arrived] = arrivals[at] ?? [];
            if (arrived === undefined) throw new Error(`nobody told a reader of change ${rev}`);
            return arrived - due;
        });
    });
}

/**
 * Waits until all have seen a change.
 * @param {readonly Member[]} members
 * @param {number} rev
 */
export async function seenByAll(members, rev) {
    const stop = Date.now() + PATIENCE_MS;
    while (members.some(({ cursor }) => cursor < rev)) {
        if (Date.now() > stop) throw new Error(`not everybody has seen change ${rev}`);
        await sleep(10);
    }
}
