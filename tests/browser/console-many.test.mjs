// The console of a chat that has been there for long: what a page holds does not grow with what there is.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { fillSql } from '../../scripts/lib/console-fill.mjs';
import { words } from '../../static/js/i18n/console-en.js';
import { ConsoleServer, settled } from './console-server.mjs';
import { launch, until } from './support.mjs';

/** Of a page of a list with all that stands around it. */
const NODES_MAX = 3_000;
const FILL = 'import sqlite3, sys; sqlite3.connect(sys.argv[1], isolation_level=None).executescript(sys.stdin.read())';

const browser = await launch();
const chat = await ConsoleServer.start(browser);
// Python is what the bots of the docs are tried with, so it is there.
const filled = spawnSync('python3', ['-c', FILL, join(chat.server.folder, 'chat.db')], { input: fillSql('sqlite', { rooms: 10_000, people: 100_000, accounts: 2_000 }), encoding: 'utf8' });
assert.equal(filled.status, 0, filled.stderr);

/** How much the page holds. @param {import('./support.mjs').Page} page */
const nodes = (page) => page.evaluate(() => document.querySelectorAll('*').length);

for (const [screen, size, find, label, n] of /** @type {const} */ ([
  ['rooms', 50, 'post-777', words.rooms.search, 11],
  ['people', 50, 'otter 7777', words.people.search, 11],
  ['team', 100, 'member77', words.team.search, 11],
])) {
  test(`${screen}: a page at a time, the next ones, and those that are looked for, of thousands`, async () => {
    const visitor = await chat.open('owner', `/admin/${screen}?lang=en`);
    const { page } = visitor;
    const rows = page.locator('.con-list .con-rows > .con-row');
    await until(() => rows.count(), (count) => count === size, 'a page of them');
    await settled(page);
    const first = await rows.first().textContent();
    assert.ok(await nodes(page) < NODES_MAX, `${await nodes(page)} elements`);
    for (const turned of [2, 3, 4]) {
      await page.getByRole('button', { name: words.next, exact: true }).click();
      await until(() => page.locator('.con-page-number').textContent(), (number) => number === String(turned), `page ${turned}`);
      assert.equal(await rows.count(), size);
    }
    assert.notEqual(await rows.first().textContent(), first);
    assert.ok(await nodes(page) < NODES_MAX, `${await nodes(page)} elements after some pages`);
    await page.getByLabel(label).fill(find);
    await until(() => rows.count(), (count) => count === n, 'those that are looked for');
    await page.getByLabel(label).fill('nowhere at all');
    await until(() => rows.count(), (count) => count === 0, 'nothing to be found');
    assert.deepEqual(visitor.complaints, []);
    await visitor.leave();
  });
}
