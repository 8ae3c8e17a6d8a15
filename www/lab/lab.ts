import { createClient, type ChatSession, type Client, type Part } from 'opencode-session';
import { byId, setText } from '../chat/dom.js';
import { LabControl, loadLab, type LabConfig } from './control.js';
import { Faults } from './faults.js';
import { PlainReader } from './plain.js';
import { Plot } from './plot.js';
import { Timeline } from './timeline.js';
import { View } from './view.js';

const EVERY = 100;
const SOURCES: Record<ChatSession['state']['connection']['source'], string> = {
  keeper: 'the keeper',
  relay: 'a relay',
  event: 'the event stream',
  global: 'the global event stream',
  poll: 'polling',
};

/** One session, seen by this package and by a plain reader, and what the server made of it. */
export class Lab {
  private readonly problem = byId('problem', HTMLElement);
  private readonly done = byId('done', HTMLElement);
  private readonly plot = new Plot(byId('plot', HTMLElement));
  private readonly ours = new View(byId('ours', HTMLElement));
  private readonly plain = new View(byId('plain', HTMLElement));
  private readonly field = byId('ask-text', HTMLInputElement);
  private timeline = new Timeline('');
  private client: Client | undefined;
  private session: ChatSession | undefined;
  private reader: PlainReader | undefined;
  private control: LabControl | undefined;
  private server = { next: 0, text: '' };

  async start(): Promise<void> {
    byId('ask', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      this.ask();
    });
    byId('fresh', HTMLButtonElement).addEventListener('click', () => void this.open().catch(this.fail));
    try {
      const config = await loadLab();
      this.control = new LabControl(config.token);
      new Faults(byId('faults', HTMLElement), this.control, (label) => this.did(label), this.fail, {
        restart: config.restart,
        reload: () => location.reload(),
        secondTab: () => void window.open(location.href, '_blank', 'noopener'),
      });
      this.client = await createClient(clientOptions(config));
      await this.open(/^#(ses_\w+)$/.exec(location.hash)?.[1], config.baseUrl);
      void this.look();
    } catch (error) {
      this.fail(error);
    }
  }

  private async open(id?: string, baseUrl = this.baseUrl): Promise<void> {
    if (!this.client) return;
    const session = id === undefined ? await this.client.createSession({ title: 'Fault lab' }) : this.client.openSession(id);
    this.baseUrl = baseUrl;
    this.session?.close();
    this.reader?.close();
    this.session = session;
    this.reader = new PlainReader(baseUrl, session.id);
    this.timeline = new Timeline(session.id);
    this.server = { next: 0, text: '' };
    history.replaceState(null, '', `#${session.id}`);
    // So that the lab hears the whole answer.
    await this.control?.produced(session.id, 0);
  }

  private baseUrl = '';

  private ask(): void {
    const text = this.field.value.trim();
    if (!this.session || text === '') return;
    this.done.textContent = '';
    this.session.send(text).stored.catch(this.fail);
  }

  private did(label: string): void {
    this.timeline.mark(label);
    setText(this.done, `${label}: done at ${((Date.now() - this.timeline.start) / 1000).toFixed(1)} s`);
  }

  /** Counts and draws, for ever. */
  private async look(): Promise<void> {
    for (;;) {
      await this.count().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, EVERY));
    }
  }

  private async count(): Promise<void> {
    const { session, reader, timeline, control } = this;
    if (!session || !reader || !control) return;
    const produced = await control.produced(session.id, this.server.next);
    if (session !== this.session) return;
    this.server = { next: produced.next, text: produced.text };
    for (const [at, characters] of produced.points) timeline.add('server', at, characters);
    const now = Date.now();
    const { messages, connection } = session.state;
    const answers = messages.filter(({ info }) => info.role === 'assistant').flatMap(({ parts }) => parts);
    const texts = answers.filter(({ type }) => type === 'text');
    const text = texts.map((part) => part.text ?? '').join('');
    const gapped = texts.some(({ continuity }) => continuity === 'gapped');
    timeline.add('server', now, produced.text.length);
    timeline.add('ours', now, text.length + tails(texts));
    timeline.add('plain', now, reader.text.length);
    this.ours.show(`Connection: ${connection.phase}, by ${SOURCES[connection.source]}`, { text: withTails(texts), gapped }, produced.text, answers);
    this.plain.show(`Connection: ${reader.phase}`, { text: reader.text, gapped: false }, produced.text);
    this.plot.draw(timeline);
  }

  private readonly fail = (error: unknown): void => {
    this.problem.hidden = false;
    setText(this.problem, error instanceof Error ? error.message : String(error));
  };
}

/** How the package is used here: the one place for its options. */
function clientOptions({ baseUrl, directory, keeper }: LabConfig): Parameters<typeof createClient>[0] {
  return { baseUrl, keeper, ...(directory !== undefined && { directory }) };
}

const tails = (parts: readonly Part[]): number => parts.reduce((sum, { tail }) => sum + (tail?.length ?? 0), 0);

const withTails = (parts: readonly Part[]): string => parts.map((part) =>
  part.continuity === 'gapped' ? `${part.text ?? ''}⟨… missing …⟩${part.tail ?? ''}` : (part.text ?? '')).join('');
