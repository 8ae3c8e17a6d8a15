// Sizes for virtual lists.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measure } from '../../dist/measure.js';

const message = (...parts) => ({ key: 'k', info: {}, parts });
const text = (text, more = {}) => ({ type: 'text', text, ...more });

test('characters and lines of what is visible, and blocks', () => {
  assert.deepEqual(measure(message()), { characters: 0, lines: 0, blocks: 0 });
  assert.deepEqual(measure(message(text('one\ntwo\n'), text('x'.repeat(161))), 80), { characters: 169, lines: 6, blocks: 0 });
  const parts = [{ type: 'tool' }, { type: 'file' }, { type: 'step-start' }, { type: 'reasoning', text: 'hm' }];
  assert.deepEqual(measure(message(...parts)), { characters: 2, lines: 1, blocks: 2 });
  assert.deepEqual(measure(message(text('not shown', { synthetic: true }), text('nor this', { ignored: true }))), { characters: 0, lines: 0, blocks: 0 });
  assert.deepEqual(measure(message(text('head', { continuity: 'gapped', tail: 'tail' }))), { characters: 8, lines: 2, blocks: 0 });
});

test('a message that did not change is not counted again; another width is', () => {
  let reads = 0;
  const row = message({ type: 'text', get text() { reads += 1; return 'abcdef'; } });
  const first = measure(row, 3);
  assert.equal(measure(row, 3), first);
  assert.equal(reads, 1);
  assert.deepEqual([first.lines, measure(row, 2).lines], [2, 3]);
});

test('the sum over lines grows with the text, whatever it is', () => {
  let text = '';
  let last = 0;
  for (let at = 0; at < 2_000; at += 1) {
    text += 'ab\n'[(at * 7 + (at >> 3)) % 3];
    const { lines, characters } = measure(message({ type: 'text', text }), 5);
    assert.ok(lines >= last && characters === text.length);
    last = lines;
  }
});
