/**
 * Public objects are held in stores that wrap what they keep in a Proxy, as Vue's `ref` does.
 * @module
 */

/**
 * Binds the methods and getters of an object to it: they work whatever `this` a holder calls them with. Vue leaves objects with
 * `__v_skip` as they are.
 */
export function bound(own: object): void {
  for (const [name, { value, get }] of Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(own)))) {
    // Configurable: of what is not, a Proxy may give nothing else, not even a wrapper.
    Object.defineProperty(own, name, { configurable: true, ...(get ? { get: get.bind(own) } : { value: value.bind(own), writable: true }) });
  }
  Object.defineProperty(own, '__v_skip', { value: true });
}
