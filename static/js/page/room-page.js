// Puts the page of a room together: every part is made here, starts here and ends here.

import { Trigger } from '../actions/trigger.js';
import { Composer } from '../compose/composer.js';
import { Drafts } from '../compose/drafts.js';
import { Profile } from '../compose/profile.js';
import { TypingSender } from '../compose/typing-sender.js';
import { load, supported } from '../i18n/index.js';
import { Roving } from '../list/roving.js';
import { View } from '../list/view.js';
import { Announcer } from '../shared/announcer.js';
import { base } from '../shared/base.js';
import { byId, copyText } from '../shared/dom.js';
import { isOwnPage } from '../shared/own-page.js';
import { openStorage } from '../shared/storage.js';
import { setAccent, setTheme } from '../shared/theme.js';
import { Clock } from '../shared/time.js';
import { ChatStore } from '../store/chat-store.js';
import { Deletions } from '../store/deletions.js';
import { History } from '../store/history.js';
import { Identity, uuid } from '../store/identity.js';
import { OwnReactions } from '../store/own-reactions.js';
import { ReadPosition } from '../store/read-position.js';
import { plainText } from '../text/format.js';
import { Commands } from '../wire/commands.js';
import { Connection } from '../wire/connection.js';
import { Outbox, UNSENT } from '../wire/outbox.js';
import { TYPING } from '../wire/protocol.js';
import { Sender } from '../wire/sender.js';
import { Dock } from './dock.js';
import { Frame } from './frame.js';
import { join } from './join.js';
import { linkTo, linkedMessage, relabel } from './labels.js';
import { MessageActions } from './message-actions.js';
import { Moderation } from './moderation.js';
import { People } from './people.js';
import { offerPopout } from './popout.js';
import { Status } from './status.js';

/** Of a server that takes this page for another site's. */
const NOT_ALLOWED = 4101;
/** Of a visitor who has it open too often. */
const TOO_MANY = 4103;

export class RoomPage {
  /** @param {Chat.Strings} strings of the language that the page came in */
  constructor(strings) {
    this.strings = strings;
    this.wantedLanguage = strings.locale;
    this.ending = new AbortController();
    const { signal } = this.ending;
    const words = () => this.strings;
    const { room = '', epoch = '', rev = '0', hasMore, mode } = document.body.dataset;
    const path = `rooms/${encodeURIComponent(room)}`;
    const api = `${base}/api/v1/${path}`;
    this.served = { epoch, rev: Number(rev), hasMore: hasMore === 'true', mode };

    const session = openStorage('sessionStorage');
    this.identity = new Identity(openStorage('localStorage'), uuid, isOwnPage());
    this.readPosition = new ReadPosition(openStorage('localStorage'), room);
    this.outbox = new Outbox(session, `${UNSENT}${room}`, uuid);
    this.store = new ChatStore(this.outbox, new Commands(uuid));
    this.#becomes();
    this.history = new History(this.store, api, () => this.view.schedule());

    this.ownReactions = new OwnReactions(this.store, path, () => (this.identity.nickname !== null && this.identity.vouched === null && this.connection.state === 'live' ? this.identity : null));
    this.frame = new Frame((message) => this.#fromBlog(message));
    this.announcer = new Announcer(byId('announcer'), (n) => this.strings.announceMany(n));
    this.status = new Status({ strip: byId('status'), note: byId('note') }, words);
    this.connection = new Connection({
      url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${base}/ws/room/${encodeURIComponent(room)}`,
      join: () => join(this.identity, this.store, () => this.moderation.forget(true)),
      cursor: () => this.store.rev,
      startOver: () => this.store.forget(),
      online: () => navigator.onLine !== false,
      askLess: async () => (await import('../store/less.js')).askLess(this.store, api),
      otherwise: () => void fetch(api).then(async ({ ok }) => ok && (await import('./slow-line.js')).slowLine(this, api)).catch(() => {}),
    });
    const { connection, identity, store } = this;
    const transmit = (/** @type {string} */ text) => connection.send(text);
    this.sender = new Sender(this.outbox, transmit, () => connection.state === 'live' && this.store.self !== null);
    /** Who reads may react as well: a command needs no nickname. */
    this.commander = new Sender(this.store.commands, transmit, () => connection.state === 'live');

    /** @type {Deletions} */
    this.deletions = new Deletions((id) => this.actions.delete(id), () => this.store.touch());
    /** @type {MessageActions} */
    this.actions = new MessageActions(this.store, {
      deletions: this.deletions,
      commander: this.commander,
      composer: () => this.composer,
      strings: words,
      explain: (text) => this.status.note(text),
      writes: () => this.identity.nickname !== null,
    });
    this.view = new View(this.store, this.history, {
      log: byId('log'),
      list: byId('list'),
      top: byId('top'),
      end: byId('end'),
      empty: byId('empty'),
      down: byId('down'),
      first: byId('first'),
    }, this.#ofView(), strings, new Clock(strings.locale), signal);
    /** @type {Composer} */
    this.composer = new Composer({
      form: /** @type {HTMLFormElement} */ (byId('composer')),
      box: /** @type {HTMLTextAreaElement} */ (byId('message')),
      count: byId('count'),
      send: /** @type {HTMLButtonElement} */ (byId('send')),
      context: byId('context'),
    }, {
      submit: (content, more) => this.#write(content, more),
      edit: (message, content, mentions) => this.actions.change(message, content, mentions),
      editLast: () => this.actions.editLast(),
      typed: (text) => this.typing.typed(text),
      mentions: () => this.#mentions(),
      drafts: new Drafts(session, room),
      strings: words,
      explain: (text) => this.status.note(text),
      leave: () => byId('log').focus({ preventScroll: true }),
      signal,
    });
    this.typing = new TypingSender(() => identity.nickname !== null && connection.send(TYPING));
    this.typingLine = /** @type {import('./typing-line.js').TypingLine | undefined} from the first time that somebody writes */ (undefined);
    store.addEventListener('typing', async () => {
      if (this.typingLine || store.typing.authors.length === 0) return;
      const loaded = await import('./typing-line.js').catch(() => null);
      if (loaded) this.typingLine ??= new loaded.TypingLine(byId('typing'), store, words, signal);
    }, { signal });
    this.profile = new Profile({
      form: /** @type {HTMLFormElement} */ (byId('profile')),
      prompt: byId('prompt'),
      box: /** @type {HTMLInputElement} */ (byId('nickname')),
      face: /** @type {HTMLButtonElement} */ (byId('face')),
      animals: byId('animals'),
      submit: /** @type {HTMLButtonElement} */ (byId('profile-submit')),
      dismiss: /** @type {HTMLButtonElement} */ (byId('profile-dismiss')),
      fault: byId('fault'),
    }, {
      choose: (nickname, avatar) => this.dock.choose(nickname, avatar),
      dismiss: () => this.dock.leaveProfile(),
      strings: words,
      signal,
    });
    this.people = new People({
      button: byId('people-button'),
      count: byId('people-count'),
      panel: byId('people'),
      heading: byId('people-heading'),
      list: byId('people-list'),
      more: byId('people-more'),
    }, this.store, `${api}/members`, words, signal);
    const { composer, profile, status } = this;
    this.dock = new Dock({ identity, store, connection, composer, profile, status, strings: words, signal });
    const { sender, commander, announcer, dock, frame } = this;
    this.people.office = this.moderation = new Moderation({
      room, store, sender, commander, connection, identity, status, announcer, frame, dock, signal,
      strings: words,
      composer: () => composer,
      reported: (id) => this.actions.reported.add(id),
      changedIdentity: () => {
        this.#becomes();
        dock.changedIdentity();
      },
    });
    new Trigger({
      log: byId('log'),
      list: byId('list'),
      subjectOf: (row) => this.#subjectOf(row),
      strings: words,
      act: {
        react: (message, emoji, on) => this.actions.react(message, emoji, on),
        reply: (message) => this.actions.reply(message),
        edit: (message) => this.actions.edit(message),
        remove: (message) => this.actions.remove(message),
        link: ({ seq }) => this.view.links.copy(seq),
        copy: async ({ content }) => await copyText(content) && this.announcer.say(this.strings.copied),
        report: (message) => this.moderation.with((office) => office.report(message)),
        pin: (message) => this.actions.pin(message, true),
        unpin: (message) => this.actions.pin(message, false),
        ban: (message) => this.moderation.with((office) => office.ban(message)),
      },
      say: (text) => this.announcer.say(text),
      signal,
    });
    new Roving(byId('log'), byId('list'), { toBottom: () => this.view.toBottom(), leave: () => this.dock.focus() }, signal);
  }

  start() {
    const { store, view, dock, frame, status, served } = this;
    this.#listen();
    this.#listenToPage();
    if (frame.embedded && served.mode !== 'popout') offerPopout(() => this.strings, this.ending.signal);
    setAccent(document.documentElement.dataset.accent);
    relabel(this.strings);
    const target = linkedMessage();
    store.hydrate({ epoch: served.epoch, rev: served.rev, hasMore: served.hasMore, messages: view.rows.adopt() });
    dock.show(this.identity.nickname === null ? 'prompt' : 'rest');
    view.start(target === null ? this.readPosition.get(served.epoch) : null);
    if (target !== null) view.open(target);
    const height = new ResizeObserver(() => frame.resize(
      byId('inner').offsetHeight + byId('dock').offsetHeight + byId('bar').offsetHeight,
    ));
    height.observe(byId('list'));
    this.ending.signal.addEventListener('abort', () => height.disconnect());
    status.connection('connecting');
    frame.post('state', { state: 'connecting' });
    frame.ready();
    this.moderation.enter();
    document.documentElement.classList.add('scripted');
  }

  /** Ends everything: no socket, no listener, no timer is left. */
  destroy() {
    this.#leave();
    this.ending.abort();
    this.frame.destroy();
    this.announcer.destroy();
    this.status.destroy();
    this.profile.close();
    this.sender.destroy();
    this.commander.destroy();
    this.store.destroy();
    this.ownReactions.destroy();
  }

  /** Who reads and writes from here on, as far as it is known. */
  #becomes() {
    this.store.selfId = this.identity.authorId;
    this.outbox.become(this.identity.author);
  }

  /** @returns {Chat.ViewActions} */
  #ofView() {
    const { store, outbox, identity } = this;
    /** @param {number} seq @param {(message: Chat.Message) => void} act */
    const withMessage = (seq, act) => {
      const message = store.bySeq(seq);
      if (message) act(message);
    };
    return {
      // Somebody who only looks leaves nothing behind in their browser.
      read: (seq) => identity.nickname !== null && this.readPosition.set(store.epoch, seq),
      linkTo,
      say: (text) => this.announcer.say(text),
      retry: (clientId) => {
        outbox.retry(clientId);
        store.touch();
        this.sender.pump();
      },
      discard: (clientId) => {
        outbox.remove(clientId);
        store.touch();
      },
      unread: (count, mentions) => this.frame.post('unread', { count, mentions }),
      react: (seq, emoji) => withMessage(seq, (message) => this.actions.react(message, emoji)),
      keep: (seq) => withMessage(seq, ({ id }) => this.deletions.keep(id)),
      leaving: (id) => this.deletions.has(id),
      me: () => ({ nickname: identity.nickname ?? '', avatar: identity.avatar ?? '' }),
    };
  }

  /** Few messages address anybody: what that takes is loaded with the first `@`. @returns {Promise<Chat.MentionSource | null>} */
  async #mentions() {
    try {
      const [{ MentionList, peopleOf }] = await Promise.all([
        import('../compose/mention-list.js'),
        import('../actions/style.js').then(({ loadStyle }) => loadStyle('actions')),
      ]);
      const { store, ending: { signal } } = this;
      return new MentionList({
        box: /** @type {HTMLTextAreaElement} */ (byId('message')),
        host: byId('composer'),
        people: () => peopleOf(store.messages, [...store.authors.list(), ...store.presence.members ?? []]),
        selfId: () => store.ownId,
        strings: () => this.strings,
        signal,
        say: (text) => this.announcer.say(text),
      });
    } catch {
      return null;
    }
  }

  /** What can be done with the message of a row. @param {HTMLElement} row @returns {Chat.Subject | null} */
  #subjectOf({ dataset }) {
    const message = dataset.seq ? this.store.bySeq(Number(dataset.seq)) : null;
    if (!message || message.deletedAt) return null;
    return { message, can: this.actions.can(message), reacts: (emoji) => this.actions.reacts(message, emoji) };
  }

  /** @param {string} content @param {Chat.Written} more @returns {boolean} */
  #write(content, more) {
    const { outbox, status, view, store, sender } = this;
    if (outbox.full) {
      status.note(this.strings.outboxFull);
      return false;
    }
    if (!this.moderation.mayWrite()) return false;
    outbox.add(content, Date.now(), more);
    this.typing.reset();
    status.note('');
    view.clearUnreadLine();
    view.toBottom();
    store.touch();
    sender.pump();
    return true;
  }

  #listen() {
    const { connection, store, sender, commander, status, announcer, frame, view, dock } = this;
    const { signal } = this.ending;
    /** @param {EventTarget} from @param {string} type @param {(detail: any) => void} act */
    const on = (from, type, act) => from.addEventListener(type, (event) => act(/** @type {any} */ (event).detail), { signal });

    on(connection, 'frame', (wire) => this.#receive(wire));
    on(connection, 'state', (state) => {
      if (state === 'live') {
        dock.live();
        this.history.forgive();
        this.outbox.again();
        sender.pump();
        commander.pump();
      } else {
        sender.interrupted();
        commander.interrupted();
      }
      view.setLive(state === 'live');
      status.connection(state, connection.planned);
      frame.post('state', { state });
    });
    on(connection, 'delayed', (code) => status.delayed(code));
    on(connection, 'refused', (code) => {
      // This page is the chat's own, so it is never another site's: a proxy has changed what the server compares.
      if (code === NOT_ALLOWED) console.warn(`realtime-chat: see ${base}/check`);
      const words = code === NOT_ALLOWED ? this.strings.refused : code === TOO_MANY ? this.strings.tooMany : this.strings.broken;
      status.refused(words, () => connection.retry());
    });
    on(store, 'resolved', (/** @type {Chat.Unsent} */ { held }) => {
      // Of what has waited more is said elsewhere.
      if (held === undefined) announcer.say(this.strings.sent);
      sender.resolved();
    });
    on(store, 'done', () => commander.resolved());
    on(store, 'arrived', (/** @type {Chat.Message[]} */ messages) => {
      for (const message of messages) {
        const { author: { nickname } } = message;
        const text = plainText(message.content);
        if (store.mentionsMe(message)) announcer.say(this.strings.mentionedYou(nickname, text));
        else announcer.message(`${nickname}: ${text}`);
      }
    });
    /** What tells of reactions, from the first of somebody else on. @type {Promise<import('../store/reaction-news.js').ReactionNews> | undefined} */
    let news;
    on(store, 'reacted', async (/** @type {{before: Chat.Message, after: Chat.Message}} */ { before, after }) => {
      news ??= import('../store/reaction-news.js').then(({ ReactionNews }) => new ReactionNews(store, (nickname, emoji) => announcer.say(this.strings.reacted(nickname, emoji))));
      (await news.catch(() => news = undefined))?.reacted(before, after);
    });
    on(store, 'presence', async () => (await news?.catch(() => {}))?.named());
    on(store, 'room', () => dock.room());
    on(store, 'presence', () => this.composer.mentions?.update());
    on(store, 'reset', () => this.ownReactions.forget());
    on(store, 'messages', () => this.ownReactions.soon());
    on(store, 'messages', () => this.composer.check((id) => !store.find(id)?.deletedAt));
    for (const one of [sender, commander]) on(one, 'changed', () => store.touch());
    on(sender, 'hold', (hold) => status.hold(hold));
    on(commander, 'failed', (refusal) => this.actions.refused(refusal));
    on(sender, 'failed', ({ code }) => {
      const { errors, failed } = this.strings;
      announcer.say(`${failed}. ${errors[/** @type {keyof typeof errors} */ (code)] ?? ''}`);
      if (code === 'NICKNAME_REQUIRED') dock.show('profile');
    });
  }

  /** @param {Chat.Frame} wire */
  #receive(wire) {
    const { store, sender, commander, dock } = this;
    if (wire.type === 'ERROR') {
      const error = /** @type {Chat.WireError} */ (wire.payload);
      if (error.code === 'BAD_TOKEN') this.moderation.forget(Boolean(this.identity.token));
      if (!sender.refused(error) && !commander.refused(error) && !error.clientId) dock.refused(error);
      this.frame.post('error', { code: String(error.code) });
      return;
    }
    if (wire.type === 'WELCOME' && wire.payload.limits?.contentMax > 0) this.composer.contentMax = wire.payload.limits.contentMax;
    store.receive(wire);
    const asked = wire.type === 'PROFILE';
    if ((asked || wire.type === 'WELCOME') && dock.told(asked)) sender.pump();
  }

  #listenToPage() {
    const { signal } = this.ending;
    const { connection } = this;
    addEventListener('hashchange', () => {
      const seq = linkedMessage();
      if (seq !== null) this.view.open(seq);
    }, { signal });
    addEventListener('online', () => connection.networkBack(), { signal });
    addEventListener('offline', () => connection.networkLost(), { signal });
    addEventListener('pageshow', (event) => event.persisted && connection.start(), { signal });
    addEventListener('storage', () => this.moderation.follow(), { signal });
    // A page in the back/forward cache may hold no socket.
    addEventListener('pagehide', () => this.#leave(), { signal });
    document.addEventListener('visibilitychange', () => document.hidden || connection.nudge(), { signal });
  }

  #leave() {
    this.deletions.flush();
    this.composer.keepDraft();
    this.connection.stop();
  }

  /** @param {Chat.FrameMessage} message checked by `frame` */
  #fromBlog({ type, theme, title, lang, accent, token }) {
    if (type === 'focus') this.dock.focus();
    if (theme) setTheme(theme);
    if (accent) setAccent(accent);
    if (lang) this.#setLanguage(lang);
    if (token !== undefined) this.moderation.vouch(token);
    if (title === undefined) return;
    // An empty title takes the blog's own back.
    byId('title').textContent = title || this.strings.title;
    document.title = title || this.strings.title;
  }

  /** @param {string} lang */
  async #setLanguage(lang) {
    const wanted = supported(lang);
    this.wantedLanguage = wanted;
    if (wanted === this.strings.locale) return;
    const loaded = await load(lang);
    // The last word holds, whichever language came first.
    if (this.wantedLanguage !== wanted) return;
    this.strings = loaded;
    relabel(loaded);
    this.profile.relabel();
    this.people.draw();
    this.status.relabel();
    this.composer.relabel();
    this.typingLine?.relabel();
    this.view.setLanguage(loaded, new Clock(loaded.locale));
  }
}
