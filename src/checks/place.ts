/** The port of a URL, or the one that its protocol means. */
export const portOf = (url: URL): number => Number(url.port || (url.protocol === 'https:' ? 443 : 80));

/** The host and port of a URL, with the port that its protocol means. */
export const placeOf = (url: URL): string => `${url.hostname}:${portOf(url)}`;
