import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import type { Line } from './line.ts';

/** How much is gathered before it is written, in characters. */
const chunk = 64 * 1024;

/** What subscribers were told, as JSON lines in a file. */
export class Journal {
  readonly #file: WriteStream;
  #text = '';

  constructor(path: string) {
    this.#file = createWriteStream(path, { flags: 'wx' });
  }

  write(line: Line): void {
    this.#text += `${JSON.stringify(line)}\n`;
    if (this.#text.length >= chunk) this.#flush();
  }

  /** Resolves when all of it is in the file. @throws what the file system says */
  async close(): Promise<void> {
    this.#flush();
    this.#file.end();
    await once(this.#file, 'close');
  }

  #flush(): void {
    this.#file.write(this.#text);
    this.#text = '';
  }
}
