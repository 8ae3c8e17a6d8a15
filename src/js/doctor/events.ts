/**
 * Checks of the event stream.
 * @module
 */
import { heldBack, Listener } from './listener.js';
import { type Job, failed, inDirectory } from './types.js';

/** A good stream says `server.connected` at once; one that is held back says it when a buffer is full. */
const OPENS = 6_000;
const TOLD = 6_000;
/** Servers beat every 10 s, older ones every 30 s. */
const BEAT = 40_000;

/** Whether the stream opens at once, as what it is. */
export const events: Job = {
  name: 'events',
  title: 'Event stream opens',
  needs: ['auth'],
  async run(visit) {
    const start = performance.now();
    const listener = await Listener.open(visit, '/event', OPENS);
    try {
      await listener.until((event) => event.type === 'server.connected', OPENS, () => heldBack());
      const encoding = listener.headers.get('content-encoding');
      const packed = encoding === null || encoding === 'identity' ? '' : `; something packs it (${encoding}), which may hold events back`;
      return `after ${Math.round(performance.now() - start)} ms${packed}`;
    } finally {
      listener.close();
    }
  },
};

/** Whether events of the sessions in this directory come on its stream: it wants the exact spelling of the server. */
export const scope: Job = {
  name: 'scope',
  title: 'Events of this directory',
  needs: ['events', 'session'],
  async run(visit) {
    const { directory } = visit.options;
    const named = inDirectory(directory);
    const told = (await visit.ask(`/path${named}`)).json() as { directory?: string };
    const own = told.directory ?? '';
    if (directory !== undefined && own !== directory) {
      throw failed('wrong_directory', `The server calls it ${own}.`, `Pass exactly that: ${own}.`);
    }
    const listener = await Listener.open(visit, `/event${inDirectory(own)}`, OPENS);
    try {
      await listener.until((event) => event.type === 'server.connected', OPENS, () => heldBack());
      const session = visit.known.session ?? '';
      const title = `opencode-session doctor ${Date.now()}`;
      await visit.ask(`/session/${encodeURIComponent(session)}${named}`, {
        method: 'PATCH', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ title }),
      });
      await listener.until(({ raw }) => raw.includes(title), TOLD, (count) =>
        count > 1
          ? failed('wrong_directory', 'The stream of this directory has events, but not those of a session made in it.', 'Check that --directory is spelled as in GET /path.')
          : failed('mute', 'The stream is open, but carries no events.', 'Check what stands between: something lets only the beginning through, or the directory is another one.'),
      );
      return `they come on /event?directory=${own}`;
    } finally {
      listener.close();
    }
  },
};

/** How often the server says that it is there. */
export const heartbeat: Job = {
  name: 'heartbeat',
  title: 'Heartbeat',
  needs: ['events'],
  async run(visit) {
    const listener = await Listener.open(visit, '/event', OPENS);
    const start = performance.now();
    try {
      await listener.until((event) => event.type === 'server.heartbeat', BEAT, () =>
        failed('no_heartbeat', `No heartbeat in ${BEAT / 1_000} s.`, 'Something in between keeps small pieces back; turn its buffering off for /event.'),
      );
      return `after ${Math.round((performance.now() - start) / 1_000)} s`;
    } finally {
      listener.close();
    }
  },
};
