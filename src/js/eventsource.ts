/**
 * The lesser way to a stream, a file of its own: no headers, no status, and a text made of each event only to be turned back into bytes.
 * @module
 */
import type { Credentials, StreamSink } from './keeper/protocol.js';

/** Reads the stream at `base + path`. */
export async function listen(requests: Credentials & { readonly base: string; readonly identity: string | undefined }, path: string, signal: AbortSignal, sink: StreamSink): Promise<void> {
  let url = requests.base + path;
  try {
    // A password can only go into the address.
    const { value = '' } = (await requests.credentials()) ?? {};
    if (value.startsWith('Basic ')) url += `${path.includes('?') ? '&' : '?'}auth_token=${encodeURIComponent(value.slice(6))}`;
  } catch (error) {
    return sink.closed((error as Error).name === 'TimeoutError' ? 2 : 3);
  }
  if (signal.aborted) return;
  const source = new EventSource(url, { withCredentials: requests.identity !== undefined });
  const encoder = new TextEncoder();
  signal.addEventListener('abort', () => source.close());
  source.onmessage = ({ data }) => sink.bytes(encoder.encode(`data:${String(data).replaceAll('\n', '\ndata:')}\n\n`));
  source.onerror = () => {
    // It would reconnect by itself; the core alone decides when.
    source.close();
    sink.closed(1);
  };
}
