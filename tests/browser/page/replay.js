// Applies the steps of changes() by hand, as a reader of the documentation would.

/** Reads to the end; gives the kinds of steps and, as JSON, the state after each. */
export async function replay(changes) {
  const kinds = new Set();
  const seen = [];
  let state;
  for await (const change of changes) {
    state = apply(state, change);
    kinds.add(change.type);
    seen.push(JSON.stringify(state));
  }
  return { kinds: [...kinds], seen };
}

function apply(state, change) {
  switch (change.type) {
    case 'reset':
      return change.state;
    case 'insert-message':
      return { ...state, messages: state.messages.toSpliced(change.index, 0, change.message) };
    case 'update-message':
      return { ...state, messages: state.messages.with(change.index, change.message) };
    case 'remove-message':
      return { ...state, messages: state.messages.toSpliced(change.index, 1) };
    case 'insert-part':
      return parts(state, change.message, (list) => list.toSpliced(change.index, 0, change.part));
    case 'update-part':
      return parts(state, change.message, (list) => list.with(change.index, change.part));
    case 'remove-part':
      return parts(state, change.message, (list) => list.toSpliced(change.index, 1));
    case 'append':
      return parts(state, change.message, (list) => {
        const part = list[change.index];
        return list.with(change.index, { ...part, [change.field]: (part[change.field] ?? '') + change.text });
      });
    case 'patch': {
      const next = { ...state, ...change.fields };
      for (const key of Object.keys(next)) if (next[key] === undefined) delete next[key];
      return next;
    }
    default:
      throw new Error(`unknown step ${change.type}`);
  }
}

function parts(state, at, change) {
  const message = state.messages[at];
  return { ...state, messages: state.messages.with(at, { ...message, parts: change(message.parts) }) };
}
