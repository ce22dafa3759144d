/** An event with what it is about. (`CustomEvent` would do, but node 18 has none for the tests.) */
export class DetailEvent extends Event {
  /** @param {string} type @param {any} [detail] */
  constructor(type, detail) {
    super(type);
    this.detail = detail;
  }
}
