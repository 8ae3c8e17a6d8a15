import type { QuestionRequest } from 'opencode-session';
import { exact } from '../../src/js/visible.js';
import { button, el } from './dom.js';
import { fieldsOf, listOf, textOf } from './fields.js';

type Asked = QuestionRequest['questions'][number];

/** A question with all that is shown of it as texts, whatever a server fills the fields with. */
function questionOf(value: unknown): Asked & { readonly header: string } {
  const { question = value, header, options, multiple, custom } = fieldsOf(value);
  const all = listOf(options).map((option) => {
    const { label = option, description } = fieldsOf(option);
    return { label: textOf(label), description: textOf(description) };
  });
  return { question: textOf(question), header: textOf(header), options: all, multiple: multiple === true, custom: custom !== false };
}

/** What the card reports; both resolve with whether it got through. */
export interface QuestionReply {
  answer(answers: readonly (readonly string[])[]): Promise<boolean>;
  dismiss(): Promise<boolean>;
}

/** Asks what the agent wants to know: options to choose from, and own words where they are allowed. */
export function questionCard(request: QuestionRequest, reply: QuestionReply): HTMLElement {
  const fields = listOf(request.questions).map((question, index) => new QuestionField(questionOf(question), `${request.id}-${index}`));
  const submit = el('button', { type: 'submit', class: 'primary', 'data-testid': 'question-answer' }, 'Answer');
  const dismiss = button('Dismiss', { class: 'quiet', 'data-testid': 'question-dismiss' }, () => void act(() => reply.dismiss()));
  const form = el('form', { class: 'ask', tabindex: -1, 'aria-label': 'Question from the agent', 'data-testid': 'question', 'data-id': request.id },
    ...fields.map((field) => field.node), el('div', { class: 'row' }, submit, dismiss));
  const act = async (send: () => Promise<boolean>) => {
    form.focus({ preventScroll: true });
    submit.disabled = dismiss.disabled = true;
    if (!(await send())) submit.disabled = dismiss.disabled = false;
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const unanswered = fields.find((field) => field.chosen().length === 0);
    if (unanswered) return unanswered.complain();
    void act(() => reply.answer(fields.map((field) => field.chosen())));
  });
  return form;
}

class QuestionField {
  readonly node: HTMLFieldSetElement;
  private readonly boxes: HTMLInputElement[];
  private readonly own: HTMLInputElement | undefined;
  private readonly missing = el('p', { class: 'missing', role: 'alert', hidden: true }, 'Choose an answer, or write one.');

  constructor(
    private readonly question: Asked & { readonly header: string },
    name: string,
  ) {
    const type = question.multiple ? 'checkbox' : 'radio';
    this.boxes = question.options.map((option) => el('input', { type, name, 'data-label': option.label }));
    // The server's default: own words are allowed unless it says no.
    this.own = question.custom === false ? undefined
      : el('input', { type: 'text', class: 'own', 'data-testid': 'question-custom', placeholder: 'Something else', 'aria-label': 'Own answer', autocomplete: 'off' });
    this.node = el('fieldset', {},
      el('legend', { class: 'ask-title' }, question.header ? el('span', { class: 'tag' }, exact(question.header)) : undefined, exact(question.question)),
      ...question.options.map((option, index) => el('label', { class: 'option' }, this.boxes[index],
        el('span', {}, exact(option.label), option.description ? el('small', {}, exact(option.description)) : undefined))),
      this.own, this.missing);
    // Own words in place of a single choice: the two cannot both be the answer.
    this.own?.addEventListener('input', () => {
      if (type === 'radio' && this.own?.value.trim()) for (const box of this.boxes) box.checked = false;
    });
    for (const box of this.boxes) {
      box.addEventListener('change', () => {
        this.missing.hidden = true;
        if (type === 'radio' && this.own) this.own.value = '';
      });
    }
  }

  chosen(): string[] {
    // Labels come from the request: what an element shows was made visible and may differ.
    const labels = this.question.options.flatMap((option, index) => (this.boxes[index]?.checked ? [option.label] : []));
    const own = this.own?.value.trim() ?? '';
    return own === '' ? labels : [...labels, own];
  }

  complain(): void {
    this.missing.hidden = false;
    (this.boxes[0] ?? this.own)?.focus();
  }
}
