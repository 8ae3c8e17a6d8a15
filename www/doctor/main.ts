import { type CheckResult, type CheckStart, diagnose, type DoctorOptions, type Report } from 'opencode-session/doctor';
import { loadConfig } from '../chat/config.js';
import { Results } from './results.js';

const form = document.querySelector('#form') as HTMLFormElement;
const run = document.querySelector('#run') as HTMLButtonElement;
const copy = document.querySelector('#copy') as HTMLButtonElement;
const results = new Results(document.querySelector('#results') as HTMLElement, document.querySelector('#summary') as HTMLElement);
let report: Report | undefined;

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void look();
});
copy.addEventListener('click', () => void navigator.clipboard.writeText(JSON.stringify(report, null, 2)));
void fill();

/** What whoever serves the page knows. */
async function fill(): Promise<void> {
  try {
    const { baseUrl, directory } = await loadConfig(location.search, '../config.json');
    field('address').value = baseUrl;
    field('directory').value = directory ?? '';
  } catch {
    field('address').placeholder = 'http://127.0.0.1:4096';
  }
}

async function look(): Promise<void> {
  run.disabled = true;
  copy.hidden = true;
  results.clear();
  try {
    report = await diagnose(options());
    results.end(report);
    copy.hidden = false;
  } catch (error) {
    results.refuse(error);
  }
  run.disabled = false;
}

function options(): DoctorOptions {
  const [password, directory, model] = (['password', 'directory', 'model'] as const).map((name) => field(name).value.trim());
  return {
    baseUrl: field('address').value.trim(),
    onCheck: (check: CheckStart | CheckResult) => results.show(check),
    ...(password && { auth: { type: 'basic', password } }),
    ...(directory && { directory }),
    ...(model && { model }),
  };
}

function field(name: string): HTMLInputElement {
  return form.elements.namedItem(name) as HTMLInputElement;
}
