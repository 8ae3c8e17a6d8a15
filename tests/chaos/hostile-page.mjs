// The client of a hostile server, in a page of Chromium.
import { launchChromium } from '../support/browser.mjs';
import { PATIENCE, sleep } from '../support/wait.mjs';

/**
 * @param {string} url
 * @param {() => boolean} isCalm
 * @param {() => Promise<void>} calmed resolves when the server is good again
 */
export async function inPage(url, isCalm, calmed) {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    /** @type {string[]} */
    const troubles = [];
    page.on('pageerror', (error) => troubles.push(`uncaught ${error.stack ?? error}`));
    page.on('crash', () => troubles.push('the page crashed'));
    await page.goto(`${url}/page`);
    const devtools = await page.context().newCDPSession(page);
    const held = async () => {
      await devtools.send('HeapProfiler.collectGarbage');
      const { usedSize, embedderHeapUsedSize = 0, backingStorageSize = 0 } = await devtools.send('Runtime.getHeapUsage');
      return usedSize + embedderHeapUsedSize + backingStorageSize;
    };
    const before = await held();
    await page.exposeFunction('held', held);
    await page.evaluate(async () => {
      const [{ load }, library] = await Promise.all([import('/page/load.mjs'), import('/page/dist/index.js')]);
      globalThis.client = await load(library, location.origin);
    });
    let most = 0;
    while (!isCalm()) {
      await sleep(1_000);
      most = Math.max(most, (await page.evaluate(() => globalThis.client.aside(() => globalThis.held()))) - before);
    }
    await calmed();
    const { troubles: more, ...found } = await page.evaluate((patience) => globalThis.client.end(patience), PATIENCE);
    return { ...found, memory: Math.round(most / (1 << 20)), troubles: [...troubles, ...more] };
  } finally {
    await browser.close();
  }
}
