// The real servers that the tests run. One place, so that a newer one is one line.

/** The newest that npm has, as a platform package. */
export const NEWEST = '1.18.34';
/** The last whose events carry whole parts and no ids made here; and the oldest that is supported. */
export const MIDDLE = '1.2.27';
export const OLDEST = '1.1.65';
export const TESTED = [NEWEST, MIDDLE, OLDEST];
