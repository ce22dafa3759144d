// What is measured of reactions, edits and deletions, each against new messages.
import { randomUUID } from "node:crypto";
import { crowd, delays, joined, paced, patiently, seenByAll } from "./people.mjs";
import { flat, open } from "./socket.mjs";

/** @typedef {import("./people.mjs").Ack} Ack */
/** @typedef {import("./people.mjs").Member} Member */

const TEXT = "some eighty characters of text, about as many as people write on average: ";

/** As many different ones as a message may have. */
const EMOJIS = [..."👍😂🎉😮😢🔥👏🙏🚀👀🤔💡✅🌟🍀🍕🐙🦊🐼🦉"];

/** @param {number} index */
const named = (index) => ({ nickname: `writer ${index}` });

/**
 * The counter's value of a change. What changed nothing is answered with the message's own, and nobody is told of it.
 * @param {Ack} ack
 */
function changed({ seq, rev }) {
    if (rev === seq) throw new Error("a reaction was there before");
    return rev;
}

/**
 * Messages and reactions in turn, at even intervals, in one room where everybody reads: how long each took from when it
 * was due until each person had it, in milliseconds. Each reaction is to the latest message, so that a message has one.
 * @param {string} url
 * @param {{ room: string, people: number, perSecond: number, seconds: number }} options `perSecond` of both together
 * @returns {Promise<{ messages: number[], reactions: number[] }>}
 */
export async function messagesAndReactions(url, { room, people, perSecond, seconds }) {
    const members = await crowd(url, room, people, named);
    try {
        /** @param {number} index */
        const who = (index) => /** @type {Member} */ (members[index % people]);
        const first = await who(0).insistent("MESSAGE", { content: TEXT });
        // Off, where it never was on: nothing changes, but reactions are known to be taken.
        await who(1).insistent("REACT", { id: first.id, emoji: "👍", on: false });
        /** @param {number} n */
        const both = (n) =>
            paced(n, perSecond, async (index) => {
                // Each person does both in turn.
                const member = who(index + Math.floor(index / people));
                const isMessage = index % 2 === 0;
                const ack = isMessage
                    ? await member.command("MESSAGE", { content: `${TEXT}${index}` })
                    : await member.command("REACT", { id: member.latest, emoji: EMOJIS[index % EMOJIS.length], on: true });
                return { isMessage, rev: isMessage ? ack.rev : changed(ack) };
            });
        // What only the first ones cost.
        await both(perSecond);
        const sent = (await both(perSecond * seconds)).map(({ due, told }) => ({ due, ...told }));
        await seenByAll(members, Math.max(...sent.map(({ rev }) => rev)));
        const readers = members.map(({ arrivals }) => arrivals);
        return {
            messages: delays(sent.filter(({ isMessage }) => isMessage), readers),
            reactions: delays(sent.filter(({ isMessage }) => !isMessage), readers),
        };
    } finally {
        for (const { client } of members) client.close();
    }
}

/**
 * Which reaction of one person comes when all react in turn to one message: with each emoji in turn, and then all of
 * them are taken back in turn, so that each changes something.
 * @param {number} index
 * @param {number} people
 */
export function reactionInTurn(index, people) {
    const round = Math.floor(index / people);
    return { who: index % people, emoji: EMOJIS[round % EMOJIS.length] ?? "", on: Math.floor(round / EMOJIS.length) % 2 === 0 };
}

/**
 * Reactions to one message at even intervals in a large room: how long each took from when it was due until the people
 * had it who look at the clock, in milliseconds. Those also react; the others only read.
 * @param {string} url
 * @param {{ room: string, people: number, watching: number, perSecond: number, seconds: number }} options
 * @returns {Promise<number[]>}
 */
export async function reactionsInCrowd(url, { room, people, watching, perSecond, seconds }) {
    const every = Math.max(1, Math.floor(people / watching));
    /** @param {number} index */
    const watches = (index) => index % every === 0;
    const everybody = await crowd(url, room, people, () => ({}), ({ client }, index) => {
        client.isSilent = !watches(index);
    });
    /** @type {Member | undefined} */
    let author;
    try {
        author = await joined(url, room, named(0));
        const members = everybody.filter((_, index) => watches(index));
        const { id } = await author.insistent("MESSAGE", { content: TEXT });
        let first = 0;
        /** @param {number} n */
        const reactions = async (n) => {
            const before = first;
            first += n;
            return paced(n, perSecond, (index) => {
                const { who, emoji, on } = reactionInTurn(before + index, members.length);
                return /** @type {Member} */ (members[who]).command("REACT", { id, emoji, on });
            });
        };
        // As above.
        await /** @type {Member} */ (members[0]).insistent("REACT", { id, emoji: "👍", on: false });
        // What only the first ones cost.
        await reactions(perSecond);
        const sent = (await reactions(perSecond * seconds)).map(({ due, told }) => ({ due, rev: changed(told) }));
        await seenByAll(members, Math.max(...sent.map(({ rev }) => rev)));
        return delays(sent, members.map(({ arrivals }) => arrivals));
    } finally {
        author?.client.close();
        for (const { client } of everybody) client.close();
    }
}

/** @typedef {"message" | "edit" | "react" | "delete"} Kind */

/** Of ten changes four are new messages, three reactions, two edits and one a deletion. @type {readonly Kind[]} */
const MIX = ["message", "edit", "react", "message", "delete", "react", "message", "edit", "react", "message"];

/**
 * @param {number} n
 * @returns {Kind[]}
 */
export function mixed(n) {
    return Array.from({ length: n }, (_, index) => MIX[index % MIX.length] ?? "message");
}

/**
 * Does all, so many at once.
 * @template T
 * @param {(() => Promise<T>)[]} works
 * @param {number} [nAtOnce]
 * @returns {Promise<T[]>}
 */
async function someAtOnce(works, nAtOnce = 25) {
    const told = [];
    for (let first = 0; first < works.length; first += nAtOnce) {
        told.push(...(await Promise.all(works.slice(first, first + nAtOnce).map((work) => work()))));
    }
    return told;
}

/** A room, where in it a client was, how much it missed since, and how those leave who keep the room alive. */
/** @typedef {{ room: string, epoch: string, rev: number, n: number, leave: () => void }} Missed */

/**
 * Messages into a new room, and then changes, each but the new messages to another one of those.
 * @param {string} url
 * @param {string} room
 * @param {number} nBefore
 * @param {readonly Kind[]} kinds
 * @returns {Promise<Missed>} `rev` is between the two
 */
export async function filledRoom(url, room, nBefore, kinds) {
    const who = { anonymousId: randomUUID(), ...named(0) };
    const author = await joined(url, room, who);
    const other = await joined(url, room);
    const leave = () => [author, other].forEach(({ client }) => client.close());
    /** @param {number} index */
    const content = (index) => `${TEXT}${String(index).padStart(6, "0")}`;
    /** @param {number} index */
    const write = (index) => author.insistent("MESSAGE", { content: content(index) });
    try {
        const before = await someAtOnce(Array.from({ length: nBefore }, (_, index) => () => write(index)));
        const rev = Math.max(...before.map((ack) => ack.rev));
        let next = 0;
        const changes = kinds.map((kind, index) => {
            if (kind === "message") return () => write(nBefore + index);
            const { id } = before[next++] ?? {};
            if (!id) throw new Error("there are too few messages for these changes");
            switch (kind) {
                case "edit":
                    return () => author.insistent("EDIT", { id, version: 1, content: content(nBefore + index) });
                case "react":
                    return () => other.insistent("REACT", { id, emoji: "👍", on: true });
                case "delete":
                    return () => author.insistent("DELETE", { id });
            }
        });
        const head = Math.max(...(await someAtOnce(changes)).map((ack) => ack.rev));
        if (head !== rev + kinds.length) throw new Error(`${kinds.length} changes led from ${rev} to ${head}`);
        return { room, epoch: author.epoch, rev, n: kinds.length, leave };
    } catch (error) {
        leave();
        throw error;
    }
}

/**
 * A reader comes back.
 * @param {string} url
 * @param {Missed} missed
 * @returns {Promise<{ ms: number, nBytes: number }>} from JOIN to the last change that was missed, and the frames' bytes
 */
export async function resumed(url, { room, epoch, rev, n }) {
    const client = await open(url, room);
    /** @type {Promise<{ ms: number, nBytes: number }>} */
    const done = new Promise((resolve, reject) => {
        let [nBytes, nChanges, head, cursor] = [0, 0, Infinity, 0];
        const began = performance.now();
        client.failed = reject;
        client.received = (frame, at, nFrame) => {
            const frames = flat(frame);
            // Nothing else counts that happens to come meanwhile.
            if (frames.some(({ type }) => type === "WELCOME" || type === "MESSAGE")) nBytes += nFrame;
            for (const { type, payload } of frames) {
                if (type === "ERROR") reject(new Error(`${payload.code}: ${payload.message}`));
                if (type === "WELCOME" && !payload.resumed) reject(new Error("started over instead of resumed"));
                if (type === "WELCOME") {
                    cursor = payload.room.rev;
                    head = payload.head ?? cursor;
                    nChanges += payload.messages.length;
                } else if (type === "MESSAGE") {
                    cursor = payload.rev;
                    nChanges++;
                }
            }
            if (cursor < head) return;
            if (nChanges === n) resolve({ ms: at - began, nBytes });
            else reject(new Error(`${nChanges} changes came instead of ${n}`));
        };
        client.send("JOIN", { anonymousId: randomUUID(), resume: { epoch, rev } });
    });
    try {
        return await patiently(done, "a resume");
    } finally {
        client.close();
    }
}
