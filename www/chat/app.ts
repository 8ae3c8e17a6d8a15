import { createClient, type Auth, type ChatSession, type Client, type PromptInput, type SessionState } from 'opencode-session';
import { problemOf } from 'opencode-session/problem';
import { Announcer } from './announcer.js';
import { Banners } from './banners.js';
import { Composer } from './composer.js';
import { blockedServer, loadConfig, type PageConfig } from './config.js';
import { ConnectionView } from './connection-view.js';
import { Conversation } from './conversation.js';
import { askText, confirm } from './dialogs.js';
import { inLine } from '../../src/js/visible.js';
import { byId } from './dom.js';
import { Drawer } from './drawer.js';
import { Heading } from './heading.js';
import { listenForCopies } from './markdown/code-block.js';
import { OpenSessions } from './open-sessions.js';
import { Picker } from './picker.js';
import { toProblem, type Problem } from './problem.js';
import { SaveRecording } from './save-recording.js';
import { Scroller } from './scroller.js';
import { ServerCheck } from './server-check.js';
import { SessionList } from './session-list.js';
import { SignIn } from './sign-in.js';
import { isWorking, StatusView } from './status-view.js';
import { TodoView } from './todo-view.js';

const PASSWORD_NEEDED: Problem = {
  code: 'unauthorized',
  message: 'This server asks for a password.',
  hint: 'Sign in to go on.',
};

/** The page: one server, a list of chats, and the chat that the address names. */
export class App {
  private readonly banners = new Banners(byId('banners', HTMLElement));
  private readonly announcer = new Announcer(byId('announcer', HTMLElement));
  private readonly connection = new ConnectionView(byId('connection', HTMLElement), () => this.retry());
  private readonly status = new StatusView(byId('status', HTMLElement));
  private readonly todos = new TodoView(byId('todos', HTMLElement));
  private readonly heading = new Heading({ rename: () => void this.rename(), remove: () => void this.remove() });
  private readonly drawer = new Drawer();
  private readonly picker = new Picker();
  private readonly list = new SessionList((error) => this.fail('list', error));
  private readonly recording = new SaveRecording((error) => this.fail('action', error));
  private readonly composer = new Composer({
    send: (prompt) => this.send(prompt),
    stop: () => void this.chat?.abort(),
    refused: (problem) => this.banners.set('files', problem),
  });
  private readonly scroller = new Scroller(byId('log', HTMLElement), byId('column', HTMLElement), byId('jump', HTMLButtonElement),
    () => void this.chat?.loadOlder());
  private readonly server = new ServerCheck({
    checking: () => this.connection.showServer('connecting', 'Connecting'),
    reachable: ({ version }) => {
      this.connection.showServer('reachable', `Server ${version}`);
      this.serverIsBack();
    },
    unreachable: (error, attempt, retryAt) => {
      this.connection.show({ phase: 'waiting', source: 'event', attempt, retryAt });
      this.fail('server', error);
    },
  });
  private readonly signIn = new SignIn(() => this.config?.baseUrl, async (auth) => {
    this.banners.set('auth', undefined);
    await this.connect(auth).catch((error: unknown) => this.fail('server', error));
  });
  private config: PageConfig | undefined;
  private client: Client | undefined;
  private sessions: OpenSessions | undefined;
  private chat: Conversation | undefined;
  private last: SessionState | undefined;
  private creating: Promise<boolean> | undefined;
  private pickerFilled = false;

  async start(): Promise<void> {
    this.listen();
    try {
      this.config = await loadConfig(location.search);
      await this.connect();
    } catch (error) {
      this.fail('server', error);
    }
  }

  private async connect(auth?: Auth): Promise<void> {
    const config = this.config;
    if (!config) return;
    const { baseUrl, directory, keeper } = config;
    const client = await createClient({ baseUrl, keeper, record: true, ...(directory !== undefined && { directory }), ...(auth && { auth }) });
    const blocked = blockedServer(config);
    if (blocked) throw blocked;
    if (config.passwordRequired && !auth) {
      client.close();
      return this.fail('server', PASSWORD_NEEDED);
    }
    this.leave();
    this.client?.close();
    this.client = client;
    this.recording.use(client);
    this.sessions = new OpenSessions(client);
    this.composer.setBlocked(false);
    void this.list.use(client);
    this.showChat();
    await this.fillPicker(client);
  }

  private async fillPicker(client: Client): Promise<void> {
    try {
      const [models, agents] = await Promise.all([client.models(), client.agents()]);
      if (client !== this.client) return;
      this.picker.setModels(models);
      this.picker.setAgents(agents);
      this.pickerFilled = true;
      this.fail('picker', undefined);
    } catch (error) {
      if (client !== this.client) return;
      this.pickerFilled = false;
      this.fail('picker', error);
    }
  }

  /** What could not be read while the server was away is read now. */
  private serverIsBack(): void {
    this.fail('server', undefined);
    if (this.client && !this.pickerFilled) void this.fillPicker(this.client);
  }

  /** Shows the chat that the address names. */
  private showChat(made = false): void {
    const id = /^#(ses_\w+)$/.exec(location.hash)?.[1];
    if (!this.sessions || (id !== undefined && id === this.chat?.session.id)) return;
    this.leave();
    this.drawer.close();
    if (id === undefined) this.showStart();
    else this.enter(this.sessions.open(id));
    if (made && id !== undefined) this.composer.moveTo(id);
    else this.composer.open(id ?? 'new');
    this.composer.focus();
  }

  private showStart(): void {
    byId('welcome', HTMLElement).hidden = false;
    this.heading.showStart();
    this.list.setCurrent('');
    this.status.show({ type: 'idle' });
    this.todos.show([]);
    if (this.client) void this.server.start(this.client);
  }

  private enter(session: ChatSession): void {
    byId('welcome', HTMLElement).hidden = true;
    this.list.setCurrent(session.id);
    this.heading.showChat(undefined);
    this.server.stop();
    this.chat = new Conversation(session, {
      scroller: this.scroller,
      announcer: this.announcer,
      composer: this.composer,
      changed: (state) => this.changed(state),
      failed: (error) => this.fail('action', error),
    });
  }

  private leave(): void {
    this.chat?.leave();
    this.chat = undefined;
    this.last = undefined;
    this.composer.setWorking(false);
    for (const cause of ['action', 'state']) this.banners.set(cause, undefined);
  }

  private changed(state: SessionState): void {
    const before = this.last;
    this.last = state;
    this.connection.show(state.connection);
    if (state.status !== before?.status) {
      this.status.show(state.status);
      this.composer.setWorking(isWorking(state.status));
    }
    this.todos.show(state.todos);
    if (state.session && state.session !== before?.session) this.heading.showChat(state.session);
    byId('welcome', HTMLElement).hidden = state.messages.length > 0 || state.connection.phase !== 'live';
    const problem = problemOf(state);
    this.fail('state', problem?.worthShowing ? problem.error : undefined);
    if (state.connection.phase === 'live' && before?.connection.phase !== 'live') this.serverIsBack();
  }

  private async send(prompt: PromptInput): Promise<boolean> {
    if (!this.chat && !(await this.create())) return false;
    this.chat?.send(prompt, this.picker.options);
    return true;
  }

  /** Several reasons at once, a click and a quick first message, make one chat. */
  private create(): Promise<boolean> {
    this.creating ??= this.createChat().finally(() => {
      this.creating = undefined;
    });
    return this.creating;
  }

  private async createChat(): Promise<boolean> {
    try {
      const session = await this.client?.createSession();
      if (!session) return false;
      // Who went to another chat meanwhile is not called back.
      if (this.chat) return false;
      this.sessions?.adopt(session);
      history.replaceState(null, '', `#${session.id}`);
      this.showChat(true);
      return true;
    } catch (error) {
      this.fail('action', error);
      return false;
    }
  }

  private async rename(): Promise<void> {
    const id = this.chat?.session.id;
    const title = id && (await askText('Rename this chat', 'Title', this.last?.session?.title ?? ''));
    if (!id || !title) return;
    await this.tried(async () => {
      const info = await this.client?.sessions.rename(id, title);
      if (info && this.chat?.session.id === id) this.heading.showChat(info);
    });
  }

  private async remove(): Promise<void> {
    const id = this.chat?.session.id;
    const title = this.last?.session?.title ?? 'This chat';
    if (!id || !(await confirm('Delete this chat?', `“${inLine(title)}” and its messages will be gone for good.`, 'Delete'))) return;
    await this.tried(async () => {
      await this.client?.sessions.remove(id);
      this.sessions?.drop(id);
      if (this.chat?.session.id === id) location.hash = '';
    });
  }

  private async tried(work: () => Promise<void>): Promise<void> {
    this.banners.set('action', undefined);
    await work().catch((error: unknown) => this.fail('action', error));
  }

  private retry(): void {
    if (this.chat) this.chat.session.reconnect();
    else if (this.client) void this.server.start(this.client);
  }

  /** Shows a problem of one cause, or takes it away; a refused password asks for a better one. */
  private fail(cause: string, error: unknown): void {
    if (error === undefined) return this.banners.set(cause, undefined);
    const problem: Problem = toProblem(error);
    if (problem.code !== 'unauthorized') return this.banners.set(cause, problem);
    this.banners.set('auth', problem, { label: 'Sign in', run: () => void this.signIn.ask() });
    this.signIn.offer();
  }

  private listen(): void {
    addEventListener('hashchange', () => this.showChat());
    byId('new-session', HTMLButtonElement).addEventListener('click', () => void this.newChat());
    byId('older', HTMLElement).querySelector('button')?.addEventListener('click', () => void this.chat?.loadOlder());
    byId('skip', HTMLElement).addEventListener('click', (event) => {
      // The hash names the chat: a plain jump would leave it.
      event.preventDefault();
      this.composer.field.focus();
    });
    listenForCopies(byId('messages', HTMLElement), (text) => this.announcer.say(text));
    document.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || event.defaultPrevented || event.isComposing || document.querySelector('dialog[open]')) return;
      void this.chat?.abort();
    });
  }

  private async newChat(): Promise<void> {
    this.drawer.close();
    const unused = this.last !== undefined && this.last.connection.phase === 'live' && this.last.messages.length === 0;
    // An unused chat is as good as a new one, and does not litter the list.
    if (unused || !this.client) return this.composer.field.focus();
    // Left at once, so that what is written from now on belongs to the new chat.
    history.pushState(null, '', location.pathname + location.search);
    this.showChat();
    this.composer.field.focus();
    await this.create();
  }
}
