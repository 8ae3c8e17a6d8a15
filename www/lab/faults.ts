import { button, setAttribute } from '../chat/dom.js';
import type { LabControl } from './control.js';

/** One button: a thing done once, or a switch. */
interface Fault {
  readonly id: string;
  readonly label: string;
  readonly title: string;
  run(on: boolean): Promise<unknown> | unknown;
  readonly toggles?: boolean;
}

/** The row of buttons that break things. */
export class Faults {
  private readonly switches = new Map<string, HTMLButtonElement>();

  /**
   * @param did is told what was done, for the plot
   * @param failed is told when the lab could not do it
   */
  constructor(
    node: HTMLElement,
    private readonly control: LabControl,
    private readonly did: (label: string) => void,
    private readonly failed: (error: unknown) => void,
    page: { restart: boolean; reload(): void; secondTab(): void },
  ) {
    for (const fault of this.all(page)) node.append(this.build(fault));
  }

  private all({ restart, reload, secondTab }: { restart: boolean; reload(): void; secondTab(): void }): Fault[] {
    const { control } = this;
    const kill = { id: 'kill', label: 'Kill server', title: 'The server is killed and starts again a second later; its answer is lost', run: () => control.restart() };
    return [
      { id: 'drop', label: 'Drop', title: 'All connections are reset', run: () => control.fault({ drop: null }) },
      { id: 'end', label: 'Clean end', title: 'The streams end as if the server had nothing more to say', run: () => control.fault({ endStreams: null }) },
      { id: 'mute', label: 'Mute', title: 'The streams stay open and say nothing; then they are reset', toggles: true, run: (on) => control.fault({ mute: on }) },
      { id: 'beats', label: 'Heartbeats only', title: 'Events are thrown away, heartbeats pass', toggles: true, run: (on) => control.fault({ heartbeatsOnly: on }) },
      { id: 'slow', label: 'Slow history', title: 'The history comes 3 s late and shows what was stored when it was asked for', toggles: true, run: (on) => control.fault({ slow: on && { ms: 3000 } }) },
      { id: 'duplicate', label: 'Duplicate', title: 'Each event comes twice', toggles: true, run: (on) => control.fault({ duplicate: on }) },
      ...(restart ? [kill] : []),
      { id: 'reload', label: 'Reload', title: 'This page loads anew', run: reload },
      { id: 'tab', label: 'Second tab', title: 'The same session in a new tab', run: secondTab },
      { id: 'calm', label: 'All off', title: 'Switches all faults off', run: () => this.calm() },
    ];
  }

  private build({ id, label, title, toggles = false, run }: Fault): HTMLButtonElement {
    const node = button(label, { 'data-testid': `fault-${id}`, title, ...(toggles && { 'aria-pressed': 'false' }) }, () => {
      const on = toggles && node.getAttribute('aria-pressed') !== 'true';
      if (toggles) setAttribute(node, 'aria-pressed', String(on));
      this.did(toggles ? `${label} ${on ? 'on' : 'off'}` : label);
      void (async () => run(on))().catch(this.failed);
    });
    if (toggles) this.switches.set(id, node);
    return node;
  }

  private async calm(): Promise<void> {
    for (const node of this.switches.values()) setAttribute(node, 'aria-pressed', 'false');
    await this.control.fault({ calm: null });
  }
}
