import type { DiscardReason } from '../../pool/outcome.ts';
import type { UserObjects } from './objects.ts';

/** Why no database of a template can be reset. */
export interface Obstacle {
  readonly reason: DiscardReason;
  readonly detail: string;
}

/** What is in the template that a reset could neither undo nor notice. */
export function obstaclesIn(objects: UserObjects, owner: string): Obstacle[] {
  const found: Obstacle[] = [];
  const add = (reason: DiscardReason, detail: string): void => void found.push({ reason, detail });
  for (const name of objects.stubborn) {
    add('not-resettable', `${name} is enabled ALWAYS or for replicas: it would fire while rows are put back`);
  }
  if (objects.largeObjects)
    add('large-objects', 'the template has large objects, whose content nobody can watch');
  if (objects.subscriptions)
    add('not-resettable', 'a subscription writes without triggers of the statement kind');
  if (objects.foreignServers)
    add('foreign-table', 'a foreign server leads out of the database, and nobody sees who is mapped to it');
  for (const table of objects.tables) {
    const name = `${table.schema}.${table.name}`;
    const strange = table.family.find(
      (oid) => objects.tables.find((one) => one.oid === oid)?.owner !== table.owner,
    );
    if (strange !== undefined && table.owner === owner)
      add('not-resettable', `a table that inherits from ${name} belongs to somebody else`);
    if (table.kind === 'f') add('foreign-table', `${name} is a foreign table: its rows are elsewhere`);
    else if (table.owner === owner) {
      if (!table.heap) add('not-resettable', `${name} has a storage of its own kind`);
    } else if (!table.untouchable)
      add('not-resettable', `${name} belongs to ${table.owner}, not to ${owner}`);
  }
  for (const sequence of objects.sequences) {
    if (sequence.owner !== owner && !sequence.untouchable) {
      add(
        'not-resettable',
        `sequence ${sequence.schema}.${sequence.name} belongs to ${sequence.owner}, not to ${owner}`,
      );
    }
  }
  return found;
}
