// People come, write a few messages and read on. https://grafana.com/docs/k6/latest/javascript-api/k6-ws/
//   CHAT_RATE_LIMITS=off realtime-chat
//   k6 run load/k6.js
// Unlike the other two this script reads what comes: it measures from sending to the ACK, and counts by the room's
// own counter what was lost, repeated or out of order.
import ws from 'k6/ws';
import { check } from 'k6';
import { Counter, Trend } from 'k6/metrics';

const URL = __ENV.CHAT_URL || 'ws://127.0.0.1:8080/ws/room/k6';
const MESSAGES = 5;
const PAUSE_MS = 2000;

const acknowledged = new Trend('chat_ack', true);
const joined = new Trend('chat_join', true);
const deliveries = new Counter('chat_deliveries');
const wrong = new Counter('chat_lost_repeated_or_reordered');
const errors = new Counter('chat_errors');

export const options = {
  scenarios: {
    visitors: { executor: 'ramping-vus', startVUs: 0, stages: [{ duration: '20s', target: 200 }, { duration: '30s', target: 200 }] },
  },
  thresholds: {
    chat_ack: ['p(99)<500'],
    chat_lost_repeated_or_reordered: ['count==0'],
    chat_errors: ['count==0'],
  },
};

const digits = (n) => Array.from({ length: n }, () => Math.floor(Math.random() * 16).toString(16)).join('');
const uuid = () => `${digits(8)}-${digits(4)}-4${digits(3)}-8${digits(3)}-${digits(12)}`;
const frame = (type, payload) => JSON.stringify({ type, payload });

export default function visitor() {
  const began = Date.now();
  const params = { headers: { 'Sec-WebSocket-Protocol': 'realtime-chat.v1' } };
  const answer = ws.connect(URL, params, (socket) => {
    const waiting = new Map();
    let cursor = null;
    let sent = 0;

    const publish = () => {
      if (sent === MESSAGES) {
        socket.close();
        return;
      }
      sent += 1;
      const clientId = uuid();
      waiting.set(clientId, Date.now());
      socket.send(frame('MESSAGE', { clientId, content: `message ${sent} of a visitor` }));
      socket.setTimeout(publish, PAUSE_MS);
    };

    const take = ({ type, payload }) => {
      if (type === 'BATCH') {
        payload.frames.forEach(take);
      } else if (type === 'WELCOME') {
        joined.add(Date.now() - began);
        cursor = payload.room.rev;
        publish();
      } else if (type === 'ACK') {
        if (waiting.has(payload.clientId)) acknowledged.add(Date.now() - waiting.get(payload.clientId));
        waiting.delete(payload.clientId);
      } else if (type === 'ERROR') {
        errors.add(1, { code: payload.code });
      } else if (payload && payload.rev !== undefined && type !== 'HEARTBEAT') {
        deliveries.add(1);
        if (payload.rev !== cursor + 1) wrong.add(1);
        cursor = Math.max(cursor, payload.rev);
      }
    };

    socket.on('open', () => socket.send(frame('JOIN', { anonymousId: uuid(), nickname: 'k6' })));
    socket.on('message', (text) => take(JSON.parse(text)));
    socket.on('error', (error) => errors.add(1, { code: error.error() }));
  });
  check(answer, { 'the upgrade is answered with 101': (r) => r && r.status === 101 });
}
