// Drives the page's store from outside: reads one JSON object a line from standard input, and writes the store's state
// as one line for each {"dump": true}. So that tests in other languages hold the page itself against their servers.
//
//   {"frame": F}                        a frame as the server sends it, BATCH included
//   {"page": P, "before": seq}          the answer to a question for what lies above `seq` ("after": below); not taken
//                                       where the list does not end there any more; without either: taken as what lies
//                                       above. P is the answer of the history route: {messages, hasMore, epoch?, rev?}
//   {"page": P, "around": true, "hasNewer": bool}   another part of the room
//   {"hydrate": {epoch, rev, messages, hasMore}}    the page as the server drew it
//   {"bound": n, "around": seq?}        lets go of what is far from there
//   {"latest": true}                    back to the newest messages
//   {"forget": true}                    joins without a cursor next, as after close code 4003
//   {"dump": true}                      writes {epoch, rev, messages, hasMore, hasNewer, tail, pinned, room, self, typing}

import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { decode } from '../../static/js/wire/protocol.js';
import { chatStore } from './support.mjs';

export class Reader {
  constructor() {
    this.store = chatStore().store;
  }

  /** @param {any} step */
  step(step) {
    const { store } = this;
    if (step.frame) for (const frame of decode(JSON.stringify(step.frame))) store.receive(frame);
    else if (step.page) this.#page(step);
    else if (step.hydrate) store.hydrate(step.hydrate);
    else if (step.bound) store.bound(step.bound, step.around ?? null);
    else if (step.latest) store.toLatest();
    else if (step.forget) store.forget();
    else throw new Error(`no such step: ${Object.keys(step)}`);
  }

  /** As `History` takes a page. @param {any} step */
  #page({ page, before, after, around, hasNewer = false }) {
    const { store } = this;
    if (!store.admits(page)) return;
    // What the store is given is its own.
    const messages = structuredClone(page.messages);
    if (around) store.show(messages, page.hasMore, hasNewer);
    else if (after !== undefined) {
      if (store.hasNewer && store.newestSeq === after) store.newer(messages, page.hasMore);
    } else if (before === undefined || (store.hasMore && store.oldestSeq === before)) store.older(messages, page.hasMore);
  }

  state() {
    const { epoch, rev, messages, hasMore, hasNewer, tail, pinned, self, typing, standing: { room } } = this.store;
    return structuredClone({ epoch, rev, messages, hasMore, hasNewer, tail, pinned, room, self, typing });
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const reader = new Reader();
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === '') continue;
    const step = JSON.parse(line);
    if (step.dump) process.stdout.write(`${JSON.stringify(reader.state())}\n`);
    else reader.step(step);
  }
  // Who is typing is forgotten by a timer: nobody waits for it here.
  process.exitCode = 0;
  setImmediate(() => process.exit());
}
