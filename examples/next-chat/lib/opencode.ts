// The OpenCode server as this app uses it. Its password stays here.
import { type Client, createClient } from 'opencode-session';
import { type RelayHooks, relayHooks } from 'opencode-session/metadata';
import type { RelayOptions } from 'opencode-session/next';
import { redisStore } from 'opencode-session/relay';
import { userOf } from './auth';
import { metadata } from './metadata';

const upstream = process.env.OPENCODE_URL ?? 'http://127.0.0.1:4096';
const auth = { type: 'basic', password: process.env.OPENCODE_SERVER_PASSWORD ?? '' } as const;

/** Each hook waits for the database. */
async function hooks(): Promise<RelayHooks> {
  return relayHooks(await metadata());
}

/** Everybody sees their own chats and no others, in every route that passes on to the server. */
export const options: RelayOptions = {
  upstream,
  auth,
  authorize: async (request) => {
    const user = userOf(request.headers.get('cookie'));
    return user === undefined ? undefined : { user, sessions: (await hooks()).sessions(user) };
  },
  onCreate: async (user, session) => (await hooks()).onCreate(user, session),
  onDelete: async (user, id) => (await hooks()).onDelete(user, id),
  // Several instances share one event stream, and readers may move between them.
  ...(process.env.REDIS_URL && { store: redisStore({ url: process.env.REDIS_URL }, { onError: ({ code, hint }) => console.warn(code, hint) }) }),
};

let made: Promise<Client> | undefined;

/** For what this app asks the server itself: titles of chats. Opens no stream. */
export function client(): Promise<Client> {
  made ??= createClient({ baseUrl: upstream, auth, journal: 'off' }).catch((error: unknown) => {
    made = undefined;
    throw error;
  });
  return made;
}
