import { createChatRoute } from 'opencode-session/next';
import { options } from '@/lib/opencode';

// The pages do not need it: a small endpoint for scripts and other front ends of the same users.
export const { GET, POST } = createChatRoute(options);
