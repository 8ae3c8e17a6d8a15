// `npm run sim -- --seeds N --from S [--profile lawful|hostile] [--bug NAME] [--trace SEED]`: the seeded simulation.
import { need, run } from './lib/tools.mjs';

const args = process.argv.slice(2);
// Bugs on purpose are compiled in only where they are asked for.
const planted = args.includes('--bug') || args.includes('--planted') ? ['--features', 'planted'] : [];

try {
  await need();
  run('cargo', ['test', '-q', '--locked', '--profile', 'sim', ...planted, '--test', 'sim', '--', ...args]);
} catch (error) {
  console.error(`sim: ${error.message}`);
  process.exit(1);
}
