import type { BootstrapError } from '@postern/bootstrap';
import type {
  ApplyResult,
  DriftItem,
  MigrationNotice,
  PlannedStatement,
  PlanResult,
  ResultOf,
} from '@postern/bootstrap/contract';

/** GitHub takes 1 MiB for each step, and shows none of a summary that is longer. */
const longestBytes = 900_000;

/** What apply would change: statements, migrations, and files that it will refuse. */
export function changesIn(plan: PlanResult): number {
  const migrations = plan.migrations.reduce(
    (sum, { pending, changed }) => sum + pending.length + changed.length,
    0,
  );
  return plan.statements.length + migrations;
}

export function planSummary(functionName: string, manifest: string, plan: PlanResult): string {
  const pending = plan.migrations.filter(({ pending }) => pending.length > 0);
  const changed = plan.migrations.filter(({ changed }) => changed.length > 0);
  const parts = [
    `### Plan of ${code(functionName)}`,
    changesIn(plan) === 0
      ? 'Nothing to do: the databases are as they are declared.'
      : `${count(plan.statements.length, 'statement')}, ${count(
          pending.reduce((sum, { pending }) => sum + pending.length, 0),
          'migration',
        )}. Manifest ${code(manifest.slice(0, 12))}.`,
    ...changed.map(
      ({ database, changed }) =>
        `**Apply will refuse this:** of ${code(database)} ${changed.map(code).join(', ')} ${changed.length === 1 ? 'is' : 'are'} applied, and the file has changed since. Put it back, and write a new migration.`,
    ),
    statementsOf(plan.statements),
    listOf(pending.map(({ database, pending }) => ({ database, names: pending }))),
    driftOf(plan.drift),
  ];
  return whole(parts);
}

export function applySummary(functionName: string, result: ApplyResult): string {
  const migrations = result.migrations.filter(({ applied }) => applied.length > 0);
  const notices = [
    ...result.statements.flatMap(({ notices }) => notices ?? []),
    ...result.migrations.flatMap(({ notices }) => notices ?? []).map(noticeText),
  ];
  const applied = migrations.reduce((sum, { applied }) => sum + applied.length, 0);
  return whole([
    `### Applied by ${code(functionName)}`,
    `${count(result.statements.length, 'statement')}, ${count(applied, 'migration')}. Manifest ${code(result.manifest.slice(0, 12))}.`,
    statementsOf(result.statements),
    listOf(migrations.map(({ database, applied }) => ({ database, names: applied }))),
    notices.length === 0 ? '' : details(count(notices.length, 'notice'), fence('text', notices.join('\n'))),
  ]);
}

export function sweepSummary(functionName: string, sweeps: readonly ResultOf['sweep'][]): string {
  const rows = sweeps.map(
    (sweep, index) =>
      `| ${index + 1} | ${sweep.status} | ${sweep.marked.length} | ${sweep.waiting.length} | ${sweep.dropped.length} | ${sweep.retired.length} | ${sweep.kept.length} | ${sweep.failed.length} |`,
  );
  const last = sweeps.at(-1);
  return whole([
    `### Swept by ${code(functionName)}`,
    [
      '| sweep | status | runs marked | runs within grace | databases dropped | templates retired | kept for somebody | failed |',
      '| --- | --- | --- | --- | --- | --- | --- | --- |',
      ...rows,
    ].join('\n'),
    last === undefined || last.unknown.length === 0
      ? ''
      : `Named like ours, and in no ledger; never dropped: ${last.unknown.map(code).join(', ')}.`,
    last === undefined || last.failed.length === 0
      ? ''
      : details('What failed', fence('json', JSON.stringify(last.failed, null, 2))),
  ]);
}

/** An error with its code and next step; never a stack, which has paths of the machine, nor details, which quote rows. */
export function failureSummary(what: string, error: unknown): string {
  const {
    message = String(error),
    code: errorCode,
    hint,
    details: more,
  } = (error ?? {}) as Partial<BootstrapError>;
  const id = more?.['correlationId'];
  return whole([
    `### ❌ ${what} failed`,
    fence('text', errorCode === undefined ? message : `${errorCode}: ${message}`),
    hint === undefined ? '' : `Next step: ${hint}`,
    typeof id === 'string' ? `In the function's log: correlation_id ${code(id)}` : '',
  ]);
}

function statementsOf(statements: readonly PlannedStatement[]): string {
  if (statements.length === 0) return '';
  const text = statements.map(({ database, sql, why }) => `${comment(`${database}: ${why}`)}\n${ended(sql)}`);
  return details(count(statements.length, 'statement'), fence('sql', text.join('\n\n')), true);
}

function listOf(migrations: readonly { database: string; names: readonly string[] }[]): string {
  if (migrations.length === 0) return '';
  const lines = migrations.flatMap(({ database, names }) =>
    names.map((name) => `- ${code(`${database}: ${name}`)}`),
  );
  return details(count(lines.length, 'migration'), lines.join('\n'), true);
}

function driftOf(drift: readonly DriftItem[]): string {
  if (drift.length === 0) return '';
  const rows = drift.map(
    ({ database, object, found, prunable }) =>
      `| ${cell(database ?? 'cluster')} | ${cell(object)} | ${cell(found)} | ${prunable ? 'yes' : 'no'} |`,
  );
  return details(
    `${count(drift.length, 'thing')} that nobody declared; apply leaves ${drift.length === 1 ? 'it' : 'them'} alone`,
    ['| where | what | found | prunable |', '| --- | --- | --- | --- |', ...rows].join('\n'),
  );
}

function noticeText({ migration, severity, message }: MigrationNotice): string {
  return `${migration}: ${severity}: ${message}`;
}

function comment(text: string): string {
  return `-- ${text.replaceAll(/\s+/g, ' ')}`;
}

function ended(sql: string): string {
  return sql.trimEnd().endsWith(';') ? sql : `${sql};`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function details(title: string, body: string, open = false): string {
  return `<details${open ? ' open' : ''}><summary>${title}</summary>\n\n${body}\n\n</details>`;
}

/** A fence that is longer than any that is in the text. */
function fence(language: string, text: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const marks = '`'.repeat(longest + 1);
  return `${marks}${language}\n${text}\n${marks}`;
}

function code(text: string): string {
  return `<code>${escaped(text)}</code>`;
}

function cell(text: string): string {
  return code(text.replaceAll(/\s+/g, ' ')).replaceAll('|', '&#124;');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Of a summary that is too long everything but the largest parts. */
function whole(parts: readonly string[]): string {
  const kept = parts.filter((part) => part !== '');
  const size = (): number => kept.reduce((sum, part) => sum + Buffer.byteLength(part) + 2, 0);
  while (size() > longestBytes) {
    const largest = kept.reduce(
      (at, part, index) => (part.length > (kept[at] as string).length ? index : at),
      0,
    );
    kept[largest] = '_Too long for a summary: the log of this step has all of it._';
  }
  return `${kept.join('\n\n')}\n`;
}
