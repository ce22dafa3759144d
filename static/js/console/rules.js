// What holds on all posts: words, patterns, pauses, what waits.

import { make } from '../shared/dom.js';
import { failure, heading } from './parts.js';
import { settingsForm } from './settings-form.js';

/** @param {Chat.ConsolePage} page */
export function rulesScreen(page) {
  const { words, host, api, signal, why, did } = page;
  const place = make('section', 'con-card');
  host.append(heading(words.screens.rules, words.rules.lead), place);
  place.append(make('p', 'con-empty', words.loading));
  const draw = async (/** @type {string} */ said) => {
    const answer = await api.get('admin/defaults');
    if (signal.aborted) return;
    if (!answer.ok) {
      place.replaceChildren(failure(why(answer), () => draw(''), words.tryAgain));
      return;
    }
    const { settings, settingsRev } = answer.body;
    const form = settingsForm(page, {
      own: settings,
      defaults: null,
      send: async (change) => {
        const done = await api.post('admin/defaults', { ...change, settingsRev });
        if (!done.ok && done.code !== 'SETTINGS_CONFLICT') return why(done);
        await draw(done.ok ? '' : why(done));
        if (done.ok) did(words.rules.saved);
        return '';
      },
    });
    const notice = make('p', 'account-notice bad', said);
    notice.setAttribute('role', 'alert');
    place.replaceChildren(...(said ? [notice] : []), form);
  };
  draw('');
}
