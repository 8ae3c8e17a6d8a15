// The page's first script: from here on time counts.
globalThis.first = { at: Date.now(), now: performance.now() };
