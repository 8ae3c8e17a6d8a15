// Temporary folders and other things that must not outlive the process, whatever ends it.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @type {Set<() => void>} */
const chores = new Set();
let armed = false;

/**
 * Runs `chore` (synchronous) when this process ends before `forget` was called.
 * @param {() => void} chore
 * @returns {() => void} forget
 */
export function atExit(chore) {
  arm();
  chores.add(chore);
  return () => chores.delete(chore);
}

function arm() {
  if (armed) return;
  armed = true;
  process.on('exit', () => {
    for (const chore of [...chores].reverse()) {
      try {
        chore();
      } catch {
        // The other chores still have to run.
      }
    }
  });
  // Node runs no exit listener when a signal ends the process.
  for (const [signal, code] of /** @type {const} */ ([['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]])) {
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(code);
    });
  }
}

/**
 * A new folder under the system's temporary folder. The path is real (no symbolic link in it), since the server compares directories as strings.
 * @param {string} [name]
 * @returns {{ path: string, remove(): Promise<void> }}
 */
export function tempDir(name = 'dir') {
  const path = realpathSync(mkdtempSync(join(tmpdir(), `opencode-session-${name}-`)));
  const gone = { recursive: true, force: true, maxRetries: 5, retryDelay: 100 };
  const forget = atExit(() => rmSync(path, gone));
  return {
    path,
    async remove() {
      await rm(path, gone);
      forget();
    },
  };
}
