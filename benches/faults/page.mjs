/** Runs in the page of one rival: opens it, and tells whoever looks what the page shows, at each change. */
import { brief } from './oracle.mjs';

const FRAME = 16;

/**
 * @param {{ open: Function }} rival
 * @param {{ baseUrl: string, sessionID: string, throws?: boolean, options?: object }} where
 */
export async function watch(rival, { throws, ...where }) {
  const onChange = throws ? careless() : () => {};
  const store = await rival.open({ ...where, fetch: globalThis.fetch.bind(globalThis), onChange });
  let shown;
  const look = () => {
    const view = summary(store.view());
    const text = JSON.stringify(view);
    if (text === shown) return;
    globalThis.seen({ at: Date.now(), ...view, fresh: shown === undefined });
    shown = text;
  };
  look();
  setInterval(look, FRAME);
  globalThis.say = (text) => store.send(text).then(() => true, () => false);
}

/** A listener with a bug: every tenth call throws. */
function careless() {
  let calls = 0;
  return () => {
    calls += 1;
    if (calls % 10 === 0) throw new Error('a listener of the page threw');
  };
}

/** @param {import('../measure.mjs').View} view */
function summary({ messages, busy, told = false }) {
  return {
    messages: messages.map(({ role, text, gapped = false }) => ({ role, text: brief(text), gapped })),
    busy,
    told,
  };
}
