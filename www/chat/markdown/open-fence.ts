/** A block of code that is being written: its lines are text until one closes it, and nothing has to be read twice. */
export class OpenFence {
  text = '';
  isOpen = true;
  /** The beginning of a line that may close the block: shown only when it is clear. */
  private held = '';
  private inLine = false;
  private lines = 0;
  private readonly closing: RegExp;
  private readonly mayClose: RegExp;

  /** `fence`: the marks that opened it. */
  constructor(fence: string) {
    const [mark = '`'] = fence;
    this.closing = new RegExp(`^ {0,3}${mark}{${fence.length},}[ \\t]*$`);
    this.mayClose = new RegExp(`^ {0,3}(?:${mark}+[ \\t]*)?$`);
  }

  /** Takes what was added, and gives back what comes after the block. */
  take(added: string, ended: boolean): string {
    let rest = this.held + added;
    this.held = '';
    while (rest !== '') {
      const end = rest.indexOf('\n');
      const line = end < 0 ? rest : rest.slice(0, end);
      if (!this.inLine) {
        if ((end >= 0 || ended) && this.closing.test(line)) {
          this.isOpen = false;
          return end < 0 ? '' : rest.slice(end + 1);
        }
        if (end < 0 && !ended && this.mayClose.test(line)) {
          this.held = rest;
          return '';
        }
        if (this.lines > 0) this.text += '\n';
        this.lines += 1;
      }
      this.text += line;
      this.inLine = end < 0;
      rest = end < 0 ? '' : rest.slice(end + 1);
    }
    return '';
  }
}
