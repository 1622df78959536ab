import { readFileSync } from 'node:fs';
import type { PoolConfig } from 'pg';

export interface Settings {
  readonly ledger: PoolConfig;
  readonly statements: PoolConfig;
}

/** Names every setting that is missing or malformed at once. */
class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * For each database, with the prefix LEDGER or STATEMENTS: `<prefix>_DATABASE_HOST`, `_NAME` and `_USER` are required,
 * `_PORT` and `_PASSWORD` are not. With `_CA_FILE` the connection is TLS and verified against that authority and the host's
 * name; without it there is no TLS (a socket, a local server).
 */
export function readSettings(
  environment: Environment,
  readFile: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): Settings {
  const problems: string[] = [];
  const database = (prefix: string): PoolConfig => {
    const required = (name: string): string => {
      const value = environment[`${prefix}_DATABASE_${name}`];
      if (!value) problems.push(`${prefix}_DATABASE_${name} is not set`);
      return value ?? '';
    };
    const port = Number(environment[`${prefix}_DATABASE_PORT`] ?? 5432);
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      problems.push(`${prefix}_DATABASE_PORT is not a port number`);
    const password = environment[`${prefix}_DATABASE_PASSWORD`];
    const file = environment[`${prefix}_DATABASE_CA_FILE`];
    let ca: string | undefined;
    try {
      ca = file ? readFile(file) : undefined;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      problems.push(`${prefix}_DATABASE_CA_FILE cannot be read: ${why}`);
    }
    return {
      host: required('HOST'),
      port,
      database: required('NAME'),
      user: required('USER'),
      ...(password === undefined ? {} : { password }),
      ...(ca === undefined ? {} : { ssl: { ca, rejectUnauthorized: true } }),
    };
  };
  const settings = { ledger: database('LEDGER'), statements: database('STATEMENTS') };
  if (problems.length > 0) throw new SettingsError(problems.join('; '));
  return settings;
}
