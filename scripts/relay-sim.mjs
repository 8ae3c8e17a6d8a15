// `npm run relay-sim -- --seeds N --from S [--bug NAME] [--planted] [--trace SEED]`: the simulation of relays that share a store.
import { need, run } from './lib/tools.mjs';

const args = process.argv.slice(2);
// Bugs on purpose are compiled in only where they are asked for.
const planted = args.includes('--bug') || args.includes('--planted') ? ['--features', 'planted'] : [];

try {
  await need();
  run('cargo', ['test', '-q', '--locked', '--profile', 'sim', ...planted, '--test', 'relay_sim', '--', ...args]);
} catch (error) {
  console.error(`relay-sim: ${error.message}`);
  process.exit(1);
}
