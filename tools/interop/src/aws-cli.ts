import { mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type CommandResult, runCommand } from './command.ts';

export interface Identity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

interface AwsCliOptions {
  readonly endpoint: string;
  readonly region: string;
  /** Becomes HOME: the CLI keeps assumed credentials there, keyed without the endpoint. */
  readonly home: string;
  /** Searched before PATH. */
  readonly binFolder: string;
}

export interface AwsCli {
  /** Environment of a command that acts as `identity`; nothing of the caller's AWS settings. */
  environment(identity: Identity | undefined): Record<string, string>;
  run(identity: Identity | undefined, args: readonly string[]): Promise<CommandResult>;
  /** The parsed answer; throws when the command failed. */
  answer<T = Record<string, unknown>>(identity: Identity, args: readonly string[]): Promise<T>;
  /** Throws unless the service refused with this code. Returns what the CLI printed. */
  refusal(identity: Identity | undefined, args: readonly string[], code: string): Promise<string>;
}

/** The user's AWS CLI, pointed at the local cloud. */
export function createAwsCli(options: AwsCliOptions): AwsCli {
  mkdirSync(options.home, { recursive: true });
  const environment = (identity: Identity | undefined): Record<string, string> => ({
    PATH: `${options.binFolder}${delimiter}${process.env['PATH'] ?? ''}`,
    HOME: options.home,
    LANG: 'C.UTF-8',
    // The CLI reads the region from one variable and sends loopback requests to a proxy if there is one.
    AWS_DEFAULT_REGION: options.region,
    NO_PROXY: '127.0.0.1,localhost',
    AWS_EC2_METADATA_DISABLED: 'true',
    // A refusal is counted once and at once.
    AWS_MAX_ATTEMPTS: '1',
    AWS_CONFIG_FILE: join(options.home, 'config'),
    AWS_SHARED_CREDENTIALS_FILE: join(options.home, 'credentials'),
    AWS_PAGER: '',
    ...(identity === undefined
      ? {}
      : {
          AWS_ACCESS_KEY_ID: identity.accessKeyId,
          AWS_SECRET_ACCESS_KEY: identity.secretAccessKey,
          ...(identity.sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: identity.sessionToken }),
        }),
  });
  const run = (identity: Identity | undefined, args: readonly string[]): Promise<CommandResult> =>
    runCommand(
      'aws',
      [...args, '--endpoint-url', options.endpoint, '--output', 'json'],
      environment(identity),
    );
  return {
    environment,
    run,
    async answer<T>(identity: Identity, args: readonly string[]): Promise<T> {
      const { code, stdout, stderr } = await run(identity, args);
      if (code !== 0)
        throw new Error(`aws ${args.slice(0, 2).join(' ')} exited with ${code}: ${stderr.trim()}`);
      return (stdout.trim() === '' ? {} : JSON.parse(stdout)) as T;
    },
    async refusal(identity, args, expected) {
      const { code, stdout, stderr } = await run(identity, args);
      const refused = /An error occurred \((?<code>[^)]+)\) when calling/.exec(stderr)?.groups?.['code'];
      if (code === 0) throw new Error(`not refused; answered ${stdout.trim().slice(0, 200)}`);
      if (refused !== expected) {
        throw new Error(
          `expected the refusal ${expected}, got ${refused ?? `exit code ${code}`}: ${stderr.trim()}`,
        );
      }
      return stderr;
    },
  };
}
