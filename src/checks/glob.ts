/**
 * Whether all of a text matches a pattern in which `*` stands for any characters and `?` for one. In time of text by pattern at most: as a
 * regular expression a pattern with many stars could take for ever.
 */
export function matchesGlob(text: string, pattern: string): boolean {
  let at = 0;
  let star = -1;
  let resumeAt = 0;
  for (let i = 0; i < text.length; ) {
    if (pattern[at] === '*') {
      star = at++;
      resumeAt = i;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[i])) {
      at++;
      i++;
    } else if (star >= 0) {
      // The last star takes one character more.
      at = star + 1;
      i = ++resumeAt;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(at));
}
