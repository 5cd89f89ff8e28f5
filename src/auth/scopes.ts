/** What a token can allow, in the order of the documentation; a token names them with `assessments:` before each. */
export const scopeNames = ['read', 'write', 'work', 'admin'] as const;

export type Scope = (typeof scopeNames)[number];

/** Which scopes somebody has. */
export type Scopes = Readonly<Record<Scope, boolean>>;

const prefix = 'assessments:';

/** A scope as tokens and people name it. */
export const scopeTitle = (scope: Scope): string => `${prefix}${scope}`;

/** Those that a claim `scope` names, parted by blanks. `assessments:admin` has all others in it; what is not ours is passed over. */
export function scopesOf(claim: string): Scopes {
  const named = new Set(claim.split(' '));
  const has = (scope: Scope): boolean => named.has(scopeTitle(scope)) || named.has(scopeTitle('admin'));
  return Object.freeze({ read: has('read'), write: has('write'), work: has('work'), admin: has('admin') });
}

/** All of them: of whoever comes where there is no authentication. */
export const allScopes: Scopes = scopesOf(scopeTitle('admin'));
