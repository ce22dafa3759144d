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

test('who looks after the blog is another one until they sign out, and what the visitor was comes back', () => {
  const storage = memoryStorage();
  const identity = new Identity(storage);
  identity.choose('수달', 'otter');
  identity.confirm({ id: 'public', nickname: '수달', avatar: 'otter' });
  const { anonymousId } = identity;
  identity.signIn('secret', 'Owner');
  assert.deepEqual([identity.token, identity.nickname, identity.authorId], ['secret', 'Owner', null]);
  identity.confirm({ id: 'account', nickname: 'Owner', avatar: 'owl' });
  const again = new Identity(storage);
  assert.deepEqual([again.token, again.nickname, again.avatar, again.authorId, again.anonymousId], ['secret', 'Owner', 'owl', 'account', anonymousId]);
  again.signOut();
  assert.deepEqual([again.token, again.nickname, again.avatar, again.authorId, again.anonymousId], [null, '수달', 'otter', 'public', anonymousId]);
  assert.equal(new Identity(storage).token, null);
  assert.ok(!JSON.stringify(['realtime-chat:identity', 'realtime-chat:account'].map((key) => storage.get(key))).includes('secret'), 'nothing of the login is left');
});

test('signing out takes no newer login of another tab with it', () => {
  const storage = memoryStorage();
  const one = new Identity(storage);
  one.signIn('old', 'Owner');
  new Identity(storage).signIn('new', 'Owner');
  one.signOut();
  assert.deepEqual([one.token, one.nickname], [null, null]);
  assert.equal(new Identity(storage).token, 'new');
});

test('whoever never took part leaves nothing behind but the login, while there is one', () => {
  const storage = memoryStorage();
  const identity = new Identity(storage);
  identity.signIn('secret', 'Owner');
  assert.equal(storage.get('realtime-chat:identity'), null);
  identity.signOut();
  assert.equal(storage.get('realtime-chat:account'), null);
});

/** As the pages of accounts leave it. @param {Chat.Storage} storage */
const leaveLogin = (storage) => storage.set('realtime-chat:login', JSON.stringify({ nickname: 'Mina', avatar: 'otter', authorId: 'account' }));

test('who has signed in on the chat’s own pages is that account there, and a visitor in everybody else’s frames', () => {
  const storage = memoryStorage();
  new Identity(storage).choose('수달', 'fox');
  leaveLogin(storage);
  const own = new Identity(storage, uuid, true);
  assert.deepEqual([own.token, own.nickname, own.avatar, own.authorId, own.author], ['', 'Mina', 'otter', 'account', 'account']);
  const framed = new Identity(storage, uuid, false);
  assert.deepEqual([framed.token, framed.nickname, framed.author], [null, '수달', '~visitor']);
  framed.confirm({ id: 'public', nickname: '수달', avatar: 'fox' });
  own.signOut();
  assert.deepEqual([own.token, own.nickname, own.authorId, own.anonymousId], [null, '수달', 'public', framed.anonymousId]);
  assert.equal(storage.get('realtime-chat:login'), null);
  assert.equal(new Identity(storage, uuid, true).token, null);
});

test('a login by a code goes before one by cookies, and neither ends with the other', () => {
  const storage = memoryStorage();
  leaveLogin(storage);
  const identity = new Identity(storage, uuid, true);
  identity.signIn('secret', 'Owner');
  const again = new Identity(storage, uuid, true);
  assert.deepEqual([again.token, again.author], ['secret', '~account']);
  again.signOut();
  assert.notEqual(storage.get('realtime-chat:login'), null);
});

test('what the server says of an account is kept, but not where another tab has signed out', () => {
  const storage = memoryStorage();
  leaveLogin(storage);
  const [one, two] = [new Identity(storage, uuid, true), new Identity(storage, uuid, true)];
  one.confirm({ id: 'account', nickname: 'Mina B', avatar: 'owl' });
  assert.equal(new Identity(storage, uuid, true).nickname, 'Mina B');
  assert.ok(!storage.get('realtime-chat:login')?.includes('token'));
  assert.equal(two.signedOut, false);
  one.signOut();
  assert.equal(two.signedOut, true);
  two.confirm({ id: 'account', nickname: 'Mina B', avatar: 'owl' });
  assert.equal(storage.get('realtime-chat:login'), null);
});

test('junk in storage is not an identity', () => {
  for (const junk of ['{', '7', '{"anonymousId":"x","nickname":"a"}', '{"anonymousId":null}',
    '{"token":7,"nickname":"a"}', '{"token":"","nickname":"a"}']) {
    const storage = memoryStorage();
    storage.set('realtime-chat:identity', junk);
    storage.set('realtime-chat:account', junk);
    const { nickname, token } = new Identity(storage);
    assert.deepEqual([nickname, token], [null, null], junk);
  }
});

test('junk in storage is no login', () => {
  for (const junk of ['{', '7', 'null', '"x"', '{"nickname":7}', '{"authorId":"a"}']) {
    const storage = memoryStorage();
    storage.set('realtime-chat:login', junk);
    assert.equal(new Identity(storage, uuid, true).token, null, junk);
  }
  // Nothing that stands there is taken for a secret.
  const storage = memoryStorage();
  storage.set('realtime-chat:login', '{"token":"secret","nickname":"a"}');
  assert.equal(new Identity(storage, uuid, true).token, '');
});

test('storage that throws becomes memory', () => {
  Object.defineProperty(globalThis, 'localStorage', { configurable: true, get() { throw new Error('SecurityError'); } });
  const storage = openStorage('localStorage');
  storage.set('a', 'b');
  assert.equal(storage.get('a'), 'b');
  assert.equal(storage.lasting, false);
});

test('whom the blog vouches for is never stored, and the visitor of before is there again after that', () => {
  const storage = memoryStorage();
  const identity = new Identity(storage);
  identity.choose('Guest', 'otter');
  identity.confirm({ id: 'guest', nickname: 'Guest', avatar: 'otter' });
  const before = storage.get('realtime-chat:identity');
  Object.assign(identity, { vouched: 'a.b.c', nickname: 'Anna', avatar: '', authorId: null });
  identity.confirm({ id: 'anna', nickname: 'Anna', avatar: 'cat' });
  identity.revert(null, null);
  assert.equal(storage.get('realtime-chat:identity'), before);
  assert.equal(storage.get('realtime-chat:account'), null);
  identity.vouched = null;
  identity.signOut();
  assert.deepEqual([identity.nickname, identity.avatar, identity.authorId], ['Guest', 'otter', 'guest']);
  // Who runs the blog says so here, and that is kept.
  identity.vouched = 'a.b.c';
  identity.signIn('secret', 'Owner');
  assert.equal(identity.vouched, null);
  assert.match(storage.get('realtime-chat:account') ?? '', /secret/);
});
