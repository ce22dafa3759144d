// Nickname and animal: the question to a newcomer, and the same form again for changing them.

import { loadAvatars, pick } from './avatars.js';
import { listenEnter } from './composer.js';
import { make, setAvatar } from './dom.js';
import { cleanNickname, nicknameFault } from './text.js';

export class Profile {
  /**
   * @param {Chat.ProfileParts} parts
   * @param {object} options
   * @param {(nickname: string, avatar: string) => void} options.choose
   * @param {() => void} options.dismiss
   * @param {() => Chat.Strings} options.strings
   */
  constructor(parts, { choose, dismiss, strings }) {
    this.parts = parts;
    this.strings = strings;
    this.choose = choose;
    this.joined = false;
    this.avatar = '';
    /** What we have proposed; it may change with the animal until the visitor writes. */
    this.suggestion = '';
    /** @type {Promise<Chat.Avatar[]> | null} */
    this.loading = null;
    /** @type {Chat.Avatar[]} */
    this.avatars = [];
    const { form, box, face } = parts;
    listenEnter(box, { touch: () => false, submit: () => this.#submit() });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    form.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !event.isComposing) dismiss();
    });
    parts.dismiss.addEventListener('click', dismiss);
    face.addEventListener('click', () => this.#showAnimals(parts.animals.hidden === true));
    box.addEventListener('input', () => this.explain(''));
    box.addEventListener('focus', () => box.value === this.suggestion && box.select());
  }

  /** @param {{nickname: string, avatar: string} | null} current null for a newcomer */
  async open(current) {
    const { form, box } = this.parts;
    this.joined = current !== null;
    this.relabel();
    this.explain('');
    this.#showAnimals(false);
    form.hidden = false;
    if (current) {
      this.#wear(current.avatar);
      box.value = current.nickname;
    }
    this.loading ??= loadAvatars();
    this.avatars = await this.loading;
    if (this.avatars.length === 0) this.loading = null;
    if (current) return;
    const avatar = this.avatars.find(({ name }) => name === this.avatar) ?? pick(this.avatars);
    this.#suggest(avatar);
  }

  close() {
    this.parts.form.hidden = true;
  }

  focus() {
    this.parts.box.focus({ preventScroll: true });
  }

  /** @param {string} text */
  explain(text) {
    this.parts.fault.textContent = text;
    this.parts.box.setAttribute('aria-invalid', String(text !== ''));
  }

  /** After the language changed, too. */
  relabel() {
    const { prompt, submit, dismiss } = this.parts;
    const strings = this.strings();
    prompt.textContent = this.joined ? strings.nicknameChange : strings.nicknamePrompt;
    submit.textContent = this.joined ? strings.save : strings.join;
    dismiss.textContent = this.joined ? strings.cancel : strings.justRead;
  }

  #submit() {
    const nickname = cleanNickname(this.parts.box.value);
    const fault = nicknameFault(nickname);
    if (fault) {
      this.explain(this.strings().nicknameFaults[fault]);
      this.focus();
      return;
    }
    this.choose(nickname, this.avatar);
  }

  /** @param {Chat.Avatar | null} avatar */
  #suggest(avatar) {
    const { box } = this.parts;
    const strings = this.strings();
    if (avatar) this.#wear(avatar.name);
    if (this.joined || (box.value !== '' && box.value !== this.suggestion)) return;
    this.suggestion = avatar ? strings.anonymous(strings.locale === 'ko' ? avatar.ko : avatar.en) : strings.anonymousPlain;
    box.value = this.suggestion;
  }

  /** @param {string} avatar */
  #wear(avatar) {
    this.avatar = avatar;
    setAvatar(/** @type {HTMLImageElement} */ (this.parts.face.firstElementChild), avatar);
    for (const radio of this.parts.animals.querySelectorAll('input')) radio.checked = radio.value === avatar;
  }

  /** @param {boolean} show */
  #showAnimals(show) {
    const { animals, face } = this.parts;
    animals.hidden = !show;
    face.setAttribute('aria-expanded', String(show));
    if (!show) return;
    const { locale } = this.strings();
    animals.replaceChildren(...this.avatars.map((avatar) => {
      const label = make('label', 'animal');
      const radio = make('input');
      radio.type = 'radio';
      radio.name = 'avatar';
      radio.value = avatar.name;
      radio.checked = avatar.name === this.avatar;
      radio.addEventListener('change', () => this.#suggest(avatar));
      const image = make('img');
      image.width = 40;
      image.height = 40;
      image.alt = locale === 'ko' ? avatar.ko : avatar.en;
      label.title = image.alt;
      setAvatar(image, avatar.name);
      label.append(radio, image);
      return label;
    }));
  }
}
