/** Seam until the parts of issue 4 have landed; goes away then. */
import type { ManifestDatabase } from '../contract/manifest.ts';
import type { DriftItem, RoleStatus } from '../contract/response.ts';
import type { Snapshot } from '../plan/plan.ts';

export const findDrift: (
  databases: readonly ManifestDatabase[],
  snapshot: Snapshot,
  options: { testDatabases: boolean },
) => DriftItem[] = () => [];
export const roleStatus: (
  databases: readonly ManifestDatabase[],
  snapshot: Snapshot,
  options: { testDatabases: boolean },
) => RoleStatus[] = () => [];
