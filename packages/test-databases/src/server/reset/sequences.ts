import { quoteLiteral } from './names.ts';
import type { UserSequence } from './objects.ts';
import { qualified } from './restore-table.ts';

/** A sequence and where it stands in the template. */
export interface SequenceState extends UserSequence {
  readonly lastValue: string;
  readonly called: boolean;
}

/** Reads where sequences stand. `pg_sequence_last_value` cannot tell 5 from "5 comes next". */
export function readSequencesSql(sequences: readonly UserSequence[]): string {
  return sequences
    .map(
      (sequence) =>
        `SELECT ${quoteLiteral(sequence.oid)} AS oid, last_value::text AS value, is_called AS called FROM ${qualified(sequence)}`,
    )
    .join(' UNION ALL ');
}

/** The body of the function that names the sequences (from 1) which stand elsewhere than in the template. */
export function changedBody(sequences: readonly SequenceState[]): string {
  const each = sequences.map(
    (sequence, index) =>
      `SELECT ${index + 1} AS n FROM ${qualified(sequence)} WHERE last_value <> ${sequence.lastValue} OR is_called <> ${sequence.called}`,
  );
  return `BEGIN\n  RETURN ARRAY(${each.join('\n    UNION ALL ')});\nEND`;
}

/**
 * The body of the function that sets one of them back. Numbers that other sessions have taken in stock (CACHE) survive
 * `setval`, but not a new file.
 */
export function restoreSequenceBody(sequences: readonly SequenceState[]): string {
  const each = sequences.map((sequence) => {
    const set = `SELECT setval(${quoteLiteral(qualified(sequence))}::regclass, ${sequence.lastValue}, ${sequence.called})`;
    if (sequence.cache <= 1) return quoteLiteral(set);
    return quoteLiteral(`ALTER SEQUENCE ${qualified(sequence)} RESTART WITH ${sequence.lastValue}; ${set}`);
  });
  return `BEGIN\n  EXECUTE (ARRAY[${each.join(',\n    ')}]::text[])[n];\nEND`;
}
