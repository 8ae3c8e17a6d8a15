// What asks of a client all there is while its server is hostile, and notes what it cost. Runs in Node and in a page.

const MiB = 1 << 20;
const pause = (milliseconds) => new Promise((resolve) => {
  setTimeout(resolve, milliseconds);
});

/** @param {{ createClient: Function, SessionError: Function }} library @param {string} url */
export async function load({ createClient, SessionError }, url) {
  /** @type {string[]} */
  const troubles = [];
  /** @type {Record<string, number>} */
  const codes = {};
  const note = (error) => {
    if (!(error instanceof SessionError)) troubles.push(`no SessionError: ${error?.stack ?? error}`);
    codes[error?.code] = (codes[error?.code] ?? 0) + 1;
  };
  let [stall, beat, calm] = [0, performance.now(), false];
  const watch = setInterval(() => {
    stall = Math.max(stall, performance.now() - beat - 5);
    beat = performance.now();
  }, 5);
  const client = await createClient({ baseUrl: url, limits: { answer: 8 * MiB, event: 4 * MiB, line: 4 * MiB, requestTimeout: 2_000 } });
  const sessions = [0, 1, 2].map((n) => client.openSession(`ses_${n}`));
  for (const session of sessions) {
    session.subscribe(() => session.state.messages.length);
    session.ready.catch(note);
  }
  const list = await client.sessions.live();
  list.subscribe(() => list.state.sessions.length);
  list.ready.catch(note);
  const asking = (async () => {
    while (!calm) {
      const [session] = sessions;
      const calls = [client.health(), client.models(), client.sessions.list(), client.sessions.get('ses_1'), list.loadMore(1), session.loadOlder(), session.todo(), session.send('Hello').stored];
      for (const call of calls) call.catch(note);
      await pause(100);
    }
  })();
  return {
    /** Runs `job`, which stands still for a reason of its own, such as a collection of garbage. */
    async aside(job) {
      // A beat that is due is counted before.
      await pause(0);
      const held = stall;
      const given = await job();
      [stall, beat] = [held, performance.now()];
      return given;
    },
    /** The server is good again: how long it took until the client is live, and all that was noted. */
    async end(patience) {
      calm = true;
      await asking;
      const begin = performance.now();
      // What was refused for good is asked for again by who uses it.
      for (const session of sessions) session.reconnect();
      const isLive = () => sessions.every(({ state }) => state.connection.phase === 'live') && list.state.status === 'live';
      while (!isLive()) {
        if (performance.now() - begin > patience) throw new Error('it is not live again');
        await pause(20);
      }
      const live = performance.now() - begin;
      clearInterval(watch);
      client.close();
      await pause(200);
      return { stall: Math.round(stall), live: Math.round(live), troubles, codes };
    },
  };
}
