// Looks at every state that a page shows. It knows what the scripted model says: "w1 w2 w3 …", and "t1 t2 t3 …" as reasoning.

const MOST = 2000;
const SPOKEN = { text: numbered('w'), reasoning: numbered('t') };

/**
 * @param {string} letter
 */
function numbered(letter) {
  return Array.from({ length: MOST }, (_, at) => `${letter}${at + 1} `).join('');
}

export class Recorder {
  checks = 0;
  /** Parts that were ever shown as gapped. */
  gapped = new Set();
  #report;
  #told = new Set();
  /** Parts of answers as they were shown last, by id. */
  #shown = new Map();

  /** @param {(found: object) => void} report what is wrong (`kind`), or may be: `shrunk` and `gone` are, unless the server says so */
  constructor(report) {
    // Each once: a wrong state stays for many frames.
    this.#report = (found) => {
      const key = `${found.kind} ${found.part ?? found.text}`;
      if (!this.#told.has(key) || found.kind === 'shrunk') report(found);
      this.#told.add(key);
    };
  }

  /** @param {any[]} messages of a session's state */
  look(messages) {
    this.checks += 1;
    const seen = new Set();
    const prompts = new Set();
    for (const { info, parts, delivery } of messages) {
      if (info.role === 'user') {
        const text = parts.map((part) => part.text ?? '').join('');
        if (text && prompts.has(text)) this.#report({ kind: 'prompt shown twice', text });
        if (delivery !== 'failed') prompts.add(text);
        continue;
      }
      for (const part of parts) {
        if (!(part.type in SPOKEN)) continue;
        seen.add(part.id);
        this.#part(part);
      }
    }
    for (const [id, text] of this.#shown) {
      if (seen.has(id)) continue;
      this.#shown.delete(id);
      if (text) this.#report({ kind: 'gone', part: id, from: text });
    }
  }

  #part(part) {
    if (part.continuity === 'gapped') this.gapped.add(part.id);
    const text = part.text ?? '';
    const before = this.#shown.get(part.id);
    if (text === before && !part.tail) return;
    this.#shown.set(part.id, text);
    const spoken = SPOKEN[part.type];
    if (!spoken.startsWith(text)) this.#report({ kind: 'no prefix', part: part.id, continuity: part.continuity, shown: text, from: before });
    if (part.tail && !follows(spoken, text, part.tail)) this.#report({ kind: 'wrong tail', part: part.id, shown: text, tail: part.tail });
    // The server cuts white space at the end of a part.
    if (before !== undefined && text.trimEnd().length < before.trimEnd().length) this.#report({ kind: 'shrunk', part: part.id, from: before, shown: text });
  }
}

/** Whether the tail is a piece of what comes after the text. */
function follows(spoken, text, tail) {
  const first = /^\S+ ?/.exec(tail)?.[0] ?? '';
  const at = ` ${spoken}`.indexOf(` ${first}`);
  return at >= text.trimEnd().length && spoken.startsWith(tail, at);
}
