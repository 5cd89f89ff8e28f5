import type { IncomingMessage } from 'node:http';

/** A body that cannot be served, with the status and the code that say why. */
export class BodyRefusal extends Error {
  override readonly name = 'BodyRefusal';
  readonly status: 400 | 413 | 415;
  readonly code: string;

  constructor(status: 400 | 413 | 415, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const jsonType = /^application\/(graphql\+)?json *(;|$)/i;

/**
 * Reads the body of a POST: one JSON object of at most `maxBytes`. It is read here, and handed to the pipeline as an object, because the
 * streams that the pipeline reads and limits a body with cost more than everything else about a small request.
 *
 * Only JSON is taken: a page of another site can send a form without asking first (CSRF), JSON it cannot.
 * @throws BodyRefusal
 */
export async function readJsonBody(request: IncomingMessage, maxBytes: number): Promise<object> {
  if (!jsonType.test(request.headers['content-type'] ?? '')) {
    throw new BodyRefusal(415, 'BAD_REQUEST', 'The body must be JSON: send it with content-type application/json.');
  }
  if (!/^(identity)?$/i.test(request.headers['content-encoding'] ?? '')) {
    throw new BodyRefusal(415, 'BAD_REQUEST', 'The body must not be compressed.');
  }
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const body = parse(await readText(request, maxBytes));
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new BodyRefusal(400, 'BAD_REQUEST', 'The body must be one JSON object, with a "query".');
  }
  if (Object.keys(body).length === 0) throw new BodyRefusal(400, 'BAD_REQUEST', 'The body must have a "query".');
  return body;
}

const tooLarge = (maxBytes: number): BodyRefusal =>
  new BodyRefusal(413, 'REQUEST_ENTITY_TOO_LARGE', `The body must be at most ${maxBytes} bytes.`);

function readText(request: IncomingMessage, maxBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes <= maxBytes) chunks.push(chunk);
      else {
        request.pause();
        reject(tooLarge(maxBytes));
      }
    });
    request.once('end', () => resolve((chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString()));
    request.once('error', reject);
    request.once('close', () => {
      if (!request.complete) reject(new BodyRefusal(400, 'BAD_REQUEST', 'The body ended before it was complete.'));
    });
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BodyRefusal(
      400,
      'BAD_REQUEST',
      `The body is not valid JSON: ${error instanceof Error ? error.message : 'it cannot be parsed'}`,
    );
  }
}
