// The room by asking for what changed, again and again: the frames that a socket would have brought.

/** Changes in one answer. */
const STEP = 50;
/** Who is here is asked for with every so many answers. */
const PEOPLE_EVERY = 10;

/**
 * Without end; where the room's life has ended a frame `START_OVER` is the last one. Fails where an answer does not come.
 * @param {Chat.Cursor | undefined} resume
 * @param {Chat.Author | null} self
 * @param {(path: string) => Promise<any>} get an answer below the room's address
 * @param {() => Promise<void>} pause
 * @returns {AsyncGenerator<Chat.Frame>}
 */
export async function* changes(resume, self, get, pause) {
  const { presence } = await get('');
  let { epoch, rev } = resume ?? { epoch: '', rev: 0 };
  let settingsRev = -1;
  let welcomed = false;
  /** @param {any} room @param {object} more @returns {Chat.Frame} */
  const welcome = (room, more) => {
    welcomed = true;
    settingsRev = Number(room.settingsRev ?? -1);
    return { type: 'WELCOME', payload: { ...(self && { self }), room: { ...room, epoch, rev }, presence, messages: [], ...more } };
  };
  if (!resume) {
    const page = await get(`messages?limit=${STEP}`);
    ({ epoch, rev } = page);
    yield welcome({}, { resumed: false, messages: page.messages, hasMore: page.hasMore });
  }
  for (let n = 1; ; n += 1) {
    const answer = await get(`changes?epoch=${encodeURIComponent(epoch)}&after=${rev}&limit=${STEP}`);
    const { room, messages, startOver } = answer;
    if (startOver) {
      yield { type: 'START_OVER', payload: {} };
      return;
    }
    if (!welcomed) yield welcome(room, { resumed: true });
    else if (room.settingsRev !== settingsRev) {
      settingsRev = room.settingsRev;
      yield { type: 'ROOM', payload: { room } };
    }
    for (const payload of messages) yield { type: 'MESSAGE', payload };
    const progress = answer.rev > rev;
    rev = answer.rev;
    // The counter may have gone on without leaving a message behind.
    yield { type: 'CHANGES', payload: { rev } };
    if (progress && rev < room.rev) continue;
    yield { type: 'HEARTBEAT', payload: { rev } };
    await pause();
    if (n % PEOPLE_EVERY === 0) yield { type: 'PRESENCE', payload: (await get('')).presence };
  }
}
