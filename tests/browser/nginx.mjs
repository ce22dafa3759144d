// A real nginx in front of the server, whose settings may change while it runs.

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { until } from './support.mjs';

/** @typedef {{folder: string, port: number}} Place */
/** @typedef {(place: Place) => string} Settings what stands in its `http` block */

/** @returns {Promise<number>} a port that nobody listens on */
const freePort = () => new Promise((resolve) => {
  const server = net.createServer();
  server.listen(0, '127.0.0.1', () => {
    const { port } = /** @type {net.AddressInfo} */ (server.address());
    server.close(() => resolve(port));
  });
});

export class Nginx {
  /** @param {Place} place */
  constructor(place) {
    this.place = place;
    this.url = `http://127.0.0.1:${place.port}`;
    /** @type {import('node:child_process').ChildProcess | null} */
    this.process = null;
  }

  /** @param {Settings} settings @param {Record<string, string>} [files] what it may serve from its folder */
  static async start(settings, files = {}) {
    const folder = await mkdtemp(join(tmpdir(), 'rtc-nginx-'));
    const nginx = new Nginx({ folder, port: await freePort() });
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    await nginx.#write(settings);
    const child = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], {
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    nginx.process = child;
    let log = '';
    child.stderr.on('data', (data) => {
      log = (log + data).slice(-4000);
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    after(async () => {
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    });
    await until(() => {
      if (child.exitCode !== null) throw new Error(`nginx ended:\n${log}`);
      return new Promise((resolve) => {
        const socket = net.connect(nginx.place.port, '127.0.0.1', () => resolve(true));
        socket.on('error', () => resolve(false));
        socket.on('connect', () => socket.destroy());
      });
    }, (listens) => listens === true, 'nginx to listen');
    return nginx;
  }

  /** Other settings from here on, for new connections. @param {Settings} settings */
  async change(settings) {
    await this.#write(settings);
    this.process?.kill('SIGHUP');
  }

  /** @param {Settings} settings */
  async #write(settings) {
    const { folder } = this.place;
    await writeFile(join(folder, 'nginx.conf'), `daemon off; pid ${folder}/pid; error_log stderr;
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    events { worker_connections 256; }
    http {
      access_log off; types { text/html html; }
      client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
      uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
      ${settings(this.place)}
    }`);
  }
}
