/**
 * Whether a catalogue was one.
 * @module
 */
import { fault } from './error.js';

/** @throws ProviderError @param count what `Take` gave */
export function checkTaken(count: number, provider: string): void {
  if (count < 0) throw fault('bad_config', 'The catalogue cannot be read.', 'Give the object of https://models.dev/api.json, or its address.');
  if (count === 0) throw fault('bad_config', `The catalogue has no models of ${provider}.`, 'catalogue.provider is a name of the first level, such as openrouter.');
}
