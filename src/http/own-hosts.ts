/** Whether a request was sent to a name of this service, by its header `host`. */
export type OwnHosts = (host: string | undefined) => boolean;

/** Takes any name: whoever asks has to say who that is, or the network keeps strangers out. */
export const anyHost: OwnHosts = () => true;

/**
 * Takes the names of this machine alone, and those of allowed origins. A page of another site can give its own name the address of this machine, and
 * would then be one of the service's own origin to a browser (DNS rebinding).
 */
export function loopbackHosts(allowedOrigins: readonly string[]): OwnHosts {
  const allowed = new Set(allowedOrigins.map((origin) => new URL(origin).host));
  return (host = '') => allowed.has(host.toLowerCase()) || loopback.test(host);
}

const loopback = /^(localhost|[\w-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/** What somebody is told who came by another name. */
export const strangeHost = 'Without authentication the service answers to names of this machine alone; ALLOWED_ORIGINS adds others.';
