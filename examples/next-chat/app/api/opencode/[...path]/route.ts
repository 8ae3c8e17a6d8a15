import { createRelayRoute } from 'opencode-session/next';
import { options } from '@/lib/opencode';

// What the pages talk to.
export const { GET, POST, PATCH, DELETE, OPTIONS } = createRelayRoute(options);
