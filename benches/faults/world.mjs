/** The servers of a run: a real one and the mock, each with an observer and the bridge of the AI SDK. */
import { startMock } from '../../tests/support/mock.mjs';
import { startModel } from '../../tests/support/model.mjs';
import { startOpenCode } from '../../tests/support/opencode.mjs';
import { call, openEvents, prompt } from '../../tests/support/events.mjs';
import { Bridge } from './bridge.mjs';
import { Observer } from './observer.mjs';
import { NEWEST } from '../../tests/support/versions.mjs';

export const VERSION = NEWEST;

export class World {
  /** @type {import('../../tests/support/opencode.mjs').OpenCode | undefined} */
  real;
  /** @type {import('../../tests/support/mock.mjs').Mock | undefined} */
  mock;
  #undo = [];

  static async real() {
    const world = new World();
    const model = await startModel();
    world.#undo.push(() => model.close());
    world.real = await startOpenCode({ model, version: VERSION });
    world.#undo.push(() => world.real.stop());
    await world.#furnish();
    await world.#warm();
    return world;
  }

  static async mock() {
    const world = new World();
    world.mock = await startMock({ version: VERSION, heartbeat: 10_000 });
    world.#undo.push(() => world.mock.close());
    await world.#furnish();
    return world;
  }

  get url() {
    return (this.real ?? this.mock).url;
  }

  /** @returns {Promise<string>} */
  async session() {
    const { id } = await call(this, 'POST', '/session', { title: 'Fault' });
    this.observer.follow(id);
    return id;
  }

  /** The server's whole history. @param {string} sessionID @returns {Promise<any[]>} */
  history(sessionID) {
    return call(this, 'GET', `/session/${sessionID}/message`);
  }

  async close() {
    for (const step of this.#undo.reverse()) await step();
  }

  async #furnish() {
    this.observer = await new Observer(this.url).start();
    this.#undo.push(() => this.observer.close());
    this.bridge = await new Bridge(this.url).start();
    this.#undo.push(() => this.bridge.close());
  }

  /** The first prompt of a server takes seconds. */
  async #warm() {
    const { id } = await call(this, 'POST', '/session', { title: 'Warm' });
    const events = await openEvents(`${this.url}/event`);
    await prompt(this, id, 'words 1');
    await events.next(({ type, properties }) => type === 'session.idle' && properties.sessionID === id);
    events.close();
  }
}
