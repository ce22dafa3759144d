import assert from 'node:assert/strict';
import test from 'node:test';
import { findings } from '../../static/js/check.js';

test('the owner is told what is wrong, and what to do about it', () => {
  const good = { host: true, scheme: true, address: 'forwarded' };
  for (const lang of /** @type {const} */ (['en', 'ko'])) {
    assert.ok(findings(good, true, lang).every(({ ok, remedy }) => ok && remedy === ''));
    assert.ok(findings({ ...good, address: 'direct' }, true, lang).every(({ ok }) => ok));
    for (const [answers, opened, remedy] of /** @type {const} */ ([
      [{ ...good, host: false }, true, /Host/],
      [good, false, /upgrade=websocket/],
      [{ ...good, scheme: false }, true, /X-Forwarded-Proto/],
      [{ ...good, address: 'missing' }, true, /X-Forwarded-For/],
      [{ ...good, address: 'untrusted' }, true, /CHAT_TRUSTED_PROXIES/],
      [null, true, /./],
    ])) {
      const wrong = findings(answers, opened, lang).filter(({ ok }) => !ok);
      assert.equal(wrong.length, 1);
      assert.match(wrong[0].remedy, remedy);
    }
  }
});
