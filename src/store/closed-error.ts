/** The client was closed by its owner; what was asked for may have been done or not. */
export class ClosedError extends Error {
  override readonly name = 'ClosedError';
  readonly code = 'CLOSED';

  constructor() {
    super('This client is closed.');
  }
}
