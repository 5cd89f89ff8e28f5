import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from 'jose';
import type { Config } from '../../src/config.ts';
import { type Claims, goodClaims } from './tokens.ts';

/** A pair of keys with which an issuer signs. */
export interface KeyPair {
  kid: string;
  alg: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
  jwk: JWK;
}

export async function makeKeys(alg = 'RS256', kid: string = randomUUID()): Promise<KeyPair> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

/** An identity provider: signs tokens, and publishes its public keys. */
export class KeyServer {
  /** Those that are published, the one in use first. */
  keys: KeyPair[];
  /** How often the keys were asked for. */
  asked = 0;
  /** `away`: it answers with an error. `silent`: it never answers. */
  mood: 'good' | 'away' | 'silent' = 'good';
  readonly #server: Server;

  private constructor(keys: KeyPair[]) {
    this.keys = keys;
    this.#server = createServer((_, response) => {
      this.asked += 1;
      if (this.mood === 'silent') return;
      response.writeHead(this.mood === 'good' ? 200 : 500, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ keys: this.keys.map(({ jwk }) => jwk) }));
    });
  }

  static async start(): Promise<KeyServer> {
    const server = new KeyServer([await makeKeys()]);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  /** For `startTestApp`. */
  get config(): Partial<Config> {
    const { port } = this.#server.address() as AddressInfo;
    return {
      ...{ AUTH_JWKS_URL: `http://127.0.0.1:${port}/keys`, AUTH_ISSUER: 'https://id.test/', AUTH_AUDIENCE: 'assessments' },
      ...{ AUTH_CLOCK_TOLERANCE_MS: 0, AUTH_JWKS_COOLDOWN_MS: 0, AUTH_JWKS_TIMEOUT_MS: 300 },
    };
  }

  /** The pair in use. */
  get current(): KeyPair {
    const [pair] = this.keys;
    if (pair === undefined) throw new Error('the issuer has no keys');
    return pair;
  }

  /** A token with these claims and headers in place of the good ones; what is undefined is left out. */
  sign(claims: Claims = {}, header: Partial<JWTHeaderParameters> = {}, pair: KeyPair = this.current): Promise<string> {
    return new SignJWT({ ...goodClaims(), iss: 'https://id.test/', aud: 'assessments', ...claims })
      .setProtectedHeader({ alg: pair.alg, kid: pair.kid, ...header })
      .sign(pair.privateKey);
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}
