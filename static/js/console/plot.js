// A small plot: a bar for each hour or day, with the figures in a table for who cannot see it. `bars` is pure.

import { make } from '../shared/dom.js';
import { number } from './parts.js';

const SVG = 'http://www.w3.org/2000/svg';
const [WIDE, HIGH] = [720, 140];
/** So much below the plot is for its scale. */
const FOOT = 18;

/** The next larger number that one reads at a glance: 1, 2 or 5 and zeros. @param {number} most */
export function scaleOf(most) {
  if (most <= 4) return 4;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= most) ?? most;
}

/**
 * Where each bar stands: none for what was not counted, a line for nothing.
 * @param {(number | undefined)[]} values
 * @returns {{x: number, y: number, width: number, height: number, value: number | undefined}[]}
 */
export function bars(values) {
  const top = scaleOf(Math.max(0, ...values.map((value) => value ?? 0)));
  const step = WIDE / Math.max(1, values.length);
  const gap = Math.min(3, step * 0.3);
  return values.map((value, n) => {
    const height = value === undefined ? 0 : Math.max(1, (value / top) * (HIGH - FOOT - 8));
    return { x: n * step + gap / 2, y: HIGH - FOOT - height, width: step - gap, height, value };
  });
}

/** @param {string} name @param {Record<string, string | number>} attributes */
function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

/**
 * @param {Chat.ConsoleWords} words
 * @param {'messages' | 'people' | 'rooms'} what
 * @param {Chat.Figures[]} figures the oldest first
 * @param {'hours' | 'days'} span
 */
export function plot(words, what, figures, span) {
  const { locale, overview } = words;
  const values = figures.map((one) => one[what]);
  const most = Math.max(0, ...values.map((value) => value ?? 0));
  const sum = values.reduce((/** @type {number} */ all, value) => all + (value ?? 0), 0);
  const label = (/** @type {string} */ iso) => new Date(iso).toLocaleString(locale, span === 'hours'
    ? { month: 'short', day: 'numeric', hour: 'numeric' }
    : { month: 'short', day: 'numeric', timeZone: 'UTC' });
  const element = make('figure', `con-plot con-plot-${what}`);
  const caption = make('figcaption');
  const reading = make('span', 'con-reading');
  // People of an hour are those of another as well: their sum says nothing.
  const says = what === 'messages' ? overview.sum(number(locale, sum)) : overview.most(number(locale, most));
  reading.textContent = says;
  caption.append(make('span', 'con-plot-name', overview.plots[what]), reading);

  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', `0 0 ${WIDE} ${HIGH}`);
  svg.setAttribute('role', 'img');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-label', `${overview.plots[what]}: ${overview.spans[span]}, ${says}`);
  const top = scaleOf(most);
  for (const part of [0, 0.5, 1]) {
    const y = HIGH - FOOT - part * (HIGH - FOOT - 8);
    svg.append(shape('line', { x1: 0, x2: WIDE, y1: y, y2: y, class: 'con-grid' }));
  }
  const drawn = bars(values).map(({ x, y, width, height }, n) => {
    const bar = shape('rect', { x, y, width, height, rx: Math.min(3, width / 3), class: n === values.length - 1 ? 'con-bar-now' : 'con-bar-was' });
    svg.append(bar);
    return bar;
  });
  const area = make('div', 'con-plot-area');
  const scale = make('div', 'con-scale');
  scale.setAttribute('aria-hidden', 'true');
  scale.append(make('span', '', number(locale, top)), make('span', '', number(locale, top / 2)), make('span', '', '0'));
  const foot = make('div', 'con-plot-foot');
  foot.setAttribute('aria-hidden', 'true');
  const [first, last] = [figures[0], figures.at(-1)];
  foot.append(make('span', '', first ? label(first.at) : ''), make('span', '', last ? label(last.at) : ''));
  area.append(svg, scale);

  /** @param {number} n below 0: none */
  const read = (n) => {
    drawn.forEach((bar, at) => bar.classList.toggle('read', at === n));
    const one = figures[n];
    reading.textContent = one ? `${label(one.at)}: ${number(locale, one[what] ?? 0)}` : says;
  };
  svg.addEventListener('pointermove', ({ clientX }) => {
    const { left, width } = svg.getBoundingClientRect();
    read(Math.min(figures.length - 1, Math.max(0, Math.floor(((clientX - left) / width) * figures.length))));
  });
  svg.addEventListener('pointerleave', () => read(-1));
  element.append(caption, area, foot);
  return element;
}

/** The same figures as a table. @param {Chat.ConsoleWords} words @param {Chat.Figures[]} figures @param {'hours' | 'days'} span */
export function figuresTable(words, figures, span) {
  const { locale, overview } = words;
  const details = make('details', 'con-table');
  const table = make('table');
  const head = make('tr');
  head.append(...[overview.when, ...Object.values(overview.plots)].map((name) => {
    const cell = make('th', '', name);
    cell.scope = 'col';
    return cell;
  }));
  const top = make('thead');
  top.append(head);
  const body = make('tbody');
  body.append(...[...figures].reverse().map(({ at, messages, people, rooms }) => {
    const row = make('tr');
    const time = make('th', '', new Date(at).toLocaleString(locale, span === 'hours'
      ? { month: 'short', day: 'numeric', hour: 'numeric' } : { year: 'numeric', month: 'short', day: 'numeric', timeZone: 'UTC' }));
    time.scope = 'row';
    row.append(time, ...[messages, people, rooms].map((n) => make('td', '', n === undefined ? '–' : number(locale, n))));
    return row;
  }));
  table.append(top, body);
  const scroll = make('div', 'con-table-body');
  scroll.tabIndex = 0;
  scroll.setAttribute('role', 'region');
  scroll.setAttribute('aria-label', overview.table);
  scroll.append(table);
  details.append(make('summary', 'link', overview.table), scroll);
  return details;
}
