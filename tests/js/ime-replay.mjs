// Plays a recorded order of events against a text field. Runs in node and, as text, in a browser:
// it uses nothing from outside itself.

/**
 * @param {any} box anything that has a `value` and takes events
 * @param {[string, any][]} steps
 * @param {boolean} apart whether each event is a task of its own; engines do it either way
 * @param {number} [later] added to the times of all events: several orders in one box lie apart
 */
export async function replay(box, steps, apart, later = 0) {
  let passed = performance.now() + later;
  let prevented = false;
  const task = () => new Promise((resolve) => {
    // Behind every timer of no delay that the page has set.
    setTimeout(resolve, 1);
  });
  for (const [name, detail] of steps) {
    passed += 1;
    if (name === 'value') {
      box.value = detail;
    } else if (name === 'ms') {
      await task();
      passed += detail;
    } else {
      if (name === 'break' && prevented) continue;
      const event = new Event(name === 'break' ? 'beforeinput' : name, { bubbles: true, cancelable: true });
      const fields = name === 'break' ? { inputType: 'insertLineBreak' } : { shiftKey: false, ctrlKey: false, altKey: false, metaKey: false, repeat: false, isComposing: false, ...detail };
      for (const [key, value] of Object.entries({ ...fields, timeStamp: passed })) Object.defineProperty(event, key, { value });
      const goesOn = box.dispatchEvent(event);
      if (name === 'keydown') prevented = !goesOn;
      if (name === 'break' && goesOn) box.value += '\n';
      if (apart) await task();
    }
  }
  await task();
  await task();
}
