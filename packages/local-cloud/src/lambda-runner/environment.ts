import { randomBytes } from 'node:crypto';
import type { Credentials } from '../iam/index.ts';
import type { FunctionRecord } from '../lambda/function-record.ts';

export interface EnvironmentOptions {
  readonly record: FunctionRecord;
  readonly credentials: Credentials;
  readonly region: string;
  readonly folder: string;
  /** The local endpoint, for every AWS API. */
  readonly endpointUrl: string;
  readonly nowMs: number;
}

/**
 * Everything a function's process sees, and nothing of the host's: no profile, no proxy, no home directory
 * from which an SDK could read a configuration.
 */
export function functionEnvironment(options: EnvironmentOptions): Record<string, string> {
  const { record, credentials, region, folder, endpointUrl } = options;
  const day = new Date(options.nowMs).toISOString().slice(0, 10).replaceAll('-', '/');
  return {
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: '/home/sbx_user1051',
    ...(process.platform === 'win32' ? { SystemRoot: process.env['SystemRoot'] ?? 'C:\\Windows' } : {}),
    AWS_ENDPOINT_URL: endpointUrl,
    AWS_EC2_METADATA_DISABLED: 'true',
    ...record.environment,
    _HANDLER: record.handler,
    LAMBDA_TASK_ROOT: folder,
    LAMBDA_RUNTIME_DIR: '/var/runtime',
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_EXECUTION_ENV: `AWS_Lambda_${record.runtime}`,
    AWS_LAMBDA_FUNCTION_NAME: record.name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(record.memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: record.logging['LogGroup'] ?? `/aws/lambda/${record.name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: `${day}/[$LATEST]${randomBytes(16).toString('hex')}`,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: credentials.sessionToken ?? '',
  };
}
