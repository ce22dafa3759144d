// The animal of an account: a picture that opens the others.

import { loadAvatars, pick } from '../shared/avatars.js';
import { make, setAvatar } from '../shared/dom.js';
import { picture } from './icons.js';

export class Animals {
  /** @param {Chat.AccountWords} words @param {string} [avatar] empty for one that chance picks */
  constructor(words, avatar = '') {
    this.words = words;
    this.avatar = avatar;
    this.element = make('div', 'account-animals');
    this.image = make('img');
    Object.assign(this.image, { width: 88, height: 88, alt: '' });
    this.button = make('button', 'face account-face');
    this.button.type = 'button';
    this.button.title = words.animal;
    for (const [name, value] of [['aria-label', words.animal], ['aria-expanded', 'false'], ['aria-controls', 'animals']]) this.button.setAttribute(name, value);
    this.button.append(this.image, picture('pen'));
    this.list = make('div', 'animals');
    this.list.id = 'animals';
    this.list.hidden = true;
    this.list.setAttribute('role', 'radiogroup');
    this.list.setAttribute('aria-label', words.animal);
    this.element.append(this.button, this.list);
    this.button.addEventListener('click', () => this.#show(this.list.hidden === true));
    this.list.addEventListener('keydown', ({ key, isComposing }) => {
      if (key !== 'Escape' || isComposing) return;
      this.#show(false);
      this.button.focus();
    });
    this.#wear(avatar);
    this.loading = this.#load();
  }

  async #load() {
    const avatars = await loadAvatars();
    if (!this.avatar) this.#wear(pick(avatars)?.name ?? '');
    this.list.replaceChildren(...avatars.map((avatar) => {
      const label = make('label', 'animal');
      const radio = make('input');
      Object.assign(radio, { type: 'radio', name: 'avatar', value: avatar.name, checked: avatar.name === this.avatar });
      radio.addEventListener('change', () => this.#wear(avatar.name));
      const image = make('img');
      Object.assign(image, { width: 40, height: 40, alt: this.words.locale === 'ko' ? avatar.ko : avatar.en });
      label.title = image.alt;
      setAvatar(image, avatar.name);
      label.append(radio, image);
      return label;
    }));
    return avatars.length > 0;
  }

  /** @param {boolean} show */
  async #show(show) {
    // They may not have come with the page.
    if (show && !await this.loading) await (this.loading = this.#load());
    this.list.hidden = !show;
    this.button.setAttribute('aria-expanded', String(show));
    const chosen = this.list.querySelector('input:checked') ?? this.list.querySelector('input');
    if (show && chosen instanceof HTMLElement) chosen.focus();
  }

  /** @param {string} avatar */
  #wear(avatar) {
    this.avatar = avatar;
    setAvatar(this.image, avatar);
  }
}
