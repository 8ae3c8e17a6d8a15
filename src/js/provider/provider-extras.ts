/**
 * What only some providers need, in a file of its own that is loaded when it is asked for: tokens, signatures, logins, vaults, and
 * catalogues by their address.
 * @module
 */
export { Catalogue } from './catalogue.js';
export { share } from './error.js';
export { jwtCredentials } from './jwt.js';
export { finishLogin, startLogin } from './login.js';
export { oauthCredentials } from './oauth.js';
export { openVault } from './vault.js';
