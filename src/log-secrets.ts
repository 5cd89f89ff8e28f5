const hidden = '[redacted]';
const names =
  'authorization|proxy-authorization|cookie|set-cookie|password|passwd|pwd|secret|client_secret|token|access_token|refresh_token|id_token|claimToken|claimTokens|api[-_]?key';

/** What must not be read in a log, as it stands in JSON text, and what is shown in its place. */
const secrets: readonly (readonly [RegExp, string])[] = [
  // The name and password of an address, also where the password has a slash.
  [/(\w:\/\/)[^\s"\\/@:]*:[^\s"\\@]*@/g, `$1${hidden}@`],
  [/(\w:\/\/)[^\s"\\/@]+@/g, `$1${hidden}@`],
  [/\b(Bearer|Basic) +[\w.~+/=-]+/gi, `$1 ${hidden}`],
  [/\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*/g, hidden],
  // As fields of an object, also of one that is text within text.
  [new RegExp(`(\\\\*")(${names})\\1\\s*:\\s*\\1.*?(?<!\\\\)\\1`, 'gi'), `$1$2$1:$1${hidden}$1`],
  [new RegExp(`\\b(${names})=[^\\s"\\\\&;,]+`, 'gi'), `$1=${hidden}`],
];

/** A line of the log without secrets: whatever part of the service, or of a library, has written them. */
export function withoutSecrets(line: string): string {
  let shown = line;
  for (const [secret, place] of secrets) shown = shown.replace(secret, place);
  return shown;
}
