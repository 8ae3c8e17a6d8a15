// The examples that are not run, each with its reason. An entry that fits no example fails the tests.

/** @type {{ page: string, code: string, why: string }[]} */
export const UNRUN = [
  { page: 'README.md', code: 'npm install opencode-session', why: 'the packed package is installed in its place' },
  { page: 'README.md', code: 'npx opencode-session keeper public    # copies the service worker into the folder that is served as /', why: 'the same line runs in docs/keeper.md' },
  { page: 'README.md', code: 'npm start', why: 'runs until it is ended; tests/browser/chat.test.mjs uses the page that it serves' },
  { page: 'README.md', code: 'npx opencode-session doctor --url http://127.0.0.1:4096', why: 'tests/doctor runs it against good and broken servers' },
  { page: 'README.md', code: 'npm test', why: 'this is part of it' },
  { page: 'docs/doctor.md', code: 'npx opencode-session doctor --url http://127.0.0.1:4096', why: 'tests/doctor runs it against good and broken servers' },
  { page: 'docs/getting-started.md', code: 'npm install opencode-session', why: 'the packed package is installed in its place' },
  { page: 'docs/getting-started.md', code: 'opencode serve --port 4096', why: 'runs until it is ended; tests/support/opencode.mjs starts the same program' },
  { page: 'docs/observability.md', code: 'npx opencode-session replay opencode-session-2026-01-31T12-00-00.jsonl', why: 'tests/recorder runs it on recordings that it makes' },
  { page: 'docs/testing.md', code: 'npm install --save-dev opencode-ai', why: 'the pinned server of tests/support is on the PATH in its place' },
];
