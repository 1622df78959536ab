import type { AccessKey, Credentials } from './caller.ts';
import { iamId, secretKey, sessionToken } from './identifiers.ts';
import type { PolicyDocument } from './policy.ts';

/** The access keys of one account: who holds them, and until when. */
export class AccessKeys {
  readonly #accountId: string;
  readonly #clock: () => number;
  readonly #keys = new Map<string, AccessKey>();

  constructor(accountId: string, clock: () => number) {
    this.#accountId = accountId;
    this.#clock = clock;
  }

  /** Without `expiresInMs` the key is a long-term one, and has no session token. */
  issue(
    owner: AccessKey['owner'],
    identity: { name: string; arn: string; userId: string },
    options: { expiresInMs?: number; sessionPolicy?: PolicyDocument } = {},
  ): Credentials {
    const { expiresInMs, sessionPolicy } = options;
    const accessKeyId = iamId(expiresInMs === undefined ? 'AKIA' : 'ASIA');
    const secretAccessKey = secretKey();
    const issuedAtMs = this.#clock();
    const key: AccessKey = {
      accessKeyId,
      secretAccessKey,
      issuedAtMs,
      owner,
      caller: {
        accountId: this.#accountId,
        arn: identity.arn,
        userId: identity.userId,
        sessionName: identity.name,
        accessKeyId,
      },
      ...(expiresInMs === undefined
        ? {}
        : { sessionToken: sessionToken(), expiresAtMs: issuedAtMs + expiresInMs }),
      ...(sessionPolicy === undefined ? {} : { sessionPolicy }),
    };
    this.#keys.set(accessKeyId, key);
    return {
      accessKeyId,
      secretAccessKey,
      ...(key.sessionToken === undefined ? {} : { sessionToken: key.sessionToken }),
      ...(key.expiresAtMs === undefined ? {} : { expiration: new Date(key.expiresAtMs) }),
    };
  }

  get(accessKeyId: string): AccessKey | undefined {
    return this.#keys.get(accessKeyId);
  }

  /** False: there is no such key. */
  setExpiration(accessKeyId: string, expiresAtMs: number): boolean {
    const key = this.#keys.get(accessKeyId);
    if (key !== undefined) this.#keys.set(accessKeyId, { ...key, expiresAtMs });
    return key !== undefined;
  }

  delete(accessKeyId: string): void {
    this.#keys.delete(accessKeyId);
  }

  deleteOf({ type, name }: AccessKey['owner']): void {
    for (const [id, { owner }] of this.#keys) {
      if (owner.type === type && owner.name === name) this.#keys.delete(id);
    }
  }
}
