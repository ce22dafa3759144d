import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { build, differences, kept } from '../../scripts/lib/bundle/build.mjs';
import { types } from '../../scripts/lib/wire-types/types.mjs';

test('what browsers get is made of the sources that are here', async () => {
  assert.deepEqual(differences(await build(), await kept()), [], 'run scripts/bundle, and commit what it writes');
});

test('the types of the wire are those of docs/asyncapi.yaml', async () => {
  const [document, there] = await Promise.all(['docs/asyncapi.yaml', 'static/js/wire-types.d.ts'].map((path) => readFile(path, 'utf8')));
  assert.equal(there, types(document), 'run scripts/wire-types, and commit what it writes');
});

test('a file that is missing, made from nothing or changed is named', () => {
  const made = new Map([['a.js', '1'], ['b.js', '2'], ['c.js', '3']]);
  const there = new Map([['b.js', '2'], ['c.js', '4'], ['d.js', '5']]);
  assert.deepEqual(differences(made, there), [
    'static/dist/a.js is missing',
    'static/dist/c.js is not what its sources make',
    'static/dist/d.js is made from nothing any more',
  ]);
});

test('each language is a file of its own, and the bundle has the words of none', async () => {
  const files = await kept();
  for (const [name, words] of [['ko.js', '첫 메시지를 남겨 대화를 시작해 보세요'], ['en.js', 'Start the conversation with the first message'], ['moderation-ko.js', '차단된 사람은'], ['moderation-en.js', 'Who is banned']]) {
    assert.ok(files.get(name)?.includes(words), name);
    assert.ok(!files.get('room.js')?.includes(words), `room.js has the words of ${name}`);
  }
});

test('a language needs nothing of the bundle, which waits for it', async () => {
  const files = await kept();
  for (const name of ['ko.js', 'en.js']) assert.ok(!/\bimport\b/.test(files.get(name)?.replace(/"[^"]*"|`[^`]*`/g, '') ?? 'import'), name);
});

test('the script that stands in the page cannot end its own element', async () => {
  const early = (await kept()).get('early.js') ?? '';
  assert.ok(early.length > 100 && !/<\/script|<!--/i.test(early));
});

/** A page of its own: what it may come to, in small. @param {Record<string, string>} sources */
async function folderWith(sources) {
  const folder = await mkdtemp(join(tmpdir(), 'realtime-chat-bundle-'));
  after(() => rm(folder, { recursive: true, force: true }));
  const all = { 'js/main.js': '', 'js/accounts.js': 'accounts();', 'js/console.js': 'board();', 'js/widgets.js': 'fill();', 'js/check.js': 'check();', 'js/demo.js': 'demo();', 'js/early.js': '', 'embed.js': '', 'css/chat.css': '', ...sources };
  for (const [name, text] of Object.entries(all)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

test('what is loaded later is a file of its own, and shares the modules of the bundle', async () => {
  const folder = await folderWith({
    // As the page waits for its language.
    'js/main.js': "import { count } from './shared/count.js';\nconst { words } = await import('./i18n/ko.js');\ncount.n += words.length;\nexport const later = () => import('./actions/menu.js');\n",
    'js/i18n/ko.js': "export const words = '말';\n",
    'js/shared/count.js': '/** What both change. */\nexport const count = { n: 0 };\n',
    'js/actions/menu.js': "import { count } from '../shared/count.js';\nimport { grid } from './grid.js';\ncount.n += 10;\nexport const found = () => [count.n, grid];\n",
    'js/actions/grid.js': "export const grid = 'the grid';\n",
  });
  for (const form of /** @type {const} */ (['minified', 'readable'])) {
    const files = await build(form, folder);
    assert.deepEqual([...files.keys()].filter((name) => /room|menu|grid|\bcount|ko/.test(name)), ['ko.js', 'menu.js', 'room.js'], 'no file for what two share');
    assert.ok(!files.get('room.js')?.includes('the grid'), 'what only the later part needs comes with it');
    assert.equal(files.get('room.js')?.includes('What both change'), false, 'comments stay behind');
    // The names that parts know each other by are those of the sources.
    assert.match(files.get('menu.js') ?? '', /import\s*\{\s*count\b[^}]*\}\s*from\s*["']\.\/room\.js["']/);
    const place = await mkdtemp(join(folder, 'dist-'));
    await writeFile(join(place, 'package.json'), '{"type":"module"}');
    for (const [name, text] of files) if (name.endsWith('.js')) await writeFile(join(place, name), text);
    const room = await import(pathToFileURL(join(place, 'room.js')).href);
    assert.deepEqual((await room.later()).found(), [11, 'the grid'], form);
  }
});

test('a style that a module loads by itself is found beside the bundle', async () => {
  const folder = await folderWith({
    'css/actions.css': '/* Bars. */\n.bar {\n  color: red;\n}\n',
    'js/main.js': "export const style = new URL('../css/actions.css', import.meta.url);\nexport const menu = () => import('./actions/menu.js');\n",
    'js/actions/menu.js': "export const style = new URL('../../css/actions.css', import.meta.url);\nexport const icon = new URL('../../icon.svg', import.meta.url);\n",
  });
  const files = await build('minified', folder);
  assert.equal(files.get('actions.css'), '.bar{color:red}\n');
  for (const name of ['room.js', 'menu.js']) assert.match(files.get(name) ?? '', /new URL\(["'`]\.\/actions\.css["'`],\s*import\.meta\.url\)/);
  assert.match(files.get('menu.js') ?? '', /new URL\(["'`]\.\.\/icon\.svg["'`],\s*import\.meta\.url\)/);
});

test('a module that imports what is not there stops the build', async () => {
  const folder = await folderWith({ 'js/main.js': "import { nothing } from './some.js';\nnothing();\n", 'js/some.js': 'export const something = 1;\n' });
  await assert.rejects(build('minified', folder), /nothing/);
});

test('types say what may be absent, and a word that is not known is refused', () => {
  const document = (/** @type {string} */ schema) => `components:\n  schemas:\n    A:\n      type: string\n    B: ${schema}\n`;
  const made = types(document('{ type: object, required: [a], properties: { a: { $ref: "#/components/schemas/A" }, b: { oneOf: [{ type: integer }, { type: "null" }] }, c: { type: array, items: { enum: [x, y] } } } }'));
  assert.match(made, /type A = string;/);
  assert.match(made, /\ba: A;\n\s*b\?: number \| null;\n\s*c\?: Array<"x" \| "y">;/);
  assert.throws(() => types(document('{ anyOf: [] }')), /B: no type is known for anyOf/);
  assert.throws(() => types(document('{ $ref: "#/components/schemas/C" }')), /is nowhere/);
  assert.throws(() => types(document('{ type: object, required: [a], properties: {} }')), /a is required and not described/);
});
