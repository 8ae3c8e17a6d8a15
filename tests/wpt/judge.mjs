// Whether what a client shows of a case is what the case expects.
import assert from 'node:assert/strict';
import { PATIENCE, sleep } from '../support/wait.mjs';

/** A case that goes on when it should not shows itself in this time. */
const CALM = 200;

/**
 * @param {any} expected the case
 * @param {import('./server.mjs').Played} played
 * @param {(streams: number) => Promise<any> | any} look
 */
export async function judge(expected, { mock, asked, shown }, look) {
  const { streams, text, phase = 'live', error = null, requests } = expected;
  const wanted = { text, phase, error };
  const current = async () => {
    const seen = await look(streams.length);
    text.forEach((wanted, at) => {
      if (seen.text[at] === wanted) shown(at);
    });
    // Tries go on for ever; the case is about what they come to.
    const between = phase === 'waiting' && seen.phase === 'connecting';
    return { ...seen, phase: between ? phase : seen.phase };
  };
  const right = ({ text, phase, error }) => JSON.stringify({ text, phase, error }) === JSON.stringify(wanted);
  const end = Date.now() + PATIENCE;
  let seen = await current();
  while (!right(seen) && Date.now() < end) {
    await sleep(20);
    seen = await current();
  }
  await sleep(CALM);
  seen = await current();
  assert.deepEqual({ text: seen.text, phase: seen.phase, error: seen.error }, wanted);
  if (requests !== undefined) assert.equal(asked.length, requests, 'requests for the stream');
  else if (phase === 'waiting') assert.ok(asked.length >= 1);
  else assert.equal(asked.length, 1, 'requests for the stream');
  if (expected.phases) assert.deepEqual(seen.phases, expected.phases);
  for (const { headers } of asked) {
    for (const [name, value] of Object.entries(expected.sent ?? {})) assert.equal(headers[name], value, name);
    for (const name of expected.never ?? []) assert.equal(headers[name], undefined, name);
  }
  if (expected.wait) {
    const waited = asked[1].at - (asked[0].ended ?? 0);
    assert.ok(waited >= expected.wait[0] && waited <= expected.wait[1], `waited ${waited} ms`);
  }
  if (expected.preflights !== undefined) assert.equal(mock.requests.filter(({ method }) => method === 'OPTIONS').length, expected.preflights);
}

/** The options that every case runs with: quick tries, and no way around the stream. @param {any} expected @param {string} baseUrl */
export const optionsOf = ({ retry = { min: 50, max: 150 } }, baseUrl) => ({ baseUrl, transport: 'fetch', retry });
