import assert from 'node:assert/strict';
import test from 'node:test';
import { Api, ticket } from '../../static/js/wire/account-api.js';

/**
 * An interface that answers as it is told.
 * @param {(method: string, path: string, n: number) => [number, any?, Record<string, string>?] | Error} answer `n`: how often this was asked
 */
function standIn(answer) {
  /** @type {{line: string, request: any}[]} */
  const asked = [];
  const send = async (/** @type {any} */ address, /** @type {any} */ request) => {
    const path = String(address).replace('/api/v1/', '');
    const line = `${request.method} ${path}`;
    asked.push({ line, request });
    const said = answer(request.method, path, asked.filter((one) => one.line === line).length);
    if (said instanceof Error) throw said;
    const [status, body, headers] = said;
    return new Response(status === 204 ? null : JSON.stringify(body ?? {}), { status, headers });
  };
  return { send, asked, lines: () => asked.map(({ line }) => line) };
}

/** @param {string} code */
const refusal = (code) => ({ error: { code, message: '' } });
const alone = (/** @type {() => Promise<unknown>} */ act) => act();

test('what changes something says that a page of ours asks, and cookies go to the own origin alone', async () => {
  const server = standIn(() => [204]);
  const api = new Api({ send: server.send, turn: alone });
  await api.get('me');
  await api.post('auth/login', { email: 'e', password: 'p' });
  await api.patch('me', { nickname: 'n' });
  await api.remove('me/logins/1');
  assert.deepEqual(server.lines(), ['GET me', 'POST auth/login', 'PATCH me', 'DELETE me/logins/1']);
  for (const { request } of server.asked) {
    assert.equal(request.credentials, 'same-origin');
    assert.equal(request.cache, 'no-store');
    assert.equal(request.headers['X-CSRF'], request.method === 'GET' ? undefined : '1');
    assert.equal(request.headers.Authorization, undefined);
  }
});

test('a login that ran out is renewed once, and the same is asked again', async () => {
  const server = standIn((_, path, n) => (path === 'auth/refresh' ? [200] : n === 1 ? [401, refusal('BAD_TOKEN')] : [200, { user: {} }]));
  const answer = await new Api({ send: server.send, turn: alone }).patch('me', { nickname: 'n' });
  assert.ok(answer.ok);
  assert.deepEqual(server.lines(), ['PATCH me', 'POST auth/refresh', 'PATCH me']);
  assert.equal(server.asked[2].request.body, '{"nickname":"n"}');
});

test('what is still refused is not asked a third time', async () => {
  const server = standIn((_, path) => (path === 'auth/refresh' ? [200] : [401, refusal('BAD_TOKEN')]));
  const answer = await new Api({ send: server.send, turn: alone }).get('me');
  assert.equal(answer.code, 'BAD_TOKEN');
  assert.deepEqual(server.lines(), ['GET me', 'POST auth/refresh', 'GET me']);
});

test('requests that find the login run out at the same time renew it once', async () => {
  const server = standIn((_, path, n) => (path === 'auth/refresh' ? [200] : n === 1 ? [401, refusal('BAD_TOKEN')] : [200]));
  const api = new Api({ send: server.send, turn: alone });
  const answers = await Promise.all([api.get('me'), api.get('me/logins')]);
  assert.ok(answers.every(({ ok }) => ok));
  assert.equal(server.lines().filter((line) => line === 'POST auth/refresh').length, 1);
});

test('two tabs renew one after the other, and neither ends the login', async () => {
  const server = standIn((_, path, n) => (path === 'auth/refresh' ? [200] : n <= 2 ? [401, refusal('BAD_TOKEN')] : [200]));
  /** As the lock of a browser. @type {Promise<unknown>} */
  let last = Promise.resolve();
  let under = 0;
  let most = 0;
  const turn = (/** @type {() => Promise<unknown>} */ act) => {
    last = last.then(async () => {
      most = Math.max(most, under += 1);
      await act();
      under -= 1;
    });
    return last.then(() => ({ ok: true }));
  };
  const tabs = [new Api({ send: server.send, turn }), new Api({ send: server.send, turn })];
  const answers = await Promise.all(tabs.map((api) => api.get('me')));
  assert.ok(answers.every(({ ok }) => ok));
  assert.equal(most, 1);
  assert.ok(!server.lines().includes('POST auth/logout'));
});

test('a login that cannot be renewed is no longer there, and nothing else is done about it', async () => {
  const server = standIn(() => [401, refusal('BAD_TOKEN')]);
  const answer = await new Api({ send: server.send, turn: alone }).get('me');
  assert.equal(answer.status, 401);
  assert.deepEqual(server.lines(), ['GET me', 'POST auth/refresh']);
});

test('where the server cannot renew it just now, nobody is told that they are signed out', async () => {
  for (const [said, status, code] of /** @type {const} */ ([[[503, refusal('STORE_UNAVAILABLE')], 503, 'STORE_UNAVAILABLE'], [new Error('away'), 0, '']])) {
    const server = standIn((_, path) => (path === 'auth/refresh' ? /** @type {any} */ (said) : [401, refusal('BAD_TOKEN')]));
    const answer = await new Api({ send: server.send, turn: alone }).get('me');
    assert.deepEqual([answer.status, answer.code], [status, code]);
  }
});

test('what was typed wrongly renews nothing', async () => {
  for (const [method, path, code] of /** @type {const} */ ([['post', 'auth/login', 'BAD_CREDENTIALS'], ['post', 'me/password', 'BAD_CREDENTIALS'], ['remove', 'me', 'BAD_CREDENTIALS'], ['post', 'auth/setup', 'BAD_CODE'], ['post', 'auth/password/reset', 'BAD_CODE']])) {
    const server = standIn(() => [401, refusal(code)]);
    assert.equal((await new Api({ send: server.send, turn: alone })[method](path, {})).code, code);
    assert.equal(server.asked.length, 1, path);
  }
});

test('signing out works where the short token has run out', async () => {
  const server = standIn((_, path, n) => (path === 'auth/logout' && n === 1 ? [401, refusal('BAD_TOKEN')] : [204]));
  assert.ok((await new Api({ send: server.send, turn: alone }).post('auth/logout')).ok);
  assert.deepEqual(server.lines(), ['POST auth/logout', 'POST auth/refresh', 'POST auth/logout']);
});

test('refusals are read whatever they look like', async () => {
  for (const [said, expected] of /** @type {const} */ ([
    [[429, refusal('RATE_LIMITED'), { 'Retry-After': '41' }], { status: 429, code: 'RATE_LIMITED', retryAfterMs: 41_000 }],
    [[503, { error: { code: 'OVERLOADED', message: '', retryAfterMs: 700 } }, { 'Retry-After': '2' }], { status: 503, code: 'OVERLOADED', retryAfterMs: 700 }],
    [[502, 'a page of a proxy'], { status: 502, code: '502', retryAfterMs: 0 }],
    [new Error('no line'), { status: 0, code: '', retryAfterMs: 0 }],
  ])) {
    const { ok, body: _, ...rest } = await new Api({ send: standIn(() => /** @type {any} */ (said)).send, turn: alone }).get('auth/settings');
    assert.equal(ok, false);
    assert.deepEqual(rest, expected);
  }
});

test('a ticket is asked for with each JOIN, and a login that ran out is renewed once for it', async () => {
  const server = standIn((_, path, n) => (path === 'auth/refresh' ? [200] : n === 1 ? [401, refusal('BAD_TOKEN')] : [200, { ticket: `tk_${n}`, expiresIn: 30 }]));
  const api = new Api({ send: server.send, turn: alone });
  assert.equal(await ticket(api), 'tk_2');
  assert.deepEqual(server.lines(), ['POST auth/ticket', 'POST auth/refresh', 'POST auth/ticket']);
  assert.ok(server.asked.every(({ request }) => request.headers['X-CSRF'] === '1' && request.credentials === 'same-origin' && request.signal instanceof AbortSignal));
  assert.equal(await ticket(api), 'tk_3', 'good once, so never kept');
});

test('who is not signed in has no ticket; where nobody knows, nobody is signed out', async () => {
  const signedOut = standIn(() => [401, refusal('BAD_TOKEN')]);
  assert.equal(await ticket(new Api({ send: signedOut.send, turn: alone })), null);
  assert.deepEqual(signedOut.lines(), ['POST auth/ticket', 'POST auth/refresh']);
  for (const [said, isOut] of /** @type {const} */ ([
    [[403, refusal('CSRF')], true],
    [[404, 'a page of a proxy'], true],
    [[429, refusal('RATE_LIMITED')], false],
    [[500, refusal('INTERNAL')], false],
    [[503, refusal('STORE_UNAVAILABLE')], false],
    [[200, { other: 1 }], false],
    [new Error('no line'), false],
  ])) {
    const asked = ticket(new Api({ send: standIn(() => /** @type {any} */ (said)).send, turn: alone }));
    if (isOut) assert.equal(await asked, null, String(said));
    else await assert.rejects(asked, /no ticket/, String(said));
    // The same of the renewal.
    const renewing = ticket(new Api({ send: standIn((_, path) => (path === 'auth/refresh' ? /** @type {any} */ (said) : [401, refusal('BAD_TOKEN')])).send, turn: alone }));
    if (isOut) assert.equal(await renewing, null, String(said));
    else if (!(Array.isArray(said) && said[0] === 200)) await assert.rejects(renewing, /no ticket/, String(said));
  }
});
