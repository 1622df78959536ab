import { randomUUID } from 'node:crypto';
import { ApiError } from '../endpoint/api-error.ts';
import type { ApiCall, JsonService } from '../endpoint/service.ts';

export interface Secret {
  readonly arn: string;
  readonly name: string;
  readonly owningService: string | undefined;
  readonly createdAtMs: number;
  readonly versions: readonly SecretVersion[];
  /** Marked for deletion: reading is refused, describing is not. */
  readonly deletedAtMs?: number;
}

interface SecretVersion {
  readonly versionId: string;
  readonly secretString: string;
  readonly stages: readonly string[];
  readonly createdAtMs: number;
}

/** The secrets of one account and region. */
export class SecretStore {
  readonly #region: string;
  readonly #accountId: string;
  readonly #clock: () => number;
  readonly #secrets = new Map<string, Secret>();

  constructor(options: { region: string; accountId: string; clock: () => number }) {
    this.#region = options.region;
    this.#accountId = options.accountId;
    this.#clock = options.clock;
  }

  /** AWS appends six random characters to the name in the ARN. */
  create(name: string, secretString: string, options: { owningService?: string } = {}): Secret {
    const suffix = randomUUID().replaceAll('-', '').slice(0, 6);
    const nowMs = this.#clock();
    const secret: Secret = {
      arn: `arn:aws:secretsmanager:${this.#region}:${this.#accountId}:secret:${name}-${suffix}`,
      name,
      owningService: options.owningService,
      createdAtMs: nowMs,
      versions: [{ versionId: randomUUID(), secretString, stages: ['AWSCURRENT'], createdAtMs: nowMs }],
    };
    this.#secrets.set(secret.arn, secret);
    return secret;
  }

  /** A new current version, as a rotation leaves it behind; the one before becomes `AWSPREVIOUS`. */
  putValue(id: string, secretString: string): void {
    const secret = this.#require(id);
    const nowMs = this.#clock();
    const versions = secret.versions
      .filter(({ stages }) => stages.includes('AWSCURRENT'))
      .map((version) => ({ ...version, stages: ['AWSPREVIOUS'] }));
    versions.push({ versionId: randomUUID(), secretString, stages: ['AWSCURRENT'], createdAtMs: nowMs });
    this.#secrets.set(secret.arn, { ...secret, versions });
  }

  /** Removes a secret for good, or marks it for deletion as the service does first. */
  delete(id: string, options: { recoverable?: boolean } = {}): void {
    const secret = this.#require(id);
    if (options.recoverable === true) {
      this.#secrets.set(secret.arn, { ...secret, deletedAtMs: this.#clock() });
    } else this.#secrets.delete(secret.arn);
  }

  /** By ARN, by name, or by the ARN without its random suffix. */
  find(id: string): Secret | undefined {
    for (const secret of this.#secrets.values()) {
      if (id === secret.arn || id === secret.name || id === secret.arn.slice(0, -7)) return secret;
    }
    return undefined;
  }

  /** The ARN that a policy is asked about; unknown names get the ARN that they would have. */
  resourceArn(id: string): string {
    const found = this.find(id)?.arn;
    if (found !== undefined) return found;
    return id.startsWith('arn:')
      ? id
      : `arn:aws:secretsmanager:${this.#region}:${this.#accountId}:secret:${id}`;
  }

  #require(id: string): Secret {
    const secret = this.find(id);
    if (secret === undefined) throw notFound();
    return secret;
  }
}

export function createSecretsManagerService(store: SecretStore): JsonService {
  const operations: Record<string, (input: Input, call: ApiCall) => unknown> = {
    GetSecretValue: (input, call) => getSecretValue(store, input, call),
    DescribeSecret: (input, call) => describeSecret(store, input, call),
  };
  return {
    protocol: 'json',
    id: 'SecretsManager',
    signingName: 'secretsmanager',
    targetPrefix: 'secretsmanager',
    handle: async (operation, input, call) => {
      const handler = Object.hasOwn(operations, operation) ? operations[operation] : undefined;
      if (handler === undefined) {
        throw new ApiError('UnknownOperationException', 400, `The operation ${operation} is not simulated.`);
      }
      return handler(readInput(input), call);
    },
  };
}

interface Input {
  readonly secretId: string;
  readonly versionId: string | undefined;
  readonly versionStage: string | undefined;
}

function readInput(input: unknown): Input {
  const members = (typeof input === 'object' && input !== null ? input : {}) as Record<string, unknown>;
  const text = (name: string): string | undefined => {
    const value = members[name] ?? undefined;
    if (value !== undefined && typeof value !== 'string') {
      throw new ApiError('SerializationException', 400, `${name} must be a string.`);
    }
    return value;
  };
  const secretId = text('SecretId');
  const versionId = text('VersionId');
  if (secretId === undefined || secretId.length < 1 || secretId.length > 2048) {
    throw new ApiError(
      'ValidationException',
      400,
      `1 validation error detected: Value ${secretId === undefined ? 'null' : `'${secretId}'`} at 'secretId' ` +
        `failed to satisfy constraint: Member must ${secretId === undefined ? 'not be null' : 'have length between 1 and 2048'}`,
    );
  }
  if (versionId !== undefined && (versionId.length < 32 || versionId.length > 64)) {
    throw new ApiError(
      'ValidationException',
      400,
      `1 validation error detected: Value '${versionId}' at 'versionId' failed to satisfy constraint: ` +
        'Member must have length between 32 and 64',
    );
  }
  return { secretId, versionId, versionStage: text('VersionStage') };
}

function getSecretValue(store: SecretStore, input: Input, call: ApiCall): unknown {
  call.authorize('secretsmanager:GetSecretValue', store.resourceArn(input.secretId), {
    'secretsmanager:SecretId': input.secretId,
    'secretsmanager:VersionStage': input.versionStage ?? 'AWSCURRENT',
    ...(input.versionId === undefined ? {} : { 'secretsmanager:VersionId': input.versionId }),
  });
  const secret = store.find(input.secretId);
  if (secret === undefined) throw notFound();
  if (secret.deletedAtMs !== undefined) {
    throw new ApiError(
      'InvalidRequestException',
      400,
      "You can't perform this operation on the secret because it was marked for deletion.",
    );
  }
  const version = findVersion(secret, input);
  return {
    ARN: secret.arn,
    Name: secret.name,
    VersionId: version.versionId,
    SecretString: version.secretString,
    VersionStages: version.stages,
    CreatedDate: version.createdAtMs / 1000,
  };
}

function findVersion(secret: Secret, { versionId, versionStage }: Input): SecretVersion {
  const stage = versionStage ?? (versionId === undefined ? 'AWSCURRENT' : undefined);
  const byId = secret.versions.find((version) => versionId === undefined || version.versionId === versionId);
  const version = secret.versions.find(
    (each) =>
      (versionId === undefined || each.versionId === versionId) &&
      (stage === undefined || each.stages.includes(stage)),
  );
  if (version !== undefined) return version;
  if (versionId !== undefined && byId !== undefined) {
    throw new ApiError(
      'InvalidRequestException',
      400,
      'You provided a VersionStage that is not associated to the provided VersionId.',
    );
  }
  const what = versionId === undefined ? `staging label: ${stage}` : `VersionId: ${versionId}`;
  throw new ApiError(
    'ResourceNotFoundException',
    400,
    `Secrets Manager can't find the specified secret value for ${what}`,
  );
}

function describeSecret(store: SecretStore, input: Input, call: ApiCall): unknown {
  call.authorize('secretsmanager:DescribeSecret', store.resourceArn(input.secretId), {
    'secretsmanager:SecretId': input.secretId,
  });
  const secret = store.find(input.secretId);
  if (secret === undefined) throw notFound();
  return {
    ARN: secret.arn,
    Name: secret.name,
    ...(secret.owningService === undefined ? {} : { OwningService: secret.owningService }),
    RotationEnabled: secret.owningService !== undefined,
    CreatedDate: secret.createdAtMs / 1000,
    LastChangedDate: (secret.versions.at(-1)?.createdAtMs ?? secret.createdAtMs) / 1000,
    ...(secret.deletedAtMs === undefined ? {} : { DeletedDate: secret.deletedAtMs / 1000 }),
    VersionIdsToStages: Object.fromEntries(
      secret.versions.map(({ versionId, stages }) => [versionId, stages]),
    ),
  };
}

function notFound(): ApiError {
  return new ApiError('ResourceNotFoundException', 400, "Secrets Manager can't find the specified secret.");
}
