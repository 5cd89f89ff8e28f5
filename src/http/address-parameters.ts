import type { IncomingMessage } from 'node:http';
import { BodyRefusal } from './json-body.ts';

/**
 * Looks at what a GET has in its address in place of a body: the library takes what is no JSON there for a fault of its own.
 * @throws BodyRefusal
 */
export function checkAddress({ url = '' }: IncomingMessage): void {
  const parameters = new URLSearchParams(url.slice(url.indexOf('?') + 1));
  for (const name of ['variables', 'extensions']) {
    const text = parameters.get(name);
    if (text !== null && text !== '' && !isJson(text))
      throw new BodyRefusal(400, 'BAD_REQUEST', `The ${name} in the address are not valid JSON.`);
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
