// The judge of the fault table can say each of its verdicts, and says it of the one kind of trouble only.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { brief, compareWords, judge } from '../../benches/faults/oracle.mjs';

const WORDS = 100;
const EVERY = 30;
const FAULT = 900;
const END = 6000;
const until = (words) => Array.from({ length: words }, (_, at) => `w${at + 1} `).join('');
const truth = until(WORDS);
/** A client without faults: a word each 30 ms. */
const reference = Array.from({ length: WORDS + 1 }, (_, words) => ({ at: words * EVERY, text: until(words) }));

/** What a page showed: changes as `[at, text, more]`, and what is wrong in the end. */
function verdict(changes, more = {}) {
  const samples = changes.map(([at, text, rest]) => ({ at, text, gapped: false, busy: false, told: false, ...rest }));
  return judge({ samples, reference, truth, stored: 1, from: FAULT, until: END, ...more });
}

const followed = (from, to, change = (text) => text) =>
  reference.filter((_, words) => words >= from && words <= to).map(({ at, text }) => [at + 20, change(text), {}]);

describe('the judge of the fault table says', () => {
  test('right, when nothing happened', () => {
    const { kind, cell, seconds, blank, wrong, gap } = verdict(followed(0, WORDS));
    assert.deepEqual({ kind, cell, seconds, blank, wrong, gap }, { kind: 'right', cell: 'right, 0.0 s', seconds: 0, blank: 0, wrong: 0, gap: 0 });
  });

  test('right after the time that the page was behind', () => {
    const { kind, seconds, cell } = verdict([...followed(0, 30), [FAULT + 2500, truth, {}]]);
    assert.equal(kind, 'right');
    assert.equal(seconds, 2.5);
    assert.equal(cell, 'right, 2.5 s');
  });

  test('that a lag of less than half a second is no fault', () => {
    const { cell } = verdict(reference.map(({ at, text }) => [at + 450, text, {}]));
    assert.equal(cell, 'right, 0.0 s');
  });

  test('blank, when shown text went away and came back', () => {
    const { kind, cell } = verdict([...followed(0, 40), [1300, '', {}], [2500, until(82), {}], ...followed(84, WORDS)]);
    assert.equal(kind, 'blank');
    assert.match(cell, /^blank 1\.2 s, right, /);
  });

  test('a hole that was shown as whole', () => {
    const hole = (text) => text.replace('w31 w32 w33 ', '');
    const { kind, cell } = verdict([...followed(0, 30), ...followed(34, 90, hole), ...followed(91, WORDS)]);
    assert.equal(kind, 'wrong');
    assert.match(cell, /^hole shown as whole 1\.7 s, right, /);
  });

  test('doubled for a while', () => {
    const { kind, cell } = verdict([...followed(0, 30), ...followed(31, 60, (text) => `${text}${text.slice(-4)}`), ...followed(61, WORDS)]);
    assert.equal(kind, 'wrong');
    assert.match(cell, /^doubled 0\.9 s, right, /);
  });

  test('a gap that was marked', () => {
    const marked = followed(31, 90, () => until(30)).map(([at, text]) => [at, text, { gapped: true }]);
    const { kind, cell, wrong, blank } = verdict([...followed(0, 30), ...marked, ...followed(91, WORDS)]);
    assert.deepEqual({ kind, wrong, blank }, { kind: 'gap', wrong: 0, blank: 0 });
    assert.match(cell, /^gap marked 1\.8 s, right, /);
  });

  test('stuck, when nothing more came and the page still waits', () => {
    const { kind, cell } = verdict([...followed(0, 29), [900, until(30), { busy: true }]]);
    assert.equal(kind, 'stuck');
    assert.equal(cell, 'stuck, last 70 words never');
  });

  test('lost, at the end and in the middle, and whether the page said so', () => {
    assert.equal(verdict([...followed(0, 30), [901, until(30), { told: true }]]).cell, 'lost the last 70 words, error shown');
    const { kind, cell } = verdict([...followed(0, 30), [1000, truth.replace('w31 w32 ', ''), {}]]);
    assert.equal(kind, 'lost');
    assert.match(cell, /^hole shown as whole [\d.]+ s, lost 2 words$/);
  });

  test('doubled, lost and doubled, and wrong order', () => {
    assert.match(verdict([[4000, `${truth}w99 w100 `, {}]]).cell, /doubled 2 words$/);
    assert.match(verdict([[4000, truth.replace('w5 ', 'w6 '), {}]]).cell, /lost 1, doubled 1 words$/);
    assert.match(verdict([[4000, truth.replace('w5 w6 ', 'w6 w5 '), {}]]).cell, /wrong order$/);
  });

  test('whole but busy for ever, and a mark that stays', () => {
    assert.equal(verdict([...followed(0, WORDS), [3500, truth, { busy: true }]]).kind, 'busy');
    assert.equal(verdict([...followed(0, WORDS), [3500, truth, { gapped: true }]]).kind, 'gap-stays');
  });

  test('prompts that the server has twice or not at all', () => {
    assert.equal(verdict(followed(0, WORDS), { stored: 2 }).cell, 'prompt stored 2×');
    assert.equal(verdict([[0, '', { told: true }]], { stored: 0, truth: '' }).cell, 'prompt not stored, error shown');
    assert.equal(verdict([[0, '', {}]], { stored: 0, truth: '' }).cell, 'prompt not stored');
  });

  test('right of text that the server took back', () => {
    const shorter = { reference: [...reference.slice(0, 50), { at: 1600, text: '' }, { at: 2000, text: 'anew ' }], truth: 'anew ' };
    const { kind } = verdict([...followed(0, 49), [1650, '', {}], [2050, 'anew ', {}]], shorter);
    assert.equal(kind, 'right');
  });

  test('nothing of what a page showed before it was loaded anew', () => {
    const { blank, kind } = verdict([...followed(0, 40), [1300, '', { fresh: true }], [1350, until(43), {}], ...followed(46, WORDS)]);
    assert.equal(blank, 0);
    assert.equal(kind, 'right');
  });

  test('never shown, of a page that never came', () => assert.equal(verdict([]).cell, 'never shown'));
});

test('words are counted, and long texts compared by a digest that feels a change', () => {
  assert.deepEqual(compareWords('a b b', 'a b c'), { lost: 1, doubled: 1 });
  const long = 'x'.repeat(200_000);
  assert.equal(brief('short'), 'short');
  assert.equal(brief(long), brief('x'.repeat(200_000)));
  assert.notEqual(brief(long), brief(`${long}x`));
});

test('where the whole answer counts, the time until then is told', () => {
  assert.equal(verdict(followed(0, WORDS), { whole: true }).cell, 'right, 2.1 s');
});
