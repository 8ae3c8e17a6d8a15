// The configuration, judged by Ajv: what checkConfig() takes is what the package's JSON Schema takes, and nothing that the schema of the
// requirements refuses. tests/provider_config.rs tries more of them on the core alone.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { checkConfig, createProvider } from '../../dist/provider.js';

const read = (/** @type {string} */ path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const own = read('../../dist/provider-schema.json');
const required = read('../support_rs/seed_schema.json');
/** @param {Ajv} ajv @param {object} schema */
const judge = (ajv, schema) => {
  addFormats.default(ajv);
  return ajv.compile(schema);
};
// Strict but for what it takes as a matter of style: `required` and `const` without the type beside them.
const mild = { strict: true, strictTypes: false, strictRequired: false, allErrors: true };
const ours = judge(new Ajv2020(mild), own);
const theirs = judge(new Ajv(mild), required);
const least = () => ({ apiEndpoint: 'https://opencode.ai/zen/v1', auth: { type: 'api-key', apiKey: 'k' }, rateLimits: { requestsPerMinute: 60, tokensPerMinute: 60_000 } });
const AUTH = [least().auth, { type: 'oauth', clientId: 'c', tokenUrl: 'https://t/token' }, { type: 'jwt', privateKey: 'p' }];

/** Every property of a schema, with its path. @param {any} schema @param {string[]} [path] @returns {{ path: string[], rule: any }[]} */
function properties(schema, path = []) {
  const parts = [schema, ...(schema.oneOf ?? [])];
  return parts.flatMap((part) => Object.entries(part.properties ?? {})).flatMap(([name, rule]) => [{ path: [...path, name], rule }, ...properties(rule, [...path, name])]);
}

/** A copy with another value at a path; undefined takes it out. @param {any} value @param {string[]} path @param {unknown} put @returns {any} */
function changed(value, [name, ...rest], put) {
  const copy = typeof value === 'object' && value !== null ? { ...value } : {};
  const inner = rest.length === 0 ? put : changed(copy[name], rest, put);
  if (inner === undefined) delete copy[name];
  else copy[name] = inner;
  return copy;
}

/** What a property is tried with: its edges, what lies beyond them, and other kinds of things. @param {any} rule */
function tries({ minimum, maximum, default: usual, enum: words = [], const: one, type }) {
  const edges = [minimum, maximum].filter((edge) => edge !== undefined).flatMap((edge) => [edge - 1, edge, edge + 1, edge + 0.5, String(edge)]);
  return [...edges, ...(usual === undefined ? [] : [usual]), ...words, ...(one === undefined ? [] : [one]), 'x', '', ' ', 'https://a/v1', 'ftp://a', 0, -1, 7, 1.5, 1e3, true, null, [], ['a'], [1], {}, { a: 'b' }, { a: 1 }, { 'a b': 'c' }, { a: 'b\n' }, undefined, ...(type === 'array' ? [['a', 'b'], [null]] : [])];
}

test('takes and refuses what both schemas do, property by property', async () => {
  let [count, good, bad] = [0, 0, 0];
  const paths = new Map([...properties(required), ...properties(own)].map((each) => [each.path.join('.'), each]));
  assert.ok(paths.size > 50, `${paths.size} properties`);
  for (const { path, rule } of paths.values()) {
    for (const auth of path[0] === 'auth' ? AUTH : AUTH.slice(0, 1)) {
      for (const value of tries(rule)) {
        const config = changed({ ...least(), auth }, path, value);
        const problems = await checkConfig(config);
        const said = `${JSON.stringify(config)}: ${JSON.stringify(problems)} ${JSON.stringify(ours.errors)}`;
        assert.equal(problems.length === 0, ours(config), said);
        // Servers without keys are not in the requirements.
        if (config.auth?.type !== 'none' && !theirs(config)) assert.ok(problems.length > 0, said);
        if (problems.length === 0) good += 1;
        else bad += 1;
        // Each says where, why, and what to do; a secret's value is never shown.
        for (const { path: at, code, reason, remedy } of problems) assert.ok(typeof at === 'string' && code !== '' && reason !== '' && remedy !== '', said);
        count += 1;
      }
    }
  }
  assert.ok(good > 300 && bad > 1_000, `${good} of ${count}`);
});

test('all that is wrong is told at once, where Ajv sees it', async () => {
  const config = { apiEndpoint: 'x', auth: { type: 'jwt', privateKey: 5, algorithm: 'HS256' }, rateLimits: { requestsPerMinute: 0, tokensPerMinute: 2_000_000, maxQueueSize: 1 }, models: { enabledModels: [1] }, timeout: 1 };
  assert.equal(ours(config), false);
  const seen = new Set((ours.errors ?? []).filter(({ keyword }) => keyword !== 'oneOf').map(({ instancePath }) => instancePath.slice(1).replaceAll('/', '.').replace(/\.\d+$/, '')));
  const problems = await checkConfig(config);
  // Ajv also says what the other kinds of auth lack.
  assert.deepEqual(problems.map(({ path }) => path).filter((path) => !seen.has(path)), []);
  assert.equal(problems.length, 8);
  const error = await createProvider(/** @type {any} */ (config)).catch((thrown) => thrown);
  assert.deepEqual(error.problems, problems);
});
