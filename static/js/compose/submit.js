// The button of a form that the page itself carries out.

/**
 * Calls `submit` for the form's button, and for all else that means the same. A sandbox without `allow-forms` stops a
 * form before the page hears of it, but not the click that would have sent it.
 * @param {EventTarget} form
 * @param {EventTarget} button
 * @param {() => void} submit
 * @param {AbortSignal} signal
 */
export function listenSubmit(form, button, submit, signal) {
  for (const [target, type] of /** @type {const} */ ([[button, 'click'], [form, 'submit']])) {
    target.addEventListener(type, (event) => {
      event.preventDefault();
      submit();
    }, { signal });
  }
}
