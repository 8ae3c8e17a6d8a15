#!/usr/bin/env node
// `npx opencode-session keeper <public folder>`: puts the keeper's file where the page's server finds it.
import { copyFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NAME = 'opencode-session-keeper.js';
const USAGE = `usage: opencode-session keeper <public folder>

Copies ${NAME} into the folder that your web server serves as "/", such as "public".
Run it again after each update of the package. Then: createClient({ baseUrl, keeper: true }).
`;

/** Runs the command; gives the exit code. @param {string[]} args */
export function main(args) {
  const [command, folder, ...more] = args;
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (command !== 'keeper' || folder === undefined || more.length > 0) {
    process.stderr.write(USAGE);
    return 2;
  }
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    return fail(`there is no folder ${folder}; name the one that your web server serves as "/"`);
  }
  const to = join(folder, NAME);
  try {
    copyFileSync(fileURLToPath(new URL('./keeper.js', import.meta.url)), to);
  } catch (error) {
    return fail(`${to} could not be written (${error.code ?? error.message})`);
  }
  process.stdout.write(`${to} is in place\n`);
  return 0;
}

/** @param {string} message */
function fail(message) {
  process.stderr.write(`opencode-session: ${message}\n`);
  return 1;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = main(process.argv.slice(2));
}
