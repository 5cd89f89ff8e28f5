import { plainText } from './plain-text.ts';

/** A cookie that a server sets, without its value, which is nobody's business. */
export interface Cookie {
  name: string;
  secure: boolean;
  httpOnly: boolean;
  /** In lower case; null when it isn't said. */
  sameSite: string | null;
}

/** Reads the lines of set-cookie as RFC 6265 has them. */
export const readCookies = (lines: readonly string[] = []): Cookie[] => lines.map(readCookie);

function readCookie(line: string): Cookie {
  const [pair = '', ...rest] = line.split(';');
  // Of an attribute that stands there twice the last counts.
  const attributes = new Map(
    rest.map((part) => {
      const [name = '', ...value] = part.split('=');
      return [name.trim().toLowerCase(), value.join('=').trim().toLowerCase()] as const;
    }),
  );
  return {
    // Without "=" it is a value without a name.
    name: plainText(pair.includes('=') ? pair.slice(0, pair.indexOf('=')).trim() : ''),
    secure: attributes.has('secure'),
    httpOnly: attributes.has('httponly'),
    sameSite: attributes.has('samesite') ? plainText(attributes.get('samesite') ?? '') : null,
  };
}
