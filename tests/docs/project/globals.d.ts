// What the hidden parts of the examples may use.

declare const assert: typeof import('node:assert/strict');

/** Waits until `probe` gives something true. */
declare function until(probe: () => unknown): Promise<void>;
