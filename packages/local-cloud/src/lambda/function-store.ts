import { randomUUID } from 'node:crypto';
import { ApiError } from '../endpoint/api-error.ts';
import type { DeploymentPackage } from './deployment-package.ts';
import { functionNotFound } from './function-name.ts';
import type { FunctionRecord, FunctionSettings } from './function-record.ts';

export interface FunctionStoreOptions {
  readonly region: string;
  readonly accountId: string;
  readonly clock: () => number;
  /**
   * How long a new function stays `Pending` and an update `InProgress`. With the default 0 only the answer of
   * the call itself says so; on AWS a function in a VPC needs a minute or more.
   */
  readonly activationMs?: number;
}

/** The functions of one account and region, `$LATEST` only. */
export class FunctionStore {
  readonly region: string;
  readonly accountId: string;
  readonly clock: () => number;
  readonly #activationMs: number;
  readonly #functions = new Map<string, FunctionRecord>();

  constructor(options: FunctionStoreOptions) {
    this.region = options.region;
    this.accountId = options.accountId;
    this.clock = options.clock;
    this.#activationMs = options.activationMs ?? 0;
  }

  arn(name: string, qualifier?: string): string {
    const plain = `arn:aws:lambda:${this.region}:${this.accountId}:function:${name}`;
    return qualifier === undefined ? plain : `${plain}:${qualifier}`;
  }

  find(name: string): FunctionRecord | undefined {
    return this.#functions.get(name);
  }

  /** Throws ResourceNotFoundException, also for a qualifier other than `$LATEST`. */
  require(name: string, qualifier: string | undefined): FunctionRecord {
    const record = this.#functions.get(name);
    if (record === undefined || (qualifier !== undefined && qualifier !== '$LATEST')) {
      throw functionNotFound(this.arn(name, qualifier));
    }
    return record;
  }

  create(name: string, settings: FunctionSettings, code: DeploymentPackage): FunctionRecord {
    if (this.#functions.has(name)) {
      throw new ApiError('ResourceConflictException', 409, `Function already exist: ${name}`);
    }
    const nowMs = this.clock();
    const record: FunctionRecord = {
      ...settings,
      name,
      arn: this.arn(name),
      code,
      revisionId: randomUUID(),
      lastModifiedMs: nowMs,
      activeAtMs: nowMs + this.#activationMs,
      updatedAtMs: nowMs,
    };
    this.#functions.set(name, record);
    return record;
  }

  update(
    record: FunctionRecord,
    changes: Partial<FunctionSettings> & { code?: DeploymentPackage },
    expectedRevision: string | undefined,
  ): FunctionRecord {
    const nowMs = this.clock();
    this.#checkRevision(record, expectedRevision);
    if (nowMs < record.activeAtMs) throw inState('Pending');
    if (nowMs < record.updatedAtMs) {
      throw new ApiError(
        'ResourceConflictException',
        409,
        `The operation cannot be performed at this time. An update is in progress for resource: ${record.arn}`,
      );
    }
    const updated: FunctionRecord = {
      ...record,
      ...changes,
      revisionId: randomUUID(),
      lastModifiedMs: nowMs,
      updatedAtMs: nowMs + this.#activationMs,
    };
    this.#functions.set(record.name, updated);
    return updated;
  }

  delete(name: string): void {
    this.#functions.delete(name);
  }

  #checkRevision(record: FunctionRecord, expected: string | undefined): void {
    if (expected === undefined || expected === record.revisionId) return;
    throw new ApiError(
      'PreconditionFailedException',
      412,
      'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to ' +
        'retrieve the latest Revision Id',
    );
  }
}

export function inState(state: string): ApiError {
  return new ApiError(
    'ResourceConflictException',
    409,
    `The operation cannot be performed at this time. The function is currently in the following state: ${state}`,
  );
}
