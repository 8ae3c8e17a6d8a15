import { el, setText } from '../chat/dom.js';

/** Values that a plot shows: two minutes, twice a second. */
const LENGTH = 240;
const NAMESPACE = 'http://www.w3.org/2000/svg';

/** A line of the newest values, with the newest one in words. */
export class Plot {
  readonly node: HTMLElement;
  readonly #line: SVGPolylineElement;
  readonly #value: HTMLElement;
  readonly #values: number[] = [];
  readonly #shown: (value: number) => string;

  constructor(name: string, id: string, shown: (value: number) => string) {
    this.#shown = shown;
    this.#value = el('span', { 'data-testid': `plot-${id}` }, shown(0));
    const picture = document.createElementNS(NAMESPACE, 'svg');
    picture.setAttribute('viewBox', `0 0 ${LENGTH} 50`);
    picture.setAttribute('preserveAspectRatio', 'none');
    picture.setAttribute('aria-hidden', 'true');
    this.#line = document.createElementNS(NAMESPACE, 'polyline');
    picture.append(this.#line);
    this.node = el('figure', {}, el('figcaption', {}, el('span', {}, name), this.#value), picture);
  }

  add(value: number): void {
    this.#values.push(value);
    if (this.#values.length > LENGTH) this.#values.shift();
    const most = Math.max(...this.#values, Number.MIN_VALUE);
    const from = LENGTH - this.#values.length;
    this.#line.setAttribute('points', this.#values.map((each, at) => `${from + at},${(49 - (each / most) * 47).toFixed(1)}`).join(' '));
    setText(this.#value, this.#shown(value));
  }
}
