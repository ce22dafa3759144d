// A blog that publishes its keys, for the tests. Its settings are a JSON object as the one argument: `key` and `cert` (paths)
// for TLS. It prints the port it listens on, and each address that it is asked for as a line of JSON. A line on standard
// input is what it answers from then on: `{status, body, location}`.

import { readFileSync } from 'node:fs';
import { createServer as plain } from 'node:http';
import { createServer as secure } from 'node:https';
import { createInterface } from 'node:readline';

const { key, cert } = JSON.parse(process.argv[2] ?? '{}');
const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
let answer = { status: 404, body: '' };

const serve = (request, response) => {
  tell({ asked: request.url, host: request.headers.host });
  response.writeHead(answer.status, { 'content-type': 'application/jwk-set+json', ...(answer.location ? { location: answer.location } : {}) });
  response.end(answer.body);
};
const server = key ? secure({ key: readFileSync(key), cert: readFileSync(cert) }, serve) : plain(serve);
server.on('tlsClientError', () => tell({ refused: true }));
server.listen(0, '127.0.0.1', () => tell({ port: server.address().port }));
for await (const line of createInterface({ input: process.stdin })) {
  answer = JSON.parse(line);
  tell({ answers: answer.status });
}
process.exit(0);
