// Events whose JSON holds keys that careless code trips over. Built as text: cloning would lose them.

/** @param {any} message @param {object} input @returns {string} an event as it stands in the stream */
export const tool = (message, input) => `data: {"type":"message.part.updated","properties":{"sessionID":"${message.info.sessionID}","part":${tool.part(message, input)}}}\n\n`;

/** @param {any} message @param {object} input */
tool.part = ({ info }, input) => JSON.stringify({
  id: 'prt_fffffffffff000000000000000',
  messageID: info.id,
  sessionID: info.sessionID,
  type: 'tool',
  tool: 'bash',
  callID: 'call_1',
  state: { status: 'running', input, time: { start: 1 } },
});
