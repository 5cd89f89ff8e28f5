/** Of a secret that is shared: whoever can check a token can also make one. With the bytes that a secret has to have, which are those of the digest. */
export const secretAlgorithms: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 };

/** Of a pair of keys, whose public part may be shown to all. */
export const keyAlgorithms: readonly string[] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

/** Accepted unless AUTH_ALGORITHMS says otherwise. */
export const defaultAlgorithms = { secret: ['HS256'], keys: ['RS256', 'PS256', 'ES256', 'EdDSA'] } as const;
