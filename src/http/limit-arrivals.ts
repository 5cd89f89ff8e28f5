import type { Duplex } from 'node:stream';

/** Calls back as soon as more than so many bytes have come over a connection; gives the end of the limit. */
export function limitArrivals(stream: Duplex, mostBytes: number, onExcess: () => void): () => void {
  let bytes = 0;
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes > mostBytes) onExcess();
  };
  stream.on('data', count);
  return () => void stream.off('data', count);
}
