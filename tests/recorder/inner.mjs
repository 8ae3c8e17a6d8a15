// Inner modules of the recorder, which the package does not give away.
import { build } from 'esbuild';
import { ROOT } from '../package/consumer.mjs';

/** @param {string} file below src/js/recorder @returns {Promise<any>} */
export async function inner(file) {
  const { outputFiles } = await build({
    entryPoints: [`${ROOT}/src/js/recorder/${file}`], bundle: true, write: false, format: 'esm', define: { __BUILD__: '"test"' },
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}
