import { createChatRoute } from 'opencode-session/next';
import { options } from '../../../lib/options.js';

export const { POST } = createChatRoute({ ...options, format: 'ai-sdk' });
