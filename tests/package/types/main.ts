import { type ChatSession, createClient, type Message, SessionError, type SessionState } from 'opencode-session';
import { createClient as inlined } from 'opencode-session/inline';
import { createProvider } from 'opencode-session/provider';
import { type AiLanguageModel, languageModel } from 'opencode-session/provider/ai-sdk';
import { type Divergence, readRecording, replay, type Replay } from 'opencode-session/recorder';

const client = await createClient({ baseUrl: 'http://127.0.0.1:4096', auth: { type: 'basic', password: 'x' } });
const session: ChatSession = client.openSession('ses_1', { limit: 10 });
const state: SessionState = session.state;
const texts: string[] = state.messages.map(({ parts }: Message) => parts.map((part) => part.text ?? '').join(''));
if (state.connection.error instanceof SessionError) texts.push(state.connection.error.hint);
const { entries } = await readRecording(await (await client.record()).file({ text: 'mask' }));
const result: Replay = await replay('', { until: entries.length, onState: ({ status }) => texts.push(status.type) });
const where: Divergence | undefined = result.diverged;
if (where) texts.push(where.got);
const provider = await createProvider({ apiEndpoint: 'http://127.0.0.1:1/v1', auth: { type: 'none' }, rateLimits: { requestsPerMinute: 60, tokensPerMinute: 60_000 } });
// Without `ai` beside it.
const model: AiLanguageModel = languageModel(provider, 'm');
texts.push(model.modelId);
// Were the types not found, everything would be "any", and these lines no errors.
// @ts-expect-error a number is no address
await inlined({ baseUrl: 1 });
// @ts-expect-error there is no such transport
await createClient({ baseUrl: '', transport: 'pigeon' });
// @ts-expect-error there is no such way to hide texts
await (await client.record()).file({ text: 'blur' });
// @ts-expect-error a number is no model
languageModel(provider, 1);
// @ts-expect-error the state cannot be written
state.messages = [];
export { texts };
