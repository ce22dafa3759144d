// What is going on, and how much was said lately.

import { choice } from '../moderation/dialog.js';
import { make } from '../shared/dom.js';
import { failure, heading, number } from './parts.js';
import { figuresTable, plot } from './plot.js';

const ASK_AGAIN_MS = 15_000;
/** What was before is counted a part at a time. */
const COUNTING_MS = 1_000;

/** @param {Chat.ConsolePage} page */
export function overviewScreen(page) {
  const { words, host, api, signal, live, why, query, keep } = page;
  const { overview } = words;
  const cards = make('ul', 'con-cards');
  const plots = make('div', 'con-plots');
  const note = make('p', 'account-hint');
  /** @type {any} */
  let body = null;
  let shown = '';
  /** @type {'hours' | 'days'} */
  let span = query.get('span') === 'days' ? 'days' : 'hours';
  const spans = choice(overview.span, [['hours', overview.spans.hours], ['days', overview.spans.days]], span);
  spans.field.classList.add('con-spans');
  host.append(heading(words.screens.overview, overview.lead), cards, spans.field, plots, note);
  plots.append(make('p', 'con-empty', words.loading));

  const drawCards = () => {
    const { waiting } = live;
    const now = body?.now;
    cards.replaceChildren(
      figure(page, overview.sessions, now?.sessions),
      figure(page, overview.rooms, now?.rooms, page.link('rooms', { state: 'recent' })),
      figure(page, overview.waiting, waiting?.held, page.link('queue', { kind: 'held' }), Number(waiting?.held) > 0),
      figure(page, overview.reported, waiting?.reported, page.link('queue', { kind: 'reported' }), Number(waiting?.reported) > 0),
    );
  };
  const drawPlots = () => {
    const { totals, complete } = body;
    const figures = /** @type {Chat.Figures[]} */ (body[span]);
    const open = plots.querySelector('details')?.open ?? false;
    const table = figuresTable(words, figures, span);
    table.open = open;
    plots.replaceChildren(...(/** @type {const} */ (['messages', 'people', 'rooms'])).map((what) => plot(words, what, figures, span)), table);
    const all = [totals.messages, totals.people, totals.rooms].map((n) => number(words.locale, n));
    note.textContent = [overview.totals(all[0], all[1], all[2]), ...(span === 'days' ? [overview.utc] : []), ...(complete ? [] : [overview.counting])].join(' ');
  };
  spans.radios.forEach((radio) => radio.addEventListener('change', () => {
    span = radio.value === 'days' ? 'days' : 'hours';
    keep({ span: span === 'days' ? span : '' });
    if (body) drawPlots();
  }));

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const load = async () => {
    clearTimeout(timer);
    if (document.hidden) return;
    const answer = await api.get('admin/overview');
    if (signal.aborted) return;
    if (answer.ok) {
      ({ body } = answer);
      drawCards();
      const now = JSON.stringify([body.hours, body.days, body.totals, body.complete]);
      // Whoever reads a bar is not disturbed.
      if (now !== shown) drawPlots();
      shown = now;
    } else if (!body) {
      plots.replaceChildren(failure(why(answer), load, words.tryAgain));
    }
    timer = setTimeout(load, answer.ok && !body.complete ? COUNTING_MS : ASK_AGAIN_MS);
  };
  signal.addEventListener('abort', () => clearTimeout(timer));
  document.addEventListener('visibilitychange', load, { signal });
  live.addEventListener('change', drawCards, { signal });
  drawCards();
  load();
}

/** @param {Chat.ConsolePage} page @param {string} label @param {number | undefined} n @param {string} [href] @param {boolean} [urgent] */
function figure({ words }, label, n, href = '', urgent = false) {
  const item = make('li', urgent ? 'con-figure urgent' : 'con-figure');
  const box = make(href ? 'a' : 'div', 'con-figure-box');
  if (box instanceof HTMLAnchorElement) box.href = href;
  box.append(make('span', 'con-figure-n', n === undefined ? '–' : number(words.locale, n)), make('span', 'con-figure-name', label));
  item.append(box);
  return item;
}
