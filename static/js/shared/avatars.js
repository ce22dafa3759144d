// The animals to choose from.

import { base } from './base.js';

/** @returns {Promise<Chat.Avatar[]>} empty where they cannot be had; the server then picks one */
export async function loadAvatars() {
  try {
    const answer = await fetch(`${base}/api/v1/avatars`);
    const { avatars } = await answer.json();
    return Array.isArray(avatars) ? avatars.filter((avatar) => typeof avatar?.name === 'string') : [];
  } catch {
    return [];
  }
}

/** @param {Chat.Avatar[]} avatars @param {() => number} [random] @returns {Chat.Avatar | null} */
export function pick(avatars, random = Math.random) {
  return avatars[Math.floor(random() * avatars.length)] ?? null;
}
