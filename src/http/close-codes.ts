/**
 * The codes with which the service closes a socket, beside those of graphql-transport-ws (4400 to 4429, 4500) and of WebSocket itself
 * (1007, 1009). docs/realtime.md lists all. A client may connect again after each of these but `notText`.
 */
export const closeCodes = {
  /** The instance stops. */
  goingAway: 1001,
  /** The instance cannot find out whether the token is good. */
  tryAgainLater: 1013,
  /** A binary message. */
  notText: 1003,
  /** Too much before `connection_init`; of WebSocket itself also any message that is too large. */
  tooLarge: 1009,
  /** There is no token, or none that is good any more: of graphql-transport-ws, whose clients come back with another. */
  forbidden: 4403,
  /** The client does not read. */
  slowClient: 4420,
  /** This process has as many sockets as it may. */
  tooManySockets: 4430,
  /** The subject of the socket has as many as it may. */
  tooManySocketsOfSubject: 4431,
} as const;
