// The client in a dedicated or shared worker; does what it is told, and says what it sees.
import { createClient } from '/lib/index.js';
import { observe } from '/page/observe.js';

let observed;

const jobs = {
  open: async ({ options, id }) => {
    observed = await observe(createClient, options, id);
  },
  seen: ({ streams }) => observed.seen(streams),
  close: () => observed.client.close(),
  /** The error of options that no client takes. */
  refused: ({ options }) => createClient(options).then(() => 'taken', (error) => error.code),
  end: () => self.close(),
};

function serve(port) {
  port.onmessage = async ({ data }) => {
    try {
      port.postMessage({ token: data.token, value: await jobs[data.job](data) });
    } catch (error) {
      port.postMessage({ token: data.token, failed: String(error) });
    }
  };
}

if ('SharedWorkerGlobalScope' in self) {
  self.onconnect = ({ ports: [port] }) => serve(port);
} else serve(self);
