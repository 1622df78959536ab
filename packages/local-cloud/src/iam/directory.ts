import { CloudError } from '../errors.ts';
import type { DenialReason } from './access-denied.ts';
import { AccessDenied, accessDeniedMessage } from './access-denied.ts';
import { AccessKeys } from './access-keys.ts';
import type { AccessKey, Caller, Credentials } from './caller.ts';
import { checkPolicy } from './check-policy.ts';
import type { PolicyPrincipal, RequestContext } from './evaluate.ts';
import { evaluate } from './evaluate.ts';
import { iamId } from './identifiers.ts';
import type { PolicyDocument } from './policy.ts';

export interface IamUser {
  readonly name: string;
  readonly arn: string;
  readonly userId: string;
  readonly tags: Readonly<Record<string, string>>;
}

export interface IamRole {
  readonly name: string;
  readonly arn: string;
  readonly roleId: string;
  readonly trust: PolicyDocument;
  readonly maxSessionDurationS: number;
  readonly tags: Readonly<Record<string, string>>;
}

interface Identity {
  readonly type: 'user' | 'role';
  readonly record: IamUser | IamRole;
  readonly policies: Map<string, PolicyDocument>;
}

export interface IamDirectoryOptions {
  readonly accountId: string;
  /** Epoch milliseconds; default `Date.now`. */
  readonly clock?: () => number;
}

type Policies = Readonly<Record<string, PolicyDocument>>;

/** What a user or role has asked for so far, by action, and the names of the policies that it has now. */
export interface IamUse {
  readonly policies: readonly string[];
  readonly allowed: Readonly<Record<string, number>>;
  readonly denied: Readonly<Record<string, number>>;
}

type Counts = Record<keyof Omit<IamUse, 'policies'>, Record<string, number>>;

/**
 * Users, roles, their policies and their access keys. Nothing here checks who asks: this is the test's own
 * door. Requests over the wire go through the endpoint, which asks `findKey` and `authorize`.
 */
export class IamDirectory {
  readonly accountId: string;
  readonly #clock: () => number;
  readonly #identities = new Map<string, Identity>();
  readonly #keys: AccessKeys;
  /** By `type/name`. */
  readonly #uses = new Map<string, Counts>();

  constructor(options: IamDirectoryOptions) {
    this.accountId = options.accountId;
    this.#clock = options.clock ?? Date.now;
    this.#keys = new AccessKeys(this.accountId, this.#clock);
  }

  createUser(
    name: string,
    options: { policies?: Policies; tags?: Readonly<Record<string, string>> } = {},
  ): IamUser {
    const arn = `arn:aws:iam::${this.accountId}:user/${name}`;
    const user: IamUser = { name, arn, userId: iamId('AIDA'), tags: options.tags ?? {} };
    this.#add('user', user, options.policies);
    return user;
  }

  createRole(
    name: string,
    options: {
      trust: PolicyDocument;
      policies?: Policies;
      tags?: Readonly<Record<string, string>>;
      /** Seconds, 3600 to 43200; default 3600, as IAM's. */
      maxSessionDurationS?: number;
    },
  ): IamRole {
    checkPolicy(options.trust, 'trust');
    const role: IamRole = {
      name,
      arn: `arn:aws:iam::${this.accountId}:role/${name}`,
      roleId: iamId('AROA'),
      trust: options.trust,
      maxSessionDurationS: options.maxSessionDurationS ?? 3600,
      tags: options.tags ?? {},
    };
    this.#add('role', role, options.policies);
    return role;
  }

  /** By name or ARN. */
  user(nameOrArn: string): IamUser | undefined {
    return this.#find('user', nameOrArn)?.record as IamUser | undefined;
  }

  /** By name or ARN. */
  role(nameOrArn: string): IamRole | undefined {
    return this.#find('role', nameOrArn)?.record as IamRole | undefined;
  }

  /** Adds or replaces an inline policy of a user or role (by name or ARN); takes effect at once. */
  putPolicy(identity: string, policyName: string, document: PolicyDocument): void {
    checkPolicy(document, 'identity');
    this.#require(identity).policies.set(policyName, document);
  }

  deletePolicy(identity: string, policyName: string): void {
    this.#require(identity).policies.delete(policyName);
  }

  /** Its inline policies by name. */
  policies(identity: string): Readonly<Record<string, PolicyDocument>> {
    return Object.fromEntries(this.#require(identity).policies);
  }

  /** Removes a user or role; its keys are unknown from now on. */
  delete(identity: string): void {
    const { type, record } = this.#require(identity);
    this.#identities.delete(`${type}/${record.name}`);
    this.#keys.deleteOf({ type, name: record.name });
  }

  /** A long-term key of a user. */
  createAccessKey(userName: string): Credentials {
    const user = this.#require(userName, 'user').record as IamUser;
    return this.#keys.issue({ type: 'user', name: user.name }, user, {});
  }

  /** Temporary credentials of a user, as GetSessionToken issues them. */
  createSession(userName: string, options: { expiresInMs: number }): Credentials {
    const user = this.#require(userName, 'user').record as IamUser;
    return this.#keys.issue({ type: 'user', name: user.name }, user, options);
  }

  /** Temporary credentials of a role, without asking its trust policy. */
  assume(
    roleNameOrArn: string,
    options: {
      sessionName: string;
      expiresInMs: number;
      sessionPolicy?: PolicyDocument;
    },
  ): Credentials {
    const role = this.#require(roleNameOrArn, 'role').record as IamRole;
    if (options.sessionPolicy !== undefined) checkPolicy(options.sessionPolicy, 'identity');
    const { sessionName } = options;
    const identity = {
      name: sessionName,
      arn: `arn:aws:sts::${this.accountId}:assumed-role/${role.name}/${sessionName}`,
      userId: `${role.roleId}:${sessionName}`,
    };
    return this.#keys.issue({ type: 'role', name: role.name }, identity, options);
  }

  /** Sets when credentials end, epoch milliseconds: in the past to end them now. */
  setExpiration(accessKeyId: string, expiresAtMs: number): void {
    if (!this.#keys.setExpiration(accessKeyId, expiresAtMs)) throw unknown('access key', accessKeyId);
  }

  deleteAccessKey(accessKeyId: string): void {
    this.#keys.delete(accessKeyId);
  }

  findKey(accessKeyId: string): AccessKey | undefined {
    return this.#keys.get(accessKeyId);
  }

  /** By `user/name` or `role/name`: everybody who was allowed or denied something. Signing alone asks for nothing. */
  statistics(): Readonly<Record<string, IamUse>> {
    return Object.fromEntries(
      [...this.#uses].map(([id, { allowed, denied }]) => {
        const policies = [...(this.#identities.get(id)?.policies.keys() ?? [])];
        return [id, { policies, allowed: { ...allowed }, denied: { ...denied } }];
      }),
    );
  }

  /** Throws `AccessDenied` with AWS's sentence unless the caller's policies allow the action. */
  authorize(caller: Caller, action: string, resource: string, context: RequestContext = {}): void {
    const key = this.#keys.get(caller.accessKeyId);
    const identity = key && this.#identities.get(`${key.owner.type}/${key.owner.name}`);
    const input = {
      action,
      resource,
      principal: this.principal(caller),
      context: { ...this.#requestContext(key), ...context },
    };
    const deny = (reason: DenialReason): never => {
      this.#count(key, 'denied', action);
      throw new AccessDenied(accessDeniedMessage(caller.arn, action, resource, reason), reason);
    };
    const { decision } = evaluate({ ...input, policies: [...(identity?.policies.values() ?? [])] });
    if (decision === 'explicit-deny') deny('explicit');
    if (decision === 'implicit-deny') deny('identity');
    if (key?.sessionPolicy !== undefined) {
      if (evaluate({ ...input, policies: [key.sessionPolicy] }).decision !== 'allow') deny('session');
    }
    this.#count(key, 'allowed', action);
  }

  /** The caller as policies see it. */
  principal(caller: Caller): PolicyPrincipal {
    const owner = this.#keys.get(caller.accessKeyId)?.owner;
    const identity = owner && this.#identities.get(`${owner.type}/${owner.name}`);
    return {
      arn: caller.arn,
      userId: caller.userId,
      accountId: caller.accountId,
      tags: identity?.record.tags ?? {},
      ...(owner?.type === 'user' ? { username: owner.name } : {}),
    };
  }

  #count(key: AccessKey | undefined, decision: keyof Counts, action: string): void {
    if (key === undefined) return;
    const id = `${key.owner.type}/${key.owner.name}`;
    const counts = this.#uses.get(id) ?? { allowed: {}, denied: {} };
    this.#uses.set(id, counts);
    counts[decision][action] = (counts[decision][action] ?? 0) + 1;
  }

  /** The keys that every request has. `aws:SecureTransport` says what the same call to AWS would. */
  #requestContext(key: AccessKey | undefined): Record<string, string> {
    const nowMs = this.#clock();
    return {
      'aws:CurrentTime': new Date(nowMs).toISOString(),
      'aws:EpochTime': String(Math.floor(nowMs / 1000)),
      'aws:SecureTransport': 'true',
      'aws:ViaAWSService': 'false',
      ...(key?.sessionToken === undefined
        ? {}
        : {
            'aws:TokenIssueTime': new Date(key.issuedAtMs).toISOString(),
            'aws:MultiFactorAuthPresent': 'false',
          }),
    };
  }

  #add(type: Identity['type'], record: IamUser | IamRole, policies: Policies = {}): void {
    if (!/^[\w+=,.@-]{1,64}$/.test(record.name)) {
      throw new CloudError('CLOUD_OPTIONS_INVALID', {
        kind: 'invalid',
        message: `${JSON.stringify(record.name)} is not a valid ${type} name.`,
        hint: 'IAM allows letters, digits and +=,.@_- in names, up to 64 characters.',
      });
    }
    const id = `${type}/${record.name}`;
    if (this.#identities.has(id)) {
      throw new CloudError('CLOUD_PRINCIPAL_EXISTS', {
        kind: 'conflict',
        message: `A ${type} named ${record.name} already exists.`,
        hint: 'Use putPolicy() to change it, or delete() it first.',
      });
    }
    for (const document of Object.values(policies)) checkPolicy(document, 'identity');
    this.#identities.set(id, { type, record, policies: new Map(Object.entries(policies)) });
  }

  #find(type: Identity['type'], nameOrArn: string): Identity | undefined {
    const name = nameOrArn.startsWith('arn:')
      ? nameOrArn.startsWith(`arn:aws:iam::${this.accountId}:${type}/`)
        ? nameOrArn.slice(nameOrArn.lastIndexOf('/') + 1)
        : ''
      : nameOrArn;
    return this.#identities.get(`${type}/${name}`);
  }

  #require(nameOrArn: string, type?: Identity['type']): Identity {
    const found =
      (type === 'user' ? undefined : this.#find('role', nameOrArn)) ??
      (type === 'role' ? undefined : this.#find('user', nameOrArn));
    if (found === undefined) throw unknown(type ?? 'user or role', nameOrArn);
    return found;
  }
}

function unknown(what: string, name: string): CloudError {
  return new CloudError('CLOUD_PRINCIPAL_UNKNOWN', {
    kind: 'not-found',
    message: `There is no ${what} ${name}.`,
    hint: 'Create it with createUser() or createRole(), or use one of the predefined principals.',
  });
}
