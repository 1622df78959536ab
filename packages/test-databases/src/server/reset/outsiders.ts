import type { SqlClient } from '../sql-client.ts';
import { quoteLiteral } from './names.ts';
import type { UserObjects, UserTable } from './objects.ts';
import type { Obstacle } from './reasons.ts';
import { qualified } from './restore-table.ts';

/** More than that is not read at every reset. */
const readableBytes = 2 ** 20;

/** A table, view or sequence that no reset puts back. */
export interface Outsider {
  readonly name: string;
  /** SQL that tells whether it changed; `newer` is the age of the first row that is not the template's. */
  readonly changed: string;
}

/**
 * What belongs to superusers or the master, where nobody has a right to change it: functions and views of the same owner may do it for
 * somebody (extensions work so), and so may members of pg_write_all_data. The master reads them, which runs no code of theirs.
 * Larger tables of extensions are taken for what comes with the extension.
 */
export async function readOutsiders(
  session: SqlClient,
  objects: UserObjects,
  { owner, watched }: { readonly owner: string; readonly watched: readonly UserTable[] },
): Promise<{ outsiders: Outsider[]; obstacles: Obstacle[] }> {
  const obstacles: Obstacle[] = [];
  const unseen = (what: string, belongsTo: string): void =>
    void obstacles.push({
      reason: 'not-resettable',
      detail: `nobody would see a change of ${what}, which belongs to ${belongsTo}`,
    });
  const tables = objects.tables.filter((table) => {
    // With event triggers a refreshed view is seen.
    if (table.owner === owner || table.kind === 'p' || !table.populated || watched.includes(table))
      return false;
    if (table.kind === 'm' && objects.superuser) return false;
    if (table.readable && table.bytes <= readableBytes) return true;
    if (!table.readable || !table.ofExtension) unseen(`${table.schema}.${table.name}`, table.owner);
    return false;
  });
  const sequences = objects.sequences.filter((sequence) => {
    if (sequence.owner === owner) return false;
    if (!sequence.readable) unseen(`sequence ${sequence.schema}.${sequence.name}`, sequence.owner);
    return sequence.readable;
  });
  const all = [
    ...tables.map((table) => `SELECT count(*)::text AS value FROM ONLY ${qualified(table)}`),
    ...sequences.map(
      (sequence) => `SELECT concat_ws(' ', last_value, is_called) FROM ${qualified(sequence)}`,
    ),
  ];
  if (all.length === 0) return { outsiders: [], obstacles };
  const { rows } = await session.query(`SELECT ARRAY[${all.map((one) => `(${one})`).join(', ')}] AS values`);
  const values = rows[0].values as string[];
  const outsiders = [
    ...tables.map((table, index) => ({
      name: `${table.schema}.${table.name}`,
      changed: `(SELECT count(*) <> ${values[index]} OR count(*) FILTER (WHERE age(xmin) < newer) > 0 FROM ONLY ${qualified(table)})`,
    })),
    ...sequences.map((sequence, index) => ({
      name: `${sequence.schema}.${sequence.name}`,
      changed: `(SELECT concat_ws(' ', last_value, is_called) <> ${quoteLiteral(values[tables.length + index] ?? '')} FROM ${qualified(sequence)})`,
    })),
  ];
  return { outsiders, obstacles };
}
