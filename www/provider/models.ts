import type { ProviderModel } from 'opencode-session/provider';
import { inLine } from '../../src/js/visible.js';
import { el } from '../chat/dom.js';

const ABILITIES = { chat: 'chat', completion: 'completion', fim: 'holes', tools: 'tools', reasoning: 'reasoning' } as const;

export type Filter = { readonly text: string; readonly only: readonly (keyof typeof ABILITIES)[] };

/** The models that a filter lets through. */
export function filtered(models: readonly ProviderModel[], { text, only }: Filter): readonly ProviderModel[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return models.filter((model) => {
    const name = `${model.id} ${model.name} ${model.family ?? ''} ${model.owner ?? ''}`.toLowerCase();
    return words.every((word) => name.includes(word)) && only.every((ability) => model[ability] === true);
  });
}

/** A row of the table. What a server says is text, never markup. */
export function row(model: ProviderModel): HTMLElement {
  const { id, family, contextWindow, price, licence, active } = model;
  const able = (Object.keys(ABILITIES) as (keyof typeof ABILITIES)[]).filter((name) => model[name] === true).map((name) => ABILITIES[name]);
  const cells = [
    active ? id : `${id} (switched off)`,
    family ?? '',
    contextWindow?.toLocaleString('en') ?? '',
    able.join(', '),
    price === undefined ? '' : `${price.input} in, ${price.output} out`,
    licence ?? '',
  ];
  return el('tr', { 'data-testid': 'row' }, ...cells.map((cell) => el('td', {}, inLine(cell))));
}
