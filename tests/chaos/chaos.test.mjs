// The judges, proven to see what is wrong; then a short run of the real thing.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Recorder } from './page/recorder.js';
import { planScene, repeatable } from './plan.mjs';
import { chaos } from './run.mjs';
import { early, judge } from './verdict.mjs';
import { Words } from './words.mjs';
import { NEWEST } from '../support/versions.mjs';

const SEED = 1;

const user = (id, text) => ({ info: { id, role: 'user' }, parts: [{ id: `p${id}`, type: 'text', text }] });
const answer = (id, text, more = {}) => ({ info: { id, role: 'assistant' }, parts: [{ id: `p${id}`, type: 'text', text, ...more }] });
/** An answer whose server was killed. */
const broken = (id, text) => ({ info: { id, role: 'assistant', time: { created: 1 } }, parts: [{ id: `p${id}`, type: 'text', text, time: { start: 1 } }] });

describe('the recorder', () => {
  /** @param {any[][]} states */
  const kinds = (...states) => {
    const found = [];
    const recorder = new Recorder(({ kind }) => found.push(kind));
    for (const state of states) recorder.look(state);
    return found;
  };
  for (const [title, states, expected] of /** @type {[string, any[][], string[]][]} */ ([
    ['growing text is good, and so is a cut end', [[answer('a', '')], [answer('a', 'w1 w2 ')], [answer('a', 'w1 w2')]], []],
    ['a word twice', [[answer('a', 'w1 w2 w2 ')]], ['no prefix']],
    ['a word left out', [[answer('a', 'w1 w3 ')]], ['no prefix']],
    ['two words swapped', [[answer('a', 'w1 w3 w2 ')]], ['no prefix']],
    ['a text that begins in the middle', [[answer('a', 'w2 w3 ')]], ['no prefix']],
    ['shorter than before', [[answer('a', 'w1 w2 ')], [answer('a', 'w1 ')]], ['shrunk']],
    ['blank in between', [[answer('a', 'w1 w2 ')], [answer('a', '')], [answer('a', 'w1 w2 w3 ')]], ['shrunk']],
    ['a part that goes', [[answer('a', 'w1 ')], []], ['gone']],
    ['a hole told', [[answer('a', 'w1 ', { continuity: 'gapped', tail: 'w5 w6 ' })]], []],
    ['a tail with a hole of its own', [[answer('a', 'w1 ', { continuity: 'gapped', tail: 'w5 w7 ' })]], ['wrong tail']],
    ['a tail that repeats the text', [[answer('a', 'w1 w2 ', { continuity: 'gapped', tail: 'w2 w3 ' })]], ['wrong tail']],
    ['a prompt and its echo side by side', [[user('u', 'words 1'), user('v', 'words 1')]], ['prompt shown twice']],
    ['a failed prompt sent again', [[{ ...user('u', 'words 1'), delivery: 'failed' }, user('v', 'words 1')]], []],
  ])) test(title, () => assert.deepEqual(kinds(...states), expected));
});

describe('the verdict', () => {
  const sending = { tab: 1, at: 0, kind: 'sending', text: 'words 2' };
  const told = (/** @type {string} */ kind, /** @type {string} */ outcome) => ({ tab: 1, at: 1, kind, text: 'words 2', outcome });
  const history = [user('u', 'words 2'), answer('a', 'w1 w2 ')];
  /** @param {object} seen */
  const kinds = (seen) => judge({ reports: [sending, told('stored', 'stored'), told('done', 'done')], history, views: [], gone: new Set(), ...seen }).map((found) => /** @type {any} */ (found).kind);
  for (const [title, seen, expected] of /** @type {[string, object, string[]][]} */ ([
    ['all good', { views: [{ name: 'tab 1', messages: structuredClone(history) }] }, []],
    ['a part less', { views: [{ name: 'tab 1', messages: [history[0], { ...history[1], parts: [] }] }] }, ['state is not the history']],
    ['text that the server lost', { history: [history[0], broken('a', '')], views: [{ name: 'tab 1', messages: [history[0], broken('a', 'w1 w2 ')] }] }, []],
    ['other text than what the server kept', { history: [history[0], broken('a', 'w1 ')], views: [{ name: 'tab 1', messages: [history[0], broken('a', 'w2 ')] }] }, ['state is not the history']],
    ['another order', { views: [{ name: 'tab 1', messages: [...history].reverse() }] }, ['state is not the history']],
    ['stored twice', { history: [user('v', 'words 2'), ...history] }, ['prompt stored twice']],
    ['stored, said to have failed', { reports: [sending, told('stored', 'failed'), told('done', 'failed')] }, ['prompt said not to be stored is']],
    ['not stored, said to be', { history: [] }, ['prompt said to be stored is not']],
    ['never decided', { reports: [sending] }, ['prompt undecided']],
    ['never decided, by a tab that is gone', { reports: [sending], gone: new Set(['1 words 2']) }, []],
    ['never done', { reports: [sending, told('stored', 'stored')] }, ['prompt never done']],
    ['text that shrank though the server has it', { reports: [sending, told('stored', 'stored'), told('done', 'done'), { tab: 1, at: 2, kind: 'shrunk', part: 'pa', from: 'w1 w2 ', shown: 'w1 ' }] }, ['shrunk']],
    ['text that shrank to what the server has', { reports: [sending, told('stored', 'stored'), told('done', 'done'), { tab: 1, at: 2, kind: 'shrunk', part: 'pa', from: 'w1 w2 w3 ', shown: 'w1 w2 ' }] }, []],
    ['a part that went though the server has it', { reports: [sending, told('stored', 'stored'), told('done', 'done'), { tab: 1, at: 2, kind: 'gone', part: 'pa', from: 'w1 ' }] }, ['gone']],
    ['a model that says something else', { history: [history[0], answer('a', 'w1 hello')] }, ['the model did not say numbered words']],
  ])) test(title, () => assert.deepEqual(kinds(seen), expected));
});

describe('a page that calls itself settled', () => {
  const history = [user('u', 'words 2'), answer('a', 'w1 w2 ')];
  const rest = { busy: false, history, writes: false };
  /** @param {any[]} shown @param {object} server */
  const kinds = (shown, server) => early(shown, { ...rest, ...server }).map((found) => /** @type {any} */ (found).kind);
  for (const [title, shown, server, expected] of /** @type {[string, any[], object, string[]][]} */ ([
    ['shows what the server has', structuredClone(history), {}, []],
    ['while the server is busy', history, { busy: true }, ['settled while the server is busy']],
    ['with a text cut short', [history[0], answer('a', 'w1 ')], {}, ['settled, and the state is not the history']],
    ['before a prompt that it cannot know yet', history, { busy: true, history: [...history, user('v', 'words 3')] }, []],
    ['before the server writes on', [history[0], answer('a', 'w1 ')], { writes: true }, []],
  ])) test(title, () => assert.deepEqual(kinds(shown, server), expected));
});

test('what the server said of its turns, and when', () => {
  const words = new Words({ url: 'http://127.0.0.1:1' }, 'ses_1');
  const says = (/** @type {number} */ at, /** @type {string} */ type, sessionID = 'ses_1') => words.hear({ type: 'session.status', properties: { sessionID, status: { type } } }, at);
  says(10, 'busy');
  says(12, 'retry');
  says(15, 'busy', 'ses_2');
  assert.equal(words.wasBusy(11), true);
  assert.equal(words.wasBusy(9), false);
  says(20, 'idle');
  says(25, 'idle');
  words.hear({ type: 'session.status', properties: { sessionID: 'ses_1', status: { type: 'busy' } } }, 30);
  words.hear({ type: 'session.idle', properties: { sessionID: 'ses_1' } }, 40);
  words.close();
  assert.deepEqual([10, 15, 20, 22, 30, 35, 40, 99].map((at) => words.wasBusy(at)), [false, true, false, false, false, true, false, false]);
});

test('a seed gives one plan, another seed another', () => {
  assert.deepEqual(planScene(7, NEWEST), planScene(7, NEWEST));
  assert.notDeepEqual(planScene(7, NEWEST), planScene(8, NEWEST));
  const ended = (/** @type {boolean} */ keeper) => Array.from({ length: 20 }, (_, seed) => planScene(seed, NEWEST, keeper).steps).flat().filter((step) => step.do === 'stopWorker').length;
  assert.equal(ended(false), 0);
  assert.ok(ended(true) > 0, 'no worker is ever ended');
  assert.deepEqual(['1.1.65', '1.2.27', '1.14.40', '1.14.41', NEWEST, '2.0.0'].map(repeatable), [true, false, false, true, true, true]);
});

describe('a short run on a real server in Chromium', () => {
  for (const [title, keeper, count] of /** @type {[string, boolean, number][]} */ ([['without the keeper', false, 2], ['with the keeper', true, 1]])) {
    test(title, async () => {
      const lines = [];
      const { violations, faults, restarts, checks, settled, gapped, scenes } = await chaos({ version: NEWEST, seed: SEED, scenes: count, keeper, say: (line) => lines.push(line) });
      console.log(lines.join('\n'));
      assert.equal(violations, 0, lines.join('\n'));
      assert.ok(faults >= 5 * scenes && checks >= 50 * scenes && settled >= scenes, 'the run proves little');
      assert.ok(restarts >= 1, 'no restart');
      if (!keeper) assert.ok(gapped >= 1, 'no part had a hole');
    });
  }
});
