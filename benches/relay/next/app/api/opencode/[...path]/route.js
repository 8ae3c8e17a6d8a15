import { createRelayRoute } from 'opencode-session/next';

const authorize = (request) => ({ user: request.headers.get('x-user'), sessions: new Set([request.headers.get('x-session')]) });

export const { GET } = createRelayRoute({ upstream: process.env.UPSTREAM, authorize, limits: { flush: Number(process.env.FLUSH), linger: 2_000, patience: 2_000 } });
