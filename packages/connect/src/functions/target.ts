import { resolve } from 'node:path';
import type { AwsCredentialProvider } from '@postern/rds-auth';
import type { AwsSettings } from '../config/settings.ts';
import { ConnectError } from '../errors.ts';
import type { Command } from './command.ts';

type Invoking = Extract<Command, { functions: unknown }>;

/** Which functions, where and as whom. What is not said is the SDK's to find. */
export interface Target {
  readonly functions: readonly string[];
  readonly access: { readonly region?: string; readonly credentials?: AwsCredentialProvider };
}

export async function targetOf(command: Invoking, cwd: string): Promise<Target> {
  const { environment, functions } = command;
  if (environment === undefined) return { functions, access: {} };
  const { settings } = await awsEnvironment(environment, cwd);
  const { awsAccess } = await import('../environment/aws-access.ts');
  const { region, credentials } = awsAccess(settings);
  return {
    functions: functions.length > 0 ? functions : functionsOf(command.name, environment, settings),
    access: { region, credentials },
  };
}

/** Roots for the artefact, by what the command or its environment says. */
export async function rootsOf(
  command: Extract<Command, { name: 'build' }>,
  cwd: string,
): Promise<{ readonly region: string; readonly pem: string } | undefined> {
  const { environment, region, caFile } = command;
  if (environment === undefined && region === undefined) return undefined;
  const { loadCaBundle } = await import('@postern/rds-auth');
  if (environment === undefined) {
    const file = caFile === undefined ? {} : { file: resolve(cwd, caFile) };
    const of = region as string;
    return { region: of, pem: loadCaBundle({ region: of, ...file }).ca.join('\n') };
  }
  const { settings, root } = await awsEnvironment(environment, cwd);
  const { ca } = settings;
  const given = ca !== undefined && 'file' in ca ? { file: resolve(root, ca.file) } : ca;
  return {
    region: settings.region,
    pem: loadCaBundle({ region: settings.region, ...given }).ca.join('\n'),
  };
}

async function awsEnvironment(name: string, cwd: string): Promise<{ settings: AwsSettings; root: string }> {
  const { loadConfig } = await import('../config/load-config.ts');
  const { resolveEnvironment } = await import('../config/resolve-environment.ts');
  const { settings, root } = resolveEnvironment(await loadConfig({ cwd }), name);
  if (settings.kind === 'aws') return { settings, root };
  throw new ConnectError({
    code: 'CONNECT_FUNCTION_NOT_CONFIGURED',
    kind: 'invalid',
    message: `Environment "${name}" is the offline cloud: each run deploys its functions itself.`,
    hint: 'Name an environment that is aws({ … }).',
  });
}

/** What an environment calls its functions; `upload` gives both the same code. */
function functionsOf(command: Invoking['name'], name: string, settings: AwsSettings): readonly string[] {
  const { bootstrap, testDatabases } = settings;
  if (command === 'sweep') {
    if (testDatabases !== undefined) return [testDatabases];
    throw unnamed(name, 'testDatabases', 'POSTERN_TEST_DATABASES');
  }
  // Also where a pipeline says false, so that its suites do not try (README, What CI may not do).
  if (bootstrap === undefined || bootstrap === false) throw unnamed(name, 'bootstrap', 'POSTERN_BOOTSTRAP');
  return command === 'upload' && testDatabases !== undefined ? [bootstrap, testDatabases] : [bootstrap];
}

function unnamed(name: string, option: string, variable: string): ConnectError {
  return new ConnectError({
    code: 'CONNECT_FUNCTION_NOT_CONFIGURED',
    kind: 'invalid',
    message: `Environment "${name}" names no function as ${option}.`,
    hint: `Name it: --function NAME, ${variable}, or ${option} in its aws({ … }).`,
  });
}
