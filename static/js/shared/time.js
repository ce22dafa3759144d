// Times and days in the reader's own zone and language.

export class Clock {
  /** @param {string} locale @param {() => Date} [now] */
  constructor(locale, now = () => new Date()) {
    this.now = now;
    this.time = new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit' });
    this.full = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium' });
    this.day = new Intl.DateTimeFormat(locale, { month: 'long', day: 'numeric', weekday: 'long' });
    this.dayWithYear = new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'long', day: 'numeric', weekday: 'long' });
    this.relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  }

  /** @param {string} iso */
  timeOf(iso) {
    return this.time.format(new Date(iso));
  }

  /** @param {string} iso */
  exactly(iso) {
    return this.full.format(new Date(iso));
  }

  /** Names the calendar day, for comparing only. @param {string} iso */
  dayOf(iso) {
    const date = new Date(iso);
    return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
  }

  /** Milliseconds until the reader's next day begins, and a little more: clocks and timers are not exact. */
  untilMidnight() {
    const now = this.now();
    return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1).getTime() - now.getTime() + 1000;
  }

  /** @param {string} iso */
  dayLabel(iso) {
    const date = new Date(iso);
    const today = this.now();
    const days = Math.round((midnight(date) - midnight(today)) / 86_400_000);
    if (days === 0 || days === -1) return this.relative.format(days, 'day');
    return (date.getFullYear() === today.getFullYear() ? this.day : this.dayWithYear).format(date);
  }
}

/**
 * Acts at the beginning of each of the reader's days.
 * @param {() => Clock} clock @param {() => void} act @param {AbortSignal} signal
 */
export function atMidnight(clock, act, signal) {
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  const wait = () => {
    timer = setTimeout(() => {
      act();
      wait();
    }, clock().untilMidnight());
  };
  wait();
  signal.addEventListener('abort', () => clearTimeout(timer));
}

/** @param {Date} date */
function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}
