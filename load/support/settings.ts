/**
 * A number that the environment gives, such as `SECONDS=10`, or the one that stands otherwise.
 * @throws Error when it is no number greater than zero.
 */
export function setting(name: string, otherwise: number): number {
  const given = process.env[name]?.trim();
  if (!given) return otherwise;
  const value = Number(given);
  if (Number.isFinite(value) && value > 0) return value;
  throw new Error(`${name} must be a number greater than zero, not "${given}"`);
}
