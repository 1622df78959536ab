/**
 * Ends of names whose values are secrets, as they appear in JSON, in headers, in queries and in variables. What comes before the end
 * of a name is not looked at: PostgreSQL quotes words of megabytes, and looking back from each letter takes quadratic time.
 */
const key = '(?:password|passwd|secret_?access_?key|session_?token|security[_-]?token|signature|credential)';

/** In quotes (of JSON in JSON too) up to the same quotes; else, or when the end is cut off, up to white space. */
const value = String.raw`(?:(?<quote>\\*["'])(?:(?!\k<quote>)(?:\\.|[^\n\\]))*\k<quote>|\\*["']?[^\s"'\\&]+)`;

const named = new RegExp(String.raw`(?<name>${key}\\*["']?\s*(?:[:=]|%3D)\s*)${value}`, 'gi');

/** Our own log lines carry no secret; this is for whatever else a function may have printed. */
export function redact(text: string): string {
  return (
    text
      .replaceAll(named, '$<name>***')
      .replaceAll(/\b(Bearer|Basic)\s+[\w.~+/=-]+/g, '$1 ***')
      // Takes the word also where it has no password, so that it is read once.
      .replaceAll(/(:\/\/[^:/\s]+:)[^@\s]+(@?)/g, (found, user, at) => (at === '' ? found : `${user}***@`))
      .replaceAll(/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, '***')
  );
}

/** Lambda sends so much of a log. */
const tailBytes = 4096;

/** The end of a log as Lambda sends it, redacted. The first line of a full one is cut, perhaps within a secret. */
export function redactLogTail(base64: string): string {
  const bytes = Buffer.from(base64, 'base64');
  const text = bytes.toString('utf8');
  return redact(bytes.length < tailBytes ? text : text.slice(text.indexOf('\n') + 1));
}
