/**
 * Takes requests: who is it, may they, and where does it go.
 * @module
 */
import { bounded } from '../answer.js';
import { maySee } from './access.js';
import { BODY } from './body.js';
import { checked } from './check.js';
import { denied, Refusal } from './errors.js';
import { type Hubs, hubs } from './hubs.js';
import type { Visit } from './index.js';
import type { Access, RelayOptions } from './options.js';
import { isOwn, openTo, type Origins, preflight } from './origin.js';
import { passed } from './pass.js';
import { type Extra, type Route, routeOf } from './routes.js';
import { type Opening, streamed } from './stream.js';
import { Upstream } from './upstream.js';

/** `limits.answer` and `limits.requestTimeout`, by default. */
const ANSWER = 64 << 20;
const PATIENCE = 30_000;
/** A host that nobody can have: only for those who are in this process. */
const INSIDE = 'http://relay.invalid';

/** What a request is answered with: a stream is begun by whoever writes it. */
export type Decision = Response | { readonly opening: Opening; readonly headers: Readonly<Record<string, string>> };

export class Desk {
  readonly #options: RelayOptions;
  /** Functions that the relay was given have so long, too. */
  readonly #patience: number;
  readonly #origins: Origins;
  readonly #allow: ReadonlySet<Extra>;
  readonly #upstream: Upstream;
  readonly #hubs: Hubs;
  readonly #over = new AbortController();

  constructor(options: RelayOptions) {
    const base = checked(options);
    const { answer = ANSWER, requestTimeout = PATIENCE } = options.limits ?? {};
    this.#options = options;
    this.#patience = requestTimeout;
    this.#origins = { trusted: new Set(options.trustedOrigins), trustProxy: options.trustProxy === true };
    this.#allow = new Set(options.allow);
    this.#upstream = new Upstream(base.url, options.auth, { answer, requestTimeout });
    this.#hubs = hubs();
    this.#hubs.desks.add(this);
  }

  /** The address of the server. */
  get server(): string {
    return this.#upstream.base;
  }

  /** For web-standard hosts. */
  async handle(request: Request): Promise<Response> {
    const decision = await this.decide(request);
    return decision instanceof Response ? decision : begun(decision, request.signal);
  }

  /** Who may not, and what is no stream, is answered here. */
  async decide(request: Request): Promise<Decision> {
    if (!isOwn(request, this.#origins)) return denied('cross_site');
    if (request.method === 'OPTIONS') return preflight(request, this.#origins);
    const headers = openTo(request, this.#origins);
    const decision = await this.#guarded(async () => {
      const route = this.#route(request);
      const access = await this.#authorized(request);
      return access instanceof Response ? access : this.#done(route, request, access, headers);
    });
    if (!(decision instanceof Response)) return decision;
    // The owner's own may not be changed, as a redirect.
    const answer = new Response(decision.body, decision);
    for (const [name, value] of Object.entries(headers)) answer.headers.set(name, value);
    return answer;
  }

  async visit(request: Request): Promise<Visit | Response> {
    if (!isOwn(request, this.#origins)) return denied('cross_site');
    try {
      const access = await this.#authorized(request);
      if (access instanceof Response) return access;
      const inside = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
        const own = new Request(input, init);
        const decision = await this.#guarded(() => this.#done(this.#route(own), own, access, {}));
        return decision instanceof Response ? decision : begun(decision, own.signal);
      };
      return { user: access.user, access, baseUrl: INSIDE, fetch: inside, signal: this.#over.signal };
    } catch (error) {
      return answerOf(error);
    }
  }

  forget(user: string): void {
    this.#hubs.get(this.#upstream.base)?.forget(user);
  }

  async drain(): Promise<void> {
    if (this.#isLast()) await this.#hubs.drain(this.#upstream.base);
  }

  close(): void {
    if (this.#isLast()) this.#hubs.get(this.#upstream.base)?.close();
  }

  /** This one takes nothing any more. Whether no other one has readers of the same server. */
  #isLast(): boolean {
    this.#over.abort();
    this.#hubs.desks.delete(this);
    return ![...this.#hubs.desks].some(({ server }) => server === this.server);
  }

  async #guarded(run: () => Promise<Decision>): Promise<Decision> {
    try {
      return await run();
    } catch (error) {
      return answerOf(error);
    }
  }

  #route(request: Request): Route {
    const { pathname } = new URL(request.url);
    const { path } = this.#options;
    if (path !== undefined) {
      const isBelow = pathname.startsWith(`${path}/`);
      const route = isBelow ? routeOf(request.method, pathname.slice(path.length), this.#allow) : undefined;
      if (route !== undefined) return route;
      throw new Refusal('route_denied');
    }
    for (let at = 0; at >= 0; at = pathname.indexOf('/', at + 1)) {
      const route = routeOf(request.method, pathname.slice(at), this.#allow);
      if (route !== undefined) return route;
    }
    throw new Refusal('route_denied');
  }

  async #authorized(request: Request): Promise<Access | Response> {
    // Whoever comes again on a connection that is still open would keep the process.
    if (this.#over.signal.aborted) throw new Refusal('full');
    let access: Access | Response | undefined;
    try {
      access = await bounded(this.#patience, () => this.#options.authorize(request), request.signal);
    } catch (error) {
      throw new Refusal('hook_failed', error);
    }
    if (access instanceof Response) return access;
    if (typeof access?.user !== 'string' || access.user === '') throw new Refusal('unauthorized');
    const { sessions } = access;
    if (sessions !== 'all' && typeof sessions !== 'function' && !(sessions instanceof Set)) throw new Refusal('forbidden');
    return access;
  }

  async #done(route: Route, request: Request, access: Access, headers: Readonly<Record<string, string>>): Promise<Decision> {
    if (route.kind !== 'stream') {
      const { limits } = this.#options;
      return passed(route, request, access, { upstream: this.#upstream, options: this.#options, allow: this.#allow, body: limits?.body ?? BODY });
    }
    const hub = await this.#hubs.open(this.#upstream, this.#options, (who, session) => maySee(who, session, this.#upstream));
    return { opening: { access, hub, position: request.headers.get('last-event-id') || undefined }, headers };
  }
}

/** The answer to whoever was turned away. */
export function turned(status: number): Response {
  return denied(status === 429 ? 'too_many_readers' : status === 503 ? 'full' : 'upstream_unreached');
}

function begun({ opening, headers }: Exclude<Decision, Response>, signal: AbortSignal): Response {
  const answer = streamed(opening, signal, headers);
  return typeof answer === 'number' ? turned(answer) : answer;
}

function answerOf(error: unknown): Response {
  const { code, cause } = error instanceof Refusal ? error : new Refusal('internal', error);
  // For the log of whoever runs the relay: nothing of it is a browser's to know.
  if (cause !== undefined) console.error(`opencode-session: the relay answers ${code}:`, cause);
  return denied(code);
}
