// Who reads: node readers.mjs ADDRESS PATH COUNT SESSIONS. Says `ready` once all read; on a line it reads, what came since the last one.
// `cycle N`: before that, N more are opened and closed.
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const [address, path, count, sessions] = process.argv.slice(2);
const { hostname, port, host } = new URL(address);
/** Of so many readers one looks at what it gets: the others only take it. */
const LOOKS = 20;
let bytes = 0;
let deltas = 0;
let late = [];
let ended = 0;

const open = (n) => new Promise((resolve, reject) => {
  const socket = connect(Number(port), hostname);
  socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\naccept: text/event-stream\r\nx-user: u${n}\r\nx-session: ses_bench${n % Number(sessions)}\r\ncookie: user=u${n}; session=ses_bench${n % Number(sessions)}\r\n\r\n`);
  const looks = n % LOOKS === 0;
  socket.once('data', () => resolve(socket));
  socket.on('error', reject);
  socket.on('end', () => {
    ended += 1;
  });
  socket.on('data', (piece) => {
    bytes += piece.length;
    if (!looks) return;
    const now = Date.now();
    for (const [, delta] of piece.toString('latin1').matchAll(/"delta":"([\d ]+)"/g)) {
      const times = delta.trim().split(' ');
      deltas += times.length;
      for (const time of times) late.push(now - Number(time));
    }
  });
});
/** Numbers `from` to `to`, some at a time. */
async function openAll(from, to) {
  const sockets = [];
  for (let n = from; n < to; n += 50) sockets.push(...await Promise.all(Array.from({ length: Math.min(50, to - n) }, (_, each) => open(n + each))));
  return sockets;
}

await openAll(0, Number(count));
console.log('ready');
createInterface({ input: process.stdin }).on('line', async (line) => {
  const [word, more] = line.split(' ');
  if (word === 'cycle') {
    for (let n = 0; n < Number(more); n += 50) for (const socket of await openAll(n, Math.min(n + 50, Number(more)))) socket.destroy();
  }
  late.sort((a, b) => a - b);
  const at = (share) => late[Math.min(late.length - 1, Math.floor(late.length * share))];
  console.log(JSON.stringify({ bytes, deltas: deltas * LOOKS, p50: at(0.5), p99: at(0.99), ended }));
  bytes = 0;
  deltas = 0;
  late = [];
});
