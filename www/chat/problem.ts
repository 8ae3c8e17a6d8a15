/** What went wrong, the one thing to do about it, and the stable code: the readable face of any error. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** Any thrown value as a {@link Problem}. The library's own errors have all three fields already. */
export function toProblem(error: unknown): Problem {
  const given = (typeof error === 'object' && error !== null ? error : {}) as Partial<Problem>;
  return {
    code: typeof given.code === 'string' ? given.code : 'unexpected',
    message: typeof given.message === 'string' && given.message !== '' ? given.message : String(error),
    hint: typeof given.hint === 'string' ? given.hint : 'Reload the page. If it comes again, look at the browser console.',
  };
}
