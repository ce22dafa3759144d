import assert from 'node:assert/strict';
import test from 'node:test';
import { FIGURES, HEADER, SETS, grouped, markdownTable, median, page, percentile, plainTable, plots, ratio, reached, roundUp, rows, share, shown, svg, target, verdict } from '../../scripts/lib/bench/figures.mjs';

/** @param {string} id */
function figure(id) {
  const found = FIGURES.find((one) => one.id === id);
  assert.ok(found, id);
  return found;
}

const POINT = { sessions: 1000, rooms: 1, rate: 10, cpuUs: 6, limitCpuUs: 5, memory: 8192, p99Ms: 12 };
const RUN = {
  date: '2026-01-01 10:00 UTC',
  commit: 'abcdef',
  machine: '2 cores',
  command: 'scripts/bench',
  databases: /** @type {import('../../scripts/lib/bench/figures.mjs').Database[]} */ (['postgres', 'sqlite']),
  results: {},
  growth: null,
  commands: ['realtime-chat load'],
  notes: [],
};

test('the median is the middle one, or between the two middle ones', () => {
  assert.equal(median([3]), 3);
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([10, 2, 4, 8]), 6);
  assert.equal(median([100, 20, 3]), 20, 'as numbers, not as text');
  assert.throws(() => median([]));
});

test('a percentile is one of the values', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.deepEqual([1, 50, 99, 100].map((percent) => percentile(hundred, percent)), [1, 50, 99, 100]);
  assert.equal(percentile([7], 50), 7);
  assert.equal(percentile([9, 100], 99), 100, 'as numbers, not as text');
  assert.throws(() => percentile([], 50));
});

test('a ratio is of pairs, and its median counts', () => {
  // One slow moment of the machine hits both sides of its pair.
  assert.equal(ratio({ ours: [6, 60, 6.6], limit: [5, 50, 6] }), 1.2);
  assert.throws(() => ratio({ ours: [1, 2], limit: [1] }), /2 values against 1/);
});

test('what is held against the target is the ratio where the target is one', () => {
  assert.equal(reached(figure('cpu'), { ours: [6], limit: [5] }), 1.2);
  assert.equal(reached(figure('crowd'), { ours: [90, 110, 95] }), 95);
});

test('a verdict can be each of the four', () => {
  assert.equal(verdict(figure('cpu'), { ours: [6], limit: [5] }), 'reached');
  assert.equal(verdict(figure('cpu'), { ours: [6.1], limit: [5] }), 'MISSED');
  assert.equal(verdict(figure('max'), { ours: [8], limit: [1] }), 'reached');
  assert.equal(verdict(figure('max'), { ours: [7.9], limit: [1] }), 'MISSED');
  assert.equal(verdict(figure('live'), { ours: [0] }), 'reached', 'a target of nothing');
  assert.equal(verdict(figure('live'), { ours: [1] }), 'MISSED');
  assert.equal(verdict(figure('crowd'), { ours: [NaN] }), 'MISSED', 'no number is no success');
  assert.equal(verdict(figure('left'), { ours: [3] }), 'no target');
  assert.equal(verdict(figure('cpu'), undefined), 'not measured');
});

test('figures are written with their units', () => {
  assert.equal(grouped(1234567.4), '1,234,567');
  assert.equal(grouped(999), '999');
  assert.equal(shown(5.4321, 'us'), '5.43 µs');
  assert.equal(shown(1500, 'us'), '1.50 ms');
  assert.equal(shown(123.4, 'ms'), '123 ms');
  assert.equal(shown(21_000, 'perSecond'), '21,000/s');
  assert.equal(shown(7700, 'bytes'), '7.52 KiB');
  assert.equal(shown(256 * 1024 * 1024, 'bytes'), '256 MiB');
  assert.equal(shown(0.05, 'count'), '0.0500');
  assert.equal(shown(NaN, 'ms'), '-');
  assert.equal(shown(-1.234, 'ms'), '-1.23 ms', 'a difference may be below nothing');
  assert.equal(share(1.5, 4), '37.5 %');
  assert.equal(share(1, 0), '-');
});

test('targets say their direction', () => {
  assert.equal(target(figure('cpu')), 'at most 1.2 x');
  assert.equal(target(figure('max')), 'at least 8 x');
  assert.equal(target(figure('session')), 'at most 8 KiB');
  assert.equal(target(figure('live')), 'at most 0');
  assert.equal(target(figure('left')), '-');
});

test('every figure has one target at most, a set, and a name of its own', () => {
  assert.equal(new Set(FIGURES.map((one) => one.id)).size, FIGURES.length);
  assert.equal(new Set(FIGURES.map((one) => one.what)).size, FIGURES.length);
  for (const one of FIGURES) {
    assert.ok(one.most === undefined || one.least === undefined, one.id);
    assert.ok(SETS.includes(one.set), one.id);
  }
});

test('a row for each figure and database that it can be measured on', () => {
  const all = rows({ cpu: { sqlite: { ours: [6, 7], limit: [5, 5] } } }, ['postgres', 'sqlite']);
  const cpu = all.filter(([what]) => what === figure('cpu').what);
  assert.deepEqual(cpu.map((row) => row.slice(1)), [
    ['postgres', '-', '-', '-', 'at most 1.2 x', 'not measured'],
    ['sqlite', '5 µs', '6.50 µs', '1.30 x', 'at most 1.2 x', 'MISSED'],
  ]);
  assert.deepEqual(all.filter(([what]) => what === figure('cold').what).map(([, database]) => database), ['postgres']);
  for (const row of all) assert.equal(row.length, HEADER.length);
  assert.deepEqual(new Set(rows({}, ['sqlite'], ['max']).map(([what]) => what)), new Set([figure('max').what]));
});

test('tables line up, and a bar in a cell is no column', () => {
  assert.equal(plainTable([['a', 'bb'], ['ccc', 'd']]), 'a    bb\nccc  d');
  assert.equal(markdownTable([['a', 'b'], ['c|d', 'e']]), '| a | b |\n| --- | --- |\n| c\\|d | e |');
});

test('an axis ends at a round number that holds everything', () => {
  for (const [value, end] of /** @type {const} */ ([[0.7, 1], [1, 1], [1.1, 2], [4.9, 5], [7, 10], [230, 500], [0, 1]])) {
    assert.equal(roundUp(value), end, `${value}`);
  }
});

test('a plot has every point inside, needs nothing from elsewhere, and follows light and dark', () => {
  const text = svg({
    title: 'a < b',
    xName: 'sessions',
    yName: 'µs',
    series: [{ name: 'ours', points: [[10, 40], [1000, 6], [10_000, 5.5]] }, { name: 'limit', points: [[10, 8]] }],
  });
  const circles = [...text.matchAll(/<circle class="dot s(\d)" cx="([\d.]+)" cy="([\d.]+)"/g)];
  // One for each point, and one for each name.
  assert.equal(circles.length, 4 + 2);
  for (const [, , x, y] of circles) {
    assert.ok(Number(x) >= 64 && Number(x) <= 624, `x ${x}`);
    assert.ok(Number(y) >= 30 && Number(y) <= 272, `y ${y}`);
  }
  const [first, second] = circles.map(([, , , y]) => Number(y));
  assert.ok(first !== undefined && second !== undefined && first < second, 'more is higher');
  assert.match(text, /a &lt; b/);
  assert.match(text, /prefers-color-scheme: dark/);
  assert.doesNotMatch(text.replace('xmlns="http://www.w3.org/2000/svg"', ''), /https?:|href|url\(|NaN|undefined/);
  assert.throws(() => svg({ title: '', xName: '', yName: '', series: [] }), /nothing to plot/);
});

test('the growth series is plotted; memory of a few sessions is left out, and so is a broadcaster that did not run', () => {
  const small = { ...POINT, sessions: 10, memory: -4096, limitCpuUs: NaN };
  const files = plots({ sessions: [small, POINT], rooms: [{ ...POINT, limitCpuUs: NaN }] });
  assert.deepEqual(Object.keys(files).sort(), ['bench-rooms-cpu.svg', 'bench-rooms-memory.svg', 'bench-sessions-cpu.svg', 'bench-sessions-memory.svg']);
  assert.equal(files['bench-sessions-memory.svg']?.match(/<circle class="dot/g)?.length, 1 + 1);
  assert.equal(files['bench-sessions-cpu.svg']?.match(/<circle class="dot/g)?.length, 3 + 2);
  assert.equal(files['bench-rooms-cpu.svg']?.match(/<circle class="dot/g)?.length, 1 + 1);
});

test('the page says what was not measured', () => {
  const text = page(RUN);
  const untold = text.split('\n').filter((line) => line.endsWith('| not measured |'));
  assert.equal(untold.length, rows({}, RUN.databases).length);
  assert.match(text, /## Growth\n\nNot measured\./);
  assert.match(text, /Nothing was measured\./);
  assert.match(text, /## Changes of messages\n\n`scripts\/bench --only changes`/, 'how they are measured is told in any case');
});

test('the page has the run, its values and its commands', () => {
  const results = { max: { postgres: { ours: [1_900_000, 2_000_000], limit: [230_000, 240_000] } } };
  const text = page({ ...RUN, results, growth: { sessions: [POINT], rooms: [POINT] }, notes: ['A note.'] });
  for (const part of ['2026-01-01 10:00 UTC', 'abcdef', '2 cores', '`scripts/bench`', 'realtime-chat load', 'A note.', '8.30 x', '1,900,000/s, 2,000,000/s', '230,000/s, 240,000/s']) {
    assert.ok(text.includes(part), part);
  }
  for (const name of Object.keys(plots({ sessions: [POINT], rooms: [POINT] }))) assert.ok(text.includes(`(images/${name})`), name);
});
