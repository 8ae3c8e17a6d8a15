/**
 * A live list that is still being opened, or is open.
 * @module
 */
import type { Client, LiveQuery, LiveSessions, LiveSessionsState, SessionError } from '../index.js';
import { UNLISTED } from '../initial.js';
import { ended } from './states.js';

/** Opens a list for `Leases`, by its query as JSON. */
export function listed(client: Client, query: string): () => { value: Listing; close: () => void } {
  return () => {
    const value = new Listing(client.sessions.live(JSON.parse(query) as LiveQuery));
    return { value, close: () => value.close() };
  };
}

/** Reads like the list; what is asked of it waits until it is there. */
export class Listing {
  readonly #opening: Promise<LiveSessions>;
  readonly #listeners = new Set<() => void>();
  #list: LiveSessions | undefined;
  #failed: LiveSessionsState = UNLISTED;

  constructor(opening: Promise<LiveSessions>) {
    this.#opening = opening;
    opening.then(
      (list) => {
        this.#list = list;
        list.subscribe(this.#tell);
        this.#tell();
      },
      (error: SessionError) => {
        this.#failed = { ...UNLISTED, status: 'closed', connection: ended(error), error };
        this.#tell();
      },
    );
  }

  get state(): LiveSessionsState {
    return this.#list?.state ?? this.#failed;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async loadMore(n?: number): Promise<boolean> {
    return (await this.#opening).loadMore(n);
  }

  async search(text: string): Promise<void> {
    return (await this.#opening).search(text);
  }

  close(): void {
    this.#opening.then((list) => list.close(), () => undefined);
  }

  readonly #tell = (): void => {
    for (const listener of this.#listeners) listener();
  };
}
