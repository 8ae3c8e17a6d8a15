/**
 * Runs the checks, one after the other.
 * @module
 */
import type { Client } from '../api.js';
import { bounded } from '../answer.js';
import { checkAuth, checkBase } from '../host.js';
import { checkNames, FURTHER } from '../options.js';
import type { ClientOptions } from '../types.js';
import { CHECKS } from './checks.js';
import { Requests } from './request.js';
import type { CheckResult, DoctorOptions, Job, Known, Report, Visit } from './types.js';
import { failed, Finding, isProblem } from './types.js';

/** `createClient` of this build. */
export type Connect = (options: ClientOptions) => Promise<Client>;

const PATIENCE = 60_000;
/** What a check says when its patience ends comes first, milliseconds. */
const GRACE = 2_000;
/** The longest wait for an answer of the server itself, milliseconds. */
const LONGEST = 30_000;

/** Looks at a server. Never rejects, but for options that cannot be used. */
export async function visit(connect: Connect, options: DoctorOptions): Promise<Report> {
  const { url } = checkBase(options.baseUrl);
  checkNames('diagnose', options, FURTHER.diagnose);
  for (const auth of [options.auth, options.authIfAsked]) if (auth !== undefined) checkAuth(auth);
  const wanted = choose(options.only);
  const clients: Client[] = [];
  const known: Known = {};
  const base = url.replace(/\/$/, '');
  const patience = options.patience ?? PATIENCE;
  const requests = new Requests(base, patience + GRACE, options.auth, options.authIfAsked);
  const place: Visit = {
    options,
    base,
    patience,
    known,
    get auth() {
      return requests.auth;
    },
    ask: (path, init) => requests.ask(path, init),
    open: (path, signal, init) => requests.open(path, signal, init),
    soon: (promise) => bounded(patience + GRACE, () => promise),
    async client(more) {
      const { directory } = options;
      const { auth } = requests;
      const limits = { requestTimeout: Math.min(patience, LONGEST) };
      const client = await connect({ baseUrl: options.baseUrl, auth, directory, journal: 'off', limits, ...more } as ClientOptions);
      clients.push(client);
      return client;
    },
  };
  const results: CheckResult[] = [];
  const start = performance.now();
  for (const check of wanted) {
    options.onCheck?.({ name: check.name, title: check.title, status: 'running' });
    const result = await run(check, place, results);
    results.push(result);
    options.onCheck?.(result);
  }
  if (known.session !== undefined && clients[0] !== undefined) {
    // What was made for the checks goes again.
    await place.soon(clients[0].sessions.remove(known.session)).catch(() => undefined);
  }
  for (const client of clients) client.close();
  const count = (status: string) => results.filter((result) => result.status === status).length;
  return {
    baseUrl: options.baseUrl,
    checks: results,
    passed: count('passed'),
    failed: count('failed'),
    skipped: count('skipped'),
    time: performance.now() - start,
  };
}

/** The checks of these names, and those they need before them. */
function choose(only: readonly string[] | undefined): Job[] {
  if (only === undefined) return [...CHECKS];
  const names = new Set<string>();
  const add = (name: string) => {
    const check = CHECKS.find((each) => each.name === name);
    if (check === undefined) {
      throw failed('unknown_check', `There is no check "${name}".`, `Take one of ${CHECKS.map((each) => each.name).join(', ')}.`);
    }
    check.needs.forEach(add);
    names.add(name);
  };
  only.forEach(add);
  return CHECKS.filter(({ name }) => names.has(name));
}

async function run(check: Job, place: Visit, before: readonly CheckResult[]): Promise<CheckResult> {
  const start = performance.now();
  const { name, title } = check;
  const end = (rest: Omit<CheckResult, 'name' | 'title' | 'time'>): CheckResult => ({
    name, title, ...rest, time: performance.now() - start,
  });
  const missing = check.needs.find((need) => before.find((result) => result.name === need)?.status !== 'passed');
  if (missing !== undefined) return end({ status: 'skipped', detail: `needs "${missing}"` });
  try {
    return end({ status: 'passed', detail: await check.run(place) });
  } catch (error) {
    if (error instanceof Finding) {
      const { status, message, cause, remedy } = error;
      if (status === 'skipped') return end({ status, detail: message });
      return end({ status, detail: message, cause, ...(remedy === undefined ? {} : { remedy }) });
    }
    if (isProblem(error)) return end({ status: 'failed', detail: error.message, cause: error.code, remedy: error.hint });
    if (error instanceof Error && error.name === 'TimeoutError') {
      const detail = `No answer within ${place.patience / 1_000} s.`;
      return end({ status: 'failed', detail, cause: 'timeout', remedy: 'Try again, or give it longer (--patience).' });
    }
    const detail = error instanceof Error ? error.message : String(error);
    return end({ status: 'failed', detail, cause: 'unexpected', remedy: 'Report it with the output of --json.' });
  }
}
