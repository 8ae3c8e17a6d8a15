/** The store of @assistant-ui/react-opencode. The projection that its hook computes is not counted. */
import { createOpencodeClient, OpenCodeEventSource, OpenCodeThreadController } from '@assistant-ui/react-opencode';
import { shownLength, shownText } from '../reducer.mjs';

/** @type {import('../measure.mjs').Open} */
export async function open({ fetch, baseUrl, sessionID }) {
  const client = createOpencodeClient({ baseUrl, fetch });
  const source = new OpenCodeEventSource(client);
  const controller = new OpenCodeThreadController(client, () => source, sessionID);
  const unsubscribe = controller.subscribe(() => {});
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
    close() {
      unsubscribe();
      source.dispose();
      controller.discard();
    },
  };
}
