/**
 * What is made with the first request.
 * @module
 */

/** Not when the module is loaded: a framework does that while it builds, where the environment of the server is not there. */
export function later<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    try {
      made ??= { value: make() };
    } catch (cause) {
      // Of options that are wrong a page is told nothing.
      throw new Error('The options of the route are wrong.', { cause });
    }
    return made.value;
  };
}
