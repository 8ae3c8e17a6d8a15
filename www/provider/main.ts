import { type AnswerStream, createProvider, openVault, type Provider, ProviderError, type ProviderModel } from 'opencode-session/provider';
import { inLine } from '../../src/js/visible.js';
import { byId, el, setText } from '../chat/dom.js';
import { type Filter, filtered, row } from './models.js';
import { Plot } from './plots.js';

const connect = byId('connect', HTMLFormElement);
const endpoint = byId('endpoint', HTMLInputElement);
const key = byId('key', HTMLInputElement);
const keep = byId('keep', HTMLInputElement);
const problem = byId('problem', HTMLElement);
const search = byId('search', HTMLInputElement);
const table = byId('models', HTMLElement);
const ask = byId('ask', HTMLFormElement);
const model = byId('model', HTMLSelectElement);
const kind = byId('kind', HTMLSelectElement);
const prefix = byId('prefix', HTMLTextAreaElement);
const suffix = byId('suffix', HTMLTextAreaElement);
const send = byId('send', HTMLButtonElement);
const stop = byId('stop', HTMLButtonElement);
const answer = byId('answer', HTMLElement);
const told = byId('told', HTMLElement);
const boxes = [...document.querySelectorAll<HTMLInputElement>('[data-only]')];

/** In any minute; also the scale of the plot. */
const LIMITS = { requestsPerMinute: 60, tokensPerMinute: 100_000 };
/** The plots move each, milliseconds. */
const BEAT = 500;
const VAULT = 'models page';
const LAST = 'opencode-session models endpoint';

const plots = {
  requests: new Plot('Requests in this minute', 'requests', (value) => `${value} of ${LIMITS.requestsPerMinute}`),
  queue: new Plot('Waiting and running', 'queue', String),
  first: new Plot('First token, median', 'first', (value) => `${value.toFixed(0)} ms`),
  cost: new Plot('Cost today', 'cost', (value) => `$${value.toFixed(4)}`),
};
byId('plots', HTMLElement).append(...Object.values(plots).map(({ node }) => node));

let provider: Provider | undefined;
let models: readonly ProviderModel[] = [];
let running: AnswerStream | undefined;
/** When requests of the last minute began. */
let begun: number[] = [];

connect.addEventListener('submit', (event) => {
  event.preventDefault();
  void open();
});
ask.addEventListener('submit', (event) => {
  event.preventDefault();
  void run();
});
stop.addEventListener('click', () => void running?.return?.());
for (const box of [search, ...boxes]) box.addEventListener('input', show);
setInterval(draw, BEAT);
void recall();

/** What the vault has. */
async function recall(): Promise<void> {
  endpoint.value = localStorage.getItem(LAST) ?? '';
  if (endpoint.value === '') return;
  try {
    const kept = await (await openVault({ name: VAULT })).get(endpoint.value);
    keep.checked = kept !== undefined;
    key.value = kept ?? '';
  } catch (error) {
    refuse(error);
  }
}

async function open(): Promise<void> {
  setText(problem, '');
  const address = endpoint.value.trim();
  try {
    const vault = await openVault({ name: VAULT });
    if (keep.checked && key.value !== '') await vault.set(address, key.value);
    else await vault.delete(address);
    localStorage.setItem(LAST, address);
    provider?.dispose();
    provider = await createProvider({ apiEndpoint: address, auth: { type: 'api-key', apiKey: key.value || 'none' }, rateLimits: LIMITS, retry: { maxTries: 2 } });
    models = await provider.models();
    model.replaceChildren(...models.map(({ id }) => el('option', { value: id }, inLine(id))));
    send.disabled = models.length === 0;
    show();
  } catch (error) {
    refuse(error);
  }
}

function show(): void {
  const only = boxes.filter(({ checked }) => checked).map(({ dataset }) => dataset['only']) as Filter['only'];
  table.replaceChildren(...filtered(models, { text: search.value, only }).map(row));
}

async function run(): Promise<void> {
  if (provider === undefined || running !== undefined) return;
  setText(problem, '');
  setText(told, '');
  answer.textContent = '';
  send.disabled = true;
  stop.disabled = false;
  begun.push(Date.now());
  const id = models[model.selectedIndex]?.id ?? '';
  try {
    running = start(provider, id);
    for await (const { text, done, finishReason, metadata } of running) {
      answer.append(text);
      if (!done) continue;
      const { usage } = metadata;
      setText(told, `${inLine(finishReason ?? 'ended')}, ${usage?.promptTokens ?? 0} + ${usage?.completionTokens ?? 0} tokens${usage?.estimated ? ' (guessed)' : ''}`);
    }
  } catch (error) {
    refuse(error);
  }
  running = undefined;
  send.disabled = false;
  stop.disabled = true;
}

function start(by: Provider, id: string): AnswerStream {
  const common = { model: id, maxTokens: 512 };
  if (kind.value === 'fim') return by.streamFim({ ...common, prefix: prefix.value, suffix: suffix.value });
  if (kind.value === 'completion') return by.streamCompletion({ ...common, prompt: prefix.value });
  return by.streamChat({ ...common, messages: [{ role: 'user', content: prefix.value }] });
}

function draw(): void {
  if (provider === undefined) return;
  const { waiting, running: under, day } = provider.stats();
  const since = Date.now() - 60_000;
  begun = begun.filter((at) => at > since);
  plots.requests.add(begun.length);
  plots.queue.add(waiting + under);
  plots.first.add(provider.figures(models[model.selectedIndex]?.id ?? '')?.firstTokenP50 ?? 0);
  plots.cost.add(day.cost);
}

function refuse(error: unknown): void {
  setText(problem, error instanceof ProviderError ? `${inLine(error.message)} ${error.hint}` : String(error));
}
