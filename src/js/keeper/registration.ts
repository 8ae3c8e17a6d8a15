/**
 * Finds the keeper's service worker, and registers it where there is none.
 * @module
 */

/** The worker; or there is none and there will be none; or it is not active in time. */
export type Found = { worker: ServiceWorker; registration: ServiceWorkerRegistration } | 'missing' | 'slow';

/** Scripts whose newest version was asked for by this page. */
const renewed = new Set<string>();

/** Looks for an active worker of this script; without one, registers it and waits for so many milliseconds. */
export async function findWorker(script: string, patience: number): Promise<Found> {
  const container = globalThis.navigator?.serviceWorker as ServiceWorkerContainer | undefined;
  if (container === undefined) return 'missing';
  const url = new URL(script, location.href);
  // Narrow, so that it controls no page and lives beside the app's own worker.
  const scope = new URL('opencode-session-keeper/', url).href;
  const register = (): Promise<ServiceWorkerRegistration> => container.register(url, { scope });
  try {
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
    return 'missing';
  }
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
