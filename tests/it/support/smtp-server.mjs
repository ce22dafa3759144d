// A server that takes mail, for the tests: real STARTTLS and AUTH. Its settings are a JSON object as the one argument;
// it prints the port it listens on, and then each letter as a line of JSON. A line on standard input changes how it
// answers: `refuse CODE` refuses letters with that code, `take` takes them again.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

const { key, cert, secure = false, user, password } = JSON.parse(process.argv[2] ?? '{}');
const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
let refuses = 0;

const server = new SMTPServer({
  secure,
  ...(key ? { key: readFileSync(key), cert: readFileSync(cert) } : { hideSTARTTLS: true, disabledCommands: user ? [] : ['AUTH'] }),
  authOptional: !user,
  onAuth(auth, _session, done) {
    const right = auth.username === user && auth.password === password;
    done(right ? null : new Error('who is that'), right ? { user } : undefined);
  },
  async onData(stream, session, done) {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    const raw = Buffer.concat(chunks);
    if (refuses) {
      done(Object.assign(new Error('not now, or never'), { responseCode: refuses }));
      return;
    }
    const { from, to, replyTo, subject, text, html, messageId, headers } = await simpleParser(raw);
    tell({
      from: from?.value, to: to?.value, replyTo: replyTo?.value, subject, text, html, messageId,
      auto: headers.get('auto-submitted'),
      stop: raw.toString('latin1').match(/^List-Unsubscribe: <(.*)>\r$/m)?.[1], stopPost: raw.toString('latin1').match(/^List-Unsubscribe-Post: (.*)\r$/m)?.[1], secure: Boolean(session.secure), user: session.user ?? null,
      names: raw.toString('latin1').split('\r\n\r\n')[0].split('\r\n').filter((line) => !/^\s/.test(line)).map((line) => line.split(':')[0]),
    });
    done();
  },
});
server.on('error', () => {});
server.listen(0, '127.0.0.1', () => tell({ port: server.server.address().port }));
for await (const line of createInterface({ input: process.stdin })) {
  const [word, code] = line.split(' ');
  refuses = word === 'refuse' ? Number(code) : 0;
  tell({ refuses });
}
process.exit(0);
