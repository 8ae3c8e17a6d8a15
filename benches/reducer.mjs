/** What a careful person writes by hand: one open session, changed in place, no copy and no search through the list. */

/** Characters that a page would show of a message: its texts and tool outputs. @param {readonly object[]} parts */
export function shownLength(parts) {
  let length = 0;
  for (const part of parts) {
    if (part.type === 'text') length += part.text.length;
    else if (part.type === 'tool') length += part.state.output?.length ?? 0;
  }
  return length;
}

/** @param {readonly object[]} parts @returns {string} */
export function shownText(parts) {
  return parts.map((part) => (part.type === 'text' ? part.text : (part.state?.output ?? ''))).join('');
}

/** What a page shows of messages in OpenCode's own shape. @param {readonly { info: object, parts: readonly object[] }[]} messages */
export function viewed(messages) {
  return messages.map(({ info, parts }) => ({ role: info.role, text: shownText(parts) }));
}

export class Thread {
  status = 'idle';
  /** Oldest first. @type {{ info: object, parts: object[] }[]} */
  messages = [];
  #sessionID;
  #byID = new Map();
  #partByID = new Map();

  /** @param {string} sessionID */
  constructor(sessionID) {
    this.#sessionID = sessionID;
  }

  /** @param {{ info: object, parts: object[] }[]} messages as GET messages answers */
  load(messages) {
    for (const message of messages) {
      this.messages.push(message);
      this.#byID.set(message.info.id, message);
      for (const part of message.parts) this.#partByID.set(part.id, part);
    }
  }

  /** @param {{ type: string, properties: object }} event */
  apply({ type, properties }) {
    switch (type) {
      case 'message.part.delta':
        this.#append(properties);
        break;
      case 'message.part.updated':
        if (properties.part.sessionID === this.#sessionID) this.#replace(properties.part);
        break;
      case 'message.updated':
        if (properties.info.sessionID === this.#sessionID) this.#update(properties.info);
        break;
      case 'message.removed':
        if (properties.sessionID === this.#sessionID) this.#remove(properties.messageID);
        break;
      case 'session.status':
        if (properties.sessionID === this.#sessionID) this.status = properties.status.type;
        break;
    }
  }

  #append({ sessionID, partID, delta }) {
    if (sessionID !== this.#sessionID) return;
    const part = this.#partByID.get(partID);
    if (part) part.text += delta;
  }

  #replace(part) {
    const message = this.#byID.get(part.messageID);
    if (!message) return;
    const { parts } = message;
    const index = this.#partByID.has(part.id) ? parts.findIndex(({ id }) => id === part.id) : -1;
    if (index < 0) parts.push(part);
    else parts[index] = part;
    this.#partByID.set(part.id, part);
  }

  #update(info) {
    const known = this.#byID.get(info.id);
    if (known) {
      known.info = info;
      return;
    }
    const message = { info, parts: [] };
    this.#byID.set(info.id, message);
    // A new message is nearly always the newest one.
    let at = this.messages.length;
    while (at > 0 && isLater(this.messages[at - 1].info, info)) at -= 1;
    this.messages.splice(at, 0, message);
  }

  #remove(id) {
    const message = this.#byID.get(id);
    if (!message) return;
    this.#byID.delete(id);
    for (const part of message.parts) this.#partByID.delete(part.id);
    this.messages.splice(this.messages.indexOf(message), 1);
  }

  /** @returns {import('./measure.mjs').Seen} */
  read() {
    const { messages } = this;
    const last = messages[messages.length - 1];
    return { messages: messages.length, length: last ? shownLength(last.parts) : 0, idle: this.status === 'idle' };
  }

  /** @returns {import('./measure.mjs').View} */
  view() {
    return { messages: viewed(this.messages), busy: this.status !== 'idle' };
  }

  /** @param {number} fromEnd 0 is the newest message */
  text(fromEnd) {
    return shownText(this.messages.at(-1 - fromEnd)?.parts ?? []);
  }
}

function isLater(left, right) {
  return left.time.created > right.time.created || (left.time.created === right.time.created && left.id > right.id);
}
