import assert from 'node:assert/strict';
import test from 'node:test';
import { strings } from '../../static/js/i18n/en.js';
import { Status } from '../../static/js/page/status.js';
import { withClock } from './support.mjs';

/** As much of an element as the strip needs. */
class FakeElement extends EventTarget {
  hidden = true;
  className = '';
  type = '';
  /** @type {FakeElement[]} */
  children = [];
  own = '';

  /** @returns {string} */
  get textContent() {
    return this.own + this.children.map((child) => child.textContent).join('');
  }

  set textContent(text) {
    this.own = text;
    this.children = [];
  }

  /** @param {FakeElement[]} children */
  replaceChildren(...children) {
    this.own = '';
    this.children = children;
  }
}

/** @param {(clock: import('./support.mjs').FakeClock, world: {status: Status, strip: FakeElement}) => void} run */
function withStatus(run) {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'document');
  Object.defineProperty(globalThis, 'document', { configurable: true, value: { createElement: () => new FakeElement() } });
  try {
    withClock((clock) => {
      const strip = new FakeElement();
      run(clock, { strip, status: new Status({ strip: /** @type {any} */ (strip), note: /** @type {any} */ (new FakeElement()) }, () => strings) });
    });
  } finally {
    if (before) Object.defineProperty(globalThis, 'document', before);
    else Reflect.deleteProperty(globalThis, 'document');
  }
}

test('a break of less than two seconds is not worth a word', () => withStatus((clock, { status, strip }) => {
  status.connection('live');
  for (let n = 0; n < 5; n += 1) {
    status.connection('connecting');
    clock.pass(1999);
    assert.equal(strip.hidden, true);
    status.connection('live');
    clock.pass(10_000);
  }
  assert.equal(strip.hidden, true);
}));

test('reconnecting after two seconds, gone after long, nothing once it is back', () => withStatus((clock, { status, strip }) => {
  status.connection('live');
  status.connection('connecting');
  clock.pass(2000);
  assert.equal(strip.textContent, strings.reconnecting);
  clock.pass(15_000);
  assert.equal(strip.textContent, strings.unreachable);
  status.connection('offline');
  assert.equal(strip.textContent, strings.offline);
  status.connection('live');
  assert.equal(strip.hidden, true);
  assert.equal(clock.timers.size, 0);
}));

test('the first time it is connecting, and a reason of the server is told', () => withStatus((clock, { status, strip }) => {
  status.connection('connecting');
  clock.pass(2000);
  assert.equal(strip.textContent, strings.connecting);
  status.delayed('STORE_UNAVAILABLE');
  assert.equal(strip.textContent, strings.awayReading);
  for (const [code, text] of Object.entries({
    OVERLOADED: strings.crowded, SERVER_FULL: strings.full, ADDRESS_FULL: strings.addressFull, OWN_FULL: strings.manyWindows,
    RATE_LIMITED: strings.profileLater, INTERNAL: strings.serverFault,
  })) {
    status.delayed(code);
    assert.equal(strip.textContent, text);
  }
  status.delayed('A_CODE_OF_LATER');
  assert.equal(strip.textContent, strings.connecting);
  status.delayed('ADDRESS_FULL');
  status.delayed(null);
  assert.equal(strip.textContent, strings.connecting, 'it is the line again that fails');
  status.delayed('ADDRESS_FULL');
  status.connection('live');
  status.connection('connecting');
  clock.pass(2000);
  assert.equal(strip.textContent, strings.reconnecting, 'the reason went with the break');
}));

test('a restart that was announced gets its time', () => withStatus((clock, { status, strip }) => {
  status.connection('live');
  status.connection('connecting', true);
  clock.pass(7999);
  assert.equal(strip.hidden, true);
  clock.pass(1);
  assert.equal(strip.textContent, strings.reconnecting);
}));

test('refused: a reason and a button, which takes both away', () => withStatus((clock, { status, strip }) => {
  status.connection('connecting');
  status.connection('closed');
  let again = 0;
  status.refused('No.', () => { again += 1; });
  clock.pass(60_000);
  assert.equal(strip.textContent, `No.${strings.tryAgain}`);
  strip.children[1].dispatchEvent(new Event('click'));
  assert.deepEqual([again, strip.hidden], [1, true]);
}));
