import { type Action, allActions } from '../contract/request.ts';
import { BootstrapError } from '../errors.ts';

/** The function's configuration, from its environment variables. */
export interface Config {
  /** `POSTERN_DB_HOST`: the cluster's endpoint; the certificate must carry this name. */
  readonly host: string;
  /** `POSTERN_DB_PORT`. Default 5432. */
  readonly port: number;
  /** `POSTERN_DB_SECRET_ARN`: the managed master secret. Never taken from an event. */
  readonly secretArn: string;
  /** `POSTERN_DB_CA` (PEM) or `POSTERN_DB_CA_FILE`. Default: `ca.pem` in the artefact. */
  readonly ca: { readonly pem: string } | { readonly file: string } | undefined;
  /** `POSTERN_ALLOWED_ACTIONS`: comma-separated. Required: a function does only what it is for. */
  readonly allowedActions: readonly Action[];
  /** `POSTERN_TEST_DATABASES`: whether this cluster may hold test databases. Default false. */
  readonly testDatabases: boolean;
}

/** Reads the configuration. Throws `BOOTSTRAP_CONFIG_INVALID` with all problems at once, by variable. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = [];
  const required = (name: string): string => {
    const value = environment[name]?.trim() ?? '';
    if (value === '') problems.push(`${name} is not set`);
    return value;
  };
  const host = required('POSTERN_DB_HOST');
  const port = Number(environment['POSTERN_DB_PORT'] || 5432);
  if (!Number.isInteger(port) || port < 1 || port > 65535) problems.push('POSTERN_DB_PORT is not a port');
  const secretArn = required('POSTERN_DB_SECRET_ARN');
  if (secretArn !== '' && !/^arn:[\w-]+:secretsmanager:[\w-]+:\d{12}:secret:.+$/.test(secretArn)) {
    problems.push('POSTERN_DB_SECRET_ARN is not the ARN of a secret');
  }
  const actions = required('POSTERN_ALLOWED_ACTIONS')
    .split(',')
    .map((action) => action.trim())
    .filter((action) => action !== '');
  for (const action of actions) {
    if (!(allActions as readonly string[]).includes(action)) {
      problems.push(`POSTERN_ALLOWED_ACTIONS: "${action.slice(0, 40)}" is none of ${allActions.join(', ')}`);
    }
  }
  const flag = environment['POSTERN_TEST_DATABASES'] || 'false';
  if (flag !== 'true' && flag !== 'false') problems.push('POSTERN_TEST_DATABASES must be true or false');
  const pem = environment['POSTERN_DB_CA'];
  const file = environment['POSTERN_DB_CA_FILE'];
  if (pem && !pem.includes('-----BEGIN CERTIFICATE-----'))
    problems.push('POSTERN_DB_CA is not a PEM certificate');
  if (pem && file) problems.push('POSTERN_DB_CA and POSTERN_DB_CA_FILE are both set: choose one');
  if (problems.length > 0) {
    throw new BootstrapError('BOOTSTRAP_CONFIG_INVALID', problems.join('\n'), {
      hint: "Correct the function's environment variables named above.",
      details: { problems },
    });
  }
  return {
    host,
    port,
    secretArn,
    ca: pem ? { pem } : file ? { file } : undefined,
    allowedActions: actions as Action[],
    testDatabases: flag === 'true',
  };
}
