// A file that the browser keeps, however large it is: the browser's own download, which goes by the same cookie.

import { base } from '../shared/base.js';
import { make } from '../shared/dom.js';

/** What was said, on this post or on all. @param {Chat.ConsolePage} page @param {string} [room] */
export async function download({ api, did, why }, room = '') {
  // A download explains nothing and renews no login, so that is seen to before.
  const answer = await api.get('me');
  if (!answer.ok) {
    did(why(answer));
    return;
  }
  const link = make('a');
  link.href = `${base}/api/v1/admin/export${room && `?room=${encodeURIComponent(room)}`}`;
  link.download = '';
  link.click();
}
