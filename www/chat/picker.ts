import type { Agent, Model, SendOptions } from 'opencode-session';
import { byId, el } from './dom.js';
import { Remembered } from './storage.js';

/** Which model and agent answer. The choice is remembered in this browser. */
export class Picker {
  private readonly model = new Choice(byId('model', HTMLSelectElement), 'model', 'Default model');
  private readonly agent = new Choice(byId('agent', HTMLSelectElement), 'agent', 'Default agent');

  setModels(models: readonly Model[]): void {
    const groups = new Map<string, HTMLOptGroupElement>();
    for (const model of models) {
      const group = groups.get(model.providerID) ?? el('optgroup', { label: model.providerName });
      groups.set(model.providerID, group);
      group.append(el('option', { value: model.ref }, model.isDefault && models.length > 1 ? `${model.name} (default)` : model.name));
    }
    this.model.fill([...groups.values()]);
  }

  setAgents(agents: readonly Agent[]): void {
    const primary = agents.filter((agent) => agent.mode !== 'subagent' && !agent.hidden);
    this.agent.fill(primary.map((agent) => el('option', { value: agent.name, title: agent.description }, agent.name)));
  }

  get options(): SendOptions {
    const model = this.model.value;
    const agent = this.agent.value;
    return { ...(model !== '' && { model }), ...(agent !== '' && { agent }) };
  }
}

class Choice {
  private readonly remembered: Remembered;

  constructor(
    private readonly select: HTMLSelectElement,
    name: string,
    private readonly none: string,
  ) {
    this.remembered = new Remembered('localStorage', name);
    select.addEventListener('change', () => this.remembered.set(select.value));
    this.fill([]);
  }

  fill(options: readonly HTMLElement[]): void {
    this.select.replaceChildren(el('option', { value: '' }, this.none), ...options);
    const last = this.remembered.get();
    // A model that is gone must not be sent: the server's own choice comes back.
    const known = [...this.select.options].some((option) => option.value === last);
    this.select.value = known ? last : '';
    this.select.disabled = options.length === 0;
  }

  get value(): string {
    return this.select.value;
  }
}
