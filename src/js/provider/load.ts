/**
 * The wasm of the provider, once for all providers of a page or process.
 * @module
 */
import { Instance } from '../guard.js';
import init, { Engine, Refresher } from './core/provider.js';
import { fault } from './error.js';
import type { Host } from './host.js';

let loading: Promise<Instance> | undefined;

/** What is thrown in place of an answer once the wasm broke. */
const broken = (): never => {
  throw fault('crashed', 'The wasm of the provider broke off.', 'Make a new provider, and report the request that it broke on.');
};

export type Wasm = {
  readonly check: (json: string) => unknown;
  readonly blocks: (text: string) => unknown;
  readonly prompt: (text: string) => string;
  readonly engine: (host: Host, config: string, families: string) => Engine;
  readonly refresher: () => Refresher;
  /** Told when the wasm breaks: nothing that runs in it ends by itself then. */
  readonly onBreak: (run: () => void) => () => void;
};

export async function load(): Promise<Wasm> {
  // Whoever waited while it broke takes the next one.
  let instance: Instance | undefined;
  for (let loaded: unknown; instance === undefined || loading !== loaded; instance = await loading) loaded = loading ??= start();
  const whole = instance;
  return {
    check: (json) => whole.run(() => Engine.check(json), broken),
    blocks: (text) => whole.run(() => Engine.blocks(text), broken),
    prompt: (text) => whole.run(() => Engine.prompt(text), broken),
    engine: (host, config, families) => guarded(whole, () => new Engine(host, config, families, Math.random())),
    refresher: () => guarded(whole, () => new Refresher()),
    onBreak: (run) => {
      whole.users.add(run);
      return () => whole.users.delete(run);
    },
  };
}

function guarded<T extends object>(instance: Instance, make: () => T): T {
  // A fault is thrown as an object that is no error: that is an answer, not a trap.
  let thrown: { fault: unknown } | undefined;
  const own = instance.run(() => {
    try {
      return make();
    } catch (error) {
      if (error instanceof Error) throw error;
      thrown = { fault: error };
      return undefined;
    }
  }, broken) as T | undefined;
  if (thrown !== undefined || own === undefined) throw thrown?.fault;
  return instance.guard(own, broken);
}

async function start(): Promise<Instance> {
  const url = new URL('./provider_bg.wasm', import.meta.url);
  try {
    // Node and its like fetch no files.
    if (url.protocol === 'file:') throw fault('crashed', 'The wasm was not found.', 'Reinstall the package.');
    await init({ module_or_path: url as unknown as string });
  } catch (error) {
    // Also where a development server moved the script away from the file. The first fault is the one to be told.
    const inline = await import('./provider-inline.js').catch(() => Promise.reject(error));
    await init({ module_or_path: inline.default() });
  }
  return new Instance(() => {
    loading = undefined;
  });
}
