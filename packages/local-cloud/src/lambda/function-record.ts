import type { DeploymentPackage } from './deployment-package.ts';

/** What a caller can set on a function. */
export interface FunctionSettings {
  readonly runtime: SimulatedRuntime;
  readonly role: string;
  readonly handler: string;
  readonly description: string;
  readonly timeoutS: number;
  readonly memoryMb: number;
  readonly environment: Readonly<Record<string, string>> | undefined;
  readonly architectures: readonly string[];
  readonly ephemeralStorageMb: number;
  readonly tracingMode: string;
  readonly vpc:
    | { readonly SubnetIds: readonly string[]; readonly SecurityGroupIds: readonly string[] }
    | undefined;
  readonly logging: Readonly<Record<string, string>>;
}

export type SimulatedRuntime = 'nodejs22.x' | 'nodejs24.x';

export interface FunctionRecord extends FunctionSettings {
  readonly name: string;
  readonly arn: string;
  readonly code: DeploymentPackage;
  readonly revisionId: string;
  readonly lastModifiedMs: number;
  /** Before this moment the function is `Pending`. */
  readonly activeAtMs: number;
  /** Before this moment an update is `InProgress`. */
  readonly updatedAtMs: number;
}

/** The function as GetFunctionConfiguration shows it. */
export function configurationOf(record: FunctionRecord, nowMs: number): Record<string, unknown> {
  const pending = nowMs < record.activeAtMs;
  const updating = nowMs < record.updatedAtMs;
  return {
    FunctionName: record.name,
    FunctionArn: record.arn,
    Runtime: record.runtime,
    Role: record.role,
    Handler: record.handler,
    CodeSize: record.code.zip.length,
    Description: record.description,
    Timeout: record.timeoutS,
    MemorySize: record.memoryMb,
    LastModified: new Date(record.lastModifiedMs).toISOString().replace('Z', '+0000'),
    CodeSha256: record.code.sha256,
    Version: '$LATEST',
    ...(record.vpc === undefined ? {} : { VpcConfig: { ...record.vpc, VpcId: 'vpc-0d9c8b7a605142332' } }),
    ...(record.environment === undefined ? {} : { Environment: { Variables: record.environment } }),
    TracingConfig: { Mode: record.tracingMode },
    RevisionId: record.revisionId,
    State: pending ? 'Pending' : 'Active',
    ...(pending ? { StateReason: 'The function is being created.', StateReasonCode: 'Creating' } : {}),
    LastUpdateStatus: updating ? 'InProgress' : 'Successful',
    ...(updating
      ? { LastUpdateStatusReason: 'The function is being created.', LastUpdateStatusReasonCode: 'Creating' }
      : {}),
    PackageType: 'Zip',
    Architectures: record.architectures,
    EphemeralStorage: { Size: record.ephemeralStorageMb },
    SnapStart: { ApplyOn: 'None', OptimizationStatus: 'Off' },
    LoggingConfig: { LogFormat: 'Text', LogGroup: `/aws/lambda/${record.name}`, ...record.logging },
  };
}
