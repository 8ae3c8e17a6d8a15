// The judge itself: a faithful record passes, and each kind of falsehood in it is found.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertLive, assertTrue, caughtUp, partsOf } from './judge.mjs';

const WHOLE = 'w1 w2 w3 w4 w5';
const STORED = [{ info: { id: 'msg_1' }, parts: [{ id: 'prt_1', type: 'text', text: WHOLE }] }];
const at = (ms, continuity, keep, added, gap = -1, keepTail = 0, tail = '') => [ms, 0, continuity, keep, added, gap, keepTail, tail];
const load = (...texts) => ({ load: 'one', first: 1_000, end: 1_000, parts: [['prt_1', 'assistant', 'text']], texts, states: [], logs: [] });

describe('what was shown', () => {
  test('a growing text, and one with a hole that is filled, pass', () => {
    assertTrue(load(at(0, 'streaming', 0, ''), at(10, 'streaming', 0, 'w1 w2 '), at(20, 'streaming', 6, 'w3 '), at(30, 'settled', 9, 'w4 w5')), STORED);
    const holed = load(at(0, 'gapped', 0, 'w1 ', 3), at(10, 'gapped', 3, '', 3, 0, 'w4 '), at(20, 'settled', 3, 'w2 w3 w4 w5'));
    assertTrue(holed, STORED);
    assert.deepEqual(partsOf(holed)[0].shown.map(({ text, tail }) => [text, tail]), [['w1 ', ''], ['w1 ', 'w4 '], [WHOLE, '']]);
  });

  /** @type {[string, any[][], RegExp][]} */
  const falsehoods = [
    ['a hole that is not told', [at(0, 'streaming', 0, 'w1 '), at(10, 'streaming', 3, 'w4 ')], /no beginning/],
    ['a word twice', [at(0, 'streaming', 0, 'w1 '), at(10, 'streaming', 3, 'w1 ')], /no beginning/],
    ['a text that shrinks', [at(0, 'streaming', 0, 'w1 w2 '), at(10, 'streaming', 3, '')], /shrank/],
    ['a beginning shown as whole', [at(0, 'settled', 0, 'w1 w2')], /shown as whole/],
    ['a part that goes away', [at(0, 'streaming', 0, 'w1 '), at(10, 'gone', 0, '')], /went away/],
    ['a tail that was never said', [at(0, 'gapped', 0, 'w1 ', 3, 0, 'w3 w5 ')], /never said/],
    ['a hole that is nowhere', [at(0, 'gapped', 0, 'w1 ', -1, 0, 'w3 ')], /nowhere/],
    ['a tail without a hole', [at(0, 'streaming', 0, 'w1 ', -1, 0, 'w3 ')], /without a hole/],
  ];
  for (const [title, texts, message] of falsehoods) {
    test(title, () => assert.throws(() => assertTrue(load(...texts), STORED), message));
  }

  test('a part that the server does not have', () => assert.throws(() => assertTrue(load(at(0, 'streaming', 0, 'w1 ')), []), /none of the server/));
});

describe('how soon', () => {
  // One word each 200 ms; the second one comes before the first script.
  const reference = { parts: new Map([['prt_1', {}]]), length: (_, time) => WHOLE.slice(0, Math.max(0, Math.floor((time - 500) / 200)) * 3).trimEnd().length };

  test('caught up is when all words of the moment are there', () => {
    assert.equal(caughtUp(load(at(0, 'streaming', 0, ''), at(480, 'streaming', 0, 'w1 w2 w3 w4 ')), reference), 480);
    assert.equal(caughtUp(load(at(480, 'gapped', 0, 'w1 w2 w3 w4 ', 12)), reference), undefined, 'a text with a hole is not all');
    assert.equal(caughtUp(load(at(480, 'streaming', 0, 'w1 w2 ')), reference), undefined);
  });

  test('a text that stands still afterwards is found', () => {
    const slow = { ...load(at(0, 'streaming', 0, 'w1 ')), end: 4_000 };
    assert.throws(() => assertLive(slow, reference, 0), /missing/);
    assertLive({ ...load(at(0, 'streaming', 0, 'w1 '), at(1_200, 'streaming', 3, WHOLE.slice(3))), end: 4_000 }, reference, 0);
  });
});
