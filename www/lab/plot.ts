import { el, setText } from '../chat/dom.js';
import type { Mark, Point, Series, Timeline } from './timeline.js';

const NAMES: Record<Series, string> = { server: 'server', ours: 'opencode-session', plain: 'plain reader' };
const HEIGHT = 260;
const LEAST = 240;
const LEFT = 52;
const BOTTOM = 26;
const TOP = 20;
const SPACE = 'http://www.w3.org/2000/svg';
const STEPS = [1, 2, 5];

/** Three lines of characters over time, with the faults as numbered marks. */
export class Plot {
  private readonly svg = shape('svg', { role: 'img', 'aria-label': 'Characters over time' });
  private readonly grid = shape('g', { class: 'grid' });
  private readonly marks = shape('g', { class: 'marks' });
  private readonly lines: Record<Series, SVGElement>;
  private readonly legend: Record<Series, HTMLElement>;
  private readonly list = el('ol', { class: 'mark-list', 'data-testid': 'marks', 'aria-label': 'Faults in the plot' });
  private listed = -1;
  private width = LEAST;

  constructor(node: HTMLElement) {
    const line = (name: Series): SVGElement => shape('polyline', { class: `line ${name}`, 'data-testid': `line-${name}` });
    const item = (): HTMLElement => el('span', { class: 'count' });
    this.lines = { server: line('server'), ours: line('ours'), plain: line('plain') };
    this.legend = { server: item(), ours: item(), plain: item() };
    // Ours on the top of the others, where they are the same.
    this.svg.append(this.grid, this.marks, this.lines.plain, this.lines.server, this.lines.ours);
    const legend = el('figcaption', { class: 'legend' });
    for (const name of ['server', 'ours', 'plain'] as const) {
      legend.append(el('span', { class: 'key' }, el('span', { class: `swatch ${name}`, 'aria-hidden': 'true' }), NAMES[name], this.legend[name]));
    }
    node.append(legend, this.svg, this.list);
  }

  draw(timeline: Timeline): void {
    // One unit is one pixel, so that letters have the same size on every screen.
    this.width = Math.max(LEAST, Math.round(this.svg.getBoundingClientRect().width));
    this.svg.setAttribute('viewBox', `0 0 ${this.width} ${HEIGHT}`);
    const { points, marks, start } = timeline;
    const all = Object.values(points).flat();
    const end = Math.max(start + 5_000, ...all.map(([at]) => at));
    const most = Math.max(100, ...all.map(([, characters]) => characters));
    const x = (at: number): number => LEFT + ((at - start) / (end - start)) * (this.width - LEFT - 8);
    const y = (characters: number): number => HEIGHT - BOTTOM - (characters / most) * (HEIGHT - BOTTOM - TOP);
    for (const name of ['server', 'ours', 'plain'] as const) {
      const list = points[name];
      this.lines[name].setAttribute('points', list.map(([at, characters]) => `${x(at).toFixed(1)},${y(characters).toFixed(1)}`).join(' '));
      this.lines[name].setAttribute('data-points', String(list.length));
      setText(this.legend[name], `${latest(list)} characters`);
    }
    this.drawGrid({ seconds: (end - start) / 1000, most, x: (seconds) => x(start + seconds * 1000), y });
    this.drawMarks(marks.filter(({ at }) => at >= start), x);
  }

  private drawGrid({ seconds, most, x, y }: { seconds: number; most: number; x(at: number): number; y(characters: number): number }): void {
    const parts: SVGElement[] = [];
    for (let each = 0; each <= most; each += step(most)) {
      parts.push(shape('line', { x1: LEFT, x2: this.width - 8, y1: y(each), y2: y(each) }), label(String(each), LEFT - 8, y(each) + 4, 'end'));
    }
    for (let each = 0; each <= seconds; each += step(seconds * Math.max(1, 560 / this.width))) parts.push(label(`${each} s`, x(each), HEIGHT - 6, 'middle'));
    this.grid.replaceChildren(...parts);
  }

  private drawMarks(marks: readonly Mark[], x: (at: number) => number): void {
    this.marks.replaceChildren(...marks.flatMap(({ at }, index) => [
      shape('line', { x1: x(at), x2: x(at), y1: TOP, y2: HEIGHT - BOTTOM }),
      label(String(index + 1), x(at), TOP - 6, 'middle'),
    ]));
    if (this.listed === marks.length) return;
    this.listed = marks.length;
    this.list.replaceChildren(...marks.map(({ label: text }) => el('li', {}, text)));
  }
}

const latest = (list: readonly Point[]): number => list.at(-1)?.[1] ?? 0;

/** A round step that divides `range` into four to nine pieces. */
function step(range: number): number {
  for (let ten = 1; ; ten *= 10) for (const each of STEPS) if (range / (each * ten) < 9) return each * ten;
}

function label(text: string, x: number, y: number, anchor: string): SVGElement {
  const node = shape('text', { x, y, 'text-anchor': anchor });
  node.textContent = text;
  return node;
}

function shape(name: string, attributes: Record<string, string | number>): SVGElement {
  const node = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  return node;
}
