// Counts what a page holds on to. It must run before the package is loaded: it stands in front of the browser's own functions.

const timers = new Set();
const frames = new Set();
const listeners = new Map();
let memory;

for (const [start, stop, held, once] of [
  ['setTimeout', 'clearTimeout', timers, true],
  ['setInterval', 'clearInterval', timers, false],
  ['requestAnimationFrame', 'cancelAnimationFrame', frames, true],
]) {
  const begin = globalThis[start].bind(globalThis);
  const end = globalThis[stop].bind(globalThis);
  globalThis[start] = (job, ...more) => {
    const id = begin((...args) => {
      if (once) held.delete(id);
      job(...args);
    }, ...more);
    held.add(id);
    return id;
  };
  globalThis[stop] = (id) => {
    held.delete(id);
    end(id);
  };
}

// Only targets that live as long as the page: listeners of others go with them.
for (const target of [globalThis, document, navigator.serviceWorker, navigator.connection].filter(Boolean)) {
  const add = target.addEventListener.bind(target);
  const remove = target.removeEventListener.bind(target);
  const kept = [];
  listeners.set(target, kept);
  const same = (one, type, job, how) => one.type === type && one.job === job && one.capture === capture(how);
  target.addEventListener = (type, job, how) => {
    if (!kept.some((one) => same(one, type, job, how))) kept.push({ type, job, capture: capture(how) });
    const drop = () => forget(kept, (one) => same(one, type, job, how));
    if (how?.once) add(type, drop, { once: true });
    how?.signal?.addEventListener('abort', drop);
    add(type, job, how);
  };
  target.removeEventListener = (type, job, how) => {
    forget(kept, (one) => same(one, type, job, how));
    remove(type, job, how);
  };
}

for (const name of ['instantiate', 'instantiateStreaming']) {
  const load = WebAssembly[name].bind(WebAssembly);
  WebAssembly[name] = async (...args) => {
    const result = await load(...args);
    memory = (result.instance ?? result).exports.memory ?? memory;
    return result;
  };
}

function capture(how) {
  return how === true || how?.capture === true;
}

function forget(kept, fits) {
  const at = kept.findIndex(fits);
  if (at >= 0) kept.splice(at, 1);
}

/** What is held now. */
export const held = () => ({
  timers: timers.size,
  frames: frames.size,
  listeners: [...listeners.values()].flat().map(({ type }) => type).sort(),
  wasm: memory?.buffer.byteLength ?? 0,
});
