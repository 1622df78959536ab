import { readFileSync } from 'node:fs';
import type { PoolConfig } from 'pg';

export interface Settings {
  readonly database: PoolConfig;
  readonly listen: { readonly host: string; readonly port: number };
}

/** Names every setting that is missing or malformed at once. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * DATABASE_HOST, DATABASE_NAME and DATABASE_USER are required. With DATABASE_CA_FILE the connection is TLS and
 * verified against that authority and the host's name; without it there is no TLS (a socket, a local server).
 */
export function readSettings(
  environment: Environment,
  readFile: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): Settings {
  const problems: string[] = [];
  const required = (name: string): string => {
    const value = environment[name];
    if (!value) problems.push(`${name} is not set`);
    return value ?? '';
  };
  const port = (name: string, otherwise: number): number => {
    const value = Number(environment[name] ?? otherwise);
    if (!Number.isInteger(value) || value < 0 || value > 65_535)
      problems.push(`${name} is not a port number`);
    return value;
  };
  const certificate = (name: string): string | undefined => {
    const path = environment[name];
    try {
      return path ? readFile(path) : undefined;
    } catch (error) {
      problems.push(`${name} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  };

  const password = environment['DATABASE_PASSWORD'];
  const ca = certificate('DATABASE_CA_FILE');
  const settings: Settings = {
    database: {
      host: required('DATABASE_HOST'),
      port: port('DATABASE_PORT', 5432),
      database: required('DATABASE_NAME'),
      user: required('DATABASE_USER'),
      ...(password === undefined ? {} : { password }),
      ...(ca === undefined ? {} : { ssl: { ca, rejectUnauthorized: true } }),
    },
    listen: { host: environment['HOST'] ?? '127.0.0.1', port: port('PORT', 8080) },
  };
  if (problems.length > 0) throw new SettingsError(problems.join('; '));
  return settings;
}
