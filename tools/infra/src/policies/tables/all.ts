import { ci, ciWithStaticConfiguration, ciWithTask } from './ci.ts';
import { bootstrap, jumpHost, proxy, scheduler, task, taskExecution, testdb } from './machines.ts';
import { deploy, deployWithCode, developer, service } from './people-and-deploys.ts';
import type { RoleTable } from './row.ts';
import {
  ciTrust,
  deployTrust,
  deployTrustByEnvironment,
  developerTrust,
  developerTrustWithMfa,
  immutableTrust,
  serviceTrusts,
  type TrustTable,
} from './trust.ts';

/** Every variant of every role that the modules make. */
export const roleTables: readonly RoleTable[] = [
  ci,
  ciWithStaticConfiguration,
  ciWithTask,
  deploy,
  deployWithCode,
  developer,
  service,
  bootstrap,
  testdb,
  scheduler,
  jumpHost,
  task,
  taskExecution,
  proxy,
];

/** Who may take them. */
export const trustTables: readonly TrustTable[] = [
  ciTrust,
  immutableTrust,
  deployTrust,
  deployTrustByEnvironment,
  developerTrust,
  developerTrustWithMfa,
  ...serviceTrusts,
];
