import type { ResolvedEnvironment } from '../config/resolve-environment.ts';
import type { RunPhase } from '../phases.ts';
import type { Environment } from './environment.ts';

export interface OpenEnvironmentOptions {
  /** Where an offline cloud keeps its data and sockets; removed at the end. Needed for `local`. */
  runDir: string;
  phase?: RunPhase;
  signal?: AbortSignal;
}

/**
 * Opens an environment in this process: the offline cloud is started, AWS is only prepared. Test suites do not call
 * this; they connect to the host, which does. Throws what the parts throw; nothing is left open then.
 */
export async function openEnvironment(
  { name, root, settings }: ResolvedEnvironment,
  options: OpenEnvironmentOptions,
): Promise<Environment> {
  const { runDir, ...rest } = options;
  if (settings.kind === 'local') {
    const { openLocalEnvironment } = await import('./local-environment.ts');
    return await openLocalEnvironment({ name, root, settings, runDir, ...rest });
  }
  const { createAwsEnvironment } = await import('./aws-environment.ts');
  return createAwsEnvironment({ name, root, settings, ...rest });
}
