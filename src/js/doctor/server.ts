/**
 * Checks that no model is needed for.
 * @module
 */
import type { Model } from '../types.js';
import { type Job, failed, Finding, skipped, type Told, type Visit } from './types.js';

const SOON = 10_000;
/** Ids made here sort by time: a clock that is off by more confuses them, and whatever a proxy caches. */
const MOST_SKEW = 60_000;

/** Whether something answers, and what it is. */
export const server: Job = {
  name: 'server',
  title: 'Server reachable',
  needs: [],
  async run(visit) {
    const start = performance.now();
    const response = await reach(visit);
    const time = Math.round(performance.now() - start);
    if (response.status === 401 || response.status === 403) return `it answers in ${time} ms, and asks who is there`;
    if (response.headers.get('content-type')?.includes('text/html')) throw webPage('A web page answers');
    const health = read(response) as { version?: unknown } | undefined;
    if (!response.ok || typeof health?.version !== 'string') {
      throw failed('wrong_server', `What answers is not an OpenCode server (status ${response.status}).`, 'Check the address and the port.');
    }
    visit.known.version = health.version;
    const v2 = await visit.ask('/api/session?limit=1', { patience: SOON }).catch(() => undefined);
    const both = v2?.ok && v2.headers.get('content-type')?.includes('json');
    return `OpenCode ${health.version} answers in ${time} ms; it speaks v1${both ? ' and v2' : ''}`;
  },
};

/** Whether pages of an origin may read it. */
export const cors: Job = {
  name: 'cors',
  title: 'CORS',
  needs: ['server'],
  async run({ ask, base, options }) {
    const own = here()?.origin;
    const origin = options.origin ?? own;
    if (origin === undefined || origin === 'null') throw skipped('no origin to check; name the one of your page (--origin)');
    if (own !== undefined && own === origin) {
      return own === new URL(base).origin ? 'the page and the server have one origin' : `this page (${own}) may read it`;
    }
    const asked = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' };
    const response = await ask('/session', { method: 'OPTIONS', headers: asked, patience: SOON, anonymous: true });
    const allowed = response.headers.get('access-control-allow-origin');
    if (allowed !== origin && allowed !== '*') throw closed(origin);
    return `pages of ${origin} may read it`;
  },
};

/** Whether it lets us in. */
export const auth: Job = {
  name: 'auth',
  title: 'Password',
  needs: ['server'],
  async run(visit) {
    const response = await visit.ask('/session?limit=1', { patience: SOON });
    const given = visit.auth !== undefined;
    if (response.status === 401 || response.status === 403) {
      throw given
        ? failed('wrong_password', 'The server refuses these credentials.', 'Check user name and password against OPENCODE_SERVER_USERNAME and OPENCODE_SERVER_PASSWORD at the server.')
        : failed('password_missing', 'The server asks for a password.', 'Pass --password, or set OPENCODE_SERVER_PASSWORD.');
    }
    if (!response.ok) throw failed('server_error', `The list of sessions gives status ${response.status}.`, "Look at the server's log.");
    if (visit.known.version === undefined) {
      const health = (await visit.ask('/global/health')).json() as { version?: string };
      if (health.version !== undefined) visit.known.version = health.version;
    }
    if (!given) return 'none is asked for: whoever reaches this server can run commands on it';
    const open = await visit.ask('/session?limit=1', { patience: SOON, anonymous: true }).catch(() => undefined);
    return open?.ok ? 'accepted, but none is asked for' : 'accepted';
  },
};

/** Whether there is a model to talk to. */
export const providers: Job = {
  name: 'providers',
  title: 'Providers and models',
  needs: ['auth'],
  async run(visit) {
    const { provider, model } = visit.options;
    const all = await visit.soon((await visit.client()).models());
    const list = provider === undefined ? all : all.filter(({ providerID }) => providerID === provider);
    if (list.length === 0) {
      throw provider === undefined || all.length === 0
        ? failed('no_provider', 'No provider is configured.', 'Run "opencode auth login" at the server, or add a provider to its configuration.')
        : failed('unknown_provider', `There is no provider "${provider}".`, `Take one of ${ids(all).join(', ')}.`);
    }
    const named = (each: Model) => each.ref === model || each.modelID === model;
    const chosen = model === undefined ? (list.find(({ isDefault }) => isDefault) ?? list[0]) : list.find(named);
    if (chosen === undefined) {
      throw failed('unknown_model', `There is no model "${model}".`, `Take one of ${list.slice(0, 8).map(({ ref }) => ref).join(', ')}${list.length > 8 ? ' …' : ''}.`);
    }
    visit.known.model = chosen.ref;
    return `${list.length} models of ${ids(list).join(', ')}; used here: ${chosen.ref}`;
  },
};

/** Whether a session can be made. */
export const session: Job = {
  name: 'session',
  title: 'Session created',
  needs: ['auth'],
  async run(visit) {
    const before = Date.now();
    const made = await visit.soon((await visit.client()).sessions.create({ title: 'opencode-session doctor' }));
    visit.known.session = made.id;
    visit.known.skew = made.time.created - (before + Date.now()) / 2;
    return `${made.id}, removed again at the end`;
  },
};

/** Whether the two clocks agree. */
export const clock: Job = {
  name: 'clock',
  title: 'Clocks',
  needs: ['session'],
  async run({ known: { skew = 0 } }) {
    const seconds = Math.round(Math.abs(skew) / 1_000);
    const which = skew > 0 ? 'ahead of' : 'behind';
    if (Math.abs(skew) > MOST_SKEW) {
      throw failed('clock_skew', `The server's clock is ${seconds} s ${which} this one.`, 'Let both machines take their time from the network (NTP).');
    }
    return seconds < 1 ? 'they agree' : `the server's is ${seconds} s ${which} this one`;
  },
};

async function reach({ ask, base }: Visit): Promise<Told> {
  try {
    return await ask('/global/health', { patience: SOON });
  } catch (error) {
    if (error instanceof Finding) throw error;
    if (error instanceof Error && error.name === 'TimeoutError') {
      throw failed('timeout', `No answer from ${base} within ${SOON / 1_000} s.`, 'Check that the address is the server and that nothing in between holds answers back.');
    }
    const page = here();
    if (page?.protocol === 'https:' && base.startsWith('http:') && !/^http:\/\/(127\.|localhost|\[::1\])/.test(base)) {
      throw failed('mixed_content', 'A page loaded over https may not ask a server over http.', 'Put the server behind https.');
    }
    if (page !== undefined) {
      // Such a request may not refuse redirects; it carries nothing, and nothing of its answer is read.
      const blind = await fetch(`${base}/global/health`, { mode: 'no-cors', credentials: 'omit', referrerPolicy: 'no-referrer', signal: AbortSignal.timeout(SOON) }).catch(() => undefined);
      blind?.body?.cancel().catch(() => undefined);
      if (blind !== undefined) throw closed(page.origin);
    }
    throw failed('unreachable', `Nothing answers at ${base}.`, 'Start it (opencode serve --port 4096), and check the address.');
  }
}

function read(response: Told): unknown {
  try {
    return response.json();
  } catch {
    return undefined;
  }
}

function here(): { origin: string; protocol: string } | undefined {
  return (globalThis as { location?: { origin: string; protocol: string } }).location;
}

function webPage(what: string) {
  return failed('html_response', `${what} in the place of the server.`, 'Take the address of the server itself: not that of its web app, and not one behind a login page.');
}

function closed(origin: string) {
  return failed('cors_closed', `The server answers, but pages of ${origin} may not read it.`, `Start it with --cors ${origin}.`);
}

function ids(models: readonly Model[]): string[] {
  return [...new Set(models.map(({ providerID }) => providerID))];
}
