/**
 * Text of others (SQL, notices of the server) for a log of GitHub Actions, each line with `prefix`. The runner takes a line that
 * begins with `::`, and `##[` anywhere, for a command of the workflow, wherever in the output it stands: a comment of a migration
 * could mask, hide or annotate what it likes. Here they are words.
 */
export function forLog(text: string, prefix = ''): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => prefix + line.replace(/^(?=\s*::)/, prefix === '' ? '| ' : '').replaceAll('##[', '## ['))
    .join('\n');
}
