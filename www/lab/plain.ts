/** A reader as the examples of the SDK have it: no more care than that, but no mistake either. */
const RETRY = 3_000;

interface PlainPart {
  readonly id: string;
  readonly messageID: string;
  readonly type: string;
  text?: string;
}

interface PlainMessage {
  readonly info: { readonly id: string; readonly role: string; readonly sessionID: string };
  readonly parts: PlainPart[];
}

interface PlainEvent {
  readonly type: string;
  readonly properties: {
    readonly sessionID?: string;
    readonly partID?: string;
    readonly delta?: string;
    readonly part?: PlainPart & { readonly sessionID: string };
    readonly info?: PlainMessage['info'];
  };
}

export class PlainReader {
  /** What its connection does, in words. */
  phase = 'connecting';
  private messages: PlainMessage[] = [];
  private readonly gone = new AbortController();

  constructor(
    private readonly baseUrl: string,
    private readonly sessionID: string,
  ) {
    void this.run();
  }

  /** All text of the answers. */
  get text(): string {
    const answers = this.messages.filter(({ info }) => info.role === 'assistant').flatMap(({ parts }) => parts);
    return answers.filter(({ type }) => type === 'text').map(({ text }) => text ?? '').join('');
  }

  close(): void {
    this.gone.abort();
  }

  private async run(): Promise<void> {
    for (let loaded = false; !this.gone.signal.aborted; ) {
      try {
        const { body, ok, status } = await fetch(`${this.baseUrl}/event`, { signal: this.gone.signal });
        if (!ok || !body) throw new Error(`status ${status}`);
        this.phase = 'live';
        if (!loaded) await this.load();
        loaded = true;
        await this.read(body);
        this.phase = 'ended';
        return;
      } catch {
        this.phase = 'waiting';
        await new Promise((resolve) => setTimeout(resolve, RETRY));
      }
    }
  }

  private async load(): Promise<void> {
    const response = await fetch(`${this.baseUrl}/session/${this.sessionID}/message`, { signal: this.gone.signal });
    this.messages = await response.json();
  }

  private async read(body: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = '';
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const frames = (rest + value).split('\n\n');
      rest = frames.pop() ?? '';
      for (const frame of frames) if (frame.startsWith('data: ')) this.apply(JSON.parse(frame.slice(6)));
    }
  }

  private apply({ type, properties }: PlainEvent): void {
    const { part, info, partID, delta } = properties;
    if ((part ?? info ?? properties).sessionID !== this.sessionID) return;
    if (type === 'message.updated' && info && !this.messages.some((message) => message.info.id === info.id)) {
      this.messages.push({ info, parts: [] });
    }
    if (type === 'message.part.updated' && part) this.replace(part);
    if (type === 'message.part.delta') {
      const known = this.messages.flatMap(({ parts }) => parts).find(({ id }) => id === partID);
      if (known) known.text = (known.text ?? '') + delta;
    }
  }

  private replace(part: PlainPart): void {
    const parts = this.messages.find(({ info }) => info.id === part.messageID)?.parts;
    const at = parts?.findIndex(({ id }) => id === part.id) ?? -1;
    if (at >= 0) parts?.splice(at, 1, part);
    else parts?.push(part);
  }
}
