// Messages in the order of their `seq`, without repeats. Pure.

/** Where the first message at or behind `seq` stands. @param {Chat.Message[]} messages @param {number} seq */
export function indexOf(messages, seq) {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (messages[middle].seq < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Puts a message where its `seq` belongs; one with the same `seq` is replaced.
 * @param {Chat.Message[]} messages
 * @param {Chat.Message} message
 * @returns {boolean} whether it is one that was not here before
 */
export function insert(messages, message) {
  const at = indexOf(messages, message.seq);
  const there = messages[at];
  if (there?.seq !== message.seq) {
    messages.splice(at, 0, message);
    return true;
  }
  // A page of history may be older than what the socket has told since.
  if (message.rev >= there.rev) messages[at] = message;
  return false;
}

/** @param {Chat.Message[]} messages @param {number} seq @returns {Chat.Message | null} */
export function bySeq(messages, seq) {
  const there = messages[indexOf(messages, seq)];
  return there?.seq === seq ? there : null;
}
