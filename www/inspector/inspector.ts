import { readRecording, type RecordingFile, replay } from 'opencode-session/recorder';
import { inLine } from '../../src/js/visible.js';
import { button, byId, el, setText } from '../chat/dom.js';
import { toProblem } from '../chat/problem.js';
import { Chart } from './chart.js';
import { describeEntry, describeState } from './detail.js';
import { EntryList, seconds } from './entry-list.js';
import { rowsOf } from './rows.js';
import { Scene, verdict } from './scene.js';

/** The page: one recording, its time line, and the entry that is looked at. */
export class Inspector {
  private readonly problem = byId('problem', HTMLElement);
  private readonly summary = byId('summary', HTMLElement);
  private readonly loaded = byId('loaded', HTMLElement);
  private readonly title = byId('detail-title', HTMLElement);
  private readonly detail = byId('detail', HTMLElement);
  private readonly state = byId('state', HTMLElement);
  private readonly chart = new Chart(byId('chart', HTMLElement), (entry) => this.choose(entry));
  private readonly list = new EntryList(byId('entries', HTMLElement), byId('entries-note', HTMLElement), byId('kinds', HTMLElement), (entry) => this.choose(entry));
  private recording: RecordingFile | undefined;
  private scene: Scene | undefined;
  /** Counts what was asked for: an answer that comes late is not shown. */
  private asked = 0;

  start(): void {
    const file = byId('file', HTMLInputElement);
    file.addEventListener('change', () => {
      const [chosen] = file.files ?? [];
      if (!chosen) return;
      void this.load(chosen);
      // So that the same file can be chosen again when it has changed.
      file.value = '';
    });
    byId('zoom-in', HTMLButtonElement).addEventListener('click', () => this.chart.zoomBy(2));
    byId('zoom-out', HTMLButtonElement).addEventListener('click', () => this.chart.zoomBy(0.5));
    const { body } = document;
    const drag = (event: DragEvent, over: boolean): void => {
      event.preventDefault();
      body.classList.toggle('dropping', over);
    };
    addEventListener('dragover', (event) => drag(event, true));
    addEventListener('dragleave', (event) => drag(event, false));
    addEventListener('drop', (event) => {
      drag(event, false);
      const [dropped] = event.dataTransfer?.files ?? [];
      if (dropped) void this.load(dropped);
    });
  }

  private async load(file: File): Promise<void> {
    this.asked += 1;
    const asked = this.asked;
    this.problem.hidden = true;
    this.loaded.hidden = true;
    this.summary.replaceChildren(el('p', {}, inLine(`Reading ${file.name} …`)));
    try {
      const recording = await readRecording(file);
      const scene = new Scene(recording);
      const result = await replay(recording, { onState: (state, entry, id) => scene.had(state, entry, id) });
      if (asked !== this.asked) return;
      this.recording = recording;
      this.scene = scene;
      const { header, entries, cut } = recording;
      const when = new Date(header.started).toLocaleString();
      const texts = header.text === 'mask' ? 'texts are masked' : 'texts are kept';
      this.summary.replaceChildren(
        el('p', {}, inLine(`${file.name}: recorded ${when} by ${header.build} on ${header.host}; ${entries.length} entries in ${seconds(scene.end)}; ${texts}.`)),
        ...verdict(result, cut).map(({ text, tone }) => el('p', { class: tone, 'data-testid': `verdict${tone && `-${tone}`}` }, inLine(text))),
      );
      const { diverged } = result;
      if (diverged) this.summary.append(button('Show that entry', { 'data-testid': 'show-diverged' }, () => this.choose(diverged.entry)));
      this.loaded.hidden = false;
      this.chart.show(scene);
      this.list.show(rowsOf(recording, scene));
      this.choose(entries.length);
    } catch (error) {
      if (asked === this.asked) this.fail(error);
    }
  }

  private choose(entry: number): void {
    const { recording, scene } = this;
    const found = recording?.entries[entry - 1];
    if (!recording || !scene || !found) return;
    this.chart.point(entry);
    this.list.select(entry);
    setText(this.title, `Entry ${entry}, ${seconds(scene.times[entry - 1] ?? 0)} after the beginning`);
    this.detail.replaceChildren(...describeEntry(found));
    void this.show(recording, entry);
  }

  /** The state after an entry: all until there is played again. */
  private async show(recording: RecordingFile, entry: number): Promise<void> {
    this.asked += 1;
    const asked = this.asked;
    // Who walks with a key that is held down waits for the last one only.
    await new Promise((resolve) => setTimeout(resolve, 60));
    if (asked !== this.asked) return;
    try {
      const { sessions } = await replay(recording, { until: entry });
      if (asked !== this.asked) return;
      const shown = Object.entries(sessions).map(([id, state]) => describeState(id, state));
      this.state.replaceChildren(...(shown.length > 0 ? shown : [el('p', { class: 'hint' }, 'No session is open yet.')]));
      this.state.setAttribute('data-entry', String(entry));
    } catch (error) {
      if (asked === this.asked) this.fail(error);
    }
  }

  private fail(error: unknown): void {
    const { message, hint } = toProblem(error);
    this.summary.replaceChildren();
    setText(this.problem, inLine(`${message} ${hint ?? ''}`.trim()));
    this.problem.hidden = false;
  }
}
