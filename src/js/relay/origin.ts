/**
 * Whether a browser sent a request for a page of this site. As Go's `http.CrossOriginProtection`, but for `GET`, too: the streams are private.
 * @module
 */

/** Whom pages may come from. */
export interface Origins {
  /** Beside the relay's own. */
  readonly trusted: ReadonlySet<string>;
  /** What stands before the relay tells the host that the browser used. */
  readonly trustProxy: boolean;
}

/** Neither header: it is no browser, and whether it may is `authorize`'s to say. */
export function isOwn({ headers }: Request, { trusted, trustProxy }: Origins): boolean {
  const origin = headers.get('origin');
  if (origin !== null && trusted.has(origin)) return true;
  const site = headers.get('sec-fetch-site');
  if (site !== null) return site === 'same-origin' || site === 'none';
  if (origin === null) return true;
  // Not the request's address: frameworks write their own host there.
  const host = (trustProxy ? headers.get('x-forwarded-host') : null) ?? headers.get('host');
  try {
    return host !== null && new URL(origin).host === host;
  } catch {
    return false;
  }
}

/** What lets pages of a trusted origin read an answer. */
export function openTo({ headers }: Request, { trusted }: Origins): Record<string, string> {
  const origin = headers.get('origin');
  if (origin === null || !trusted.has(origin)) return {};
  return { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true', 'access-control-expose-headers': 'x-next-cursor, retry-after', vary: 'origin' };
}

/** The answer to a browser that asks before it sends. */
export function preflight(request: Request, origins: Origins): Response {
  return new Response(null, {
    status: 204,
    headers: {
      ...openTo(request, origins),
      'access-control-allow-methods': 'GET, POST, PATCH, DELETE',
      'access-control-allow-headers': 'content-type, authorization, last-event-id',
      'access-control-max-age': '600',
    },
  });
}
