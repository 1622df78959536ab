import type { SsmAgentOptions } from '@postern/ssm-simulator';
import { CloudError } from '../errors.ts';
import type { PostgresInstallation } from '../postgres/binaries.ts';
import type { PostgresSettings } from '../postgres/settings.ts';

export interface LocalCloudOptions {
  /** Major version of the server: 17 is the one that is there, others where npm has put them. Default 17. */
  readonly postgres?: 17 | PostgresInstallation;
  /** Where prepared data directories are kept between runs; deletable at any time. */
  readonly cacheDir: string;
  /**
   * For sockets and unpacked functions, at most 75 bytes long. Default: a fresh folder below the system's
   * temporary one that `close()` removes.
   */
  readonly runDir?: string;
  /** Epoch milliseconds; what signatures and credentials are judged by. Default `Date.now`. */
  readonly clock?: () => number;
  /** How the jump host's agent behaves; by default as a real, current one. */
  readonly agent?: SsmAgentOptions;
  /** Refuse unsigned WebSocket upgrades. Default true: stricter than AWS is today, as AWS says it will be. */
  readonly requireSignedUpgrade?: boolean;
  /** Settings of postgresql.conf on top of those for throw-away servers. */
  readonly postgresSettings?: PostgresSettings;
  readonly lambda?: {
    /** How long functions stay `Pending` or `InProgress` after a change. Default 0. */
    readonly activationMs?: number;
    /** Invocations at once before 429. Default 10, as in a new account. */
    readonly maxConcurrency?: number;
  };
  /** Cancels the start; what had started is stopped again. */
  readonly signal?: AbortSignal;
}

const knownOptions: Readonly<Record<keyof LocalCloudOptions, true>> = {
  postgres: true,
  cacheDir: true,
  runDir: true,
  clock: true,
  agent: true,
  requireSignedUpgrade: true,
  postgresSettings: true,
  lambda: true,
  signal: true,
};

/** Throws `CLOUD_OPTIONS_INVALID` with every problem at once. */
export function checkOptions(options: LocalCloudOptions): void {
  const { activationMs = 0, maxConcurrency = 1 } = options.lambda ?? {};
  const problems = [
    ...Object.keys(options).map((name) =>
      name in knownOptions
        ? undefined
        : `${name} is no option (known are ${Object.keys(knownOptions).join(', ')})`,
    ),
    typeof options.cacheDir === 'string' && options.cacheDir !== '' ? undefined : 'cacheDir is missing',
    options.runDir === '' ? 'runDir is empty' : undefined,
    isServer(options.postgres) ? undefined : 'postgres is neither 17 nor the { folder } of another server',
    options.clock === undefined || typeof options.clock === 'function'
      ? undefined
      : 'clock is not a function',
    activationMs >= 0 ? undefined : 'lambda.activationMs is negative',
    Number.isInteger(maxConcurrency) && maxConcurrency > 0
      ? undefined
      : 'lambda.maxConcurrency is not above 0',
  ].filter((problem) => problem !== undefined);
  if (problems.length === 0) return;
  throw new CloudError('CLOUD_OPTIONS_INVALID', {
    kind: 'invalid',
    message: `startLocalCloud: ${problems.join('; ')}.`,
    hint: 'Correct the options that the message names.',
  });
}

function isServer(postgres: unknown): boolean {
  if (postgres === undefined || postgres === 17) return true;
  return typeof (postgres as PostgresInstallation | null)?.folder === 'string';
}
