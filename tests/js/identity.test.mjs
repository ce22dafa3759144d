import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import test from 'node:test';
import { Identity, uuid } from '../../static/js/store/identity.js';
import { memoryStorage, openStorage } from '../../static/js/shared/storage.js';

// Node 18 has it, but not as a global.
if (!globalThis.crypto) Object.assign(globalThis, { crypto: webcrypto });

test('ids are version 4 UUIDs', () => {
  for (let n = 0; n < 100; n += 1) assert.match(uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('nothing is stored before the visitor takes part', () => {
  const storage = memoryStorage();
  const identity = new Identity(storage);
  assert.equal(identity.nickname, null);
  assert.equal(storage.get('realtime-chat:identity'), null);
});

test('who has taken part is known again', () => {
  const storage = memoryStorage();
  const first = new Identity(storage);
  first.choose('수달', 'otter');
  first.confirm({ id: 'public', nickname: '수달', avatar: 'otter' });
  const again = new Identity(storage);
  assert.equal(again.anonymousId, first.anonymousId);
  assert.equal(again.nickname, '수달');
  assert.equal(again.authorId, 'public');
});

test('the second tab takes over the identity of the first', () => {
  const storage = memoryStorage();
  const [one, two] = [new Identity(storage), new Identity(storage)];
  assert.equal(one.choose('One', 'owl'), false);
  assert.equal(two.choose('Two', 'fox'), true);
  assert.equal(two.anonymousId, one.anonymousId);
  assert.equal(two.choose('Three', 'fox'), false);
});

test('a refused choice goes back to what was', () => {
  const storage = memoryStorage();
  const identity = new Identity(storage);
  identity.choose('Bad', 'owl');
  identity.revert(null, null);
  assert.equal(new Identity(storage).nickname, null);
});

test('junk in storage is not an identity', () => {
  for (const junk of ['{', '7', '{"anonymousId":"x","nickname":"a"}', '{"anonymousId":null}']) {
    const storage = memoryStorage();
    storage.set('realtime-chat:identity', junk);
    assert.equal(new Identity(storage).nickname, null, junk);
  }
});

test('storage that throws becomes memory', () => {
  Object.defineProperty(globalThis, 'localStorage', { configurable: true, get() { throw new Error('SecurityError'); } });
  const storage = openStorage('localStorage');
  storage.set('a', 'b');
  assert.equal(storage.get('a'), 'b');
  assert.equal(storage.lasting, false);
});
