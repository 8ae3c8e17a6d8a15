// `npm start`: everything needed to try the page, from a fresh clone to one address to open. Ctrl-C ends all of it.
//
//   OPENCODE_URL=http://127.0.0.1:4096   use this server in place of a fresh one with a scripted model
//   OPENCODE_DIRECTORY=/path             its project folder
//   OPENCODE_VERSION=1.18.34             version of the fresh server
//   PAGE_CONNECT=https://other.example   more servers that ?server= may name
//   PORT=…                               port of the page, in place of a free one
import { answers, library, ownServer, packages, say, scriptedServer, wantedPort } from './lib/setup.mjs';
import { Undo } from './lib/undo.mjs';

const undo = new Undo();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void end(0));

try {
  await packages(undo);
  await library(undo);
  const upstream = await server();
  const page = await pageFor(upstream);
  await answers(page, 'the page');
  if (!undo.ending) {
    say(`The fault lab: ${page}lab/`);
    say(`The doctor: ${page}doctor/`);
    say(`The inspector: ${page}inspector/`);
    say(`Models: ${page}provider/`);
    console.log(`Open ${page}`);
  }
} catch (error) {
  if (!undo.ending) await end(1, error instanceof Error ? error.message : String(error));
}

/** @param {number} code @param {string} [problem] */
async function end(code, problem) {
  if (problem !== undefined) console.error(`npm start: ${problem.trim()}`);
  await undo.all();
  process.exit(code);
}

/**
 * @typedef {{ url: string, directory?: string, passwordRequired: boolean, restart?: (options: { downtime: number }) => Promise<void> }} Upstream
 * @returns {Promise<Upstream>}
 */
async function server() {
  const given = process.env.OPENCODE_URL;
  if (given) return { ...(await ownServer(given)), directory: process.env.OPENCODE_DIRECTORY || undefined };
  if (undo.ending) throw new Error('ended');
  const opencode = await scriptedServer(undo);
  await answers(`${opencode.url}/global/health`, 'the OpenCode server');
  return { url: opencode.url, directory: opencode.directory, passwordRequired: false, restart: (options) => opencode.restart(options) };
}

/** @param {Upstream} upstream */
async function pageFor({ url, directory, passwordRequired, restart }) {
  const { buildPage, servePage } = await import('./serve.mjs');
  await buildPage();
  const lab = passwordRequired ? undefined : await labFor({ url, restart });
  const open = (/** @type {number} */ port) => servePage({ upstream: url, directory, passwordRequired, port, lab });
  const wanted = wantedPort();
  const page = await open(wanted).catch((error) => {
    if (error?.code !== 'EADDRINUSE') throw error;
    throw new Error(`port ${wanted} is taken; choose another PORT, or none`);
  });
  undo.add(() => page.close());
  return page.url;
}

/** The lab's own look at a server has no password. @param {{ url: string, restart?: Upstream['restart'] }} upstream */
async function labFor(upstream) {
  const { startLab } = await import('./lib/lab.mjs');
  const lab = await startLab(upstream);
  undo.add(() => lab.close());
  return lab;
}
