/** The store of @assistant-ui/react-opencode. The projection that its hook computes is not counted. */
import { createOpencodeClient, OpenCodeEventSource, OpenCodeThreadController } from '@assistant-ui/react-opencode';
import { shownLength, shownText, viewed } from '../reducer.mjs';

/** @type {import('../measure.mjs').Open} */
export async function open({ fetch, baseUrl, sessionID, onChange = () => {} }) {
  const client = createOpencodeClient({ baseUrl, fetch });
  const source = new OpenCodeEventSource(client);
  const controller = new OpenCodeThreadController(client, () => source, sessionID);
  const unsubscribe = controller.subscribe(onChange);
  await controller.load();
  const parts = (fromEnd) => {
    const { messageOrder, messagesById } = controller.getState();
    return messagesById[messageOrder[messageOrder.length - 1 - fromEnd]]?.parts ?? [];
  };
  return {
    read() {
      const { messageOrder, sessionStatus } = controller.getState();
      const idle = sessionStatus === null || sessionStatus.type === 'idle';
      return { messages: messageOrder.length, length: shownLength(parts(0)), idle };
    },
    text: (fromEnd) => shownText(parts(fromEnd)),
    view() {
      const { messageOrder, messagesById, sessionStatus, pendingUserMessages } = controller.getState();
      const told = Object.values(pendingUserMessages).some(({ status }) => status === 'failed');
      const known = messageOrder.map((id) => messagesById[id]).filter(({ info }) => info);
      return { messages: viewed(known), busy: sessionStatus !== null && sessionStatus.type !== 'idle', told };
    },
    send: (text) => controller.sendMessage({ role: 'user', content: [{ type: 'text', text }] }),
    close() {
      unsubscribe();
      source.dispose();
      controller.discard();
    },
  };
}
