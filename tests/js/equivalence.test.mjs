// However a reader comes to know what happened in a room, the end is the same: live, by a resume from any point (in
// pieces, and cut between them), by pages of history that arrive late, and by a fresh welcome.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { ACTIONS, KINDS, ModelServer, random } from './model-server.mjs';
import { Reader } from './replay.mjs';

const SEEDS = 60;
const STEPS = 120;

/** Whether a reader knows what the room is now: all that it has is true, and nothing lies between. @param {Reader} reader @param {ModelServer} server @param {string} how */
function agrees(reader, server, how) {
  const { epoch, rev, messages, tail, hasMore, hasNewer, pinned, room } = reader.state();
  assert.deepEqual({ epoch, rev }, { epoch: server.epoch, rev: server.rev }, how);
  const all = server.all();
  const of = (/** @type {any} */ from, /** @type {any} */ to) => all.filter(({ seq }) => seq >= from && seq <= to);
  const newest = all.at(-1)?.seq ?? 0;
  for (const [name, list, last] of /** @type {[string, any[], number][]} */ ([
    ['list', messages, hasNewer ? messages.at(-1)?.seq ?? 0 : newest], ['tail', tail, newest],
  ])) {
    if (name === 'tail' && !hasNewer) assert.deepEqual(list, []);
    else if (list.length) assert.deepEqual(list, of(list[0].seq, last), `${how}: ${name}`);
    else if (name === 'list') assert.deepEqual(all, [], `${how}: an empty list`);
  }
  if (!hasMore && messages.length) assert.equal(messages[0].seq, all[0].seq, `${how}: the beginning`);
  assert.deepEqual(pinned, server.pinned(), `${how}: pins`);
  assert.deepEqual(room, { title: undefined, ...server.room }, `${how}: settings`);
}

/** A reader with what the server tells everybody. @param {ModelServer} server @param {Reader} reader */
function live(server, reader) {
  const from = server.frames.length;
  let at = from;
  return () => {
    for (; at < server.frames.length; at += 1) reader.step({ frame: server.frames[at] });
  };
}

for (let seed = 1; seed <= SEEDS; seed += 1) {
  test(`all ways end in the same state, seed ${seed}`, () => {
    const next = random(seed);
    const server = new ModelServer(next);
    for (let n = 0; n < 10 + next(80); n += 1) server.change();
    const watcher = new Reader();
    watcher.step({ frame: server.welcome() });
    const hear = live(server, watcher);
    // Whoever scrolls: pages are asked for, other things happen, and then they arrive.
    const scroller = new Reader();
    scroller.step({ frame: server.welcome() });
    const scrollerHears = live(server, scroller);
    /** @type {{at: number, reader: Reader}[]} */
    const sleepers = [];
    /** @type {any[]} */
    const onTheWay = [];
    for (let n = 0; n < STEPS; n += 1) {
      if (next(8) === 0) {
        const sleeper = new Reader();
        sleeper.step({ frame: server.welcome() });
        sleepers.push({ at: n, reader: sleeper });
      }
      server.change();
      if (next(15) === 0) server.set();
      hear();
      agrees(watcher, server, `live, step ${n}`);
      if (next(3) === 0) onTheWay.push(...server.pages(scroller.state()));
      // The socket may be behind the pages, or in front of them.
      if (next(2) === 0) scrollerHears();
      if (onTheWay.length && next(3) === 0) scroller.step(onTheWay.splice(next(onTheWay.length), 1)[0]);
      if (next(10) === 0) scroller.step({ bound: 20 + next(40), around: 1 + next(server.rev) });
      if (next(25) === 0) scroller.step({ latest: true });
      if (next(25) === 0) scroller.step({ frame: server.welcome(12 + next(20)) });
      if (next(25) === 0) resume(server, scroller, next);
    }
    scrollerHears();
    for (const page of onTheWay) scroller.step(page);
    agrees(scroller, server, 'late pages');
    for (const { at, reader } of sleepers) {
      resume(server, reader, next);
      agrees(reader, server, `resume from step ${at}`);
    }
    watcher.step({ frame: server.welcome() });
    agrees(watcher, server, 'a fresh welcome after the live frames');
    assert.deepEqual(watcher.state().messages, fresh(server).state().messages, 'nothing of before is left');
  });
}

/** Resumes until all is there; the line may break between two pieces, and more may happen meanwhile. @param {ModelServer} server @param {Reader} reader @param {(n: number) => number} next */
function resume(server, reader, next) {
  for (;;) {
    const cut = next(3) === 0;
    const frames = server.resume(reader.state().rev, 1 + next(12), next(2) === 0);
    const taken = cut ? 1 + next(frames.length) : frames.length;
    for (const frame of frames.slice(0, taken)) reader.step({ frame });
    if (!cut) return;
    if (next(2) === 0) server.change();
  }
}

/** @param {ModelServer} server */
function fresh(server) {
  const reader = new Reader();
  reader.step({ frame: server.welcome() });
  return reader;
}

test('every kind of change that the server knows has its case, and happens', async () => {
  const source = await readFile(new URL('../../crates/domain/src/change.rs', import.meta.url), 'utf8');
  const actions = /pub enum Action \{\n(.*?)\n\}/s.exec(source)?.[1] ?? '';
  const known = [...actions.matchAll(/^ {4}(\w+)/gm)].map(([, name]) => name);
  assert.ok(known.includes('Edit'), 'the list was found');
  assert.deepEqual([...new Set(Object.values(ACTIONS))].sort(), ['Message', ...known].sort());
  const server = new ModelServer(random(7));
  for (let n = 0; n < 2_000; n += 1) server.change();
  assert.deepEqual([...server.happened].sort(), [...KINDS].sort());
});

test('another life of the room leaves nothing of the one before, nor takes a page of it', () => {
  const next = random(9);
  const before = new ModelServer(next, 'e1');
  const after = new ModelServer(next, 'e2');
  for (let n = 0; n < 90; n += 1) before.change();
  for (let n = 0; n < 60; n += 1) after.change();
  const reader = new Reader();
  reader.step({ frame: before.welcome(10) });
  const late = before.pages(reader.state());
  reader.step({ frame: after.welcome(10) });
  for (const { before: _, after: __, ...page } of late) reader.step(page);
  agrees(reader, after, 'another life');
});
