import assert from 'node:assert/strict';
import test from 'node:test';
import { EVENT_CHARS_MAX, EventStream } from '../../static/js/wire/event-stream.js';

/** @param {string[]} pieces */
function read(pieces) {
  const stream = new EventStream();
  return pieces.flatMap((piece) => stream.push(piece));
}

test('events are the same however the network cuts them, with each of the three ends of a line', () => {
  const text = 'retry: 1000\n: a comment\n\nid: e:1\ndata: {"a":"한"}\n\ndata: two\ndata:lines\nevent: x\n\ndata\n\nid: e:3\n\ndata: last\n\n';
  const expected = [
    { data: '{"a":"한"}', id: 'e:1' }, { data: 'two\nlines', id: 'e:1' }, { data: '', id: 'e:1' }, { data: 'last', id: 'e:3' },
  ];
  for (const end of ['\n', '\r\n', '\r']) {
    const stream = text.replaceAll('\n', end);
    assert.deepEqual(read([stream]), expected, JSON.stringify(end));
    assert.deepEqual(read([...stream]), expected, `${JSON.stringify(end)} one by one`);
    for (let at = 0; at <= stream.length; at += 1) {
      assert.deepEqual(read([stream.slice(0, at), '', stream.slice(at)]), expected, `${JSON.stringify(end)} at ${at}`);
    }
  }
});

test('an event that was cut is none', () => {
  assert.deepEqual(read(['data: whole\n\ndata: cut\n']), [{ data: 'whole', id: null }]);
});

test('what does not end is not gathered without end', () => {
  const piece = 'x'.repeat(1024 * 1024);
  const stream = new EventStream();
  stream.push('data: ');
  assert.throws(() => {
    for (let n = 0; n <= EVENT_CHARS_MAX / piece.length; n += 1) stream.push(piece);
  });
  const many = new EventStream();
  assert.throws(() => {
    for (let n = 0; n <= EVENT_CHARS_MAX / piece.length; n += 1) many.push(`data: ${piece}\n`);
  });
});
