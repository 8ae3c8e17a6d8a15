/** The one script that is loaded by address at run time: the library's service worker. */
const KEEPER = new URL('/opencode-session-keeper.js', location.href).href;

/**
 * The page's security policy forbids to load scripts by addresses that code puts together. This says which one is meant; the
 * name "default" makes it hold for the library as well. Browsers without Trusted Types do not ask.
 */
export function allowKeeper(): void {
  // TypeScript's library does not know Trusted Types yet.
  const { trustedTypes } = globalThis as { trustedTypes?: { createPolicy(name: string, rules: { createScriptURL(url: string): string }): unknown } };
  trustedTypes?.createPolicy('default', {
    createScriptURL(url) {
      if (new URL(url, location.href).href === KEEPER) return url;
      throw new TypeError('This page loads no script but its own.');
    },
  });
}
