// The reactions of a message as this reader sees them: what they have pressed counts at once. Pure.

/**
 * @param {Chat.Message} message
 * @param {import('../wire/commands.js').Commands} commands
 * @param {string | null} selfId
 * @returns {{emoji: string, count: number, mine: boolean, authors: string[]}[]} in the order of their first use
 */
export function reactionsOf(message, commands, selfId) {
  const stored = message.reactions ?? [];
  const pressed = commands.reactingTo(message.id).filter((emoji) => !stored.some((one) => one.emoji === emoji));
  const all = [...stored, ...pressed.map((emoji) => ({ emoji, count: 0, authors: /** @type {string[]} */ ([]) }))];
  return all.map(({ emoji, count, authors }) => {
    const before = commands.reacted(message, emoji, selfId);
    const mine = commands.reacts(message, emoji, selfId);
    return { emoji, count: count + Number(mine) - Number(before), mine, authors };
  }).filter(({ count }) => count > 0);
}

/**
 * Who has begun to react, as far as they are named.
 * @param {Chat.Message} before
 * @param {Chat.Message} after
 * @returns {{id: string, emoji: string}[]}
 */
export function newReactions(before, after) {
  /** @param {Chat.Message} message */
  const all = ({ reactions = [] }) => reactions.flatMap(({ emoji, authors }) => authors.map((id) => ({ id, emoji })));
  const known = all(before);
  return all(after).filter(({ id, emoji }) => !known.some((one) => one.id === id && one.emoji === emoji));
}
