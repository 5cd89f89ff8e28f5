/** What the environment says of a run. */
export interface Settings {
  /** By which the run can be had again, as far as chance goes: what happens at the same time is never the same twice. */
  seed: number;
  /** How long updates are made. */
  seconds: number;
  assessments: number;
  /** How many the writers try for. */
  updatesPerSecond: number;
  subscribers: number;
}

/** @throws Error naming the variable that is wrong */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const whole = (name: string, otherwise: number, least: number, most: number): number => {
    const value = Number(environment[name] || otherwise);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new Error(`${name} must be a whole number from ${least} to ${most}, not "${environment[name]}"`);
  };
  return {
    seed: whole('SEED', Date.now() % 2 ** 31, 0, 2 ** 31),
    seconds: whole('SECONDS', 60, 10, 3_600),
    assessments: whole('ASSESSMENTS', 1_000, 20, 100_000),
    updatesPerSecond: whole('UPDATES_PER_SECOND', 5_000, 1, 1_000_000),
    subscribers: whole('SUBSCRIBERS', 2_000, 8, 100_000),
  };
}
