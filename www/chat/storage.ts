/** A small remembered text. Storage may be full or forbidden: then it is forgotten, and nothing else happens. */
export class Remembered {
  constructor(
    private readonly area: 'localStorage' | 'sessionStorage',
    private readonly name: string,
  ) {}

  get(): string {
    try {
      return globalThis[this.area].getItem(this.name) ?? '';
    } catch {
      return '';
    }
  }

  set(value: string): void {
    try {
      if (value === '') globalThis[this.area].removeItem(this.name);
      else globalThis[this.area].setItem(this.name, value);
    } catch {
      // Private mode or no room left.
    }
  }
}
