import { createRelayRoute } from 'opencode-session/next';
import { options } from '../../../../lib/options.js';

export const { GET, POST, PATCH, DELETE, OPTIONS } = createRelayRoute(options);
