/**
 * Logins and vaults. What they are made of is loaded with the first call.
 * @module
 */
import { extras } from './extras.js';
import type { LoginOptions } from './login.js';
import type { Vault, VaultOptions } from './vault.js';

/**
 * Begins a login; gives the address that the page has to go to.
 *
 * @example
 * ```ts
 * const begin = async (options: LoginOptions) => location.assign(await startLogin(options));
 * ```
 */
export async function startLogin(options: LoginOptions): Promise<string> {
  return (await extras()).startLogin(options);
}

/**
 * Ends a login on the page that `redirectUri` names; the tokens are in the vault then. Take the code out of the address afterwards.
 *
 * @example
 * ```ts
 * const end = async (options: LoginOptions) => {
 *   await finishLogin(location.href, options);
 *   history.replaceState(null, '', '/');
 * };
 * ```
 */
export async function finishLogin(address: string, options: LoginOptions): Promise<void> {
  await (await extras()).finishLogin(address, options);
}

/**
 * Opens a vault.
 *
 * @example
 * ```ts
 * const key = await (await openVault()).get('key');
 * ```
 */
export async function openVault(options: VaultOptions = {}): Promise<Vault> {
  return (await extras()).openVault(options);
}
