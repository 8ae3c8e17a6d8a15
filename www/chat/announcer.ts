import { setText } from './dom.js';

/** Longest text read out at once: who wants more goes to the log. */
const SPOKEN_CHARS = 600;

/** Speaks to screen readers, politely and once, in place of a log that changes sixty times a second. */
export class Announcer {
  constructor(private readonly node: HTMLElement) {}

  say(text: string): void {
    // Emptied first: the same words twice in a row are otherwise no change, and not read.
    setText(this.node, '');
    const spoken = text.length > SPOKEN_CHARS ? `${text.slice(0, SPOKEN_CHARS)} …` : text;
    setTimeout(() => setText(this.node, spoken), 50);
  }
}
