// Nickname and animal: the question to a newcomer, and the same form again for changing them.

import { loadAvatars, pick } from '../shared/avatars.js';
import { listenEnter } from './enter.js';
import { listenSubmit } from './submit.js';
import { make, setAvatar } from '../shared/dom.js';
import { cleanNickname, nicknameFault } from '../text/text.js';

export class Profile {
  /**
   * @param {Chat.ProfileParts} parts
   * @param {object} options
   * @param {(nickname: string, avatar: string) => void} options.choose
   * @param {() => void} options.dismiss
   * @param {() => Chat.Strings} options.strings
   * @param {AbortSignal} options.signal
   */
  constructor(parts, { choose, dismiss, strings, signal }) {
    this.parts = parts;
    this.strings = strings;
    this.choose = choose;
    this.joined = false;
    this.avatar = '';
    /** What we have proposed; it may change with the animal until the visitor writes. */
    this.suggestion = '';
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.countdown = undefined;
    /** @type {Promise<Chat.Avatar[]> | null} */
    this.loading = null;
    /** @type {Chat.Avatar[]} */
    this.avatars = [];
    const { form, box, face } = parts;
    listenEnter(box, { touch: () => false, submit: () => this.#submit(), signal });
    listenSubmit(form, parts.submit, () => this.#submit(), signal);
    form.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || event.isComposing || event.keyCode === 229) return;
      if (parts.animals.contains(/** @type {Node} */ (event.target))) {
        this.#showAnimals(false);
        face.focus();
      } else {
        dismiss();
      }
    }, { signal });
    parts.dismiss.addEventListener('click', dismiss, { signal });
    face.addEventListener('click', () => this.#toggleAnimals(), { signal });
    box.addEventListener('input', () => this.explain(''), { signal });
    box.addEventListener('focus', () => box.value === this.suggestion && box.select(), { signal });
    signal.addEventListener('abort', () => clearInterval(this.countdown));
  }

  /**
   * @param {{nickname: string, avatar: string} | null} current null for a newcomer
   * @param {{nickname: string, avatar: string} | null} [draft] what was chosen and refused; it stays in the box
   */
  async open(current, draft = null) {
    const { form, box } = this.parts;
    this.joined = current !== null;
    this.relabel();
    this.explain('');
    this.#showAnimals(false);
    form.hidden = false;
    const shown = draft ?? current;
    if (shown) {
      this.#wear(shown.avatar);
      box.value = shown.nickname;
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
    clearInterval(this.countdown);
    this.parts.fault.removeAttribute('aria-live');
    this.parts.fault.textContent = text;
    this.parts.box.setAttribute('aria-invalid', String(text !== ''));
  }

  /** Changed too often: counts down to the moment at which the same choice may be made again. @param {number} ms */
  wait(ms) {
    const until = Date.now() + ms;
    const draw = () => {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      this.parts.fault.textContent = seconds > 0 ? this.strings().profileHold(seconds) : '';
      if (seconds <= 0) clearInterval(this.countdown);
    };
    this.explain('');
    draw();
    this.countdown = setInterval(() => {
      // Said once; a screen reader must not be made to count along.
      this.parts.fault.setAttribute('aria-live', 'off');
      draw();
    }, 1000);
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
    // Whoever is in the box already is about to write: that takes the suggestion's place.
    if (document.activeElement === box) box.select();
  }

  /** @param {string} avatar */
  #wear(avatar) {
    this.avatar = avatar;
    setAvatar(/** @type {HTMLImageElement} */ (this.parts.face.firstElementChild), avatar);
    for (const radio of this.parts.animals.querySelectorAll('input')) radio.checked = radio.value === avatar;
  }

  /** The button asked for them: whoever opens the animals by keyboard goes on among them. */
  async #toggleAnimals() {
    const { animals } = this.parts;
    // They may not have come when the form was opened.
    if (this.avatars.length === 0) this.avatars = await (this.loading ??= loadAvatars());
    if (this.avatars.length === 0) this.loading = null;
    this.#showAnimals(animals.hidden === true);
    const chosen = animals.querySelector('input:checked') ?? animals.querySelector('input');
    if (!animals.hidden && chosen) /** @type {HTMLElement} */ (chosen).focus();
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
