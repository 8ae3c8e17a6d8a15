// What forks and plugins leave out or write otherwise in a list: it costs the one session or request it stands in.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { closeAll, handled, play } from '../wasm/play.mjs';

afterEach(closeAll);
const WHOLE = { id: 'ses_w', title: 'Whole', directory: '/project', version: '1.18.33', time: { created: 1, updated: 5 } };
const json = (value) => () => Response.json(value);

async function listed(sessions, { statuses = {}, asked = [] } = {}) {
  const answers = [
    [/^\/session$/, json(sessions)], [/^\/session\/status/, json(statuses)], [/^\/permission/, json(asked)], [/^\/question/, json([])],
  ];
  const { client, event } = await play('ses_1', { answers });
  const list = await client.sessions.live();
  await list.ready;
  const soon = async (probe) => { while (!probe(list.state)) await handled(); };
  return { list, soon, event: (type, properties) => event({ id: `evt_${Math.random()}`, type, properties }) };
}
const shown = ({ sessions }) => sessions.map(({ id, title, time }) => [id, title, time.updated]);

const ODD = {
  'without a title': [{ id: 'ses_o', time: { created: 2, updated: 9 } }, ['ses_o', '', 9]],
  'with a title of null': [{ id: 'ses_o', title: null, time: { created: 2, updated: 9 } }, ['ses_o', '', 9]],
  'without a time': [{ id: 'ses_o', title: 'Odd' }, ['ses_o', 'Odd', 0]],
  'made, and never changed': [{ id: 'ses_o', title: 'Odd', time: { created: 2 } }, ['ses_o', 'Odd', 2]],
  'with times of null': [{ id: 'ses_o', title: 'Odd', time: null }, ['ses_o', 'Odd', 0]],
  'of a version that is a number': [{ id: 'ses_o', title: 'Odd', version: 7, directory: null, parentID: null, time: { created: 1, updated: 2 } }, ['ses_o', 'Odd', 2]],
};

for (const [name, [odd, place]] of Object.entries(ODD)) {
  test(`a session ${name}, in an answer`, async () => {
    const { list } = await listed([WHOLE, odd]);
    assert.deepEqual(shown(list.state), [['ses_w', 'Whole', 5], place].sort((a, b) => b[2] - a[2]));
    assert.equal(list.state.status, 'live');
    await list.search('Who');
    assert.deepEqual(shown(list.state), [['ses_w', 'Whole', 5]]);
  });

  test(`a session ${name}, in an event; the list goes on`, async () => {
    const { list, event, soon } = await listed([WHOLE]);
    event('session.updated', { sessionID: 'ses_o', info: odd });
    await soon(({ sessions }) => sessions.some(({ id }) => id === 'ses_o'));
    assert.deepEqual(shown(list.state).find(([id]) => id === 'ses_o'), place);
    event('session.updated', { sessionID: 'ses_w', info: { ...WHOLE, title: 'Renamed' } });
    await soon(({ sessions }) => sessions.some(({ title }) => title === 'Renamed'));
  });
}

test('what is no session, no status and no request is left out', async () => {
  const { list } = await listed([null, 7, {}, WHOLE], { statuses: { ses_w: { type: 'busy' }, ses_x: null }, asked: [null, {}, { id: 'per_1' }, { id: 'per_2', sessionID: 'ses_w' }] });
  assert.deepEqual(shown(list.state), [['ses_w', 'Whole', 5]]);
  assert.equal(list.state.sessions[0].requests, 1);
  assert.equal(list.state.sessions[0].status.type, 'busy');
});

test('side answers of null leave the list as it is', async () => {
  const { list } = await listed([WHOLE], { statuses: null, asked: null });
  assert.deepEqual(shown(list.state), [['ses_w', 'Whole', 5]]);
});

test('an answer that is no list is told, not shown as an empty list', async () => {
  let answer = { data: [] };
  const { client, session } = await play('ses_1', { answers: [[/^\/session$/, () => Response.json(answer)]] });
  const list = await client.sessions.live();
  await assert.rejects(list.ready, { code: 'bad_response' });
  assert.equal(list.state.error.code, 'bad_response');
  answer = [WHOLE];
  session.reconnect();
  while (list.state.status !== 'live') await handled();
  assert.deepEqual(shown(list.state), [['ses_w', 'Whole', 5]]);
  assert.equal(list.state.error, undefined);
});
