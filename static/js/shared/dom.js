// The few helpers for elements. Text only ever becomes text: nothing here takes markup.

import { base } from './base.js';

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`no #${id}`);
  return element;
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [className]
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Names of animals are plain; anything else would be somebody's try at another address. */
const AVATAR = /^[a-z0-9_-]{1,32}$/;

/** @param {string} avatar @param {number} size CSS px @returns {HTMLImageElement} */
export function avatarImage(avatar, size) {
  const image = make('img', 'avatar');
  image.width = size;
  image.height = size;
  image.alt = '';
  image.decoding = 'async';
  setAvatar(image, avatar);
  return image;
}

/** @param {HTMLImageElement} image @param {string} avatar */
export function setAvatar(image, avatar) {
  const source = AVATAR.test(avatar) ? `${base}/avatars/${avatar}.svg` : '';
  if (image.getAttribute('src') === source) return;
  if (source) image.setAttribute('src', source);
  else image.removeAttribute('src');
}

/** In a frame the clipboard may be closed to scripts while the browser's own copying is not. @param {string} text */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const { activeElement } = document;
    const box = make('textarea', 'unseen');
    box.value = text;
    document.body.append(box);
    box.select();
    const copied = document.execCommand('copy');
    box.remove();
    if (activeElement instanceof HTMLElement) activeElement.focus({ preventScroll: true });
    return copied;
  }
}
