/** Whose characters are counted. */
export type Series = 'server' | 'ours' | 'plain';

/** One count at one time (milliseconds since 1970). */
export type Point = readonly [at: number, characters: number];

/** A fault, or another thing that was done. */
export interface Mark {
  readonly at: number;
  readonly label: string;
}

/** Oldest points go first; a plot has no room for more. */
const MOST = 4_000;
const KEY = 'opencode-session-lab';

/** What was counted, kept over a reload of the tab. */
export class Timeline {
  readonly points: Record<Series, Point[]> = { server: [], ours: [], plain: [] };
  marks: Mark[] = [];

  constructor(private readonly session: string) {
    this.restore();
    addEventListener('pagehide', () => this.save());
  }

  /** Notes a count; a repeated one only moves its end. */
  add(series: Series, at: number, characters: number): void {
    const list = this.points[series];
    const [last, before] = [list.at(-1), list.at(-2)];
    if (last && before && last[1] === characters && before[1] === characters) list.pop();
    // Two clocks: what is noted later is later.
    list.push([Math.max(at, list.at(-1)?.[0] ?? 0), characters]);
    if (list.length > MOST) list.splice(0, MOST / 10);
  }

  mark(label: string): void {
    this.marks.push({ at: Date.now(), label });
  }

  /** The time of the first point. */
  get start(): number {
    const starts = Object.values(this.points).flatMap((list) => (list[0] ? [list[0][0]] : []));
    return starts.length === 0 ? Date.now() : Math.min(...starts);
  }

  private save(): void {
    const { session, points, marks } = this;
    try {
      // The server's line is asked for anew.
      sessionStorage.setItem(KEY, JSON.stringify({ session, ours: points.ours, plain: points.plain, marks }));
    } catch {
      // No storage: the plot starts anew.
    }
  }

  private restore(): void {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEY) ?? '{}');
      if (kept.session !== this.session) return;
      this.points.ours.push(...kept.ours);
      this.points.plain.push(...kept.plain);
      this.marks = kept.marks;
    } catch {
      // What another version left is of no use.
    }
  }
}
