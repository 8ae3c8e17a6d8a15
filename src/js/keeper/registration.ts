/**
 * Finds the keeper's service worker, and registers it where there is none.
 * @module
 */

/** The worker; or there is none and there will be none, because the page's policy refuses it or for other reasons; or it is not active in time. */
export type Found = { worker: ServiceWorker; registration: ServiceWorkerRegistration } | 'missing' | 'refused' | 'slow';

/** TypeScript's library does not know Trusted Types yet; what a policy makes is no string, but is taken for one. */
type Policy = { createScriptURL(url: string): string };
type Policies = { createPolicy(name: string, rules: Policy): Policy };

/** Scripts whose newest version was asked for by this page. */
const renewed = new Set<string>();

/** Keepers that this page named: no other address is let through. */
const named = new Set<string>();
/** Made once, since a name may be taken only once; `null`: the page's policy forbids it. */
let policy: Policy | null | undefined;

/** Looks for an active worker of this script; without one, registers it and waits for so many milliseconds. */
export async function findWorker(script: string, patience: number): Promise<Found> {
  try {
    // A sandboxed frame throws at the mere name of it.
    const container = globalThis.navigator?.serviceWorker as ServiceWorkerContainer | undefined;
    if (container === undefined) return 'missing';
    const { url, scope } = place(script);
    const register = (): Promise<ServiceWorkerRegistration> => container.register(trusted(url), { scope });
    const known = await container.getRegistration(scope);
    const worker = known?.active;
    if (worker && known.scope === scope && worker.scriptURL === url.href) {
      if (!renewed.has(url.href)) {
        renewed.add(url.href);
        register().catch(() => undefined);
      }
      return { worker, registration: known };
    }
    renewed.add(url.href);
    const registration = await within(register(), patience);
    if (registration === undefined) return 'slow';
    const active = await within(activated(registration, url.href), patience);
    return active === undefined ? 'slow' : { worker: active, registration };
  } catch {
    return policy === null ? 'refused' : 'missing';
  }
}

/** The active worker of this script, if there is one: nothing is registered. */
export async function activeWorker(script: string): Promise<ServiceWorker | undefined> {
  try {
    const { url, scope } = place(script);
    const known = await navigator.serviceWorker.getRegistration(scope);
    return known?.active?.scriptURL === url.href ? known.active : undefined;
  } catch {
    return undefined;
  }
}

/** Its scope is narrow, so that it controls no page and lives beside the app's own worker. */
function place(script: string): { url: URL; scope: string } {
  const url = new URL(script, location.href);
  return { url, scope: new URL('opencode-session-keeper/', url).href };
}

/** The address in the form that a page with `require-trusted-types-for 'script'` asks for. */
function trusted(url: URL): string {
  if (url.origin === location.origin) named.add(url.href);
  if (policy === undefined) {
    try {
      policy = (globalThis as { trustedTypes?: Policies }).trustedTypes?.createPolicy('opencode-session', { createScriptURL: own });
    } catch {
      policy = null;
    }
  }
  // Without a policy of its own the address may still pass: nothing asks for more, or the page has a default policy.
  return policy ? policy.createScriptURL(url.href) : url.href;
}

function own(url: string): string {
  if (named.has(url)) return url;
  throw new TypeError('This is not the keeper of this origin.');
}

function activated(registration: ServiceWorkerRegistration, script: string): Promise<ServiceWorker> {
  return new Promise((resolve, reject) => {
    const { installing, waiting, active } = registration;
    const worker = [installing, waiting, active].find((each) => each?.scriptURL === script);
    if (!worker) return reject(new Error('no worker'));
    const look = (): void => {
      if (worker.state === 'activated') resolve(worker);
      else if (worker.state === 'redundant') reject(new Error('the worker failed to install'));
    };
    worker.addEventListener('statechange', look);
    look();
  });
}

async function within<T>(job: Promise<T>, patience: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), patience);
  });
  try {
    return await Promise.race([job, late]);
  } finally {
    clearTimeout(timer);
  }
}
