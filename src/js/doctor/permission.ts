/**
 * The check of permissions. The doctor runs where its user's files are, and what a model asks for may be what a file talked it into:
 * it allows its own command, and nothing else.
 * @module
 */
import type { ChatSession } from '../api.js';
import type { PermissionRequest } from '../types.js';
import { complain, hear } from './answers.js';
import { type Job, failed, inDirectory, skipped } from './types.js';

const COMMAND = 'echo opencode-session-doctor';
const TOOL = `Use the bash tool to run exactly this command: ${COMMAND}`;
/** The session may do nothing but ask for the shell. Of rules that fit, the last one counts. */
const RULES = [{ permission: '*', pattern: '*', action: 'deny' }, { permission: 'bash', pattern: '*', action: 'ask' }];

/** A tool that asks before it runs. */
export const permission: Job = {
  name: 'permission',
  title: 'Permission',
  needs: ['message'],
  async run(visit) {
    const client = await visit.client();
    const made = await visit.ask(`/session${inDirectory(visit.options.directory)}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ title: 'opencode-session doctor', permission: RULES }),
    });
    const { id } = made.json() as { id: string };
    const session = client.openSession(id);
    try {
      const answered = new Set<string>();
      let end: (error: unknown) => void = () => undefined;
      const stop = new Promise<never>((_, reject) => {
        end = reject;
      });
      stop.catch(() => undefined);
      const answer = () => {
        for (const request of session.state.permissions) {
          const own = isOwn(request, session);
          if (own === undefined || answered.has(request.id)) continue;
          answered.add(request.id);
          const replied = visit.soon(session.replyPermission(request.id, own ? 'once' : 'reject'));
          if (own) replied.catch(end);
          else void replied.catch(() => undefined).then(() => end(foreign(request)));
        }
      };
      const quiet = session.subscribe(answer);
      const heard = await hear(visit, session, TOOL, undefined, stop).finally(quiet);
      complain(heard.answer);
      const ran = session.state.messages.some(({ parts }) => parts.some(({ type }) => type === 'tool'));
      if (answered.size === 0) throw skipped(ran ? 'this server lets the tool run without asking' : 'the model used no tool');
      return 'it was asked for, answered, and the tool ran';
    } finally {
      session.close();
      await visit.soon(client.sessions.remove(id)).catch(() => undefined);
    }
  },
};

/** Whether a request is for the command that was asked for, and nothing beside it. `undefined`: that is not known yet. */
function isOwn({ sessionID, permission: kind, patterns, metadata, tool }: PermissionRequest, session: ChatSession): boolean | undefined {
  if (sessionID !== session.id || kind !== 'bash') return false;
  const commands: unknown[] = [];
  // Patterns leave out what the shell does besides, such as where the output goes. What it is told is in the request or in the call.
  if (metadata?.['command'] !== undefined) commands.push(metadata['command']);
  if (tool) {
    // Another message may have a call of the same name.
    const message = session.state.messages.find(({ info }) => info.id === tool.messageID);
    const calls = (message?.parts ?? []).filter(({ callID }) => callID === tool.callID).map(({ state }) => state?.input?.['command']);
    if ((calls.length === 0 || calls.includes(undefined)) && [...commands, ...calls].every((each) => each === COMMAND || each === undefined)) return undefined;
    commands.push(...calls);
  }
  if (commands.length === 0) return patterns?.length === 1 && patterns[0] === COMMAND;
  return commands.every((command) => command === COMMAND) && (patterns ?? []).every(covers);
}

/** Whether a pattern is that of the command. */
function covers(pattern: unknown): boolean {
  return pattern === COMMAND || pattern === '*' || pattern === 'echo *' || pattern === `${COMMAND} *`;
}

function foreign({ permission: kind, patterns, metadata }: PermissionRequest) {
  const command = metadata?.['command'];
  const what = typeof command === 'string' ? command : (patterns ?? []).join(', ');
  return failed(
    'foreign_request',
    `The session asked for something else than the check did, and was refused: ${kind ?? 'no kind'}: ${what.length > 200 ? `${what.slice(0, 200)}…` : what}`,
    'Look at what the model reads in that directory (AGENTS.md, instructions), or try another model (--model).',
  );
}
