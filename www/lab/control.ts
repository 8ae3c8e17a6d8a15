/** What the page's server says of the lab. */
export interface LabConfig {
  /** The fault proxy. */
  readonly baseUrl: string;
  readonly token: string;
  /** Whether the server can be killed from here. */
  readonly restart: boolean;
  readonly directory?: string;
  /** Whether there is a service worker that keeps the stream. */
  readonly keeper: boolean;
}

/** What the server made since a point; `points` are pairs of time and length. */
export interface Produced {
  readonly next: number;
  readonly points: readonly (readonly [number, number])[];
  readonly text: string;
  readonly busy: boolean;
}

/** Thrown by {@link loadLab} when whoever serves the page has no lab behind it. */
export class NoLab extends Error {
  constructor() {
    super('There is no fault proxy behind this page. Start it with npm start, without OPENCODE_URL or with a server that has no password.');
  }
}

export async function loadLab(): Promise<LabConfig> {
  const response = await fetch('../config.json', { cache: 'no-store' });
  const { lab, directory, keeper } = response.ok ? await response.json() : {};
  if (typeof lab?.baseUrl !== 'string') throw new NoLab();
  return { ...lab, keeper: keeper === true, ...(typeof directory === 'string' && { directory }) };
}

/** The switches of the fault proxy and of the server, through the page's own server. */
export class LabControl {
  constructor(private readonly token: string) {}

  /** Calls methods of the proxy by name, in order. */
  async fault(calls: Record<string, unknown>): Promise<void> {
    await this.ask('fault', { method: 'POST', body: JSON.stringify(calls) });
  }

  async restart(): Promise<void> {
    await this.ask('restart', { method: 'POST' });
  }

  async produced(session: string, from: number): Promise<Produced> {
    return this.ask(`produced?session=${encodeURIComponent(session)}&from=${from}`, {});
  }

  private async ask<T>(path: string, init: RequestInit): Promise<T> {
    const response = await fetch(`control/${path}`, { ...init, headers: { 'x-lab-token': this.token } });
    if (!response.ok) throw new Error(`The lab refused "${path.split('?')[0]}" with status ${response.status}. Reload the page.`);
    return response.json();
  }
}
