import assert from 'node:assert/strict';
import test from 'node:test';
import { ReadPosition } from '../../static/js/store/read-position.js';
import { memoryStorage } from '../../static/js/shared/storage.js';

test('the position of a room is found again, in the same life of the room only', () => {
  const storage = memoryStorage();
  new ReadPosition(storage, 'a').set('e1', 5);
  new ReadPosition(storage, 'b').set('e1', 9);
  new ReadPosition(storage, 'a').set('e1', 6);
  assert.equal(new ReadPosition(storage, 'a').get('e1'), 6);
  assert.equal(new ReadPosition(storage, 'b').get('e1'), 9);
  assert.equal(new ReadPosition(storage, 'a').get('e2'), null);
  assert.equal(new ReadPosition(storage, 'c').get('e1'), null);
  assert.equal(new ReadPosition(storage, 'a').get(''), null);
});

test('the rooms visited last are kept', () => {
  const storage = memoryStorage();
  for (let n = 0; n < 60; n += 1) new ReadPosition(storage, `room ${n}`).set('e1', n);
  assert.equal(new ReadPosition(storage, 'room 9').get('e1'), null);
  assert.equal(new ReadPosition(storage, 'room 10').get('e1'), 10);
});

test('what cannot be read is nothing', () => {
  for (const kept of ['', '{', '5', 'null', '[1,null,[]]', '[["a","e1","x"]]']) {
    const storage = memoryStorage();
    storage.set('realtime-chat:read', kept);
    const position = new ReadPosition(storage, 'a');
    assert.equal(position.get('e1'), null);
    position.set('e1', 3);
    assert.equal(position.get('e1'), 3);
  }
});
