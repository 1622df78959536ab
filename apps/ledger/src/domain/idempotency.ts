import { createHash } from 'node:crypto';
import type { Session } from '../database.ts';
import { LedgerError } from '../errors.ts';

/** Equal requests have equal fingerprints, whatever the order of their properties was. */
export function fingerprintOf(parts: readonly unknown[]): Buffer {
  return createHash('sha256').update(JSON.stringify(parts)).digest();
}

export interface Claim {
  readonly tenant: string;
  readonly key: string;
  readonly fingerprint: Buffer;
  /** The transfer that the request is about to create. */
  readonly transferId: string;
}

/**
 * Claims the key and gives undefined, or gives the transfer that an equal request has created before. In a race
 * the insert waits for the other transaction; when that commits, its row is newer than our snapshot, which is a
 * serialisation failure, and the next attempt finds the row.
 */
export async function claimKey(session: Session, claim: Claim): Promise<string | undefined> {
  const inserted = await session.query(
    `INSERT INTO idempotency_keys (tenant_id, key, fingerprint, transfer_id)
     VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
    [claim.tenant, claim.key, claim.fingerprint, claim.transferId],
  );
  if (inserted.rowCount === 1) return undefined;
  const { rows } = await session.query<{ fingerprint: Buffer; transfer_id: string }>(
    'SELECT fingerprint, transfer_id FROM idempotency_keys WHERE tenant_id = $1 AND key = $2',
    [claim.tenant, claim.key],
  );
  const known = rows[0];
  if (!known?.fingerprint.equals(claim.fingerprint)) throw new LedgerError('IDEMPOTENCY_KEY_REUSED');
  return known.transfer_id;
}
