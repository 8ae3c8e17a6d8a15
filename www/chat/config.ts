import type { Problem } from './problem.js';

/** Which server the page talks to. */
export interface PageConfig {
  readonly baseUrl: string;
  readonly directory?: string;
  readonly passwordRequired: boolean;
  /** Whether whoever serves the page has the service worker that keeps the stream. */
  readonly keeper: boolean;
  /** Origins that the page's Content-Security-Policy lets it reach; undefined when whoever serves the page did not say. */
  readonly servers?: readonly string[];
}

/** `/config.json` of whoever serves the page, then `?server=` and `?directory=` over it. */
export async function loadConfig(search: string, at = 'config.json'): Promise<PageConfig> {
  const served = await fetchConfig(at);
  const query = new URLSearchParams(search);
  const baseUrl = query.get('server') ?? text(served['baseUrl']);
  if (baseUrl === undefined || baseUrl === '') throw NO_SERVER;
  // A directory named by the page's server means nothing on another one.
  const directory = query.get('directory') ?? (query.has('server') ? undefined : text(served['directory']));
  const servers = served['servers'];
  return {
    baseUrl,
    passwordRequired: served['passwordRequired'] === true,
    keeper: served['keeper'] === true,
    ...(directory !== undefined && { directory }),
    ...(Array.isArray(servers) && { servers: servers.filter((one) => typeof one === 'string') }),
  };
}

/** Why the browser will block this server, when it will. Call it after the library has accepted the address. */
export function blockedServer(config: PageConfig): Problem | undefined {
  const { origin } = new URL(config.baseUrl);
  if (config.servers === undefined || config.servers.includes(origin)) return undefined;
  return {
    code: 'server_not_allowed',
    message: `This page is not allowed to talk to ${origin}.`,
    hint: `Its security policy names only ${config.servers.join(' and ') || 'its own address'}. Start it with PAGE_CONNECT=${origin} npm start to allow this server.`,
  };
}

const NO_SERVER: Problem = {
  code: 'no_server',
  message: 'The page does not know which OpenCode server to use.',
  hint: 'Start it with npm start, or add ?server=http://127.0.0.1:4096 to the address.',
};

async function fetchConfig(at: string): Promise<Record<string, unknown>> {
  try {
    const response = await fetch(at, { cache: 'no-store' });
    const body: unknown = response.ok ? await response.json() : undefined;
    return typeof body === 'object' && body !== null ? { ...body } : {};
  } catch {
    // A static host has no config.json: `?server=` is the only source then.
    return {};
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
