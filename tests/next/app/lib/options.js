/** A name in a cookie: who has none is nobody. Eve sees nothing but what is hers. */
export const options = {
  upstream: process.env.UPSTREAM,
  auth: { type: 'basic', password: process.env.UPSTREAM_PASSWORD },
  authorize: (request) => {
    const user = /(?:^|; )user=(\w+)/.exec(request.headers.get('cookie') ?? '')?.[1];
    return user && { user, sessions: user === 'eve' ? new Set() : 'all' };
  },
};
