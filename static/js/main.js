// Puts the page together. The only module that acts when it is imported.

import { Announcer } from './shared/announcer.js';
import { base } from './shared/base.js';
import { ChatStore } from './store/chat-store.js';
import { Commands } from './wire/commands.js';
import { Composer } from './compose/composer.js';
import { Connection } from './wire/connection.js';
import { byId, setAvatar } from './shared/dom.js';
import { Frame } from './page/frame.js';
import { History } from './store/history.js';
import { load, supported } from './i18n/index.js';
import { Identity, uuid } from './store/identity.js';
import { Outbox } from './wire/outbox.js';
import { People } from './page/people.js';
import { Profile } from './compose/profile.js';
import { encodeJoin, encodeProfile } from './wire/protocol.js';
import { ReadPosition } from './store/read-position.js';
import { Roving } from './list/roving.js';
import { Sender } from './wire/sender.js';
import { Status } from './page/status.js';
import { openStorage } from './shared/storage.js';
import { setAccent, setTheme } from './shared/theme.js';
import { Clock } from './shared/time.js';
import { View } from './list/view.js';

const root = document.documentElement;
const { room = '', epoch = '', rev = '0', hasMore, mode } = document.body.dataset;
const roomPath = encodeURIComponent(room);
const api = `${base}/api/v1/rooms/${roomPath}`;

let strings = await load(root.lang);
setAccent(root.dataset.accent);

const session = openStorage('sessionStorage');
const identity = new Identity(openStorage('localStorage'));
const readPosition = new ReadPosition(openStorage('localStorage'), room);
const outbox = new Outbox(session, `realtime-chat:unsent:${room}`, uuid);
const commands = new Commands(uuid);
const store = new ChatStore(outbox, commands);
store.selfId = identity.authorId;

const frame = new Frame(fromBlog);
const announcer = new Announcer(byId('announcer'), (n) => strings.announceMany(n));
const status = new Status({ strip: byId('status'), note: byId('note') }, () => strings);

/**
 * While a choice of nickname and animal is unconfirmed: what to go back to if the server refuses.
 * @type {{nickname: string | null, avatar: string | null} | null}
 */
let beforeProfile = null;

const connection = new Connection({
  url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${base}/ws/room/${roomPath}`,
  join: () => encodeJoin({
    anonymousId: identity.anonymousId,
    ...(identity.nickname === null ? {} : { nickname: identity.nickname }),
    ...(identity.nickname === null || !identity.avatar ? {} : { avatar: identity.avatar }),
    ...(store.resume ? { resume: store.resume } : {}),
  }),
  cursor: () => store.rev,
  startOver: () => store.forget(),
  online: () => navigator.onLine !== false,
});

const sender = new Sender(outbox, (text) => connection.send(text), () => connection.state === 'live' && store.self !== null);
/** Who reads may react as well: a command needs no nickname. */
const commander = new Sender(commands, (text) => connection.send(text), () => connection.state === 'live');
const history = new History(store, api, (side, state) => view.setHistory(side, state));

const view = new View(store, {
  log: byId('log'),
  list: byId('list'),
  top: byId('top'),
  end: byId('end'),
  empty: byId('empty'),
  down: byId('down'),
  first: byId('first'),
}, {
  load(side) {
    if (side === 'older') history.loadOlder();
    else history.loadNewer();
  },
  loadAround: (seq) => history.loadAround(seq),
  read(seq) {
    // Somebody who only looks leaves nothing behind in their browser.
    if (identity.nickname !== null) readPosition.set(store.epoch, seq);
  },
  linkTo,
  say: (text) => announcer.say(text),
  retry(clientId) {
    outbox.retry(clientId);
    store.touch();
    sender.pump();
  },
  discard(clientId) {
    outbox.remove(clientId);
    store.touch();
  },
  unread: (count) => frame.post('unread', { count }),
  me: () => ({ nickname: identity.nickname ?? '', avatar: identity.avatar ?? '' }),
}, strings, new Clock(strings.locale));

const composer = new Composer({
  form: /** @type {HTMLFormElement} */ (byId('composer')),
  box: /** @type {HTMLTextAreaElement} */ (byId('message')),
  count: byId('count'),
  send: /** @type {HTMLButtonElement} */ (byId('send')),
}, {
  submit: write,
  drafts: session,
  draftKey: `realtime-chat:draft:${room}`,
  strings: () => strings,
  explain: (text) => status.note(text),
  leave: () => byId('log').focus({ preventScroll: true }),
});

const profile = new Profile({
  form: /** @type {HTMLFormElement} */ (byId('profile')),
  prompt: byId('prompt'),
  box: /** @type {HTMLInputElement} */ (byId('nickname')),
  face: /** @type {HTMLButtonElement} */ (byId('face')),
  animals: byId('animals'),
  submit: /** @type {HTMLButtonElement} */ (byId('profile-submit')),
  dismiss: /** @type {HTMLButtonElement} */ (byId('profile-dismiss')),
  fault: byId('fault'),
}, { choose: chooseProfile, dismiss: leaveProfile, strings: () => strings });

const people = new People({
  button: byId('people-button'),
  count: byId('people-count'),
  panel: byId('people'),
  heading: byId('people-heading'),
  list: byId('people-list'),
  more: byId('people-more'),
}, store, `${api}/members`, () => strings);

new Roving(byId('log'), byId('list'), { toBottom: () => view.toBottom(), leave: focusDock });

/** @param {string} content @returns {boolean} */
function write(content) {
  if (outbox.full) {
    status.note(strings.outboxFull);
    return false;
  }
  outbox.add(content, Date.now());
  status.note('');
  view.clearUnreadLine();
  view.toBottom();
  store.touch();
  sender.pump();
  return true;
}

/** @param {string} nickname @param {string} avatar */
function chooseProfile(nickname, avatar) {
  beforeProfile ??= { nickname: identity.nickname, avatar: identity.avatar };
  const anotherIdentity = identity.choose(nickname, avatar);
  if (anotherIdentity) connection.rejoin();
  else sendProfile();
  showDock('rest');
  composer.focus();
  if (!identity.storage.lasting) status.note(strings.notKept);
}

/** Does nothing away from the server: the choice then goes along with the next JOIN. */
function sendProfile() {
  const { nickname, avatar } = identity;
  if (nickname !== null) connection.send(encodeProfile({ nickname, ...(avatar ? { avatar } : {}) }));
}

/** The server has told who we are. @param {boolean} asked whether it answers our choice */
function onSelf(asked) {
  const { self } = store;
  if (!self) return;
  const chosen = self.nickname === identity.nickname && (!identity.avatar || self.avatar === identity.avatar);
  // A WELCOME may answer a JOIN from before the choice: then the choice is still to be sent.
  if (beforeProfile !== null && !asked && !chosen) return;
  beforeProfile = null;
  identity.confirm(self);
  setAvatar(/** @type {HTMLImageElement} */ (byId('me').firstElementChild), self.avatar);
  sender.pump();
}

/** @param {Chat.Frame} wire */
function onError({ payload }) {
  const error = /** @type {Chat.WireError} */ (payload);
  if (sender.refused(error) || commander.refused(error) || error.clientId) return;
  const about = strings.errors[/** @type {keyof typeof strings.errors} */ (error.code)];
  const joining = connection.state !== 'live';
  const ofProfile = ['INVALID_NICKNAME', 'INVALID_AVATAR'].includes(error.code)
    || (beforeProfile !== null && !joining && ['RATE_LIMITED', 'INTERNAL'].includes(error.code));
  if (!ofProfile) return;
  const draft = { nickname: identity.nickname ?? '', avatar: identity.avatar ?? '' };
  // What was refused may have come from an earlier visit: then nothing is left to go back to.
  identity.revert(joining ? null : beforeProfile?.nickname ?? null, beforeProfile?.avatar ?? null);
  beforeProfile = null;
  showDock('profile', draft);
  if (error.code === 'RATE_LIMITED' && error.retryAfterMs) profile.wait(error.retryAfterMs);
  else profile.explain(about);
}

/**
 * What stands at the foot of the page.
 * @param {'rest' | 'profile' | 'prompt'} what
 * @param {{nickname: string, avatar: string} | null} [draft] a choice that was refused
 */
function showDock(what, draft = null) {
  const joined = identity.nickname !== null;
  const asking = what !== 'rest';
  byId('composer').hidden = !joined || asking;
  byId('join-bar').hidden = joined || asking;
  if (asking) {
    profile.open(joined ? { nickname: identity.nickname ?? '', avatar: identity.avatar ?? '' } : null, draft);
  } else {
    profile.close();
  }
  setAvatar(/** @type {HTMLImageElement} */ (byId('me').firstElementChild), identity.avatar ?? '');
  if (!byId('composer').hidden) composer.update();
}

/** Whoever closed the form by keyboard goes on at what had opened it. */
function leaveProfile() {
  showDock('rest');
  byId(identity.nickname === null ? 'join-bar' : 'me').focus({ preventScroll: true });
}

/** Down to where one takes part, whatever stands there. */
function focusDock() {
  if (!byId('profile').hidden) profile.focus();
  else if (identity.nickname !== null) composer.focus();
  else byId('join-bar').focus({ preventScroll: true });
}

/** The page of a message: the chat by itself, in the visitor's own theme. @param {number} seq */
function linkTo(seq) {
  const address = new URL(location.href);
  for (const name of ['theme', 'mode']) address.searchParams.delete(name);
  address.searchParams.set('m', String(seq));
  address.hash = '';
  return address.href;
}

/** The message that the address leads to: `#m-41` within the page, `?m=41` from elsewhere. */
function linkedMessage() {
  const named = /^#m-(\d{1,15})$/.exec(location.hash)?.[1] ?? new URLSearchParams(location.search).get('m') ?? '';
  return /^\d{1,15}$/.test(named) ? Number(named) : null;
}

/** Texts that stand in the page itself. */
function relabel() {
  root.lang = strings.locale;
  const texts = /** @type {Record<string, any>} */ (strings);
  for (const element of document.querySelectorAll('[data-t]')) {
    element.textContent = texts[element.getAttribute('data-t') ?? ''];
  }
  for (const element of document.querySelectorAll('[data-t-label]')) {
    element.setAttribute('aria-label', texts[element.getAttribute('data-t-label') ?? '']);
  }
  for (const element of document.querySelectorAll('[data-t-title]')) {
    element.setAttribute('title', texts[element.getAttribute('data-t-title') ?? '']);
  }
  byId('message').setAttribute('placeholder', strings.placeholder);
}

let wantedLanguage = strings.locale;

/** @param {string} lang */
async function setLanguage(lang) {
  const wanted = supported(lang);
  wantedLanguage = wanted;
  if (wanted === strings.locale) return;
  const loaded = await load(lang);
  // The last word holds, whichever language came first.
  if (wantedLanguage !== wanted) return;
  strings = loaded;
  relabel();
  profile.relabel();
  people.draw();
  status.relabel();
  composer.update();
  view.setLanguage(strings, new Clock(strings.locale));
}

/** @param {Chat.FrameMessage} message checked by `frame` */
function fromBlog({ type, theme, title, lang, accent }) {
  if (type === 'focus') focusDock();
  if (theme) setTheme(theme);
  if (accent) setAccent(accent);
  if (lang) setLanguage(lang);
  if (title === undefined) return;
  // An empty title takes the blog's own back.
  byId('title').textContent = title || strings.title;
  document.title = title || strings.title;
}

connection.addEventListener('frame', (event) => {
  const wire = /** @type {Chat.Frame} */ (/** @type {any} */ (event).detail);
  if (wire.type === 'ERROR') {
    onError(wire);
    frame.post('error', { code: String(wire.payload.code) });
    return;
  }
  if (wire.type === 'WELCOME' && wire.payload.limits?.contentMax > 0) composer.contentMax = wire.payload.limits.contentMax;
  store.receive(wire);
  if (wire.type === 'WELCOME' || wire.type === 'PROFILE') onSelf(wire.type === 'PROFILE');
});
connection.addEventListener('state', () => {
  const { state, planned } = connection;
  if (state === 'live') {
    if (beforeProfile !== null) sendProfile();
    sender.pump();
    commander.pump();
  } else {
    sender.interrupted();
    commander.interrupted();
  }
  view.setLive(state === 'live');
  status.connection(state, planned);
  frame.post('state', { state });
});
connection.addEventListener('delayed', (event) => status.delayed(/** @type {any} */ (event).detail));
connection.addEventListener('refused', (event) => {
  const code = /** @type {any} */ (event).detail;
  // This page is the chat's own, so it is never another site's: a proxy has changed what the server compares.
  if (code === 4101) console.warn(`realtime-chat: the server takes this page for another site's; ${base}/check tells its owner why`);
  status.refused(code === 4101 ? strings.refused : code === 4103 ? strings.tooMany : strings.broken, () => connection.retry());
});
store.addEventListener('resolved', () => {
  announcer.say(strings.sent);
  sender.resolved();
});
store.addEventListener('done', () => commander.resolved());
store.addEventListener('arrived', (event) => {
  for (const { author, content } of /** @type {any} */ (event).detail) announcer.message(`${author.nickname}: ${content}`);
});
for (const one of [sender, commander]) one.addEventListener('changed', () => store.touch());
sender.addEventListener('hold', (event) => status.hold(/** @type {any} */ (event).detail));
commander.addEventListener('failed', (event) => {
  const code = /** @type {keyof typeof strings.errors} */ (/** @type {any} */ (event).detail.code);
  status.note(strings.errors[code] ?? strings.failed);
});
sender.addEventListener('failed', (event) => {
  const code = /** @type {keyof typeof strings.errors} */ (/** @type {any} */ (event).detail.code);
  announcer.say(`${strings.failed}. ${strings.errors[code] ?? ''}`);
  if (code === 'NICKNAME_REQUIRED') showDock('profile');
});

addEventListener('hashchange', () => {
  const seq = linkedMessage();
  if (seq !== null) view.open(seq);
});
addEventListener('online', () => connection.networkBack());
addEventListener('offline', () => connection.networkLost());
addEventListener('pageshow', (event) => event.persisted && connection.start());
// A page in the back/forward cache may hold no socket.
addEventListener('pagehide', () => {
  composer.keepDraft();
  connection.stop();
});
document.addEventListener('visibilitychange', () => document.hidden || connection.nudge());

byId('join-bar').addEventListener('click', () => {
  showDock('prompt');
  profile.focus();
});
byId('me').addEventListener('click', () => {
  showDock('profile');
  profile.focus();
});

const popout = /** @type {HTMLAnchorElement} */ (byId('popout'));
if (frame.embedded && mode !== 'popout') {
  const address = new URL(location.href);
  address.searchParams.set('mode', 'popout');
  popout.href = address.href;
  popout.hidden = false;
  popout.addEventListener('click', (event) => {
    // As it looks now: the blog may have changed it.
    address.searchParams.set('theme', root.dataset.theme ?? 'auto');
    address.searchParams.set('lang', strings.locale);
    popout.href = address.href;
    if (open(address.href, '_blank', 'popup,width=440,height=680')) event.preventDefault();
  });
}

relabel();
const target = linkedMessage();
store.hydrate({ epoch, rev: Number(rev), messages: view.rows.adopt(), hasMore: hasMore === 'true' });
showDock(identity.nickname === null ? 'prompt' : 'rest');
view.start(target === null ? readPosition.get(epoch) : null);
if (target !== null) view.open(target);
new ResizeObserver(() => frame.resize(
  byId('inner').offsetHeight + byId('dock').offsetHeight + byId('bar').offsetHeight,
)).observe(byId('list'));
status.connection('connecting');
frame.post('state', { state: 'connecting' });
frame.ready();
connection.start();
root.classList.add('scripted');
