import { createClient } from 'opencode-session';

const [, , baseUrl, prompt] = process.argv;
const client = await createClient({ baseUrl });
const session = await client.createSession({ title: 'Node' });
const { parts } = await session.send(prompt).done;
client.close();
console.log(JSON.stringify({ text: parts.map(({ type, text }) => (type === 'text' ? text : '')).join('') }));
