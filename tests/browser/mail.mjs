// A real server of mail for a file of tests: what the chat sends to it.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { until } from './support.mjs';

/** Starts one that ends with the tests. Gives its port, the letters that nobody has looked at yet, and the next one. */
export async function mailServer() {
  const mail = spawn(process.execPath, ['tests/it/support/smtp-server.mjs'], { stdio: ['pipe', 'pipe', 'inherit'] });
  after(() => mail.kill());
  /** @type {any[]} */
  const letters = [];
  createInterface({ input: mail.stdout }).on('line', (line) => letters.push(JSON.parse(line)));
  const next = (/** @type {string} */ what) => until(() => letters.shift(), (told) => Boolean(told), what);
  const { port } = await next('the server of mail to listen');
  return { port, letters, next };
}
