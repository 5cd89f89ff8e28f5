import { CircuitState } from 'cockatiel';

/** Closed: all is well. Open: what is behind the breaker counts as away, and is not asked. Half-open: it is being tried. */
export type BreakerState = 'closed' | 'half-open' | 'open';

/** A state of the library by its name. */
export const breakerStateOf = (state: CircuitState): BreakerState =>
  state === CircuitState.Closed ? 'closed' : state === CircuitState.HalfOpen ? 'half-open' : 'open';
