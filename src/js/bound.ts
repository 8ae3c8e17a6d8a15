/**
 * Public objects are held in stores that wrap what they keep in a Proxy, as Vue's `ref` does.
 * @module
 */

type Method = (...args: unknown[]) => unknown;

/**
 * Binds the methods and getters of an object to it: they work whatever `this` a holder calls them with. Vue leaves objects with
 * `__v_skip` as they are. `known`: makes the error that callers get of one that was thrown.
 */
export function bound(own: object, known: (error: unknown) => unknown): void {
  for (const [name, { value, get }] of Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(own)))) {
    // Configurable: of what is not, a Proxy may give nothing else, not even a wrapper.
    Object.defineProperty(own, name, { configurable: true, ...(get ? { get: get.bind(own) } : { value: guarded(value.bind(own), known), writable: true }) });
  }
  Object.defineProperty(own, '__v_skip', { value: true });
}

/** The same function, whose errors are known ones: thrown, or of its promise. */
export function guarded<T extends Method>(method: T, known: (error: unknown) => unknown): T {
  const rethrow = (error: unknown): never => {
    throw known(error);
  };
  return ((...args) => {
    try {
      const given = method(...args);
      return given instanceof Promise ? given.catch(rethrow) : given;
    } catch (error) {
      return rethrow(error);
    }
  }) as T;
}
