import { setText } from '../chat/dom.js';
import type { Scene, Span, Tick } from './scene.js';

const SPACE = 'http://www.w3.org/2000/svg';
const LEFT = 104;
const RIGHT = 16;
const BAR = 9;
const LEAST = 320;
/** About what a letter is wide. */
const LETTER = 8;
/** Rows of requests that run at the same time; more share the last one. */
const ROWS = 8;
const EVENT_KINDS = ['delta', 'part', 'message', 'session', 'other'] as const;
const STEPS = [1, 2, 5];

/** The time line: phases, streams, requests, events by kind, text, log. */
export class Chart {
  private zoom = 1;
  private scene: Scene | undefined;
  private selected = 0;
  private width = LEAST;
  private readonly svg = shape('svg', { role: 'img', 'aria-label': 'What happened over time; the entries below say the same in words' });
  private readonly cursor = shape('line', { class: 'cursor', 'data-testid': 'cursor' });

  /** @param choose is told of the entry that was clicked */
  constructor(
    private readonly node: HTMLElement,
    private readonly choose: (entry: number) => void,
  ) {
    node.append(this.svg);
    this.svg.addEventListener('click', (event) => this.click(event));
    addEventListener('resize', () => this.draw());
  }

  show(scene: Scene): void {
    this.scene = scene;
    this.zoom = 1;
    this.draw();
  }

  zoomBy(factor: number): void {
    this.zoom = Math.min(64, Math.max(1, this.zoom * factor));
    this.draw();
    this.point(this.selected);
  }

  /** Marks an entry, and brings it into view. */
  point(entry: number): void {
    this.selected = entry;
    const at = this.scene?.times[entry - 1];
    this.cursor.setAttribute('visibility', at === undefined ? 'hidden' : 'visible');
    if (at === undefined) return;
    const x = this.x(at);
    for (const [name, value] of [['x1', x], ['x2', x]] as const) this.cursor.setAttribute(name, value.toFixed(1));
    const { scrollLeft, clientWidth } = this.node;
    if (x < scrollLeft + LEFT || x > scrollLeft + clientWidth - RIGHT) this.node.scrollLeft = x - clientWidth / 2;
  }

  private draw(): void {
    const { scene } = this;
    if (!scene) return;
    this.width = Math.max(LEAST, Math.round((this.node.clientWidth - 2) * this.zoom));
    const lanes = new Lanes();
    const drawn = [
      ...this.phases(lanes, scene),
      ...this.lane(lanes, 'Streams', BAR, (y) => scene.streams.map((span) => this.bar(span, y, BAR, `stream${span.isBad ? ' bad' : ''}`, scene.end))),
      ...this.requests(lanes, scene),
      ...EVENT_KINDS.flatMap((kind) => this.events(lanes, kind, scene)),
      ...this.text(lanes, scene),
      ...this.lane(lanes, 'Log', BAR, (y) => scene.logs.map(({ at, level, label, entry }) =>
        titled(shape('circle', { cx: this.x(at), cy: y + BAR / 2, r: 4, class: `log ${['', '', 'warn', 'error'][level] ?? ''}`, 'data-entry': entry }), label))),
    ];
    const { height } = lanes;
    for (const [name, value] of [['y1', 0], ['y2', height]] as const) this.cursor.setAttribute(name, String(value));
    for (const [name, value] of [['width', this.width], ['height', height + 22]] as const) this.svg.setAttribute(name, String(value));
    this.svg.replaceChildren(...this.ruler(scene.end, height), ...drawn, this.cursor);
    this.point(this.selected);
  }

  private lane(lanes: Lanes, name: string, height: number, draw: (y: number) => Element[]): Element[] {
    const y = lanes.take(height);
    return [label(name, 8, y + height - 1, 'start', 'lane'), ...draw(y)];
  }

  /** With their names where there is room. */
  private phases(lanes: Lanes, { phases, end }: Scene): Element[] {
    const height = BAR + 6;
    return this.lane(lanes, 'Connection', height, (y) => phases.flatMap((span) => {
      const bar = this.bar(span, y, height, `phase ${span.how}`, end);
      const room = this.x(span.to ?? end) - this.x(span.from);
      const name = span.how ?? '';
      return room < name.length * LETTER ? [bar] : [bar, label(name, this.x(span.from) + 4, y + height - 4, 'start', 'name')];
    }));
  }

  private bar({ label: name, from, to, entry, how }: Span, y: number, height: number, kind: string, end: number): Element {
    const x = this.x(from);
    const attributes = { x, y, width: Math.max(2, this.x(to ?? end) - x), height, class: to === undefined ? `${kind} open` : kind, 'data-entry': entry };
    const time = to === undefined ? 'not over' : `${Math.round(to - from)} ms`;
    return titled(shape('rect', attributes), [name, how, time].filter((each) => each !== undefined).join(' · '));
  }

  /** Requests at the same time in rows of their own. */
  private requests(lanes: Lanes, scene: Scene): Element[] {
    const ends: number[] = [];
    const rows = scene.requests.map((span) => {
      let row = ends.findIndex((end) => end <= this.x(span.from));
      if (row < 0) row = ends.length < ROWS ? ends.length : ROWS - 1;
      ends[row] = Math.max(this.x(span.from) + 3, this.x(span.to ?? scene.end));
      return row;
    });
    const height = Math.max(1, ends.length) * (BAR + 2) - 2;
    const y = lanes.take(height);
    const bars = scene.requests.map((span, index) => this.bar(span, y + (rows[index] ?? 0) * (BAR + 2), BAR, `request${span.isBad ? ' bad' : ''}`, scene.end));
    return [label('Requests', 8, y + BAR, 'start', 'lane'), ...bars];
  }

  /** One path for all events of a kind, at most one line for each pixel. */
  private events(lanes: Lanes, kind: (typeof EVENT_KINDS)[number], scene: Scene): Element[] {
    const columns = new Set(scene.events.filter((event) => kindOf(event) === kind).map(({ at }) => Math.round(this.x(at))));
    if (columns.size === 0) return [];
    return this.lane(lanes, `· ${kind}`, BAR, (y) => [
      shape('path', { class: 'events', 'data-testid': `events-${kind}`, d: [...columns].map((x) => `M${x} ${y}v${BAR}`).join('') }),
    ]);
  }

  private text(lanes: Lanes, { growth, gaps, end }: Scene): Element[] {
    const height = 64;
    const most = growth.reduce((largest, [, characters]) => Math.max(largest, characters), 1);
    return this.lane(lanes, 'Text', height, (y) => {
      const level = (characters: number): string => (y + height - (characters / most) * height).toFixed(1);
      let path = `M${LEFT} ${level(0)}`;
      for (const [at, characters] of growth) path += `H${this.x(at).toFixed(1)}V${level(characters)}`;
      path += `H${this.x(end).toFixed(1)}`;
      return [
        ...gaps.map((span) => this.bar(span, y, height, 'gap', end)),
        shape('path', { class: 'growth', 'data-testid': 'growth', 'data-points': growth.length, d: path }),
        label(`${most}`, LEFT - 6, y + 10, 'end'),
      ];
    });
  }

  private ruler(end: number, height: number): Element[] {
    const seconds = end / 1_000;
    const each = step((seconds * 700) / (this.width - LEFT));
    const lines: Element[] = [];
    for (let at = 0; at <= seconds; at += each) {
      const x = this.x(at * 1_000);
      lines.push(shape('line', { class: 'grid', x1: x, x2: x, y1: 0, y2: height }), label(`${Number(at.toFixed(3))} s`, x, height + 16, 'middle'));
    }
    return lines;
  }

  private click(event: MouseEvent): void {
    const { scene } = this;
    if (!scene) return;
    const own = event.target instanceof Element ? event.target.getAttribute('data-entry') : null;
    if (own !== null) return this.choose(Number(own));
    const x = event.clientX - this.svg.getBoundingClientRect().left;
    const at = ((x - LEFT) / (this.width - LEFT - RIGHT)) * scene.end;
    const found = scene.times.findIndex((time) => time >= at);
    this.choose(found < 0 ? scene.times.length : found + 1);
  }

  private x(at: number): number {
    return LEFT + (at / (this.scene?.end ?? 1)) * (this.width - LEFT - RIGHT);
  }
}

/** Gives each lane its place below the one before. */
class Lanes {
  height = 6;

  take(height: number): number {
    const y = this.height;
    this.height += height + 8;
    return y;
  }
}

function kindOf({ label: type }: Tick): (typeof EVENT_KINDS)[number] {
  if (type === 'message.part.delta') return 'delta';
  if (type.startsWith('message.part')) return 'part';
  if (type.startsWith('message.')) return 'message';
  return type.startsWith('session.') ? 'session' : 'other';
}

/** A round step that divides `range` into at most nine pieces. */
function step(range: number): number {
  for (let ten = 0.001; ; ten *= 10) for (const each of STEPS) if (range / (each * ten) < 9) return each * ten;
}

function label(text: string, x: number, y: number, anchor: string, kind = ''): SVGElement {
  const node = shape('text', { x, y, 'text-anchor': anchor, class: kind });
  setText(node, text);
  return node;
}

function titled(node: SVGElement, text: string): SVGElement {
  const title = shape('title', {});
  setText(title, text);
  node.append(title);
  return node;
}

function shape(name: string, attributes: Record<string, string | number>): SVGElement {
  const node = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  return node;
}
