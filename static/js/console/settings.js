// What goes on the blog, and how this server is set.

import { button, choice } from '../moderation/dialog.js';
import { base } from '../shared/base.js';
import { make } from '../shared/dom.js';
import { isTheme, setTheme } from '../shared/theme.js';
import { download } from './download.js';
import { card, copied, heading, number } from './parts.js';
import { OWN } from './rights.js';

/** @param {Chat.ConsolePage} page */
export async function settingsScreen(page) {
  const { words, host, api, signal } = page;
  const { settings } = words;
  const chat = location.origin + base;
  const file = `<script async src="${chat}/embed.js"`;
  const lines = {
    embed: `${file} data-room-from="permalink"></script>`,
    iframe: `<iframe src="${chat}/room/my-post?theme=auto" title="${words.locale === 'ko' ? '토론' : 'Discussion'}"\n  style="width: 100%; height: 480px; border: 0; color-scheme: light dark" loading="lazy"></iframe>`,
    counts: `<span data-realtime-chat-count="/2026/05/my-post/"></span>\n${file}></script>`,
    latest: `<ul data-realtime-chat-latest="5"></ul>\n${file}></script>`,
  };
  const facts = make('dl', 'con-dl');
  const site = card(settings.site, [facts]);
  host.append(
    heading(words.screens.settings, settings.lead),
    card(settings.embed, [copied(page, lines.embed, settings.embed), make('h3', '', settings.iframe), copied(page, lines.iframe, settings.iframe)], settings.embedHow),
    card(settings.counts, [copied(page, lines.counts, settings.counts)], settings.countsHow),
    card(settings.latest, [copied(page, lines.latest, settings.latest)], settings.latestHow),
    look(page),
    site,
    variables(page),
    card(settings.export, [...(page.may(OWN) ? [saved(page)] : []), copied(page, 'realtime-chat backup chat.db\nDATABASE_URL=postgres://… scripts/backup chat.dump', settings.export)], settings.exportHow),
  );
  const fact = (/** @type {string} */ name, /** @type {string} */ value) => facts.append(make('dt', '', name), make('dd', '', value));
  fact(settings.address, chat);
  const [server, overview] = await Promise.all([api.get('auth/settings'), api.get('admin/overview')]);
  if (signal.aborted) return;
  if (overview.ok) fact(settings.servers, number(words.locale, overview.body.now.servers));
  if (server.ok) {
    const { registration, mail } = /** @type {Chat.AccountSettings} */ (server.body);
    fact(settings.registration, settings.registrations[registration] ?? registration);
    fact(settings.mail, mail ? settings.on : settings.off);
  }
  const check = make('a', 'account-quiet con-check', settings.check);
  check.href = `${base}/check`;
  check.target = '_blank';
  check.rel = 'noopener';
  site.append(make('p', 'account-hint', settings.checkHow), check);
}

/** @param {Chat.ConsolePage} page */
function saved(page) {
  return button('primary second con-save', page.words.settings.exportAll, () => download(page));
}

/** @param {Chat.ConsolePage} page */
function look({ words: { settings } }) {
  const { theme = 'auto' } = document.documentElement.dataset;
  const themes = choice(settings.theme, Object.entries(settings.themes), theme);
  for (const radio of themes.radios) {
    radio.addEventListener('change', () => {
      if (!isTheme(radio.value)) return;
      setTheme(radio.value);
      const query = new URLSearchParams(location.search);
      query.set('theme', radio.value);
      history.replaceState(null, '', `${location.pathname}?${query}`);
    });
  }
  themes.field.classList.add('con-spans');
  const element = card(settings.theme, [themes.field]);
  themes.field.querySelector('legend')?.classList.add('unseen');
  return element;
}

/** @param {Chat.ConsolePage} page */
function variables({ words: { settings } }) {
  const list = make('dl', 'con-dl');
  for (const [name, what] of settings.settingsList) {
    const term = make('dt');
    term.append(make('code', '', name));
    list.append(term, make('dd', '', what));
  }
  return card(settings.origins, [list], settings.originsHow);
}
