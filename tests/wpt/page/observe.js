// What a client shows of a case: runs in a page, in workers and in Node.

/** Opens the session and keeps what is shown. @param {(options: any) => Promise<any>} createClient @param {any} options @param {string} id */
export async function observe(createClient, options, id) {
  const shown = {};
  const phases = [];
  let told = 0;
  const client = await createClient(options);
  const session = client.openSession(id);
  const look = () => {
    told += 1;
    const { connection, messages } = session.state;
    // These two may be shorter than a frame.
    if (connection.phase !== 'connecting' && connection.phase !== 'syncing' && phases.at(-1) !== connection.phase) phases.push(connection.phase);
    for (const part of messages.flatMap(({ parts }) => parts)) shown[part.id] = part.text;
  };
  look();
  const stop = session.subscribe(look);
  return {
    client,
    session,
    stop,
    /** @param {number} streams */
    seen(streams) {
      const { phase, error } = session.state.connection;
      const text = Array.from({ length: streams }, (_, at) => shown[`prt_${at + 1}`] ?? null);
      return { text, phase, error: error?.code ?? null, phases: phases.slice(), told };
    },
  };
}
